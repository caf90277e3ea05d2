//! The `trestle` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    trestle::cli::run()
}
