//! The gateway's own end of a phone's connection: where the phone has reached it.

use std::any::Any;
use std::net::SocketAddr;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;

use crate::gateway::Transport;

/// The end of a connection that is here. Unlike the Host of a request, the phone can't make it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnEnd {
    address: SocketAddr,
    is_tls: bool,
}

impl OwnEnd {
    /// Keeps a new connection's end with it.
    pub(super) fn note(connection: &dyn Any, data: &mut Extensions) {
        let plain = connection.downcast_ref::<TcpStream>();
        let tls = connection.downcast_ref::<TlsStream<TcpStream>>();
        let is_tls = tls.is_some();
        let stream = plain.or_else(|| tls.map(|stream| stream.get_ref().0));
        if let Some(Ok(address)) = stream.map(TcpStream::local_addr) {
            data.insert(Self { address, is_tls });
        }
    }

    /// By what a request on this connection comes.
    pub(super) fn transport(&self) -> Transport {
        if self.is_tls {
            Transport::Https
        } else {
            Transport::Http
        }
    }

    /// Scheme, host and port: `http://192.0.2.1:8080`.
    pub(super) fn base(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        // A phone on IPv4 is one, whatever the listener's socket is.
        let address = SocketAddr::new(self.address.ip().to_canonical(), self.address.port());
        format!("{scheme}://{address}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_a_phone_on_ipv4_needs_it() {
        let end = OwnEnd {
            address: "[::ffff:192.0.2.1]:8443".parse().unwrap(),
            is_tls: true,
        };
        assert_eq!(end.base(), "https://192.0.2.1:8443");
    }
}
