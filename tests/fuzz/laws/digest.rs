//! Whatever a challenge says, its answer is one header line; and a verifier accepts no text that
//! does not answer a challenge of its own, be it an answer to another one's. What is read of an
//! Authorization header before it is checked is read of any text.

use jiff::Timestamp;

use super::wire::Secret;
use super::wire::digest::{Challenge, ClientState, Credentials, ShownAnswer, Verdict, Verifier};

pub(crate) fn holds(text: &str) {
    let credentials = Credentials {
        username: "user".into(),
        password: Secret::new("password"),
    };
    let mut verifier = Verifier::new([1; 64], "realm");
    let mut judge = |header: &str| {
        verifier.verify(
            Timestamp::UNIX_EPOCH,
            header,
            "GET",
            "/",
            "scope",
            &credentials,
        )
    };
    assert_ne!(judge(text), Verdict::Accepted);
    if let Some(answer) = ShownAnswer::parse(text) {
        assert!(answer.username().len() <= text.len());
    }
    for challenge in Challenge::parse_all([text]) {
        let answer = ClientState::new(challenge).answer("GET", "/", b"", &credentials, "c0");
        assert!(!answer.contains(|c: char| c.is_control()));
        assert_ne!(judge(&answer), Verdict::Accepted);
    }
}
