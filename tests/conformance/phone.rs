//! A phone that boots and answers SIP NOTIFY; kept apart from the simulator in the library.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, UdpSocket};
use tokio::task::JoinHandle;
use trestle::sim::acs::http::{Connection, Response};

use crate::fleet::Phone;

/// A phone that is plugged in; unplugged when dropped.
pub(crate) struct RunningPhone {
    phone: Phone,
    server: SocketAddr,
    /// The firmware that it runs now: whatever makes it fetch, it says this version.
    version: Arc<Mutex<String>>,
    sip: JoinHandle<()>,
}

impl RunningPhone {
    /// Plugs it in: from now on it answers on its SIP port. It fetches nothing yet.
    pub(crate) async fn plug_in(phone: Phone, server: SocketAddr) -> Self {
        Self::plug_in_with(phone, server, phone.version().to_owned()).await
    }

    async fn plug_in_with(phone: Phone, server: SocketAddr, version: String) -> Self {
        let address = SocketAddr::new(IpAddr::V4(phone.address()), 5060);
        let socket = UdpSocket::bind(address).await.unwrap();
        let version = Arc::new(Mutex::new(version));
        let sip = tokio::spawn(answer_sip(socket, phone, server, Arc::clone(&version)));
        Self {
            phone,
            server,
            version,
            sip,
        }
    }

    /// Fetches its file, as it does when it boots.
    pub(crate) async fn boot(&self) -> Response {
        let version = self.version.lock().unwrap().clone();
        self.get_own(&version).await
    }

    /// Takes it off the network: nobody answers on its SIP port any more.
    pub(crate) async fn unplug(&mut self) {
        self.sip.abort();
        // It ends by the abort.
        let _ = (&mut self.sip).await;
    }

    /// Puts it back, not booted yet.
    pub(crate) async fn plug_in_again(&mut self) {
        let version = self.version.lock().unwrap().clone();
        let again = Self::plug_in_with(self.phone, self.server, version).await;
        *self = again;
    }

    /// Fetches its file, running firmware of this version from now on.
    pub(crate) async fn get_own(&self, version: &str) -> Response {
        let name = self.phone.file_name();
        let response = self.get(&name, version).await;
        assert_eq!(response.status, 200, "the phone's own file is served");
        response
    }

    /// Fetches a file, running firmware of this version from now on.
    pub(crate) async fn get(&self, path: &str, version: &str) -> Response {
        version.clone_into(&mut self.version.lock().unwrap());
        let user_agent = self.phone.user_agent_with(version);
        fetch_as(self.phone.address(), self.server, path, &user_agent).await
    }
}

impl Drop for RunningPhone {
    fn drop(&mut self) {
        self.sip.abort();
    }
}

/// Lets a phone fetch its file, as it does when it boots. It need not be plugged in.
pub(crate) async fn boot(phone: Phone, server: SocketAddr) -> Response {
    boot_at(phone.address(), phone, server).await
}

/// The same from another address than its own.
pub(crate) async fn boot_at(address: Ipv4Addr, phone: Phone, server: SocketAddr) -> Response {
    let response = fetch(address, phone, server).await;
    assert_eq!(response.status, 200, "the phone's own file is served");
    response
}

async fn fetch(address: Ipv4Addr, phone: Phone, server: SocketAddr) -> Response {
    fetch_as(address, server, &phone.file_name(), &phone.user_agent()).await
}

async fn fetch_as(address: Ipv4Addr, server: SocketAddr, path: &str, user_agent: &str) -> Response {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(SocketAddr::new(IpAddr::V4(address), 0))
        .unwrap();
    let mut connection = Connection::new(socket.connect(server).await.unwrap());
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {user_agent}\r\n\
         Connection: close\r\n\r\n"
    );
    connection
        .stream()
        .write_all(request.as_bytes())
        .await
        .unwrap();
    connection.read_response(false).await.unwrap()
}

/// Answers every NOTIFY with 200, and fetches the file again.
async fn answer_sip(
    socket: UdpSocket,
    phone: Phone,
    server: SocketAddr,
    version: Arc<Mutex<String>>,
) {
    let mut datagram = vec![0_u8; 65_536];
    while let Ok((length, from)) = socket.recv_from(&mut datagram).await {
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        if !text.starts_with("NOTIFY ") {
            continue;
        }
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for line in text.split("\r\n").skip(1) {
            if let Some((name, value)) = line.split_once(':') {
                let name = match name.trim().to_ascii_lowercase().as_str() {
                    "v" => "via".to_owned(),
                    "f" => "from".to_owned(),
                    "t" => "to".to_owned(),
                    "i" => "call-id".to_owned(),
                    other => other.to_owned(),
                };
                headers
                    .entry(name)
                    .or_insert_with(|| value.trim().to_owned());
            }
        }
        let header = |name: &str| headers.get(name).map_or("", String::as_str);
        let answer = format!(
            "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=desk\r\nCall-ID: {}\r\n\
             CSeq: {}\r\nContent-Length: 0\r\n\r\n",
            header("via"),
            header("from"),
            header("to"),
            header("call-id"),
            header("cseq")
        );
        if socket.send_to(answer.as_bytes(), from).await.is_err() {
            return;
        }
        let user_agent = phone.user_agent_with(&version.lock().unwrap());
        fetch_as(phone.address(), server, &phone.file_name(), &user_agent).await;
    }
}
