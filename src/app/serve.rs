//! The gateway with all its doors open, from start to stop.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::path::PathBuf;

use super::doors::{DoorError, Doors};
use super::settings::Settings;
use super::space_watch::watch_space;
use crate::acs::{
    ConnectionRequestError, ConnectionRequestServer, ConnectorError, Driver, LightweightNotifier,
    Transfers, UdpConnectionRequestServer,
};
use crate::admin::{AdminKey, AdminKeyError, AdminServer, AdminServerError};
use crate::gateway::{Gateway, GatewayError};
use crate::phone::{
    CertificateReload, ControlSender, ControlSenderError, PhoneFiles, PhoneServer,
    PhoneServerError, SyslogServer, SyslogServerError, TftpServer, TftpServerError, UpstreamError,
};

/// The gateway can't serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A record.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The listeners for phones.
    #[error(transparent)]
    Phones(#[from] PhoneServerError),
    /// The old server.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The TFTP listener.
    #[error(transparent)]
    Tftp(#[from] TftpServerError),
    /// The listeners for syslog.
    #[error(transparent)]
    Syslog(#[from] SyslogServerError),
    /// The sockets that SIP leaves from.
    #[error(transparent)]
    Control(#[from] ControlSenderError),
    /// The listener for connection requests.
    #[error(transparent)]
    ConnectionRequests(#[from] ConnectionRequestError),
    /// The connections to the ACS and to file servers.
    #[error(transparent)]
    Acs(#[from] ConnectorError),
    /// The listener of the API.
    #[error(transparent)]
    Admin(#[from] AdminServerError),
    /// The key of the API.
    #[error(transparent)]
    AdminKey(#[from] AdminKeyError),
    /// A door has closed while the gateway was running.
    #[error(transparent)]
    Door(#[from] DoorError),
}

/// Where the gateway listens.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// Files for phones, HTTP.
    pub phones_http: Option<SocketAddr>,
    /// Files for phones, HTTPS.
    pub phones_https: Option<SocketAddr>,
    /// Files for phones, TFTP.
    pub phones_tftp: Option<SocketAddr>,
    /// Files for old phones, HTTPS.
    pub phones_https_legacy: Option<SocketAddr>,
    /// Connection requests of the ACS.
    pub connection_requests: Vec<SocketAddr>,
    /// Connection requests over UDP.
    pub udp_connection_requests: Option<SocketAddr>,
    /// Syslog of phones, datagrams.
    pub syslog_udp: Option<SocketAddr>,
    /// Syslog of phones, connections.
    pub syslog_tcp: Option<SocketAddr>,
    /// API of the commands.
    pub admin: Option<SocketAddr>,
}

/// A gateway that serves.
pub struct Server {
    gateway: Gateway,
    addresses: Addresses,
    doors: Doors,
    certificates: CertificateReload,
    store: PathBuf,
}

impl Server {
    /// Opens all doors of a gateway.
    ///
    /// # Errors
    /// [`ServeError`] for the first that does not open; those before it are closed again.
    pub async fn start(gateway: Gateway, settings: &Settings) -> Result<Self, ServeError> {
        // Nothing else works on the store yet.
        gateway.sweep_assets()?;
        let acss = settings.acs.connections();
        let files = PhoneFiles::new(gateway.clone(), settings.phones.upstream().as_ref())?;
        let phones = PhoneServer::bind(&settings.phones.listeners(), files.clone())?;
        let tftp = TftpServer::bind(&settings.phones.tftp(), files)?;
        let control = ControlSender::bind(gateway.clone(), &settings.sip.sender())?;
        let connection_requests =
            ConnectionRequestServer::bind(gateway.clone(), &settings.connection_requests())?;
        let udp_connection_requests =
            UdpConnectionRequestServer::bind(gateway.clone(), &settings.connection_requests())?;
        let syslog = SyslogServer::bind(&settings.syslog.listeners(), gateway.clone())?;
        let driver = Driver::new(gateway.clone(), &acss)?;
        let transfers = Transfers::new(gateway.clone(), &settings.transfers, &acss)?;
        let listen = settings.admin.listen;
        let listener =
            std::net::TcpListener::bind(listen).map_err(|source| AdminServerError::Bind {
                address: listen,
                source,
            })?;
        let admin_address = listener.local_addr().unwrap_or(listen);
        let key = AdminKey::new(admin_address)?;
        let admin = AdminServer::bind(gateway.clone(), listener, key.token.clone())?;
        let addresses = Addresses {
            phones_http: phones.http,
            phones_https: phones.https,
            phones_tftp: tftp.as_ref().map(TftpServer::address),
            phones_https_legacy: phones.https_legacy,
            connection_requests: connection_requests.addresses().to_vec(),
            udp_connection_requests: udp_connection_requests
                .as_ref()
                .map(UdpConnectionRequestServer::address),
            syslog_udp: syslog.as_ref().and_then(SyslogServer::udp_address),
            syslog_tcp: syslog.as_ref().and_then(SyslogServer::tcp_address),
            admin: Some(admin.address()),
        };
        if let Some(base) = connection_request_base(settings, &addresses) {
            gateway.announce_connection_requests(&base).await?;
        }
        if let Some(address) = addresses.udp_connection_requests {
            gateway.listen_by_udp(own_address(settings, address));
        }
        key.write(&settings.store.path)?;

        let certificates = phones.certificate_reload();
        let mut doors = Doors::default();
        doors.open("the file server for phones", |token| phones.run(token));
        if let Some(server) = tftp {
            doors.open_lasting("TFTP", |token| server.run(token));
        }
        doors.open("the listener for connection requests", |token| {
            connection_requests.run(token)
        });
        if let Some(server) = udp_connection_requests {
            doors.open_lasting("connection requests over UDP", |token| server.run(token));
        }
        if let Some(server) = syslog {
            doors.open_lasting("syslog", |token| server.run(token));
        }
        doors.open("the API", |token| admin.run(token));
        doors.open_lasting("sessions with the ACS", |token| driver.run(token));
        doors.open_lasting("file transfers", |token| transfers.run(token));
        let notifier = LightweightNotifier::new(gateway.clone(), &acss);
        doors.open_lasting("lightweight notifications", |token| notifier.run(token));
        let watched = gateway.clone();
        doors.open_lasting("the watch on the store's space", |token| {
            watch_space(watched, token)
        });
        doors.open_lasting("telling phones to act", |token| control.run(token));
        gateway.start().await?;
        Ok(Self {
            gateway,
            addresses,
            doors,
            certificates,
            store: settings.store.path.clone(),
        })
    }

    /// The gateway behind the doors.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The way to have the certificates for phones read anew.
    pub fn certificates(&self) -> CertificateReload {
        self.certificates.clone()
    }

    /// Serves until a door breaks or `until` is done; then closes all doors, and lets what is
    /// under way come to its end for a short while.
    ///
    /// # Errors
    /// [`ServeError::Door`] for the door that broke.
    pub async fn run_until(mut self, until: impl Future<Output = ()>) -> Result<(), ServeError> {
        let broken = tokio::select! {
            () = until => None,
            ended = self.doors.next_ended() => ended,
        };
        let closed = self.doors.close().await;
        if let Err(error) = self.gateway.write_logs().await {
            tracing::warn!(%error, "the last lines of the phones' logs are lost");
        }
        if let Err(error) = self.gateway.write_quarantine().await {
            tracing::warn!(%error, "the last unknown phones are lost");
        }
        AdminKey::remove(&self.store);
        broken.unwrap_or(Ok(())).and(closed)?;
        Ok(())
    }
}

/// The base of the ConnectionRequestURLs: what the operator says, or the listener's address; where
/// that is no address of its own, the one from which the ACS is reached. `None` when that can't be
/// told: what the ACS was told before stays.
fn connection_request_base(settings: &Settings, addresses: &Addresses) -> Option<String> {
    if let Some(url) = &settings.connection_request.url {
        return Some(url.to_string());
    }
    let address = own_address(settings, *addresses.connection_requests.first()?)?;
    Some(format!("http://{address}"))
}

/// The address of a listener as others reach it; `None` when that can't be told.
fn own_address(settings: &Settings, listening: SocketAddr) -> Option<SocketAddr> {
    let address = if listening.ip().is_unspecified() {
        address_towards_acs(settings)?
    } else {
        listening.ip()
    };
    Some(SocketAddr::new(address, listening.port()))
}

/// The local address that the system would use for packets to the ACS. Nothing is sent.
fn address_towards_acs(settings: &Settings) -> Option<IpAddr> {
    if let Some(bind) = settings.acs.bind {
        return Some(bind);
    }
    let url = settings.acs.urls().next()?;
    let target = (
        url.host_str()?.trim_matches(['[', ']']),
        url.port_or_known_default()?,
    )
        .to_socket_addrs()
        .ok()?
        .next()?;
    let any: SocketAddr = if target.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(target).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
