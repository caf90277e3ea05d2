//! What phones say over syslog: whose a line is, the lines that are kept of each phone, and how a
//! phone is made to send them.

mod intake;
mod kept_lines;
mod switch;
mod switch_report;

#[cfg(test)]
mod tests;

pub use intake::{SyslogDrops, SyslogReport, UnknownLine};
pub use switch_report::{SyslogOrder, SyslogSwitchError, SyslogSwitched};

pub(super) use intake::Intake;
