//! A device as the ACS of a test deals with it.

use std::time::Duration;

use trestle::sim::acs::cpe::{CpeMessage, Inform, TransferComplete};
use trestle::sim::acs::message::Transfer;
use trestle::sim::acs::{ConnectionRequester, Device, Session, Shown};

use crate::bench::Bench;
use crate::gateway::Gateway;
use crate::phones::{Phone, Running};

pub(crate) const PROFILE: &str = "Device.Services.VoiceService.1.VoiceProfile.1.";
pub(crate) const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";
pub(crate) const PROVISIONING_CODE: &str = "Device.DeviceInfo.ProvisioningCode";
pub(crate) const PARAMETER_KEY: &str = "Device.ManagementServer.ParameterKey";

const CONNECTION_REQUEST_URL: &str = "Device.ManagementServer.ConnectionRequestURL";
const CONNECTION_REQUEST_USERNAME: &str = "Device.ManagementServer.ConnectionRequestUsername";
const CONNECTION_REQUEST_PASSWORD: &str = "Device.ManagementServer.ConnectionRequestPassword";

/// What the ACS shows when it wakes a device, as it has set it there.
pub(crate) const WAKE_USERNAME: &str = "acs";
pub(crate) const WAKE_PASSWORD: &str = "wake-Halyard-12";

/// A device that has announced itself.
pub(crate) struct Managed {
    pub(crate) device: Device,
    pub(crate) first_inform: Inform,
    /// Path of its ConnectionRequestURL.
    path: String,
}

impl Managed {
    /// Takes the device's first session, in which the ACS learns how to wake it.
    pub(crate) async fn greet(mut device: Device) -> Self {
        let mut session = device.session().await.unwrap();
        let first_inform = session.inform().clone();
        let url = first_inform.value(CONNECTION_REQUEST_URL).unwrap();
        let requester = ConnectionRequester::new(url).unwrap();
        session.begin().await.unwrap();
        session
            .set_values(
                &[
                    (CONNECTION_REQUEST_USERNAME, WAKE_USERNAME, "xsd:string"),
                    (CONNECTION_REQUEST_PASSWORD, WAKE_PASSWORD, "xsd:string"),
                ],
                "",
            )
            .await
            .unwrap();
        session.end().unwrap();
        Self {
            path: requester.target().to_owned(),
            device,
            first_inform,
        }
    }

    /// The device of a phone that fetches its file once, for the first time.
    pub(crate) async fn first_seen(bench: &Bench, gateway: &Gateway, phone: Phone) -> Self {
        let device = bench.acs.device(&phone.serial());
        phone.fetch(bench, gateway.phones_http()).await;
        Self::greet(device).await
    }

    /// A phone that is on, and its device.
    pub(crate) async fn switched_on(
        bench: &Bench,
        gateway: &Gateway,
        phone: Phone,
        credentials: Option<(&str, &str)>,
    ) -> (Running, Self) {
        let device = bench.acs.device(&phone.serial());
        let running = phone
            .switch_on(bench, gateway.phones_http(), credentials)
            .await;
        (running, Self::greet(device).await)
    }

    /// Sends a connection request to a gateway.
    pub(crate) async fn knock(&self, gateway: &Gateway) {
        for _ in 0..50 {
            match self.request(gateway).await {
                200 | 204 => return,
                // A session is just ending; the standard has the ACS try again.
                503 => tokio::time::sleep(Duration::from_millis(100)).await,
                other => panic!("a right connection request got {other}"),
            }
        }
        panic!("a right connection request got 503 for five seconds");
    }

    /// The status that a right connection request gets.
    pub(crate) async fn request(&self, gateway: &Gateway) -> u16 {
        let url = format!("http://{}{}", gateway.connection_requests(), self.path);
        let requester = ConnectionRequester::new(&url).unwrap();
        let shown = Shown::Digest {
            username: WAKE_USERNAME,
            password: WAKE_PASSWORD,
        };
        requester.request(shown).await.unwrap().answer.status
    }

    /// Wakes the device and waits for its next Inform, which has to be due to that.
    pub(crate) async fn wake(&mut self, gateway: &Gateway) -> Session<'_> {
        self.knock(gateway).await;
        let session = self.device.session().await.unwrap();
        let events = session.inform().event_codes();
        assert!(events.contains(&"6 CONNECTION REQUEST"), "{events:?}");
        session
    }

    /// Wakes the device and goes on to the ACS's turn.
    pub(crate) async fn turn(&mut self, gateway: &Gateway) -> Session<'_> {
        let mut session = self.wake(gateway).await;
        session.begin().await.unwrap();
        session
    }

    /// Sets one parameter in a session of its own.
    pub(crate) async fn set(&mut self, gateway: &Gateway, path: &str, value: &str) {
        let mut session = self.turn(gateway).await;
        let values = [(path, value, "xsd:string")];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
    }

    /// Takes the session that reports a transfer.
    pub(crate) async fn transfer_complete(&mut self) -> TransferComplete {
        let mut session = self.device.session().await.unwrap();
        let inform = session.inform().clone();
        assert!(inform.has_event("7 TRANSFER COMPLETE"), "{inform:?}");
        let requests = session.begin().await.unwrap();
        session.end().unwrap();
        let mut reports = requests.iter().filter_map(CpeMessage::transfer_complete);
        let report = reports.next().expect("a TransferComplete");
        assert_eq!(reports.next(), None);
        report
    }
}

/// An order to transfer a configuration file.
pub(crate) fn transfer<'a>(command_key: &'a str, file_type: &'a str, url: &'a str) -> Transfer<'a> {
    Transfer {
        command_key,
        file_type,
        url,
        username: "",
        password: "",
        file_size: 0,
    }
}

/// FileType of the phone's own file for Upload.
pub(crate) const UPLOAD_TYPE: &str = "1 Vendor Configuration File";
/// FileType of the phone's own file for Download.
pub(crate) const DOWNLOAD_TYPE: &str = "3 Vendor Configuration File";
