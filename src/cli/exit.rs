//! How a command ends, for the shell.

use std::process::ExitCode;

/// The end of a command that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// 0: done, nothing to look at.
    Clean,
    /// 1: done, and there are findings.
    Findings,
}

/// 2: not done.
pub(super) const ERROR: u8 = 2;

impl Ending {
    /// Findings if there are any.
    pub(super) fn from_count(findings: usize) -> Self {
        if findings == 0 {
            Self::Clean
        } else {
            Self::Findings
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Clean => Self::SUCCESS,
            Ending::Findings => Self::from(1),
        }
    }
}

/// Why a command was not done: one line for a person, with every cause.
#[derive(Debug)]
pub(super) struct CommandError(String);

impl CommandError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for CommandError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for CommandError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            // Many errors repeat their cause in their own text.
            if !text.contains(&inner_text) {
                text.push_str(": ");
                text.push_str(&inner_text);
            }
            cause = inner.source();
        }
        Self(text)
    }
}
