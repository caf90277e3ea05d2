//! One check: a phone, its device under a script, and the invariants at the end.

use std::time::Duration;

use trestle::sim::acs::cpe::Inform;
use trestle::sim::acs::{ConnectionRequester, Device, ScriptError, Session, Shown};

use crate::fleet::Phone;
use crate::gateway::{World, runtime, world};
use crate::phone::RunningPhone;

pub(crate) const DI: &str = "Device.DeviceInfo.";
pub(crate) const MS: &str = "Device.ManagementServer.";
pub(crate) const VP: &str = "Device.Services.VoiceService.1.VoiceProfile.1.";
pub(crate) const PROVISIONING_CODE: &str = "Device.DeviceInfo.ProvisioningCode";
pub(crate) const INTERVAL: &str = "Device.ManagementServer.PeriodicInformInterval";

/// Credentials for connection requests, set in the first session.
pub(crate) const CR_USERNAME: &str = "waker";

/// How long a check may take as a whole.
const LIMIT: Duration = Duration::from_secs(100);
/// The same for one that is registered as slow.
const SLOW_LIMIT: Duration = Duration::from_secs(900);

/// What a check works on.
pub(crate) struct Subject {
    pub(crate) world: &'static World,
    pub(crate) phone: Phone,
    pub(crate) running: RunningPhone,
    pub(crate) device: Device,
    waker: Option<Waker>,
}

/// Sends connection requests to one device.
#[derive(Debug, Clone)]
pub(crate) struct Waker {
    pub(crate) requester: ConnectionRequester,
    pub(crate) password: String,
}

impl Subject {
    /// The phone of a check, plugged in but not booted: the ACS does not know the device yet.
    pub(crate) async fn plugged_in(check: u16, which: u16) -> Self {
        Self::of(world(), Phone::of_check(check, which)).await
    }

    /// A phone of some gateway, plugged in but not booted.
    pub(crate) async fn of(world: &'static World, phone: Phone) -> Self {
        Self {
            world,
            phone,
            running: RunningPhone::plug_in(phone, world.phones_http).await,
            device: world.acs.device(&phone.serial()),
            waker: None,
        }
    }

    /// The same after its first session, in which the credentials for connection requests were
    /// set.
    pub(crate) async fn announced(check: u16, which: u16) -> Self {
        let mut subject = Self::plugged_in(check, which).await;
        subject.announce().await;
        subject
    }

    /// Boots the phone and leads the device through its first session, in which credentials for
    /// connection requests are set.
    pub(crate) async fn announce(&mut self) {
        self.announce_with(|_| ()).await;
    }

    /// The same with a look at the first Inform.
    pub(crate) async fn announce_with(&mut self, look: impl FnOnce(&Inform)) {
        self.running.boot().await;
        let mut session = self.device.session().await.unwrap();
        look(session.inform());
        session.begin().await.unwrap();
        let waker = Waker::set_up(&mut session).await;
        session.end().unwrap();
        self.waker = Some(waker);
    }

    /// What wakes this device.
    pub(crate) fn waker(&self) -> &Waker {
        self.waker.as_ref().expect("the device is announced")
    }

    /// Wakes the device and waits for the Inform.
    pub(crate) async fn wake(&mut self) -> Session<'_> {
        self.waker().knock().await;
        let session = self.device.session().await.unwrap();
        assert!(
            session.inform().has_event("6 CONNECTION REQUEST"),
            "{:?}",
            session.inform().events
        );
        session
    }

    /// Waits for the next Inform, which has to have these events and no others.
    pub(crate) async fn informed_of(&mut self, events: &[&str]) -> Session<'_> {
        let session = self.device.session().await.unwrap();
        assert_eq!(session.inform().event_codes(), events);
        session
    }

    /// Wakes the device and goes on to the empty POST.
    pub(crate) async fn turn(&mut self) -> Session<'_> {
        let mut session = self.wake().await;
        session.begin().await.unwrap();
        session
    }
}

impl Waker {
    /// Sets credentials for connection requests in a session that waits for the ACS.
    pub(crate) async fn set_up(session: &mut Session<'_>) -> Self {
        let inform = session.inform();
        let url = inform
            .value("Device.ManagementServer.ConnectionRequestURL")
            .expect("the forced list has ConnectionRequestURL");
        let requester = ConnectionRequester::new(url).unwrap();
        let password = format!("wakes-{}", inform.device_id.serial_number);
        let (username_path, password_path) = (
            format!("{MS}ConnectionRequestUsername"),
            format!("{MS}ConnectionRequestPassword"),
        );
        let values = [
            (username_path.as_str(), CR_USERNAME, "xsd:string"),
            (password_path.as_str(), password.as_str(), "xsd:string"),
        ];
        session.set_values(&values, "").await.unwrap();
        Self {
            requester,
            password,
        }
    }

    /// The right credentials.
    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown::Digest {
            username: CR_USERNAME,
            password: &self.password,
        }
    }

    /// Sends one right connection request; one that is refused because a session is just ending
    /// is sent again.
    pub(crate) async fn knock(&self) {
        for _ in 0..50 {
            let answer = self.requester.request(self.shown()).await.unwrap().answer;
            match answer.status {
                200 | 204 => return,
                503 => tokio::time::sleep(Duration::from_millis(100)).await,
                other => panic!("a right connection request got {other}"),
            }
        }
        panic!("a right connection request got 503 for five seconds");
    }
}

/// Runs a check on an announced device of the shared gateway.
pub(crate) fn check(number: u16, body: impl AsyncFnOnce(Subject)) {
    world();
    check_alone(number, async || {
        body(Subject::announced(number, 0).await).await;
    });
}

/// Runs a check on a phone of the shared gateway that has not booted yet.
pub(crate) fn check_new(number: u16, body: impl AsyncFnOnce(Subject)) {
    world();
    check_alone(number, async || {
        body(Subject::plugged_in(number, 0).await).await;
    });
}

/// Runs a check that brings what it works on: a private gateway.
pub(crate) fn check_alone(number: u16, body: impl AsyncFnOnce()) {
    within(LIMIT, number, body);
}

/// The same for a check that takes minutes; it is registered as `slow`.
pub(crate) fn check_slowly(number: u16, body: impl AsyncFnOnce()) {
    within(SLOW_LIMIT, number, body);
}

fn within(limit: Duration, number: u16, body: impl AsyncFnOnce()) {
    let outcome = runtime().block_on(async { tokio::time::timeout(limit, body()).await });
    assert!(outcome.is_ok(), "C{number:03} took longer than {limit:?}");
}

/// The code of the fault that a call ended in; panics when it did not.
pub(crate) fn fault_code<T: std::fmt::Debug>(result: Result<T, ScriptError>) -> u32 {
    match result {
        Err(ScriptError::Fault(fault)) => fault.code,
        other => panic!("a fault was due, not {other:?}"),
    }
}
