//! A line never makes the reader of logs panic; what it reads is written as a line that reads the
//! same.

use super::LoggedRequest;

pub(crate) fn holds(line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    let Ok(request) = LoggedRequest::parse(&line) else {
        return;
    };
    let written = request.to_string();
    // Escapes may make it too long.
    if written.len() < line.len() {
        assert_eq!(LoggedRequest::parse(&written).as_ref(), Ok(&request));
    }
}
