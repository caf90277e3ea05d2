//! Requests that were refused: counted, and told to people without letting a flood of them drown
//! everything else.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::policy::Proof;
use crate::gateway::core::Gateway;
use crate::native::Mac;

/// Between two lines about refusals in the log of one phone.
const BETWEEN_LINES: Duration = Duration::from_secs(60);
/// Between two warnings of the process.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

/// Why a request did not get a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    FirstContactClosed,
    NothingByTftp,
    NothingShown,
    OutsideNetworks,
    UnreadableAuthorization,
    WrongPassword,
    UserOfAnother,
    PasswordInPlain,
    StaleAnswer,
    DeadToken,
    TokenOfAnother,
    CertificateOfAnother,
    /// What it shows is its own, and of a kind that is not asked for.
    NotWanted(Proof),
    /// It has shown which phone it is, and that phone does not read this file.
    NotItsFile,
    /// Too many phones that nobody knows were asked for from there.
    TooManyMisses,
}

impl Refusal {
    /// Whether something is shown that is none of the phone's: a try costs who tries.
    pub(super) fn is_of_what_is_shown(self) -> bool {
        matches!(
            self,
            Self::WrongPassword
                | Self::UserOfAnother
                | Self::DeadToken
                | Self::TokenOfAnother
                | Self::CertificateOfAnother
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::FirstContactClosed => {
                "the phone has never had its file, and first contact is closed"
            }
            Self::NothingByTftp => "nothing can be shown by TFTP",
            Self::NothingShown => "it shows nothing",
            Self::OutsideNetworks => "its address is in none of the networks",
            Self::UnreadableAuthorization => "its Authorization header can't be read",
            Self::WrongPassword => "user name or password is wrong",
            Self::UserOfAnother => "it shows the user name of another phone",
            Self::PasswordInPlain => "it sends a password over plain http",
            Self::StaleAnswer => "its answer to the challenge is too old or was used before",
            Self::DeadToken => "its token is no good, or not any more",
            Self::TokenOfAnother => "it shows the token of another phone",
            Self::CertificateOfAnother => "its certificate does not name this phone",
            Self::NotWanted(proof) => {
                return write!(formatter, "it shows {proof}, which is not asked for");
            }
            Self::NotItsFile => "the phone that it shows to be does not read this file",
            Self::TooManyMisses => "too many unknown phones were asked for from its address",
        })
    }
}

/// What was refused in a phone's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedAttempts {
    /// How often since the start of the gateway.
    pub count: u64,
    /// When it was the last time.
    pub last_at: Timestamp,
    /// From where.
    pub last_address: IpAddr,
    /// Why, for a person.
    pub last_reason: String,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    of_phones: HashMap<Mac, Told>,
    warned_at: Option<Timestamp>,
    /// Refusals since the last warning.
    unwarned: u64,
}

#[derive(Debug)]
struct Told {
    count: u64,
    last_at: Timestamp,
    last_address: IpAddr,
    last: Refusal,
    logged_at: Timestamp,
    /// Refusals since the last line in the phone's log.
    unlogged: u64,
}

/// A request that was refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused<'a> {
    /// In whose name it came, when that is known.
    pub(super) mac: Option<Mac>,
    /// The file, as people may see it.
    pub(super) file: &'a str,
    pub(super) address: IpAddr,
    pub(super) at: Timestamp,
    pub(super) why: Refusal,
}

impl Refusals {
    pub(super) fn of_phone(&self, mac: Mac) -> Option<RefusedAttempts> {
        let told = self.of_phones.get(&mac)?;
        Some(RefusedAttempts {
            count: told.count,
            last_at: told.last_at,
            last_address: told.last_address,
            last_reason: told.last.to_string(),
        })
    }

    /// Counts one. When a line for the phone's log is due: how many have had none since the last.
    fn count(&mut self, mac: Mac, refused: Refused<'_>) -> Option<u64> {
        let Some(told) = self.of_phones.get_mut(&mac) else {
            let first = Told {
                count: 1,
                last_at: refused.at,
                last_address: refused.address,
                last: refused.why,
                logged_at: refused.at,
                unlogged: 0,
            };
            self.of_phones.insert(mac, first);
            return Some(0);
        };
        told.count += 1;
        told.last_at = refused.at;
        told.last_address = refused.address;
        let is_new = std::mem::replace(&mut told.last, refused.why) != refused.why;
        if !is_new && !has_passed(told.logged_at, refused.at, BETWEEN_LINES) {
            told.unlogged += 1;
            return None;
        }
        told.logged_at = refused.at;
        Some(std::mem::take(&mut told.unlogged))
    }

    /// The same for the process.
    fn warn(&mut self, now: Timestamp) -> Option<u64> {
        let since = self.warned_at;
        if since.is_some_and(|since| !has_passed(since, now, BETWEEN_WARNINGS)) {
            self.unwarned += 1;
            return None;
        }
        self.warned_at = Some(now);
        Some(std::mem::take(&mut self.unwarned))
    }
}

/// A clock that was set back does not silence anything.
fn has_passed(since: Timestamp, now: Timestamp, wait: Duration) -> bool {
    now < since || now.duration_since(since).unsigned_abs() >= wait
}

impl Gateway {
    /// Notes that a request was refused: in the phone's log, and for whoever watches the gateway.
    pub(super) fn note_refusal(&self, refused: Refused<'_>) {
        let Refused {
            mac,
            file,
            address,
            at,
            why,
        } = refused;
        let mut refusals = self.inner.access.refusals();
        let log = mac.and_then(|mac| Some((mac, refusals.count(mac, refused)?)));
        let warn = refusals.warn(at);
        drop(refusals);
        if let Some((mac, more)) = log {
            let more = match more {
                0 => String::new(),
                more => format!(" ({more} more since the last such line)"),
            };
            self.log(
                mac,
                format_args!("{file} refused to {address}: {why}{more}"),
            );
        }
        if let Some(more) = warn {
            let mac = mac.map(tracing::field::display);
            tracing::warn!(mac, file, %address, reason = %why, more, "a file was refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_one_line_a_minute_and_another_reason_its_own() {
        let mac = Mac::new([0, 11, 130, 0, 0, 1]);
        let mut refusals = Refusals::default();
        let mut count = |second: i64, why| {
            let refused = Refused {
                mac: Some(mac),
                file: "cfg.xml",
                address: IpAddr::from([192, 0, 2, 1]),
                at: Timestamp::from_second(1000 + second).unwrap(),
                why,
            };
            refusals.count(mac, refused)
        };
        assert_eq!(count(0, Refusal::DeadToken), Some(0));
        for second in 1..60 {
            assert_eq!(count(second, Refusal::DeadToken), None);
        }
        assert_eq!(count(60, Refusal::DeadToken), Some(59));
        assert_eq!(count(61, Refusal::WrongPassword), Some(0));
        let told = refusals.of_phone(mac).unwrap();
        assert_eq!(told.count, 62);
        assert_eq!(told.last_reason, "user name or password is wrong");
    }
}
