//! What a request shows of its sender is read as it stands there: a token is the first segment of
//! the path and is never shown, and user name and password are those that an answer to a Basic
//! challenge would carry.

use super::wire::digest::{Challenge, ClientState, ShownAnswer};
use super::{hide_token, split_token};

pub(crate) fn holds(text: &str) {
    token_is_hidden(text);
    let Some(ShownAnswer::Basic(credentials)) = ShownAnswer::parse(text) else {
        return;
    };
    assert!(!credentials.username.contains(':'));
    for challenge in Challenge::parse_all(["Basic realm=\"phones\""]) {
        let answer = ClientState::new(challenge).answer("GET", "/", b"", &credentials, "c0");
        let again = ShownAnswer::parse(&answer);
        assert_eq!(again, Some(ShownAnswer::Basic(credentials.clone())));
    }
}

fn token_is_hidden(path: &str) {
    let hidden = hide_token(path);
    assert_eq!(hide_token(&hidden), hidden, "once is enough");
    let (slash, below) = match path.strip_prefix('/') {
        Some(below) => ("/", below),
        None => ("", path),
    };
    if let Some((token, rest)) = split_token(below) {
        assert_eq!(format!("{token}/{rest}"), below);
        assert_eq!(hidden, format!("{slash}***/{rest}"));
        assert!(token.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}
