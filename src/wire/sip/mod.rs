//! SIP as far as a provisioning gateway needs it: NOTIFY requests outside a dialog, over UDP and TCP,
//! to a phone or through a proxy.
//!
//! Nothing here has a socket or a clock: bytes and time come in, bytes and decisions go out
//! (RFC 3261 for messages and transactions, RFC 6665 for NOTIFY).

mod header;
mod message;
mod notify;
mod proxy;
mod server;
mod stream;
mod transaction;

pub use header::{HeaderField, Headers, Via};
pub use message::{MAXIMUM_HEADERS, MAXIMUM_MESSAGE, Message, MessageError, StartLine};
pub use notify::{Notify, SipTransport, TransactionTokens};
pub use proxy::{SipProxy, SipProxyError};
pub use server::{NotifyServer, Received};
pub use stream::{MessageStream, StreamError};
pub use transaction::{Action, NotifyCredentials, NotifyTransaction, Outcome};
