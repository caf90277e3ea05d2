//! Where one line ends and the next begins on a TCP connection (RFC 6587): by a count of octets in
//! front of each, or by a newline behind it. A connection may mix both.

use memchr::memchr2;

/// Bytes of a line that are kept; the rest of a longer one is left out.
pub const MAX_LINE: usize = 8192;

/// Largest count of octets that is believed.
pub const MAX_FRAME: usize = 1 << 20;

/// Digits of the largest count that is believed.
const MAX_DIGITS: usize = 7;

/// What comes is no syslog: where the next line begins can't be told any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// A line is announced that nobody would send.
    #[error("a line of {announced} bytes is announced; {MAX_FRAME} are allowed")]
    FrameTooLong {
        /// The count.
        announced: usize,
    },
}

/// The bytes of one connection, cut into lines.
#[derive(Debug, Default)]
pub struct Framing {
    /// What has come of a line, or of the count in front of it.
    held: Vec<u8>,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between two lines.
    #[default]
    Between,
    /// Digits have come that may be a count.
    Digits,
    /// Digits and a space have come: with `<` behind them they are a count.
    DigitsAndSpace,
    /// As many bytes of the line are still to come.
    Counted { left: usize },
    /// The line goes on to the next newline.
    ToNewline,
}

impl Framing {
    /// Takes what has come and gives each line that is whole to `line`, without what ends it. Lines
    /// are not empty and have at most [`MAX_LINE`] bytes. How the bytes are split among calls makes
    /// no difference.
    ///
    /// # Errors
    /// [`FramingError`]; the connection is of no use after that.
    pub fn take(
        &mut self,
        mut bytes: &[u8],
        line: &mut dyn FnMut(&[u8]),
    ) -> Result<(), FramingError> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.state {
                State::Between => {
                    match byte {
                        b'\n' | b'\r' | b' ' | 0 => bytes = rest,
                        b'1'..=b'9' => self.state = State::Digits,
                        _ => self.state = State::ToNewline,
                    };
                }
                State::Digits => match byte {
                    b'0'..=b'9' if self.held.len() < MAX_DIGITS => {
                        self.held.push(byte);
                        bytes = rest;
                    }
                    b' ' => {
                        self.held.push(byte);
                        self.state = State::DigitsAndSpace;
                        bytes = rest;
                    }
                    _ => self.state = State::ToNewline,
                },
                // A line may begin with a number as well: every one that is counted begins with its
                // priority (RFC 6587 section 3.4.1).
                State::DigitsAndSpace if byte == b'<' => {
                    let announced = self.count();
                    if announced > MAX_FRAME {
                        return Err(FramingError::FrameTooLong { announced });
                    }
                    self.held.clear();
                    self.state = State::Counted { left: announced };
                }
                State::DigitsAndSpace => self.state = State::ToNewline,
                State::Counted { left } => {
                    let (now, later) = bytes.split_at(left.min(bytes.len()));
                    self.hold(now);
                    bytes = later;
                    self.state = State::Counted {
                        left: left - now.len(),
                    };
                    if left == now.len() {
                        self.end(line);
                    }
                }
                State::ToNewline => {
                    let end = memchr2(b'\n', 0, bytes);
                    let (now, later) = bytes.split_at(end.unwrap_or(bytes.len()));
                    self.hold(now);
                    bytes = later;
                    if end.is_some() {
                        self.end(line);
                    }
                }
            }
        }
        Ok(())
    }

    /// The connection has ended: what has come of a line that only a newline would end is one.
    pub fn finish(&mut self, line: &mut dyn FnMut(&[u8])) {
        if matches!(
            self.state,
            State::Digits | State::DigitsAndSpace | State::ToNewline
        ) {
            self.end(line);
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.held.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.held.extend_from_slice(kept);
    }

    fn end(&mut self, line: &mut dyn FnMut(&[u8])) {
        let text = self.held.trim_ascii_end();
        if !text.is_empty() {
            line(text);
        }
        self.held.clear();
        self.state = State::Between;
    }

    /// The number that the held digits are: at most seven of them.
    fn count(&self) -> usize {
        let digits = self.held.iter().filter(|byte| byte.is_ascii_digit());
        digits.fold(0, |count, digit| count * 10 + usize::from(digit - b'0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(stream: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut framing = Framing::default();
        let mut take = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        framing.take(stream, &mut take).unwrap();
        framing.finish(&mut take);
        lines
    }

    #[test]
    fn lines_are_counted_or_end_with_a_newline_and_may_be_mixed() {
        assert_eq!(
            lines(b"7 <14>a\nb<13>c d\r\n\r\n7 <1>8 xy<2>last"),
            ["<14>a\nb", "<13>c d", "<1>8 xy", "<2>last"]
        );
        assert_eq!(lines(b"<14>a\0<14>b\n"), ["<14>a", "<14>b"]);
    }

    #[test]
    fn a_line_that_begins_with_a_number_is_no_count() {
        assert_eq!(
            lines(b"200 OK\n2026-11-21 12:00:00 up\n12345678 <x>\n"),
            ["200 OK", "2026-11-21 12:00:00 up", "12345678 <x>"]
        );
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let long = "x".repeat(3 * MAX_LINE);
        let counted = format!("{} <1>{long}<2>next\n", long.len() + 3);
        for stream in [counted, format!("<1>{long}\n<2>next\n")] {
            let lines = lines(stream.as_bytes());
            assert_eq!(lines.len(), 2);
            assert_eq!((lines[0].len(), lines[1].as_str()), (MAX_LINE, "<2>next"));
        }
    }

    #[test]
    fn a_count_that_nobody_sends_ends_the_connection() {
        let mut framing = Framing::default();
        let error = framing.take(b"9999999 <14>", &mut |_| {}).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a line of 9999999 bytes is announced; 1048576 are allowed"
        );
    }

    #[test]
    fn a_line_that_is_cut_off_in_its_count_is_none() {
        assert!(lines(b"100 <14>half").is_empty());
        assert!(lines(b"").is_empty());
    }
}
