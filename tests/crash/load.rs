//! What one phone and its device do under load, and how they look after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use trestle::sim::acs::http::{Connection, Response};
use trestle::sim::acs::message::{AttributeChange, Transfer};
use trestle::sim::acs::{ConnectionRequester, Device, ScriptError, Session, Shown};

use crate::fleet::{ASSET, Phone, asset, numbers_after};
use crate::ledger::{Account, Change, Order, State, key};
use crate::process::Listeners;
use crate::random::Random;
use crate::world::World;

const PROFILES: &str = "Device.Services.VoiceService.1.VoiceProfile.";
const OUTBOUND_PROXY: &str = "Device.Services.VoiceService.1.VoiceProfile.1.SIP.OutboundProxy";
const PROFILE_SIP: &str = "Device.Services.VoiceService.1.VoiceProfile.1.SIP.";
const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";
const PROVISIONING_CODE: &str = "Device.DeviceInfo.ProvisioningCode";
const PARAMETER_KEY: &str = "Device.ManagementServer.ParameterKey";
const CONNECTION_REQUEST_URL: &str = "Device.ManagementServer.ConnectionRequestURL";
const STRING: &str = "xsd:string";
const DOWNLOAD_TYPE: &str = "3 Vendor Configuration File";
const UPLOAD_TYPE: &str = "1 Vendor Configuration File";

/// How long a device that was woken may take until it comes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many profiles are added to a device at most.
const ADDED_PROFILES: usize = 2;

/// Why a device's part came to its end.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The gateway does not answer; all is well if it was killed.
    Gone(String),
    /// The gateway refuses what it should do; all is well if its disk is broken.
    Refused(String),
    /// The gateway broke a promise.
    Wrong(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(reason) => write!(formatter, "gone: {reason}"),
            Self::Refused(reason) => write!(formatter, "refused: {reason}"),
            Self::Wrong(reason) => formatter.write_str(reason),
        }
    }
}

impl From<ScriptError> for Problem {
    fn from(error: ScriptError) -> Self {
        match error {
            ScriptError::Fault(_) => Self::Refused(error.to_string()),
            _ => Self::Gone(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Gone(error.to_string())
    }
}

/// One device between a start of the gateway and its end.
pub(crate) struct Part<'a> {
    pub(crate) world: &'a World,
    pub(crate) phone: Phone,
    pub(crate) listeners: Listeners,
    pub(crate) account: &'a mut Account,
    pub(crate) random: Random,
    /// The gateway goes on reading after a sync has failed: an import that it does not acknowledge
    /// may be read, and is gone afterwards.
    pub(crate) outlives_a_failed_sync: bool,
}

impl Part<'_> {
    /// Compares, then does one thing after the other.
    pub(crate) async fn play(&mut self, device: &mut Device) -> Result<(), Problem> {
        device.set_patience(PATIENCE);
        if self.account.wake_path.is_none() {
            self.announce(device).await?;
        }
        self.compare(device).await?;
        self.world.acts.fetch_add(1, Ordering::SeqCst);
        loop {
            if !device.is_silent_for(Duration::ZERO).await {
                self.take_session(device).await?;
            }
            self.act(device).await?;
            self.world.acts.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Compares once; for the end of a run.
    pub(crate) async fn compare_at_the_end(&mut self, device: &mut Device) -> Result<(), Problem> {
        device.set_patience(PATIENCE);
        if self.account.wake_path.is_none() {
            self.announce(device).await?;
        }
        self.compare(device).await?;
        while self.account.has_open_order() {
            self.take_session(device).await?;
            self.compare(device).await?;
        }
        Ok(())
    }

    /// Boots the phone until its device has told how it is woken.
    async fn announce(&mut self, device: &mut Device) -> Result<(), Problem> {
        self.fetch_own().await?;
        while self.account.wake_path.is_none() {
            self.take_session(device).await?;
        }
        Ok(())
    }

    async fn act(&mut self, device: &mut Device) -> Result<(), Problem> {
        match self.random.below(10) {
            0 => self.fetch_own().await,
            1 => self.send_upload().await,
            2 if self.account.has_open_order() => self.take_session(device).await,
            _ => self.change(device).await,
        }
    }

    /// A session in which the ACS changes a few things.
    async fn change(&mut self, device: &mut Device) -> Result<(), Problem> {
        let mut session = self.wake(device).await?;
        if !self.greet(&mut session).await? {
            return Ok(());
        }
        for _ in 0..=self.random.below(3) {
            match self.random.below(10) {
                0 | 1 => self.set_notification(&mut session).await?,
                _ if self.phone.has_transfers() => {
                    if !self.account.has_open_order() {
                        self.order(&mut session).await?;
                    }
                }
                2 | 3 if self.account.state.rows.len() < ADDED_PROFILES => {
                    self.add_profile(&mut session).await?;
                }
                4 => self.delete_profile(&mut session).await?,
                _ => self.set_values(&mut session).await?,
            }
        }
        session.end()?;
        Ok(())
    }

    async fn set_values(&mut self, session: &mut Session<'_>) -> Result<(), Problem> {
        let number = self.world.next_number();
        let [name, code] = ["Name", "Code"].map(|word| format!("{word}-{number}"));
        let proxy = format!("Proxy-{number}.example.org");
        self.account.begin(Change::Values(number));
        let values = [
            (DISPLAY_NAME, name.as_str(), STRING),
            (PROVISIONING_CODE, code.as_str(), STRING),
            (OUTBOUND_PROXY, proxy.as_str(), STRING),
        ];
        session.set_values(&values, &key(number)).await?;
        self.account.acknowledge(None);
        self.world.tally.count("SetParameterValues");
        Ok(())
    }

    async fn add_profile(&mut self, session: &mut Session<'_>) -> Result<(), Problem> {
        let number = self.world.next_number();
        self.account.begin(Change::AddRow(number));
        let (row, _) = session.add_object(PROFILES, &key(number)).await?;
        self.account.acknowledge(Some(row));
        self.world.tally.count("AddObject");
        let number = self.world.next_number();
        let (path, name) = (
            format!("{PROFILES}{row}.SIP.OutboundProxy"),
            format!("Row-{number}.example.org"),
        );
        self.account.begin(Change::NameRow(row, number));
        session
            .set_values(&[(&path, &name, STRING)], &key(number))
            .await?;
        self.account.acknowledge(None);
        self.world.tally.count("SetParameterValues");
        Ok(())
    }

    async fn delete_profile(&mut self, session: &mut Session<'_>) -> Result<(), Problem> {
        let Some(&row) = self.account.state.rows.keys().next() else {
            return Ok(());
        };
        let number = self.world.next_number();
        self.account.begin(Change::DeleteRow(row, number));
        let path = format!("{PROFILES}{row}.");
        session.delete_object(&path, &key(number)).await?;
        self.account.acknowledge(None);
        self.world.tally.count("DeleteObject");
        Ok(())
    }

    async fn set_notification(&mut self, session: &mut Session<'_>) -> Result<(), Problem> {
        // Passive or none: an active one would bring sessions of its own at each import.
        let value = 1 - self.account.state.notification;
        let text = value.to_string();
        self.account.begin(Change::Notification(value));
        let changes = [PROVISIONING_CODE, OUTBOUND_PROXY].map(|name| AttributeChange {
            name,
            notification: Some(&text),
            access_list: None,
        });
        session.set_attributes(&changes).await?;
        self.account.acknowledge(None);
        self.world.tally.count("SetParameterAttributes");
        Ok(())
    }

    async fn order(&mut self, session: &mut Session<'_>) -> Result<(), Problem> {
        let number = self.world.next_number();
        let command_key = format!("order-{number}");
        let path = format!("/{}-{number}", self.phone.mac());
        let url = self.world.files.url(&path);
        let is_download = self.random.percent(60);
        if is_download {
            self.world.files.put(&path, self.phone.file(number, 0));
        }
        let order = Order {
            file: is_download.then_some(number),
            is_acknowledged: false,
            is_reported: false,
            is_closed: false,
        };
        self.account.orders.insert(command_key.clone(), order);
        let transfer = Transfer {
            command_key: &command_key,
            file_type: if is_download {
                DOWNLOAD_TYPE
            } else {
                UPLOAD_TYPE
            },
            url: &url,
            ..Transfer::default()
        };
        if is_download {
            session.download(&transfer).await?;
        } else {
            session.upload(&transfer).await?;
        }
        let order = self.account.orders.get_mut(&command_key);
        order.expect("it was put there").is_acknowledged = true;
        self.world
            .tally
            .count(if is_download { "Download" } else { "Upload" });
        Ok(())
    }

    /// Wakes the device until it comes.
    async fn wake<'d>(&mut self, device: &'d mut Device) -> Result<Session<'d>, Problem> {
        let path = self.account.wake_path.clone().expect("it has told it");
        let url = format!("http://{}{path}", self.listeners.connection_requests);
        let requester = ConnectionRequester::new(&url)?;
        for _ in 0..200 {
            let answer = requester.request(Shown::Nothing).await?.answer;
            match answer.status {
                200 | 204 => return Ok(device.session().await?),
                // A session is just ending, or begins by itself.
                503 => {
                    if !device.is_silent_for(Duration::from_millis(50)).await {
                        return Ok(device.session().await?);
                    }
                }
                other => {
                    return self.refused(format!("a connection request got {other}"));
                }
            }
        }
        self.refused("a connection request got 503 for ten seconds".to_owned())
    }

    /// A session in which the ACS wants nothing.
    async fn take_session(&mut self, device: &mut Device) -> Result<(), Problem> {
        let mut session = device.session().await?;
        if self.greet(&mut session).await? {
            session.end()?;
        }
        Ok(())
    }

    /// Goes on to the empty POST. False: the session was one of a gateway that is dead by now,
    /// whose Inform was read late.
    async fn greet(&mut self, session: &mut Session<'_>) -> Result<bool, Problem> {
        let inform = session.inform().clone();
        for command in ["M Download", "M Upload"] {
            for ordered in inform.command_keys(command) {
                if !self.account.orders.contains_key(ordered) {
                    return self.wrong(format!("nobody has ordered {command} {ordered}"));
                }
            }
        }
        if self.account.wake_path.is_none() {
            let url = inform.value(CONNECTION_REQUEST_URL).unwrap_or_default();
            let requester = ConnectionRequester::new(url)?;
            self.account.wake_path = Some(requester.target().to_owned());
        }
        let mut exchange = match session.respond_inform().await {
            Err(ScriptError::Unexpected { seen, .. }) if seen.ends_with("of another session") => {
                return Ok(false);
            }
            answered => answered?,
        };
        while !exchange.is_empty_post() {
            let Some(message) = exchange.message.clone() else {
                return self.wrong(format!("no message: {:?}", exchange.body));
            };
            let report = message.transfer_complete();
            if let Some(report) = &report {
                if let Err(reason) = self.account.report(report) {
                    return self.wrong(reason);
                }
                self.check_uploaded(&report.command_key).await?;
            }
            let body = session.style().answer(&message.method);
            let reply = session.response(&body);
            exchange = session.exchange(reply).await?;
            if let Some(report) = report
                && let Some(order) = self.account.orders.get_mut(&report.command_key)
            {
                order.is_closed = true;
                self.world.tally.count("TransferComplete");
            }
        }
        Ok(true)
    }

    /// After the report of an Upload the file is there, and it is the phone's.
    async fn check_uploaded(&self, command_key: &str) -> Result<(), Problem> {
        if self.account.orders[command_key].file.is_some() {
            return Ok(());
        }
        let number = command_key.trim_start_matches("order-");
        let path = format!("/{}-{number}", self.phone.mac());
        let uploaded = tokio::time::timeout(Duration::from_secs(5), self.world.files.upload(&path));
        let wanted = self.phone.file(self.account.state.values[0], 0);
        match uploaded.await {
            Ok(uploaded) if uploaded == wanted => Ok(()),
            other => self.wrong(format!("{command_key}: uploaded is {other:?}")),
        }
    }

    /// Compares what is there with the account.
    async fn compare(&mut self, device: &mut Device) -> Result<(), Problem> {
        let before = self.world.imports.acknowledged().max(self.account.import);
        let mut queued = BTreeSet::new();
        let (state, servers) = loop {
            let mut session = self.wake(device).await?;
            if !self.greet(&mut session).await? {
                continue;
            }
            let seen = read(&mut session, self.phone).await?;
            if self.account.has_open_order() {
                let listed = session.all_queued_transfers().await?;
                queued.extend(listed.into_iter().map(|transfer| transfer.command_key));
            }
            session.end()?;
            break seen;
        };
        if self.phone.has_transfers() {
            self.compare_orders(&queued)?;
            let mut state = state;
            let names = self.account.names();
            if !names.contains(&state.values[0]) {
                return self.wrong(format!("display name {} of {names:?}", state.values[0]));
            }
            // The rest of it is compared by its bytes.
            state.values[0] = self.account.state.values[0];
            self.account
                .meet(&state)
                .or_else(|reason| self.wrong(reason))?;
        } else {
            self.account
                .meet(&state)
                .or_else(|reason| self.wrong(reason))?;
            self.check_import(&servers, before)?;
        }
        self.fetch_own().await
    }

    fn compare_orders(&mut self, queued: &BTreeSet<String>) -> Result<(), Problem> {
        let mut forgotten = Vec::new();
        for (command_key, order) in &mut self.account.orders {
            if order.is_closed || queued.contains(command_key) {
                continue;
            }
            if order.is_reported {
                order.is_closed = true;
            } else if order.is_acknowledged {
                return Err(Problem::Wrong(format!(
                    "{}: {command_key} was acknowledged and is forgotten",
                    self.phone.serial()
                )));
            } else {
                forgotten.push(command_key.clone());
            }
        }
        for command_key in forgotten {
            self.account.orders.remove(&command_key);
        }
        Ok(())
    }

    /// Imports only go on, and one that was acknowledged is there.
    fn check_import(&mut self, servers: &[u64], at_least: u64) -> Result<(), Problem> {
        let begun = self.world.imports.begun();
        let Some(&server) = servers.first() else {
            return self.wrong("no pbx in it".to_owned());
        };
        let is_one = servers.iter().all(|other| *other == server);
        if !is_one || server < at_least || server > begun {
            return self.wrong(format!(
                "imports {servers:?}, where {at_least} to {begun} may be"
            ));
        }
        if !self.outlives_a_failed_sync {
            self.account.import = server;
        }
        Ok(())
    }

    /// The phone fetches its file, which has to be as the account has it.
    async fn fetch_own(&mut self) -> Result<(), Problem> {
        let before = self.world.imports.acknowledged().max(self.account.import);
        let response = self.get(&self.phone.file_name()).await?;
        if response.status != 200 {
            return self.refused(format!("its own file is answered with {}", response.status));
        }
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let names = numbers_after(&text, "Name-");
        let allowed = self.account.names();
        let [name] = names[..] else {
            return self.wrong(format!("names {names:?} in its file:\n{text}"));
        };
        if !allowed.contains(&name) {
            return self.wrong(format!("name {name} in its file, not one of {allowed:?}"));
        }
        if self.phone.has_transfers() {
            if response.body != self.phone.file(name, 0) {
                return self.wrong(format!("its file is not what was given:\n{text}"));
            }
        } else {
            self.check_import(&numbers_after(&text, "pbx"), before)?;
        }
        self.world.tally.count("fetches");
        Ok(())
    }

    /// The phone sends a file, as phones send logs.
    async fn send_upload(&mut self) -> Result<(), Problem> {
        let number = self.world.next_number();
        let name = format!("{}-{}.log", self.phone.mac(), number % 40);
        let content = format!("log {number}\n").repeat(20);
        let request = format!(
            "PUT /{name} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{content}",
            self.listeners.phones,
            self.phone.user_agent(),
            content.len()
        );
        let response = exchange(self.phone, self.listeners.phones, &request).await?;
        if !matches!(response.status, 200 | 201 | 204) {
            return self.refused(format!("a PUT is answered with {}", response.status));
        }
        self.account.uploads.insert(name);
        self.world.tally.count("files sent");
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Response, Problem> {
        get(self.phone, self.listeners.phones, path).await
    }

    fn refused<T>(&self, reason: String) -> Result<T, Problem> {
        let reason = format!("{}: {reason}", self.phone.serial());
        Err(Problem::Refused(reason))
    }

    fn wrong<T>(&self, reason: String) -> Result<T, Problem> {
        Err(Problem::Wrong(format!("{}: {reason}", self.phone.serial())))
    }
}

/// What the ACS reads of a device, and the imports that its values are of.
async fn read(session: &mut Session<'_>, phone: Phone) -> Result<(State, Vec<u64>), Problem> {
    let names = session.get_names(PROFILES, true).await?;
    let rows: Vec<u32> = names
        .iter()
        .filter_map(|name| name.name.strip_prefix(PROFILES)?.strip_suffix('.'))
        .filter_map(|row| row.parse().ok())
        .filter(|row| *row != 1)
        .collect();
    let paths: Vec<String> = rows
        .iter()
        .map(|row| format!("{PROFILES}{row}.SIP.OutboundProxy"))
        .collect();
    let mut asked = vec![
        DISPLAY_NAME,
        PROVISIONING_CODE,
        OUTBOUND_PROXY,
        PARAMETER_KEY,
        PROFILE_SIP,
    ];
    asked.extend(paths.iter().map(String::as_str));
    let values: BTreeMap<String, String> = session
        .get_values(&asked)
        .await?
        .into_iter()
        .map(|value| (value.name, value.value))
        .collect();
    let number = |path: &str, word: &str| {
        let numbers = numbers_after(&values[path], word);
        numbers.first().copied().unwrap_or(0)
    };
    let attributes = session
        .get_attributes(&[PROVISIONING_CODE, OUTBOUND_PROXY])
        .await?;
    let mut notifications = attributes.iter().map(|one| one.notification.as_str());
    let notification = notifications.next().unwrap_or_default();
    if notifications.any(|other| other != notification) {
        return Err(Problem::Wrong(format!(
            "{}: half of the attributes: {attributes:?}",
            phone.serial()
        )));
    }
    let state = State {
        values: [
            number(DISPLAY_NAME, "Name-"),
            number(PROVISIONING_CODE, "Code-"),
            number(OUTBOUND_PROXY, "Proxy-"),
        ],
        parameter_key: values[PARAMETER_KEY].clone(),
        rows: rows
            .iter()
            .zip(&paths)
            .map(|(row, path)| (*row, number(path, "Row-")))
            .collect(),
        notification: notification.parse().unwrap_or(u64::MAX),
    };
    let sip = values
        .iter()
        .filter(|(path, _)| path.starts_with(PROFILE_SIP));
    let servers = sip
        .flat_map(|(_, value)| numbers_after(value, "pbx"))
        .collect();
    Ok((state, servers))
}

/// Lets a phone ask for a file.
pub(crate) async fn get(phone: Phone, server: SocketAddr, path: &str) -> Result<Response, Problem> {
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {}\r\nConnection: close\r\n\r\n",
        phone.user_agent()
    );
    exchange(phone, server, &request).await
}

/// The large file is that of an import that was acknowledged, or of a later one.
pub(crate) async fn check_asset(
    world: &World,
    phone: Phone,
    server: SocketAddr,
) -> Result<(), Problem> {
    let at_least = world.imports.acknowledged();
    let response = get(phone, server, ASSET).await?;
    if response.status != 200 {
        let reason = format!("{ASSET} is answered with {}", response.status);
        return Err(Problem::Refused(reason));
    }
    let text = String::from_utf8_lossy(&response.body);
    let import = numbers_after(&text, "image ").first().copied().unwrap_or(0);
    if import < at_least || import > world.imports.begun() || response.body != asset(import) {
        return Err(Problem::Wrong(format!(
            "{ASSET} is that of import {import}, where {at_least} to {} may be",
            world.imports.begun()
        )));
    }
    Ok(())
}

async fn exchange(phone: Phone, server: SocketAddr, request: &str) -> Result<Response, Problem> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(phone.address()), 0))?;
    let mut connection = Connection::new(socket.connect(server).await?);
    connection.stream().write_all(request.as_bytes()).await?;
    Ok(connection.read_response(false).await?)
}
