//! Where log events go.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Sends log events to standard error: from `info` up, or as the variable `TRESTLE_LOG` says
/// (`debug`, `trestle::acs=trace,warn`). `json`: one JSON object per line, for collectors.
pub fn start_telemetry(default_level: &str, json: bool) {
    let filter =
        EnvFilter::try_from_env("TRESTLE_LOG").unwrap_or_else(|_| EnvFilter::new(default_level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second call, as tests in one process make it, changes nothing.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.with_target(false).try_init()
    };
}
