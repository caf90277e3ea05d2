//! A phone that nobody knows and that has asked for its file.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::tree_path::TreePath;

/// Paths that are kept of one phone: phones ask for their file under a few names.
const MAX_PATHS: usize = 4;

/// What is kept of a phone that nobody knows: enough for an operator to make it a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownPhone {
    /// When it asked first.
    pub first: Timestamp,
    /// When it asked last.
    pub last: Timestamp,
    /// How often it has asked.
    pub count: u64,
    /// Where it asked from last.
    pub address: IpAddr,
    /// What it asked for, the last first; a few at most.
    pub paths: Vec<TreePath>,
    /// The User-Agent of its last request, without control characters; empty if it sent none.
    pub user_agent: String,
    /// Its MAC is one that the operator has laid out for those who guess.
    pub is_decoy: bool,
}

impl UnknownPhone {
    /// A phone that asks for the first time.
    pub fn new(at: Timestamp, address: IpAddr, path: TreePath, user_agent: String) -> Self {
        Self {
            first: at,
            last: at,
            count: 1,
            address,
            paths: vec![path],
            user_agent,
            is_decoy: false,
        }
    }

    /// It asks again.
    pub fn note(&mut self, at: Timestamp, address: IpAddr, path: TreePath, user_agent: String) {
        self.last = self.last.max(at);
        self.count = self.count.saturating_add(1);
        self.address = address;
        self.user_agent = user_agent;
        self.paths.retain(|known| *known != path);
        self.paths.insert(0, path);
        self.paths.truncate(MAX_PATHS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_paths_are_kept_the_newest_first() {
        let path = |number: u32| format!("{number}/000b82a1b2c3.cfg").parse().unwrap();
        let address = [192, 0, 2, 1].into();
        let mut phone = UnknownPhone::new(Timestamp::UNIX_EPOCH, address, path(0), String::new());
        for number in [1, 2, 1, 3, 4, 5] {
            phone.note(Timestamp::UNIX_EPOCH, address, path(number), "a".to_owned());
        }
        assert_eq!(phone.paths, [path(5), path(4), path(3), path(1)]);
        assert_eq!((phone.count, phone.user_agent.as_str()), (7, "a"));
    }
}
