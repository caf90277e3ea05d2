//! What the demo plays on: a gateway, an ACS, a file server, three phones.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use url::Url;

use super::tree;
use crate::acs::AllowedTarget;
use crate::app::{Addresses, ServeError, Server, Settings, open_gateway};
use crate::cli::exit::CommandError;
use crate::cli::temporary::Temporary;
use crate::gateway::{Gateway, ImportOptions, ImportReport, Network};
use crate::native::Mac;
use crate::sim::acs::{AcsOptions, ScriptedAcs};
use crate::sim::file_server::FileServer;
use crate::sim::{SimPhone, SimPhoneOptions};
use crate::wire::Secret;

/// The port on which phones listen for SIP.
const SIP_PORT: u16 = 5060;

/// One of the three phones.
pub(super) struct Actor {
    /// Its address.
    pub(super) mac: &'static str,
    /// What a person calls it.
    pub(super) name: &'static str,
    /// How it names itself to the file server.
    pub(super) user_agent: &'static str,
    /// The files that it fetches, in its order; its own is the last.
    pub(super) paths: &'static [&'static str],
    /// What its account shows a challenge, so that a stranger can't make it restart.
    pub(super) credentials: Option<(&'static str, &'static str)>,
}

impl Actor {
    /// The phone's own file.
    pub(super) fn own_file(&self) -> &'static str {
        self.paths.last().copied().unwrap_or_default()
    }

    /// Its SerialNumber at the ACS.
    pub(super) fn serial(&self) -> String {
        self.mac.to_ascii_uppercase()
    }
}

/// The phones of the fixtures that the demo switches on.
pub(super) const ACTORS: [Actor; 3] = [
    Actor {
        mac: "000b82a1b2c3",
        name: "the GXP2170 at the front desk",
        user_agent: "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82a1b2c3",
        paths: &["cfg000b82a1b2c3.xml"],
        credentials: Some(("desk-2170", "Vx7!kelp#Row")),
    },
    Actor {
        mac: "001fc1d4e5f6",
        name: "the UC926 in the workshop",
        user_agent: "Htek UC926 2.0.4.2 00:1f:c1:d4:e5:f6",
        paths: &["cfg0010.xml", "cfg001fc1d4e5f6.xml"],
        credentials: None,
    },
    Actor {
        mac: "00085d7890ab",
        name: "the 6867i in the chart room",
        user_agent: "Aastra6867i MAC:00-08-5D-78-90-AB V:4.2.0.181-SIP",
        paths: &["startup.cfg", "6867i.cfg", "00085D7890AB.cfg"],
        credentials: None,
    },
];

/// Everything that runs while the demo does.
pub(super) struct Stage {
    pub(super) acs: ScriptedAcs,
    pub(super) files: FileServer,
    pub(super) gateway: Gateway,
    pub(super) report: ImportReport,
    pub(super) addresses: Addresses,
    pub(super) phones: Vec<SimPhone>,
    folder: Temporary,
    network: [u8; 2],
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), ServeError>>,
}

impl Stage {
    /// Starts everything but the phones.
    pub(super) async fn set() -> Result<Self, CommandError> {
        let folder = Temporary::new()?;
        let mut random = [0_u8; 2];
        getrandom::fill(&mut random)
            .map_err(|error| CommandError::new(format!("no randomness: {error}")))?;
        let [one, two] = random;
        let tree_folder = folder.path().join("tree");
        tree::write(&tree_folder)?;

        let acs = ScriptedAcs::start(AcsOptions::default()).await?;
        let files = FileServer::start(None).await?;
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut settings = Settings::default();
        settings.store.path = folder.path().join("data");
        settings.phones.http = loopback(0).to_string();
        settings.connection_request.listen = loopback(0);
        settings.admin.listen = loopback(0);
        settings.acs.url = Some(Url::parse(acs.url())?);
        settings.transfers.allow = vec![AllowedTarget::Network(Network::LOOPBACK)];
        let gateway = open_gateway(&settings)?;
        let report = gateway
            .import(&tree_folder, ImportOptions::default(), &|_, _| {})
            .await?;
        let server = Server::start(gateway.clone(), &settings).await?;
        let addresses = server.addresses().clone();
        let stop = CancellationToken::new();
        let token = stop.clone();
        let running = tokio::spawn(server.run_until(async move { token.cancelled().await }));
        Ok(Self {
            acs,
            files,
            gateway,
            report,
            addresses,
            phones: Vec::new(),
            folder,
            // Phones have addresses of their own, so that each can listen on the port of SIP;
            // they differ from run to run, so that two demos don't meet.
            network: [one.max(1), two],
            stop,
            running,
        })
    }

    /// Switches a phone on and waits until it has fetched its own file.
    pub(super) async fn switch_on(&mut self, actor: &Actor) -> Result<(), CommandError> {
        let place = u8::try_from(self.phones.len()).unwrap_or(u8::MAX - 1);
        let [one, two] = self.network;
        let phones_http = self
            .addresses
            .phones_http
            .ok_or_else(|| CommandError::new("the gateway does not serve files over HTTP"))?;
        let mac: Mac = actor.mac.parse()?;
        let mut phone = SimPhone::start(SimPhoneOptions {
            mac,
            user_agent: actor.user_agent.to_owned(),
            paths: actor.paths.iter().map(|&path| path.to_owned()).collect(),
            server: Url::parse(&format!("http://{phones_http}/"))?,
            address: IpAddr::V4(Ipv4Addr::new(127, one, two, place + 1)),
            sip_port: SIP_PORT,
            sip_credentials: actor
                .credentials
                .map(|(user, password)| (user.to_owned(), Secret::new(password))),
            boot_time: Duration::ZERO,
        })
        .await?;
        fetched(&mut phone, actor).await?;
        self.phones.push(phone);
        Ok(())
    }

    /// What one can do while the gateway goes on running.
    pub(super) fn hints(&self) -> Vec<String> {
        let data = self.folder.path().join("data");
        let data = data.display();
        let mac = ACTORS[0].mac;
        let profile = "Device.Services.VoiceService.1.VoiceProfile.1.";
        let mut hints = vec![
            format!("trestle device list --data {data}"),
            format!("trestle device show {mac} --data {data}"),
            format!("trestle device get {mac} {profile} --data {data}"),
            format!(
                "trestle device set {mac} {profile}Line.1.CallingFeatures.CallerIDName=Reception --data {data}"
            ),
            format!("trestle device resync {mac} --data {data}"),
        ];
        if let Some(address) = self.addresses.phones_http {
            hints.push(format!("curl http://{address}/{}", ACTORS[0].own_file()));
        }
        hints
    }

    /// Ends everything and leaves nothing behind.
    pub(super) async fn strike(self) {
        for phone in self.phones {
            phone.stop().await;
        }
        self.stop.cancel();
        if let Ok(Err(error)) = self.running.await {
            eprintln!("the gateway ended with: {}", CommandError::from(error));
        }
    }
}

/// Waits until a phone has fetched its own file once more.
pub(super) async fn fetched(phone: &mut SimPhone, actor: &Actor) -> Result<(), CommandError> {
    let fetch = async {
        while let Some(fetch) = phone.next_fetch().await {
            if fetch.path == actor.own_file() {
                return Some(fetch);
            }
        }
        None
    };
    let fetch = tokio::time::timeout(Duration::from_secs(20), fetch)
        .await
        .ok()
        .flatten()
        .ok_or_else(|| CommandError::new(format!("{} did not fetch its file", actor.name)))?;
    match fetch.status {
        Some(200 | 304) => Ok(()),
        status => Err(CommandError::new(format!(
            "{} asked for {} and got {status:?}",
            actor.name, fetch.path
        ))),
    }
}
