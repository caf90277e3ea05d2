//! What a phone can be told with now, although its file says something else already.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::wire::Secret;

/// Most changes of a phone's access that are kept while it fetches none of them.
const MAX_HELD: usize = 8;

/// What is kept of telling a phone something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ControlState {
    /// What stood in revisions that the phone may still have, the oldest first.
    pub held: Vec<HeldAccess>,
    /// When the latest of the restarts that stand was ordered.
    pub reboot_ordered_at: Option<Timestamp>,
    /// When the phone said that it would restart; `None` before, and once it was told in vain too
    /// often.
    pub reboot_agreed_at: Option<Timestamp>,
}

/// What a phone lets in until it has fetched a later revision of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAccess {
    /// The last revision in which it stood.
    pub until: u64,
    /// What stood there.
    pub access: PhoneAccess,
}

/// What a phone's files say of how it is reached, and of what it wants to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PhoneAccess {
    /// User part of the URI of its first account; may be empty.
    pub user: String,
    /// Domain of that account; may be empty.
    pub domain: String,
    /// What the account authenticates as.
    pub auth_user: String,
    /// The account's password.
    pub password: Secret,
    /// Port on which the phone listens for SIP.
    pub port: Option<u16>,
    /// Whether the account goes by TCP.
    pub by_tcp: bool,
    /// The administrator of the phone's web server; may be empty.
    pub web_user: String,
    /// The password of that; `None`: the files say none.
    pub web_password: Option<Secret>,
    /// Port of the web server.
    pub web_port: Option<u16>,
}

impl ControlState {
    /// Keeps what stood in a revision that is replaced now. What stood there as well as in the
    /// revision before is kept once.
    pub fn keep(&mut self, until: u64, access: PhoneAccess) {
        match self.held.last_mut() {
            Some(last) if last.access == access => last.until = until,
            _ => self.held.push(HeldAccess { until, access }),
        }
        if self.held.len() > MAX_HELD {
            // The first is what the phone has now.
            self.held.remove(1);
        }
    }

    /// The phone has fetched a revision: what stood in earlier ones it has no more.
    pub fn has_fetched(&mut self, revision: u64) {
        self.held.retain(|held| held.until >= revision);
    }

    /// What a phone that has fetched a revision lets in; `None`: what its files say now.
    pub fn held_by(&self, served: u64) -> Option<&PhoneAccess> {
        let held = self.held.iter().find(|held| held.until >= served)?;
        Some(&held.access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(user: &str) -> PhoneAccess {
        PhoneAccess {
            user: user.to_owned(),
            ..PhoneAccess::default()
        }
    }

    #[test]
    fn a_phone_has_what_stood_in_the_revision_that_it_has_fetched() {
        let mut state = ControlState::default();
        state.keep(2, access("a"));
        state.keep(5, access("b"));
        let user = |state: &ControlState, served| {
            let held = state.held_by(served);
            held.map(|access| access.user.clone())
        };
        assert_eq!(user(&state, 1).as_deref(), Some("a"));
        assert_eq!(user(&state, 3).as_deref(), Some("b"));
        assert_eq!(user(&state, 6), None);
        state.has_fetched(4);
        assert_eq!(state.held.len(), 1);
        state.has_fetched(6);
        assert!(state.held.is_empty());
    }

    #[test]
    fn a_phone_that_never_comes_holds_a_bounded_past_and_its_own_present() {
        let mut state = ControlState::default();
        for revision in 1..100 {
            state.keep(revision, access(&revision.to_string()));
        }
        assert_eq!(state.held.len(), MAX_HELD);
        assert_eq!(state.held_by(1).unwrap().user, "1");
        assert_eq!(state.held_by(99).unwrap().user, "99");
    }
}
