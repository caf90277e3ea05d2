//! What is kept of an answer of the old server.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::store::Record;
use crate::wire::ContentHash;

/// Addresses that are kept of a path.
const MAX_SOURCES: usize = 8;
/// User-Agents that are kept of a path.
const MAX_USER_AGENTS: usize = 8;
/// Characters that are kept of one of them.
const MAX_USER_AGENT_LENGTH: usize = 256;
/// A record whose only news is that the path was asked for once more is written this seldom.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// What became of a file that the old server gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamNote {
    /// It was taken over, as an import of it would have done.
    Learned,
    /// It was known here already and was compared.
    Compared,
    /// It was given to a request with a query and may be another one for the next phone.
    ByQuery,
    /// It is a web page where phones expect settings.
    Page,
    /// The server gives the same to whoever asks for a phone that can't exist.
    SameForAll,
    /// There is nothing in it.
    Empty,
    /// It is of a phone that nobody knows, and whoever asked for it has brought many of those.
    TooManyNew,
}

impl UpstreamNote {
    /// Why the file was not taken over; `None` when there is no reason to.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Learned | Self::Compared => None,
            Self::ByQuery => Some("asked for with a query: another phone may get another file"),
            Self::Page => Some("a web page where phones expect settings"),
            Self::SameForAll => {
                Some("the old server gives it to any phone, also to none of this world")
            }
            Self::Empty => Some("empty"),
            Self::TooManyNew => Some(
                "of an unknown phone, and as many of those have come from that address as \
                 phones.misses bears: import the tree, or wait",
            ),
        }
    }
}

/// What the old server has given for one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::gateway) struct UpstreamRecord {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) length: u64,
    pub(super) hash: ContentHash,
    pub(super) note: UpstreamNote,
    /// The old server has given it to a request with credentials only.
    pub(super) protected: bool,
    /// Who asked for it, the newest last.
    pub(super) sources: Vec<IpAddr>,
    /// As what, the newest last.
    pub(super) user_agents: Vec<String>,
}

impl Record for UpstreamRecord {
    const VERSION: u8 = 1;
    const KIND: &'static str = "upstream";
}

/// One answer, to be noted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) at: Timestamp,
    pub(super) length: u64,
    pub(super) hash: ContentHash,
    pub(super) note: UpstreamNote,
    pub(super) protected: bool,
    pub(super) source: IpAddr,
    pub(super) user_agent: Option<&'a str>,
}

impl UpstreamRecord {
    /// The record of a path's first answer.
    pub(super) fn of(answer: Answer<'_>) -> Self {
        let mut record = Self {
            first: answer.at,
            last: answer.at,
            length: answer.length,
            hash: answer.hash,
            note: answer.note,
            protected: answer.protected,
            sources: Vec::new(),
            user_agents: Vec::new(),
        };
        record.add(answer);
        record
    }

    /// Adds an answer; whether that is worth a write.
    pub(super) fn add(&mut self, answer: Answer<'_>) -> bool {
        let before = self.clone();
        self.length = answer.length;
        self.hash = answer.hash;
        self.protected |= answer.protected;
        // That a file was learned once stays true when it is compared later.
        if (self.note, answer.note) != (UpstreamNote::Learned, UpstreamNote::Compared) {
            self.note = answer.note;
        }
        if !self.sources.contains(&answer.source) {
            push_bounded(&mut self.sources, answer.source, MAX_SOURCES);
        }
        let user_agent = answer
            .user_agent
            .map(|text| -> String { text.chars().take(MAX_USER_AGENT_LENGTH).collect() });
        if let Some(user_agent) = user_agent
            && !self.user_agents.contains(&user_agent)
        {
            push_bounded(&mut self.user_agents, user_agent, MAX_USER_AGENTS);
        }
        let is_news = *self != before || answer.at.duration_since(self.last) >= QUIET;
        self.last = self.last.max(answer.at);
        is_news
    }
}

/// Adds a value; the oldest makes room.
fn push_bounded<T>(values: &mut Vec<T>, value: T, limit: usize) {
    if values.len() >= limit {
        values.remove(0);
    }
    values.push(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{decode, encode};

    fn answer(second: i64, source: u8, user_agent: &str) -> Answer<'_> {
        Answer {
            at: Timestamp::from_second(second).unwrap(),
            length: 3,
            hash: ContentHash::of(b"old"),
            note: UpstreamNote::Learned,
            protected: false,
            source: [192, 0, 2, source].into(),
            user_agent: Some(user_agent),
        }
    }

    #[test]
    fn who_asked_is_bounded_and_nothing_new_is_not_written_again() {
        let mut record = UpstreamRecord::of(answer(0, 1, "Phone 1"));
        assert!(!record.add(answer(10, 1, "Phone 1")), "nothing new");
        assert!(record.add(answer(3700, 1, "Phone 1")), "an hour later");
        for number in 2..40 {
            assert!(record.add(answer(3700, number, &format!("Phone {number}"))));
        }
        assert_eq!(record.sources.len(), MAX_SOURCES);
        assert_eq!(record.user_agents.len(), MAX_USER_AGENTS);
        assert_eq!(record.user_agents.last().unwrap(), "Phone 39");
    }

    #[test]
    fn the_bytes_of_a_record_stay() {
        let record = UpstreamRecord::of(answer(1_700_000_000, 7, "Phone 1.0"));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/store/upstream.v1");
        let bytes = encode(&record).unwrap();
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(path, &bytes).unwrap();
        }
        assert_eq!(
            bytes,
            std::fs::read(path).unwrap(),
            "{path} has other bytes"
        );
        assert_eq!(decode::<UpstreamRecord>(&bytes).unwrap(), record);
    }
}
