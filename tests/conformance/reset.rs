//! C137: FactoryReset.

use std::time::Duration;

use trestle::sim::acs::message::AttributeChange;

use crate::catalogue::{Check, checks};
use crate::private::Private;
use crate::subject::{MS, PROVISIONING_CODE, VP, check_alone, fault_code};
use crate::transfers::download;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![c137_a_factory_reset_leaves_nothing_of_the_acs];

const PROFILES: &str = "Device.Services.VoiceService.1.VoiceProfile.";

fn c137_a_factory_reset_leaves_nothing_of_the_acs() {
    check_alone(137, async || {
        let (mut private, mut subject) = Private::announced(137, 1).await;
        let mut session = subject.turn().await;
        let device_id = session.inform().device_id.clone();
        let name = format!("{VP}Line.1.SIP.AuthUserName");
        let values = [
            (PROVISIONING_CODE, "C137", "xsd:string"),
            (name.as_str(), "set by the ACS", "xsd:string"),
        ];
        session.set_values(&values, "K137").await.unwrap();
        let (row, _) = session.add_object(PROFILES, "K137").await.unwrap();
        let active = AttributeChange {
            name: &name,
            notification: Some("2"),
            access_list: Some(&[]),
        };
        session.set_attributes(&[active]).await.unwrap();
        session.schedule_inform(3, "S137").await.unwrap();
        let transfer = download("D137", "http://127.0.0.1:9/none");
        let download = session.style().download_after(&transfer, 3, "");
        session.call(&download).await.unwrap();
        session.factory_reset().await.unwrap();
        // It waits for the end of the session.
        assert_eq!(session.get_value(&name).await.unwrap(), "set by the ACS");
        session.end().unwrap();

        let mut session = subject.device.session().await.unwrap();
        let events: Vec<&str> = session
            .inform()
            .events
            .iter()
            .map(|event| event.code.as_str())
            .collect();
        assert_eq!(events, ["0 BOOTSTRAP", "1 BOOT"]);
        assert_eq!(session.inform().device_id, device_id);
        session.begin().await.unwrap();
        assert_ne!(session.get_value(&name).await.unwrap(), "set by the ACS");
        assert_eq!(session.get_value(PROVISIONING_CODE).await.unwrap(), "");
        let key = format!("{MS}ParameterKey");
        assert_eq!(session.get_value(&key).await.unwrap(), "");
        let row = format!("{PROFILES}{row}.");
        assert_eq!(fault_code(session.get_values(&[&row]).await), 9005);
        let attributes = session.get_attributes(&[&name]).await.unwrap();
        assert_eq!(attributes[0].notification, "0");
        assert_eq!(attributes[0].access_list, ["Subscriber"]);
        let queue = session.all_queued_transfers().await.unwrap();
        assert!(queue.is_empty(), "{queue:?}");
        session.end().unwrap();
        // What was due then is not due any more, and nothing is told twice.
        let quiet = Duration::from_secs(5);
        assert!(subject.device.is_silent_for(quiet).await);
        let served = subject.running.boot().await;
        assert_eq!(served.body, subject.phone.file().as_bytes());
        private.restart();
        assert!(subject.device.is_silent_for(Duration::from_secs(2)).await);
    });
}
