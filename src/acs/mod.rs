//! The door towards the ACS: sessions, connection requests and file transfers.

mod connect;
mod connection_request;
mod conversation;
mod lightweight;
#[cfg(test)]
mod scripted;
mod session;
mod settings;
mod stun;
mod transfer;
mod udp_connection_request;
mod work;

pub use connect::ConnectorError;
pub use connection_request::{ConnectionRequestError, ConnectionRequestServer};
pub use lightweight::LightweightNotifier;
pub use session::Driver;
pub use settings::{
    AcsSettings, AllowedTarget, AllowedTargetError, ConnectionRequestSettings, TransferSettings,
};
pub use transfer::Transfers;
pub use udp_connection_request::UdpConnectionRequestServer;
