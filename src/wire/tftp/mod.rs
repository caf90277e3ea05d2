//! TFTP (RFC 1350) with options (RFC 2347): packets, a server's side of a read and a client's, as
//! machines without sockets and clock.
//!
//! Offered are `blksize` (RFC 2348), `timeout` and `tsize` (RFC 2349) and `windowsize` (RFC 7440).
//! Files go as octets only, and never towards the server.

mod packet;
mod receiving;
mod retransmission;
mod sending;
mod terms;

#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod line_tests;

pub use packet::{
    ErrorCode, MAX_REQUEST_BYTES, Mode, Options, Packet, PacketError, Request, error_packet,
};
pub use receiving::{Receiving, ReceivingFailure, ReceivingLimits};
pub use retransmission::Action;
pub use sending::{Sending, SendingEnd};
pub use terms::{MAX_BLOCK_BYTES, MAX_WINDOW};
