//! The door towards the ACS: sessions, connection requests and file transfers.

mod body;
mod connect;
mod connection_request;
mod conversation;
mod lane;
mod lightweight;
mod pace;
#[cfg(test)]
mod scripted;
mod session;
mod settings;
mod stun;
mod transfer;
mod trust;
mod udp_connection_request;
mod work;

pub use connection_request::{ConnectionRequestError, ConnectionRequestServer};
pub use lightweight::LightweightNotifier;
pub use session::Driver;
pub use settings::{
    AcsSettings, AllowedTarget, AllowedTargetError, ClientCertificate, ConnectionRequestSettings,
    TransferSettings,
};
pub use transfer::Transfers;
pub use trust::{ConnectorError, Pin, PinError};
pub use udp_connection_request::UdpConnectionRequestServer;
