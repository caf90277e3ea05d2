//! Lenses for Device:1 seen as Device:2.

use std::sync::Arc;

use super::laws_on_files::check;
use super::view::is_vendor_name;
use super::{
    Change, Pack, PackError, Packs, Parameter, Refusal, RefusalReason, Rows, Template, ValueState,
};
use crate::datamodel::{ParameterPath, Schema};
use crate::native::{Dialect, Document, Layer, LayerKind, Layers};

const DHCP: &str = "Device.DHCPv4.Client.1.Enable";
const SERVER_1: &str = "Device.DNS.Client.Server.1.DNSServer";
const SERVER_2: &str = "Device.DNS.Client.Server.2.DNSServer";

/// A phone seen as Device:2.
struct Phone {
    pack: Arc<Pack>,
    layers: Layers,
    rows: Rows,
}

impl Phone {
    fn new(vendor: &str, dialect: Dialect, text: &str) -> Self {
        let packs = Packs::embedded().unwrap();
        let packs = packs.with_template(Template::Device2);
        let pack = packs.for_phone(vendor, None).unwrap();
        let layer = Layer {
            path: "own".to_owned(),
            kind: LayerKind::Phone,
            document: Document::parse(dialect, text.as_bytes().to_vec()).into(),
        };
        let layers = Layers::new(vec![layer], true);
        let rows = pack.rows(&layers, &Rows::default());
        Self { pack, layers, rows }
    }

    fn htek(text: &str) -> Self {
        Self::new("htek", Dialect::PCodeText, text)
    }

    fn aastra(text: &str) -> Self {
        Self::new("aastra", Dialect::KeyValue, text)
    }

    fn parameter(&self, path: &str) -> Option<Parameter> {
        let path = path.parse().unwrap();
        let one = self.pack.parameter(&self.layers, &self.rows, &path);
        let all = self.pack.read(&self.layers, &self.rows);
        let listed = all.into_iter().find(|parameter| parameter.path == path);
        assert!(listed.is_none() || listed == one, "{path}");
        one
    }

    fn value(&self, path: &str) -> String {
        self.parameter(path).unwrap().value
    }

    fn set(&mut self, changes: &[(&str, &str)]) -> Result<(), Vec<Refusal>> {
        let changes: Vec<Change> = changes
            .iter()
            .map(|(path, value)| Change {
                path: path.parse().unwrap(),
                value: (*value).to_owned(),
            })
            .collect();
        let outcome = self.pack.write(&mut self.layers, &self.rows, &changes);
        outcome.map(|_| ())
    }

    fn own(&self) -> String {
        let own = self.layers.own().unwrap();
        String::from_utf8(own.document.bytes().to_vec()).unwrap()
    }
}

#[test]
fn network_settings_have_the_names_of_device_2() {
    let phone = Phone::aastra("dhcp: 0\nip: 192.0.2.7\ndefault gateway: 192.0.2.1\n");
    let interface = "Device.IP.Interface.1.";
    let value = |name: &str| phone.value(&format!("{interface}{name}"));
    assert_eq!(value("IPv4Address.1.IPAddress"), "192.0.2.7");
    assert_eq!(value("IPv4Address.1.AddressingType"), "Static");
    assert_eq!(value("X_TRESTLE_DefaultGateway"), "192.0.2.1");
    assert_eq!(value("LowerLayers"), "Device.Ethernet.Link.1");
    let lldp = phone.parameter("Device.IP.Interface.1.X_TRESTLE_LLDPEnable");
    assert!(lldp.is_some_and(|lldp| lldp.writable));
    assert_eq!(phone.value(DHCP), "0");
    for gone in ["Device.LAN.IPAddress", "Device.IP.Interface.1.DNSServers"] {
        assert_eq!(phone.parameter(gone), None);
    }
    let all = phone.pack.read(&phone.layers, &phone.rows);
    assert!(all.is_sorted_by(|one, two| one.path < two.path));
}

#[test]
fn one_setting_is_told_in_several_words_and_written_by_one() {
    let mut phone = Phone::htek("P8 = 0\nP35 = 1\n");
    assert_eq!(phone.value(DHCP), "1");
    assert_eq!(phone.value("Device.DHCPv4.Client.1.Status"), "Enabled");
    phone.set(&[(DHCP, "false")]).unwrap();
    assert_eq!(phone.own(), "P8 = 1\nP35 = 1\n");
    let addressing = "Device.IP.Interface.1.IPv4Address.1.AddressingType";
    assert_eq!(phone.value(addressing), "Static");
    let refusals = phone.set(&[(addressing, "DHCP"), (DHCP, "maybe")]);
    let reasons: Vec<RefusalReason> = refusals
        .unwrap_err()
        .into_iter()
        .map(|refusal| refusal.reason)
        .collect();
    assert_eq!(reasons, [RefusalReason::ReadOnly, RefusalReason::WrongType]);
    assert_eq!(phone.own(), "P8 = 1\nP35 = 1\n");
}

#[test]
fn items_of_a_list_are_changed_one_by_one_or_together() {
    let mut phone = Phone::aastra("dns1: 192.0.2.53\nip: 192.0.2.7\n");
    assert_eq!(phone.value(SERVER_2), "");
    assert_eq!(phone.value("Device.DNS.Client.Server.1.Enable"), "1");
    assert_eq!(phone.value("Device.DNS.Client.Server.2.Enable"), "0");
    phone.set(&[(SERVER_2, "192.0.2.54")]).unwrap();
    assert_eq!(phone.value(SERVER_2), "192.0.2.54");
    assert!(phone.own().contains("dns2: 192.0.2.54"));
    let both = [(SERVER_2, "192.0.2.2"), (SERVER_1, "192.0.2.1")];
    phone.set(&both).unwrap();
    assert!(phone.own().starts_with("dns1: 192.0.2.1\n"));
    let before = phone.own();
    let refusals = phone.set(&[(SERVER_1, ""), (SERVER_2, "192.0.2.2")]);
    assert_eq!(refusals.unwrap_err().len(), 2);
    assert!(phone.set(&[(SERVER_1, "192.0.2.1,192.0.2.9")]).is_err());
    assert_eq!(phone.own(), before);
    phone.set(&[(SERVER_1, ""), (SERVER_2, "")]).unwrap();
    assert_eq!(phone.value(SERVER_1), "");
}

#[test]
fn what_the_lenses_refuse_is_told_under_the_name_that_was_asked_for() {
    let mut phone = Phone::htek("P8 = 0\n");
    let address = "Device.IP.Interface.1.IPv4Address.1.IPAddress";
    let text = phone.set(&[(address, "nowhere"), (DHCP, "0")]).unwrap_err();
    assert_eq!(text.len(), 1);
    assert_eq!(text[0].path.as_str(), address);
    let gateway = "Device.IP.Interface.1.X_TRESTLE_DefaultGateway";
    let text = phone.set(&[(gateway, "192.0.2.300")]).unwrap_err();
    assert_eq!(text[0].path.as_str(), gateway);
    let constant = "Device.IP.Interface.1.Enable";
    let text = phone.set(&[(constant, "0")]).unwrap_err();
    assert_eq!(text[0].reason, RefusalReason::ReadOnly);
    assert_eq!(phone.own(), "P8 = 0\n");
}

#[test]
fn what_device_2_has_no_room_for_is_unreadable() {
    let phone = Phone::aastra("ip: 2001:db8::7\n");
    let address = phone.parameter("Device.IP.Interface.1.IPv4Address.1.IPAddress");
    let address = address.unwrap();
    assert_eq!(address.value, "");
    assert!(matches!(address.state, ValueState::Unreadable { .. }));
}

#[test]
fn every_pack_is_shown_by_names_of_device_2_or_of_ours_and_back() {
    let packs = Packs::embedded().unwrap();
    let packs = packs.with_template(Template::Device2);
    for set in packs.lens_sets() {
        if set.template() != Template::Device1 {
            continue;
        }
        let model = None;
        let pack = packs.for_phone(set.vendor(), model).unwrap();
        let view = pack.view.clone().unwrap();
        for path in set.set.by_path.keys() {
            let indexes = set.set.indexes.iter();
            let name = indexes.fold(path.clone(), |name, index| {
                name.replace(&format!("{{{}}}", index.name), "1")
            });
            let own: ParameterPath = name.parse().unwrap();
            for shown in view.paths_of(&own) {
                let text = shown.as_str();
                let is_known = view.schema.entry(text).is_some() || is_vendor_name(text);
                assert!(is_known, "{text}");
                assert!(!text.starts_with("Device.X_TRESTLE_Device1."), "{text}");
                assert_eq!(view.lens_path(&shown).as_deref(), Some(&own), "{text}");
                if own == shown && !is_vendor_name(text) {
                    // Shown as it is: both models have to agree about it.
                    let entry = |schema: &'static Schema| schema.entry(text).unwrap();
                    let rule = |schema| &entry(schema).parameter().unwrap().rule;
                    let (one, two) = (rule(Schema::device1()), rule(Schema::device2()));
                    assert_eq!(one.wire_type(), two.wire_type(), "{text}");
                    assert_eq!(one.max_length, two.max_length, "{text}");
                }
            }
        }
    }
}

#[test]
fn the_laws_hold_through_the_view() {
    let codes = "P8=1\nP9=192\nP10=0\nP11=2\nP12=7\nP21=192\nP22=0\nP23=2\nP24=53\n\
        P35=1\nP47=sip.example.net\nP30=ntp.example.net\n";
    let keys = "dhcp: 0\nip: 192.0.2.7\ndns1: 192.0.2.53\ndns2: 192.0.2.54\n\
        sip line1 auth name: a\n";
    for phone in [
        Phone::htek(codes),
        Phone::htek(""),
        Phone::new("grandstream", Dialect::PCodeText, codes),
        Phone::aastra(keys),
        Phone::aastra("dns2: 192.0.2.54\n"),
    ] {
        check(&phone.pack, &phone.layers, "device2", 200);
    }
}

fn error_of(from: &str, to: &str) -> PackError {
    let text = include_str!("../../mappings/device2.toml");
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    Packs::with_overrides([("device2.toml".to_owned(), text)]).unwrap_err()
}

#[test]
fn mistakes_in_a_view_are_named_with_their_place() {
    for (from, to, wanted) in [
        (
            "template = \"device2\"\nv",
            "template = \"device1\"\nv",
            "data model for a view",
        ),
        ("Static = false", "Static = true", "is there twice"),
        (", Static = false", "", "nothing for `Static`"),
        ("Client.1.Enable\"", "Client.1.Enabled\"", "no parameter"),
        ("= \"Normal\"", "= \"Normale\"", "is no value of"),
        ("name = \"Type\"", "nome = \"Type\"", "needs `name`"),
        (
            "\"Device.LAN.\" = \"Device.IP.Interface.1.\"",
            "\"Device.LAN.\" = \"Device.IP\"",
            "both names end in a dot",
        ),
        (
            "otherwise = \"Device.X_TRESTLE_Device1.\"",
            "otherwise = \"Device.Old.\"",
            "name of ours",
        ),
        (
            "of = \"Device.LAN.DNSServers\"",
            "of = \"Device.LAN.DNS\"",
            "no parameter",
        ),
    ] {
        let error = error_of(from, to);
        let shown = error.to_string();
        assert!(shown.contains(wanted), "{to}: {shown}");
        assert!(shown.starts_with("device2.toml:"), "{shown}");
    }
}
