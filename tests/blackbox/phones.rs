//! The three phones of the fixtures that are switched on, and those that are only looked at.

use std::net::SocketAddr;
use std::time::Duration;

use trestle::sim::acs::http::Response;
use trestle::sim::{SimPhone, SimPhoneOptions};
use trestle::wire::Secret;

use crate::bench::Bench;
use crate::fetch::fetch;

/// How long a phone may take until it has fetched its file.
const PATIENCE: Duration = Duration::from_secs(120);

/// One phone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phone {
    pub(crate) mac: &'static str,
    pub(crate) user_agent: &'static str,
    /// What it fetches, in its order; its own file is the last.
    pub(crate) paths: &'static [&'static str],
    /// What its SIP account shows a challenge.
    pub(crate) account: (&'static str, &'static str),
    /// Where it listens for SIP, unless its file says otherwise.
    sip_port: u16,
    /// Its place among the addresses of a test.
    place: u8,
}

pub(crate) const GRANDSTREAM: Phone = Phone {
    mac: "000b82a1b2c3",
    user_agent: "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82a1b2c3",
    paths: &["cfg000b82a1b2c3.xml"],
    account: ("desk-2170", "Vx7!kelp#Row"),
    sip_port: 5060,
    place: 0,
};

pub(crate) const HTEK: Phone = Phone {
    mac: "001fc1d4e5f6",
    user_agent: "Htek UC926 2.0.4.2 00:1f:c1:d4:e5:f6",
    paths: &["cfg0010.xml", "cfg001fc1d4e5f6.xml"],
    account: ("shop-2260", "100%Oak_Plank"),
    sip_port: 5060,
    place: 1,
};

pub(crate) const AASTRA: Phone = Phone {
    mac: "00085d7890ab",
    user_agent: "Aastra6867i MAC:00-08-5D-78-90-AB V:4.2.0.181-SIP",
    paths: &["startup.cfg", "6867i.cfg", "00085D7890AB.cfg"],
    account: ("chart-2240", "Bell#Rope 31"),
    sip_port: 5060,
    place: 2,
};

pub(crate) const PHONES: [Phone; 3] = [GRANDSTREAM, HTEK, AASTRA];

impl Phone {
    /// One more phone; `paths` is what it fetches, its own file last.
    pub(crate) const fn new(
        mac: &'static str,
        user_agent: &'static str,
        paths: &'static [&'static str],
        place: u8,
    ) -> Self {
        Self {
            mac,
            user_agent,
            paths,
            account: ("", ""),
            sip_port: 5060,
            place,
        }
    }

    /// The same phone with other firmware.
    pub(crate) const fn with_user_agent(self, user_agent: &'static str) -> Self {
        Self { user_agent, ..self }
    }

    /// The same phone, which asks NOTIFYs for this account.
    pub(crate) const fn with_account(self, user: &'static str, password: &'static str) -> Self {
        Self {
            account: (user, password),
            ..self
        }
    }

    /// The same phone, which listens elsewhere from the factory.
    pub(crate) const fn with_sip_port(self, sip_port: u16) -> Self {
        Self { sip_port, ..self }
    }

    /// Its own file.
    pub(crate) fn own_file(self) -> &'static str {
        self.paths.last().unwrap()
    }

    /// Its SerialNumber at the ACS.
    pub(crate) fn serial(self) -> String {
        self.mac.to_ascii_uppercase()
    }

    /// Fetches its own file once, as it does when it boots, and is off again: nobody answers at
    /// its address.
    pub(crate) async fn fetch(self, bench: &Bench, server: SocketAddr) -> Response {
        self.ask(bench, server, &format!("/{}", self.own_file()))
            .await
    }

    /// Fetches any file that there is.
    pub(crate) async fn ask(self, bench: &Bench, server: SocketAddr, target: &str) -> Response {
        let from = bench.address(self.place);
        let response = fetch(from, server, target, self.user_agent).await;
        assert_eq!(response.status, 200, "{target}: {self:?}");
        response
    }

    /// Switches it on and waits until it has fetched its own file. Where credentials are given, it
    /// asks a NOTIFY for them.
    pub(crate) async fn switch_on(
        self,
        bench: &Bench,
        server: SocketAddr,
        credentials: Option<(&str, &str)>,
    ) -> Running {
        let options = SimPhoneOptions {
            mac: self.mac.parse().unwrap(),
            user_agent: self.user_agent.to_owned(),
            paths: self.paths.iter().map(|&path| path.to_owned()).collect(),
            server: format!("http://{server}/").parse().unwrap(),
            address: bench.address(self.place).into(),
            sip_port: self.sip_port,
            sip_credentials: credentials
                .map(|(user, password)| (user.to_owned(), Secret::new(password))),
            boot_time: Duration::ZERO,
        };
        let mut running = Running {
            phone: self,
            sim: SimPhone::start(options).await.unwrap(),
        };
        running.fetched().await;
        running
    }
}

/// A phone that is on.
pub(crate) struct Running {
    phone: Phone,
    pub(crate) sim: SimPhone,
}

impl Running {
    /// Waits until it has fetched its own file once more; what it got.
    pub(crate) async fn fetched(&mut self) -> Vec<u8> {
        let fetch = async {
            loop {
                let fetch = self.sim.next_fetch().await.expect("the phone is on");
                if fetch.path == self.phone.own_file() {
                    return fetch;
                }
            }
        };
        let fetch = tokio::time::timeout(PATIENCE, fetch)
            .await
            .unwrap_or_else(|_| panic!("{:?} did not fetch its file", self.phone));
        assert_eq!(fetch.status, Some(200), "{fetch:?}");
        self.sim.current(self.phone.own_file()).unwrap().to_vec()
    }

    /// How often it has fetched its own file.
    pub(crate) fn fetch_count(&self) -> usize {
        let own = self.phone.own_file();
        let fetches = self.sim.fetches();
        fetches.iter().filter(|fetch| fetch.path == own).count()
    }
}
