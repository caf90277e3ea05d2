//! The `trestle` command.

use std::process::ExitCode;

/// A session and an import make and drop thousands of small strings each.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    trestle::cli::run()
}
