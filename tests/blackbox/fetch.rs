//! Requests for files, written byte by byte: no client tidies them up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use trestle::sim::acs::http::{Connection, Response};

/// Asks for a target, written as it is, from an address, under a name.
pub(crate) async fn fetch(
    from: Ipv4Addr,
    server: SocketAddr,
    target: &str,
    user_agent: &str,
) -> Response {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).unwrap();
    let mut connection = Connection::new(socket.connect(server).await.unwrap());
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {user_agent}\r\n\
         Connection: close\r\n\r\n"
    );
    connection
        .stream()
        .write_all(request.as_bytes())
        .await
        .unwrap();
    connection.read_response(false).await.unwrap()
}

/// Asks for a file that is there, as nobody in particular.
pub(crate) async fn file(server: SocketAddr, path: &str) -> Vec<u8> {
    let target = format!("/{path}");
    let response = fetch(Ipv4Addr::LOCALHOST, server, &target, "curl/8").await;
    assert_eq!(response.status, 200, "{path}");
    response.body
}
