//! The socket on which requests come in, and which of the host's addresses each came to.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// The socket for requests.
pub(super) struct Listener {
    socket: UdpSocket,
    address: SocketAddr,
}

/// A datagram's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Received {
    /// Its length, as far as it went into the buffer.
    pub(super) length: usize,
    /// Who has sent it. An IPv4 address is one, whatever the socket is.
    pub(super) from: SocketAddr,
    /// The host's own address that it was sent to.
    pub(super) to: Option<IpAddr>,
}

impl Listener {
    /// Opens it. Must be called within a tokio runtime.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
        let socket = UdpSocket::from_std(socket)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it listens, with the port that was chosen for port 0.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next datagram; what is longer than the buffer is cut off.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        self.socket
            .async_io(Interest::READABLE, || receive(&self.socket, buffer))
            .await
    }
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = nix::cmsg_space!(libc::in_pktinfo, libc::in6_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(control.as_mut_slice()),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let from = message
        .address
        .and_then(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4));
            let v6 = address.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6));
            v4.map(SocketAddr::V4).or(v6.map(SocketAddr::V6))
        })
        .ok_or_else(|| io::Error::other("a datagram came from nowhere"))?;
    let to = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            let bits = u32::from_be(info.ipi_spec_dst.s_addr);
            Some(IpAddr::V4(Ipv4Addr::from_bits(bits)))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)).to_canonical())
        }
        _ => None,
    });
    Ok(Received {
        length: message.bytes,
        from: canonical(from),
        to,
    })
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::from((v4, address.port())),
        // Its scope has to stay with it.
        IpAddr::V6(_) => address,
    }
}

/// A socket for one transfer, on a free port: at the address that the phone has asked, so that the
/// answer comes from where the phone waits for it; where that can't be had, at any.
pub(super) async fn transfer_socket(received: &Received) -> io::Result<UdpSocket> {
    let own = received
        .to
        .filter(|to| to.is_ipv4() == received.from.is_ipv4());
    let own = match (own, received.from) {
        (Some(IpAddr::V6(address)), SocketAddr::V6(from)) => Some(SocketAddr::V6(
            SocketAddrV6::new(address, 0, 0, from.scope_id()),
        )),
        (Some(address), _) => Some(SocketAddr::new(address, 0)),
        (None, _) => None,
    };
    if let Some(own) = own
        && let Ok(socket) = UdpSocket::bind(own).await
    {
        return Ok(socket);
    }
    let any: IpAddr = match received.from {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    UdpSocket::bind((any, 0)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_address_that_was_asked_is_known() {
        let client = UdpSocket::bind("127.52.0.9:0").await.unwrap();
        for listening in ["0.0.0.0:0", "[::]:0"] {
            let Ok(listener) = Listener::bind(listening.parse().unwrap()) else {
                // A host without IPv6.
                continue;
            };
            let port = listener.address().port();
            let mut buffer = [0; 8];
            for asked in ["127.0.0.1", "127.52.0.7"] {
                client.send_to(b"hello", (asked, port)).await.unwrap();
                let received = listener.receive(&mut buffer).await.unwrap();
                let expected = Received {
                    length: 5,
                    from: client.local_addr().unwrap(),
                    to: Some(asked.parse().unwrap()),
                };
                assert_eq!(received, expected, "{listening}");
                let socket = transfer_socket(&received).await.unwrap();
                let own = socket.local_addr().unwrap();
                assert_eq!(own.ip().to_string(), asked);
                assert_ne!(own.port(), port);
            }
        }
    }
}
