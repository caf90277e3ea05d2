//! One fleet from its first import on: started, loaded, killed, started again on the same store.

use std::ffi::OsStr;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use trestle::sim::acs::Device;

use crate::fleet::{ASSET, PHONES, Phone};
use crate::ledger::Account;
use crate::load::{Part, Problem, check_asset, get};
use crate::process::{Listeners, Process, command};
use crate::random::Random;
use crate::shadow::Shadow;
use crate::world::World;

/// Answers that were on their way when the gateway died are read within this time.
const DRAIN: Duration = Duration::from_millis(15);
/// How much is done at most between a start and a blow.
const MOST_ACTS: u64 = 50;
/// How long that may take; the blow falls then.
const LOAD_LIMIT: Duration = Duration::from_secs(3);
/// How long the end of a run may take.
const END_LIMIT: Duration = Duration::from_secs(180);

/// A fleet and its ledger.
pub(crate) struct Life {
    world: Arc<World>,
    accounts: Vec<Arc<Mutex<Account>>>,
    random: Random,
    shadow: Option<Shadow>,
    /// How long the gateway took to listen, for blows that fall before.
    start_time: Duration,
}

impl Life {
    pub(crate) fn new(world: World, random: Random, shadow: Option<Shadow>) -> Self {
        Self {
            world: Arc::new(world),
            accounts: (0..PHONES).map(|_| Arc::default()).collect(),
            random,
            shadow,
            start_time: Duration::from_secs(2),
        }
    }

    /// Starts and kills so many times, then compares everything.
    pub(crate) async fn run(mut self, kills: u64) -> Result<(), String> {
        for kill in 0..kills {
            self.start_load_and_kill()
                .await
                .map_err(|reason| self.told(&format!("kill {kill}"), &reason))?;
            self.world.tally.count("kills");
        }
        match timeout(END_LIMIT, self.compare_at_the_end()).await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Err(self.told("the end", &reason)),
            Err(_) => return Err(self.told("the end", "it takes too long")),
        }
        let violations = self.world.witness.violations();
        if !violations.is_empty() {
            return Err(self.told("the end", &violations.join("\n")));
        }
        drop(self.accounts);
        if let Some(world) = Arc::into_inner(self.world) {
            world.clear_away();
        }
        Ok(())
    }

    fn told(&self, when: &str, reason: &str) -> String {
        format!(
            "at {when}: {reason}\nthe gateway's folder: {}",
            self.world.folder().display()
        )
    }

    fn devices(&self) -> Vec<Device> {
        let phones = (0..PHONES).map(Phone::new);
        phones
            .map(|phone| self.world.acs.device(&phone.serial()))
            .collect()
    }

    fn start(&mut self) -> Process {
        self.world.is_killed.store(false, Ordering::SeqCst);
        let environment = self
            .shadow
            .as_mut()
            .map_or_else(Vec::new, |shadow| shadow.begin(&mut self.random));
        let tree = self.world.tree();
        let mut arguments = Vec::new();
        if self.world.imports.acknowledged() == 0 {
            self.world.write_tree();
            arguments = vec![OsStr::new("--import"), tree.as_os_str()];
        }
        Process::start(self.world.folder(), &arguments, &environment)
    }

    fn cut_power(&mut self) {
        if let Some(shadow) = &mut self.shadow {
            shadow.cut_power();
        }
    }

    async fn start_load_and_kill(&mut self) -> Result<(), String> {
        // They are under script before the gateway has the first word.
        let devices = self.devices();
        let began = Instant::now();
        let mut process = self.start();
        let import = self.world.imports.begun();
        let dies_early = self.random.percent(12);
        let early = began
            + self
                .start_time
                .mul_f64(self.random.below(1000) as f64 / 1000.0);
        let listeners = tokio::select! {
            listeners = process.ready() => Some(listeners),
            () = sleep_until(early), if dies_early => None,
        };
        let mut problem = None;
        if let Some(listeners) = listeners {
            let is_failing = self.shadow.as_ref().is_some_and(Shadow::is_failing);
            let Some(listeners) = listeners else {
                if is_failing {
                    self.world.tally.count("starts refused");
                    drop(process);
                    self.cut_power();
                    return Ok(());
                }
                return Err("the gateway ended by itself when it was started".to_owned());
            };
            self.start_time = began.elapsed();
            if self.world.imports.acknowledged() == 0 {
                self.world.acknowledge_import(import);
            }
            problem = self.load(&mut process, listeners, devices).await;
        } else {
            self.world.tally.count("kills during the start");
        }
        self.world.is_killed.store(true, Ordering::SeqCst);
        let is_failing = self.shadow.as_ref().is_some_and(Shadow::is_failing);
        if !process.kill() && problem.is_none() && !is_failing {
            problem = Some("the gateway ended by itself".to_owned());
        }
        // A command that finds no gateway works on the store itself.
        self.world.imports.rest().await;
        self.cut_power();
        match problem {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }

    /// Puts the load on until the blow is due; then kills. What went wrong before.
    async fn load(
        &mut self,
        process: &mut Process,
        listeners: Listeners,
        devices: Vec<Device>,
    ) -> Option<String> {
        let mut tasks = JoinSet::new();
        let shadow = self.shadow.as_ref();
        let outlives_a_failed_sync = shadow.is_some_and(Shadow::fails_syncs);
        let phones = (0..PHONES).map(Phone::new).zip(devices);
        for ((phone, mut device), account) in phones.zip(&self.accounts) {
            let (world, account) = (Arc::clone(&self.world), Arc::clone(account));
            let random = self.random.branch(u64::from(phone.number()));
            tasks.spawn(async move {
                let mut account = account.lock().await;
                let mut part = Part {
                    world: &world,
                    phone,
                    listeners,
                    account: &mut account,
                    random,
                    outlives_a_failed_sync,
                };
                let outcome = Box::pin(part.play(&mut device)).await;
                (outcome, Some(device))
            });
        }
        let (world, random) = (Arc::clone(&self.world), self.random.branch(1_000));
        tasks.spawn(async move { (operate(&world, listeners, random).await, None) });
        self.random.next();

        // After so much work, not after so much time: machines differ.
        let acts = self.world.acts.load(Ordering::SeqCst) + self.random.below(MOST_ACTS);
        let (latest, span) = (Instant::now() + LOAD_LIMIT, self.random.milliseconds(0, 60));
        let blow = async {
            while self.world.acts.load(Ordering::SeqCst) < acts && Instant::now() < latest {
                sleep(Duration::from_millis(2)).await;
            }
            sleep(span).await;
        };
        tokio::pin!(blow);
        let is_failing = self.shadow.as_ref().is_some_and(Shadow::is_failing);
        let mut problems = Vec::new();
        // Under script to the end, or the ACS would answer for them what no ledger has.
        let mut devices = Vec::new();
        loop {
            let ended = tokio::select! {
                () = &mut blow => break,
                Some(ended) = tasks.join_next() => ended,
            };
            let was_there = process.is_there();
            match ended {
                Ok((Err(Problem::Gone(_) | Problem::Refused(_)), device)) if is_failing => {
                    devices.push(device);
                }
                ended => {
                    let ended = ended.map(|(outcome, _)| outcome);
                    problems.push(format!("{ended:?}, the gateway was there: {was_there}"));
                    break;
                }
            }
        }
        self.world.is_killed.store(true, Ordering::SeqCst);
        process.strike();
        sleep(DRAIN).await;
        tasks.abort_all();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok((Err(Problem::Wrong(reason)), _)) => problems.push(reason),
                Ok((Err(Problem::Refused(reason)), _)) if !is_failing => problems.push(reason),
                Ok(_) => {}
                Err(error) if error.is_cancelled() => {}
                Err(error) => problems.push(error.to_string()),
            }
        }
        (!problems.is_empty()).then(|| problems.join("\n"))
    }

    /// Starts once more, lets everything that is owed come, compares, and compares what the
    /// gateway serves with what the commands read from the store it leaves.
    async fn compare_at_the_end(&mut self) -> Result<(), String> {
        let devices = self.devices();
        let mut process = self.start();
        if self.shadow.as_ref().is_some_and(Shadow::is_failing) {
            drop(process);
            self.cut_power();
            process = self.start();
        }
        let import = self.world.imports.begun();
        let listeners = process.ready().await.ok_or("the gateway ended by itself")?;
        if self.world.imports.acknowledged() == 0 {
            self.world.acknowledge_import(import);
        }
        let mut served = Vec::new();
        let phones = (0..PHONES).map(Phone::new).zip(devices);
        for ((phone, mut device), account) in phones.zip(&self.accounts) {
            let mut account = account.lock().await;
            let mut part = Part {
                world: &self.world,
                phone,
                listeners,
                account: &mut account,
                random: self.random.branch(0),
                outlives_a_failed_sync: false,
            };
            let done = Box::pin(part.compare_at_the_end(&mut device)).await;
            done.map_err(|problem| problem.to_string())?;
            self.compare_uploads(phone, &account).await?;
            let file = get(phone, listeners.phones, &phone.file_name()).await;
            let file = file.map_err(|problem| problem.to_string())?;
            served.push((phone.file_name(), file.body));
        }
        for phone in self.world.imports.newcomers() {
            while !self.has_introduced_itself(phone).await? {
                // It boots until then.
                let booted = get(phone, listeners.phones, &phone.file_name()).await;
                let booted = booted.map_err(|problem| problem.to_string())?;
                if booted.status != 200 {
                    return Err(format!(
                        "{} is answered with {}",
                        phone.mac(),
                        booted.status
                    ));
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
        let asset = get(Phone::new(0), listeners.phones, ASSET).await;
        served.push((
            ASSET.to_owned(),
            asset.map_err(|problem| problem.to_string())?.body,
        ));
        self.world.is_killed.store(true, Ordering::SeqCst);
        process.kill();
        self.cut_power();

        let out = self.world.folder().join("out");
        let exported = command(
            self.world.folder(),
            &["export".as_ref(), out.as_os_str()],
            (),
        )
        .await;
        if !exported.status.success() {
            return Err(format!("export: {exported:?}"));
        }
        for (name, content) in served {
            if fs::read(out.join(&name)).ok().as_ref() != Some(&content) {
                return Err(format!("{name} was served otherwise than it is stored"));
            }
        }
        Ok(())
    }

    /// Whether the device of a new phone has had its `0 BOOTSTRAP` taken: the ACS has seen the
    /// session go on, or the gateway has it on disk that the Inform was answered, and was killed
    /// before it went on.
    async fn has_introduced_itself(&self, phone: Phone) -> Result<bool, String> {
        let witness = &self.world.witness;
        if witness.has_bootstrapped(&phone.serial()) {
            return Ok(true);
        }
        if !witness.has_begun(&phone.serial()) {
            return Ok(false);
        }
        let mac = phone.mac();
        let arguments = ["device", "show", &mac, "--format", "json"].map(OsStr::new);
        let shown = command(self.world.folder(), &arguments, ()).await;
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout)
            .map_err(|error| format!("device show {mac}: {error}, {shown:?}"))?;
        Ok(shown["device"]["known_to_acs"] == true)
    }

    /// What a phone was told that it is kept has to be listed.
    async fn compare_uploads(&self, phone: Phone, account: &Account) -> Result<(), String> {
        let mac = phone.mac();
        let arguments = ["device", "uploads", &mac, "--format", "json"].map(OsStr::new);
        let listed = command(self.world.folder(), &arguments, ()).await;
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        let missing: Vec<_> = account
            .uploads
            .iter()
            .filter(|name| !text.contains(name.as_str()))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?} of {mac} are not in {text}"))
        }
    }
}

/// What the operator does: imports of changed trees, now and then with a new phone, which boots.
async fn operate(world: &World, listeners: Listeners, mut random: Random) -> Result<(), Problem> {
    check_asset(world, Phone::new(0), listeners.phones).await?;
    // One that was killed before its device had introduced itself boots again.
    for phone in world.imports.newcomers() {
        if !world.witness.has_bootstrapped(&phone.serial()) {
            get(phone, listeners.phones, &phone.file_name()).await?;
        }
    }
    loop {
        sleep(random.milliseconds(0, 300)).await;
        let is_growing = random.percent(15);
        world.import(is_growing).await.map_err(Problem::Refused)?;
        check_asset(world, Phone::new(0), listeners.phones).await?;
        if is_growing && let Some(phone) = world.imports.newcomers().last() {
            get(phone, listeners.phones, &phone.file_name()).await?;
        }
    }
}
