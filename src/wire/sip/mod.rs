//! SIP as far as a provisioning gateway needs it: NOTIFY requests outside a dialog, over UDP.
//!
//! Nothing here has a socket or a clock: datagrams and time come in, datagrams and decisions go
//! out (RFC 3261 for messages and transactions, RFC 6665 for NOTIFY).

mod header;
mod message;
mod notify;
mod server;
mod transaction;

pub use header::{HeaderField, Headers, Via};
pub use message::{MAXIMUM_HEADERS, MAXIMUM_MESSAGE, Message, MessageError, StartLine};
pub use notify::{Notify, TransactionTokens};
pub use server::{NotifyServer, Received};
pub use transaction::{Action, NotifyTransaction, Outcome};
