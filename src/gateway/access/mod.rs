//! Who asks: what a phone has to show before it gets a file with secrets in it, what it has shown,
//! and how it is given something to show.

mod admission;
mod credentials;
mod evidence;
mod first_contact;
mod index;
mod masking;
mod network;
mod policy;
mod refusals;
mod secret_files;
mod state;
mod summary;
mod token;
mod trials;

#[cfg(test)]
mod tests;

pub(in crate::gateway) use admission::{Wanted, shown_token};
pub use credentials::{
    CredentialsLine, CredentialsOrder, CredentialsOutcome, GivenProof, UnknownGroup,
};
pub use evidence::the_only_mac;
pub use first_contact::{FirstContact, FirstContactError};
pub(in crate::gateway) use masking::MaskedTokens;
pub use network::{Network, NetworkError};
pub use policy::{AccessGroup, AccessPolicy, AccessSettings, Proof, UntilUsed};
pub use refusals::RefusedAttempts;
pub(in crate::gateway) use state::AccessState;
pub use summary::{AccessSummary, GivenSummary};
pub use token::{hide_token, split_token};
