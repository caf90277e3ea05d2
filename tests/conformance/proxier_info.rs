//! C196, and C199 for an ACS that watches the address: the gateway stands for its phones.

use crate::attributes::notify;
use crate::catalogue::{Check, checks};
use crate::fleet::Phone;
use crate::gateway::world;
use crate::phone::boot_at;
use crate::subject::{DI, Subject, check, check_alone};
use crate::support::finish;
use crate::variant::{Template, Variant};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c196_phones_of_all_makers_name_the_gateway,
    c199_a_new_address_is_a_change_of_values_and_nothing_else,
];

/// What the device names as its proxier.
async fn proxier(subject: &mut Subject) -> Vec<(String, String)> {
    let object = format!("{DI}ProxierInfo.");
    let mut session = subject.turn().await;
    let values = session.get_values(&[&object]).await.unwrap().into_iter();
    let values = values.map(|value| {
        let name = value.name.strip_prefix(&object).unwrap().to_owned();
        (name, value.value)
    });
    let values = values.collect();
    session.end().unwrap();
    values
}

fn c196_phones_of_all_makers_name_the_gateway() {
    check(196, async |mut subject| {
        let own = proxier(&mut subject).await;
        let value = |wanted: &str| {
            let mut own = own.iter();
            let found = own.find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).unwrap()
        };
        let oui = value("ManufacturerOUI");
        let is_oui = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        assert!(oui.len() == 6 && oui.bytes().all(is_oui), "{oui}");
        assert!(!subject.phone.serial().starts_with(oui), "{oui}");
        assert!(!value("ProductClass").is_empty() && !value("SerialNumber").is_empty());
        assert_ne!(value("SerialNumber"), subject.phone.serial());
        let protocol = value("ProxyProtocol");
        let is_known = ["Z-Wave", "ZigBee", "UPnP-DM", "ETSI-M2M"].contains(&protocol);
        let is_ours = protocol.starts_with("X_") && protocol.len() <= 31;
        assert!(is_known || is_ours, "{protocol}");
        assert_eq!(own.len(), 4, "{own:?}");

        let mut other = Subject::announced(196, 1).await;
        assert_eq!(proxier(&mut other).await, own);
    });
}

fn c199_a_new_address_is_a_change_of_values_and_nothing_else() {
    world();
    // The other phone of this check is never plugged in: its address is free.
    let elsewhere = Phone::of_check(199, 0).address();
    let address = match Variant::current().template {
        Template::Device1 => "Device.LAN.IPAddress",
        Template::Device2 => "Device.IP.Interface.1.IPv4Address.1.IPAddress",
    };
    check_alone(199, async || {
        let mut subject = Subject::announced(199, 1).await;
        let at_first = subject.phone.address().to_string();
        let mut session = subject.turn().await;
        assert_eq!(session.get_value(address).await.unwrap(), at_first);
        let watch = [notify(address, "2")];
        session.set_attributes(&watch).await.unwrap();
        session.end().unwrap();
        boot_at(elsewhere, subject.phone, subject.world.phones_http).await;
        let session = subject.informed_of(&["4 VALUE CHANGE"]).await;
        let inform = session.inform();
        let told = inform.value(address).map(str::to_owned);
        assert_eq!(told, Some(elsewhere.to_string()));
        finish(session).await;
    });
}
