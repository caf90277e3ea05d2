//! Programs of the system that some tests need.

use std::process::{Command, Output};

/// Whether these programs are there; a test that needs one that is not says so and ends.
pub(crate) fn are_there(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let script = format!("command -v {program}");
        let found = Command::new("sh").args(["-c", &script]).output();
        !found.is_ok_and(|output| output.status.success())
    });
    if let Some(program) = missing {
        println!("skipped: no {program}");
    }
    missing.is_none()
}

/// Runs a program to its end, with nothing to read; what it printed, whatever its exit code.
#[track_caller]
pub(crate) fn output(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null());
    command.output().unwrap()
}

/// curl's standard output: with `-s`, and for at most a minute.
#[track_caller]
pub(crate) fn curl(arguments: &[&str]) -> String {
    let all = [&["-s", "--max-time", "60"], arguments].concat();
    String::from_utf8_lossy(&output("curl", &all).stdout).into_owned()
}

/// The status of curl's answer, `000` for none.
#[track_caller]
pub(crate) fn status(arguments: &[&str]) -> String {
    curl(&[&["-o", "/dev/null", "-w", "%{http_code}"], arguments].concat())
}
