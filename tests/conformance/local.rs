//! What happens to a phone without its ACS: its operator changes it, or it goes elsewhere.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use trestle::sim::acs::http::Connection;

use crate::fleet::Phone;
use crate::subject::{Subject, VP};
use crate::variant::{Template, Variant};

/// A parameter that every phone of the fleet has, and that its operator may set.
pub(crate) fn display_name() -> String {
    format!("{VP}Line.1.CallingFeatures.CallerIDName")
}

/// The parameter that a phone changes by itself when its network gives it another address.
pub(crate) fn address_parameter() -> &'static str {
    match Variant::current().template {
        Template::Device1 => "Device.LAN.IPAddress",
        Template::Device2 => "Device.IP.Interface.1.IPv4Address.1.IPAddress",
    }
}

/// A phone that goes elsewhere, also while a session of its device is under way.
#[derive(Clone, Copy)]
pub(crate) struct Mover {
    phone: Phone,
    server: SocketAddr,
}

impl Mover {
    pub(crate) fn of(subject: &Subject) -> Self {
        Self {
            phone: subject.phone,
            server: subject.world.phones_http,
        }
    }

    /// Another address of the phone; `which` is below 100.
    pub(crate) fn address(self, which: u8) -> Ipv4Addr {
        let [_, network, _, last] = self.phone.address().octets();
        Ipv4Addr::new(127, network, 100 + which, last)
    }

    /// The phone fetches its file from another address.
    pub(crate) async fn move_to(self, address: Ipv4Addr) {
        self.fetch(address, &self.phone.user_agent()).await;
    }

    /// The phone comes back to its own address.
    pub(crate) async fn move_back(self) {
        self.move_to(self.phone.address()).await;
    }

    /// The phone fetches its file from an address, with a User-Agent.
    pub(crate) async fn fetch(self, from: Ipv4Addr, user_agent: &str) {
        let Self { phone, server } = self;
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).unwrap();
        let mut connection = Connection::new(socket.connect(server).await.unwrap());
        let request = format!(
            "GET /{} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {user_agent}\r\n\
             Connection: close\r\n\r\n",
            phone.file_name(),
        );
        let stream = connection.stream();
        stream.write_all(request.as_bytes()).await.unwrap();
        let response = connection.read_response(false).await.unwrap();
        assert_eq!(response.status, 200);
    }
}

/// `trestle device …` beside the running gateway that has its settings in this folder.
pub(crate) async fn operate(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trestle"));
    command
        .arg("device")
        .args(arguments)
        .arg("--config")
        .arg(folder.join("trestle.toml"))
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

/// The operator sets a parameter of a phone.
pub(crate) async fn set(folder: &Path, phone: Phone, path: &str, value: &str) {
    operate(folder, &["set", &phone.mac(), &format!("{path}={value}")]).await;
}
