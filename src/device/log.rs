//! What is kept of what a phone did.

use serde::{Deserialize, Serialize};

/// Bytes that are kept of one phone's log; the oldest lines go first.
const MAX_BYTES: usize = 4096;

/// The last lines on a phone, a moment and a text each. No secret stands in them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceLog {
    /// The lines, each with its end.
    pub text: String,
}

impl DeviceLog {
    /// Largest size in bytes.
    pub const MAX_BYTES: usize = MAX_BYTES;

    /// Adds whole lines.
    pub fn add(&mut self, lines: &str) {
        self.text.push_str(lines);
        let over = self.text.len().saturating_sub(MAX_BYTES);
        if over == 0 {
            return;
        }
        // The first line that begins beyond what has to go.
        let start = self
            .text
            .bytes()
            .enumerate()
            .skip(over - 1)
            .find(|(_, byte)| *byte == b'\n')
            .map_or(self.text.len(), |(end, _)| end + 1);
        self.text.drain(..start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_go_and_only_whole_ones_stay() {
        let mut log = DeviceLog::default();
        for number in 0..1000 {
            log.add(&format!("line {number} \u{e9}\n"));
        }
        assert!(log.text.len() <= MAX_BYTES && log.text.len() > MAX_BYTES - 20);
        assert!(log.text.starts_with("line ") && log.text.ends_with("line 999 \u{e9}\n"));
        log.add(&format!("{}\n", "x".repeat(MAX_BYTES)));
        assert_eq!(log.text, "");
        let line = format!("{}\n", "x".repeat(MAX_BYTES - 1));
        log.add(&line);
        assert_eq!(log.text, line);
    }
}
