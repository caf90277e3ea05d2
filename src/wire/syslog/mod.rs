//! Lines of syslog (RFC 3164, RFC 5424), and how they follow each other on a TCP connection
//! (RFC 6587).

mod framing;
mod line;

pub use framing::{Framing, FramingError, MAX_FRAME, MAX_LINE};
pub use line::{Line, Severity};
