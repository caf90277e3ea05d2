//! What a request would get now, asked without any effect on phones.

use serde::{Deserialize, Serialize};

use super::super::core::Gateway;
use super::super::door::GatewayError;
use crate::device::FileRole;
use crate::native::Mac;
use crate::wire::ContentHash;

/// A request that somebody has made of another server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WouldAsk {
    /// Path below the root of the tree, decoded, as in
    /// [`FetchRequest`](crate::gateway::FetchRequest).
    pub path: String,
    /// The User-Agent, where it is known.
    pub user_agent: Option<String>,
}

/// What it would get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WouldAnswer {
    /// The file; `None`: 404.
    pub file: Option<FoundFile>,
    /// The phone that seems to ask: by its User-Agent, else by the name of the file.
    pub phone: Option<Mac>,
    /// Whether that phone is known here.
    pub is_known: bool,
}

/// A file that would be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFile {
    /// Bytes.
    pub length: u64,
    /// Their hash.
    pub hash: ContentHash,
}

impl Gateway {
    /// What this request would get now. No contact is noted and nothing moves. Whether the phone
    /// would have to show who it is first is not part of the answer.
    ///
    /// # Errors
    /// [`GatewayError`] when the store can't be read.
    pub fn would_answer(&self, asked: &WouldAsk) -> Result<WouldAnswer, GatewayError> {
        let found = self
            .find_file(&asked.path)?
            // A handout is for one phone, and never was on another server.
            .filter(|(_, file)| !matches!(file.role, FileRole::Handout { .. }));
        let packs = &self.inner.packs;
        let user_agent = asked.user_agent.as_deref();
        let recognised = user_agent.and_then(|text| packs.recognise(text));
        let name = asked.path.rsplit('/').next().unwrap_or(&asked.path);
        let phone = recognised
            .and_then(|recognised| recognised.mac)
            .or_else(|| {
                packs
                    .identify_by_name(name)
                    .and_then(|(_, identity)| identity.mac)
            });
        let is_known = match phone {
            Some(mac) => match self.load(mac) {
                Ok(known) => known.is_some(),
                Err(GatewayError::Damaged { .. }) => true,
                Err(error) => return Err(error),
            },
            None => false,
        };
        Ok(WouldAnswer {
            file: found.map(|(_, file)| FoundFile {
                length: file.length,
                hash: file.content_hash,
            }),
            phone,
            is_known,
        })
    }
}
