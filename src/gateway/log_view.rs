//! A phone's log for people and for Upload: what the gateway has seen and what the phone has said
//! over syslog, in order of time, without the secrets of the phone's files.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::closed::if_open;
use super::core::Gateway;
use super::door::GatewayError;
use crate::native::Mac;
use crate::wire::syslog::Severity;

/// What stands for a secret.
const MASK: &str = "***";
/// Shorter values are no secrets worth the name, and would be found everywhere.
const SHORTEST_SECRET: usize = 3;
/// Shorter values are masked only where no letter or digit touches them.
const SHORTEST_ANYWHERE: usize = 6;

/// Who says a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogOrigin {
    /// The gateway: what it has seen of the phone.
    Gateway,
    /// The phone, over syslog.
    Phone,
}

/// A line of a phone's log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it was seen, or came.
    pub at: Timestamp,
    /// Who says it.
    pub origin: LogOrigin,
    /// How bad it is, where the phone says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub severity: Option<Severity>,
    /// What it says; secrets are masked.
    pub text: String,
}

impl fmt::Display for LogEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.strftime("%Y-%m-%dT%H:%M:%SZ");
        match (self.origin, self.severity) {
            (LogOrigin::Gateway, _) => write!(formatter, "{at} {}", self.text),
            (LogOrigin::Phone, None) => write!(formatter, "{at} phone: {}", self.text),
            (LogOrigin::Phone, Some(severity)) => {
                write!(formatter, "{at} phone {}: {}", severity.name(), self.text)
            }
        }
    }
}

/// Which lines of a log are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogQuery {
    /// Only what this one says.
    pub origin: Option<LogOrigin>,
    /// Only what is not older.
    pub since: Option<Timestamp>,
}

impl LogQuery {
    fn admits(&self, entry: &LogEntry) -> bool {
        self.origin.is_none_or(|origin| origin == entry.origin)
            && self.since.is_none_or(|since| entry.at >= since)
    }
}

impl Gateway {
    /// A phone's log, the newest line last; empty for one of which nothing was seen.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when the store fails.
    pub fn device_log(&self, mac: Mac, query: LogQuery) -> Result<Vec<LogEntry>, GatewayError> {
        let secrets = self.secrets_of(mac)?;
        let text = self.log_text(mac)?;
        let seen = text.lines().filter_map(own_line);
        let said = self.syslog_of(mac)?.into_iter().map(|entry| LogEntry {
            at: Timestamp::from_millisecond(entry.at).unwrap_or_default(),
            origin: LogOrigin::Phone,
            severity: entry.severity,
            text: without_secrets(&entry.text, &secrets),
        });
        let mut entries: Vec<LogEntry> = seen.chain(said).collect();
        entries.retain(|entry| query.admits(entry));
        // Stable: lines of one moment stay as they came.
        entries.sort_by_key(|entry| entry.at);
        Ok(entries)
    }

    /// The same as text, for Upload of the log.
    pub(super) fn log_file(&self, mac: Mac) -> Result<String, GatewayError> {
        let entries = self.device_log(mac, LogQuery::default())?;
        Ok(entries.iter().map(|entry| format!("{entry}\n")).collect())
    }

    /// The values of the secret settings in a phone's files, the longest first. Of a file that can't
    /// be opened nobody knows them.
    fn secrets_of(&self, mac: Mac) -> Result<Vec<Zeroizing<String>>, GatewayError> {
        let mut draft = self.draft(mac)?;
        let pack = std::sync::Arc::clone(&draft.pack);
        let mut secrets = Vec::new();
        if let Some(documents) = if_open(draft.documents(self))? {
            for layer in documents.layers.iter() {
                for setting in layer.document.settings() {
                    if setting.value.len() >= SHORTEST_SECRET && pack.is_secret_key(setting.key) {
                        secrets.push(Zeroizing::new(setting.value.into_owned()));
                    }
                }
            }
        }
        secrets.sort_by(|one, other| {
            let lengths = other.len().cmp(&one.len());
            lengths.then_with(|| one.as_str().cmp(other.as_str()))
        });
        secrets.dedup_by(|one, other| one.as_str() == other.as_str());
        Ok(secrets)
    }
}

/// A line of the gateway's own log: a moment and a text.
fn own_line(line: &str) -> Option<LogEntry> {
    let (at, text) = line.split_once(' ')?;
    Some(LogEntry {
        at: at.parse().ok()?,
        origin: LogOrigin::Gateway,
        severity: None,
        text: text.to_owned(),
    })
}

/// A text with every one of these values masked.
fn without_secrets(text: &str, secrets: &[Zeroizing<String>]) -> String {
    let mut masked = text.to_owned();
    for secret in secrets {
        let secret = secret.as_str();
        if masked.contains(secret) {
            masked = without(&masked, secret);
        }
    }
    masked
}

fn without(text: &str, secret: &str) -> String {
    let is_wordy = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(secret) {
        masked.push_str(before);
        let touches = is_wordy(masked.chars().next_back()) || is_wordy(after.chars().next());
        if touches && secret.chars().count() < SHORTEST_ANYWHERE {
            masked.push_str(secret);
        } else {
            masked.push_str(MASK);
        }
        rest = after;
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, secrets: &[&str]) -> String {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|secret| Zeroizing::new((*secret).to_owned()))
            .collect();
        without_secrets(text, &secrets)
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand_and_short_ones_as_words() {
        let secrets = ["Vx7!kelp#Row", "1234"];
        assert_eq!(
            masked(
                "auth Vx7!kelp#Row,Vx7!kelp#Rowx pin=1234 call 12345",
                &secrets
            ),
            "auth ***,***x pin=*** call 12345"
        );
        assert_eq!(masked("nothing here", &secrets), "nothing here");
    }

    #[test]
    fn lines_are_marked_by_who_says_them() {
        let at = "2026-11-21T20:00:00.5Z".parse().unwrap();
        let mut entry = LogEntry {
            at,
            origin: LogOrigin::Phone,
            severity: Some(Severity::Warning),
            text: "no route".to_owned(),
        };
        assert_eq!(
            entry.to_string(),
            "2026-11-21T20:00:00Z phone warning: no route"
        );
        entry.severity = None;
        assert_eq!(entry.to_string(), "2026-11-21T20:00:00Z phone: no route");
        let own = own_line("2026-11-21T20:00:00Z has restarted").unwrap();
        assert_eq!(own.to_string(), "2026-11-21T20:00:00Z has restarted");
        assert_eq!(own_line("no moment"), None);
    }
}
