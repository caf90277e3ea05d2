//! A stream of syslog falls into the same lines however it is split, none of them empty or longer
//! than allowed; lines that are written with their counts come back. Any bytes are a line, whose
//! text has no control characters and no blanks at its ends, and whose priority is whole or none.

use super::syslog::{Framing, FramingError, Line, MAX_LINE};

pub(crate) fn holds(bytes: &[u8]) {
    let whole = lines([bytes]);
    for place in [1, bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let (one, other) = bytes.split_at(place.min(bytes.len()));
        assert_eq!(lines([one, other]), whole);
    }
    assert_eq!(lines(bytes.chunks(1)), whole);
    let (lines, _) = whole;
    for line in &lines {
        assert!(!line.is_empty() && line.len() <= MAX_LINE);
        check_line(line);
    }
    check_line(bytes);
    let counted: Vec<Vec<u8>> = lines
        .into_iter()
        .filter(|line| line.starts_with(b"<"))
        .collect();
    let mut stream = Vec::new();
    for line in &counted {
        stream.extend_from_slice(format!("{} ", line.len()).as_bytes());
        stream.extend_from_slice(line);
    }
    assert_eq!(self::lines([stream.as_slice()]), (counted, Ok(())));
}

fn lines<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, Result<(), FramingError>) {
    let mut lines = Vec::new();
    let mut framing = Framing::default();
    for piece in pieces {
        let taken = framing.take(piece, &mut |line| lines.push(line.to_vec()));
        if taken.is_err() {
            return (lines, taken);
        }
    }
    framing.finish(&mut |line| lines.push(line.to_vec()));
    (lines, Ok(()))
}

fn check_line(bytes: &[u8]) {
    let line = Line::parse(bytes);
    assert!(!line.text.contains(char::is_control));
    assert_eq!(line.text, line.text.trim());
    assert_eq!(line.facility.is_some(), line.severity.is_some());
    assert!(line.facility.is_none_or(|facility| facility < 24));
}
