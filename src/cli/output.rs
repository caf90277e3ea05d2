//! Printing: tables, JSON, progress.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::exit::CommandError;
use crate::gateway::{Finding, FindingKind};

/// Findings that a person is shown; all of them are in the JSON.
const SHOWN_FINDINGS: usize = 50;
/// Of these, as many of one kind about one file.
const SHOWN_ALIKE: usize = 3;

/// Prints a line; a reader that has gone away ends the printing, not the command.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// How many there are of something: `1 phone`, `2 phones`. Only for words whose plural ends in a
/// plain s.
pub(super) fn count<N>(number: N, singular: &str) -> String
where
    N: Copy + Display + PartialEq + From<u8>,
{
    let ending = if number == N::from(1) { "" } else { "s" };
    format!("{number} {singular}{ending}")
}

pub(super) fn json(value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value)?;
    line(&text);
    Ok(())
}

/// Prints findings for a person: how many of each kind, then those that weigh most.
pub(super) fn findings(findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    let mut kinds: BTreeMap<FindingKind, usize> = BTreeMap::new();
    let mut alike: BTreeMap<(FindingKind, &str), usize> = BTreeMap::new();
    let mut shown: Vec<&Finding> = Vec::new();
    for finding in findings {
        *kinds.entry(finding.kind).or_default() += 1;
        let alike = alike.entry((finding.kind, &finding.file)).or_default();
        *alike += 1;
        if *alike <= SHOWN_ALIKE {
            shown.push(finding);
        }
    }
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    line(&format!("findings: {}", kinds.join(", ")));
    line("");
    shown.sort_by_key(|finding| finding.kind);
    shown.truncate(SHOWN_FINDINGS);
    for finding in &shown {
        line(&finding.to_string());
    }
    and_more(findings.len().saturating_sub(shown.len()) as u64, "all");
}

/// Prints the first of these lines, and how many more there are: `all` may be more than are at hand.
pub(super) fn first_of(lines: &[impl Display], all: u64) {
    for one in lines.iter().take(SHOWN_FINDINGS) {
        line(&one.to_string());
    }
    let in_json = if lines.len() as u64 == all {
        "all"
    } else {
        "more of them"
    };
    and_more(all.saturating_sub(SHOWN_FINDINGS as u64), in_json);
}

fn and_more(left: u64, in_json: &str) {
    if left > 0 {
        line(&format!("and {left} more; --format json lists {in_json}"));
    }
}

/// A progress bar on a terminal, for work that takes more than a second.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(what: &'static str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(8)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(0), target).with_message(what);
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec}")
        {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// One for bytes of which nobody knows how many there will be.
    pub(super) fn of_bytes(what: &'static str) -> Self {
        let bar = Self::new(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} {spinner} {bytes} {bytes_per_sec}") {
            bar.0.set_style(style);
        }
        bar
    }

    pub(super) fn set(&self, done: u64, total: u64) {
        if self.0.elapsed() > Duration::from_secs(1) || self.0.position() > 0 {
            self.0.set_length(total);
            self.0.set_position(done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_something_is_no_plural() {
        assert_eq!(count(0_u64, "phone"), "0 phones");
        assert_eq!(count(1_u32, "phone"), "1 phone");
        assert_eq!(count(2_usize, "large content"), "2 large contents");
    }
}
