//! Commands of the binary, run to their end.

use std::ffi::OsStr;
use std::process::Command;

use serde_json::Value;

/// Exit code: done, nothing to look at.
pub(crate) const CLEAN: i32 = 0;
/// Exit code: done, and there are findings.
pub(crate) const FINDINGS: i32 = 1;
/// Exit code: not done.
pub(crate) const ERROR: i32 = 2;

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The same; panics when it ended otherwise.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A command that knows nothing of the settings of whoever runs the tests.
pub(crate) fn trestle() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trestle"));
    for variable in ["TRESTLE_CONFIG", "TRESTLE_DATA", "TRESTLE_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    let output = trestle().args(arguments).output().unwrap();
    Ended {
        code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
