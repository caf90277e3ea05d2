//! What the makers' phones differ in: names of files, User-Agents, templates.

use super::template::Template;
use crate::native::Mac;

/// One maker's phones.
pub(super) struct Maker {
    /// First half of their addresses.
    pub(super) oui: [u8; 3],
    /// Models with their files: a phone on a desk, and one with many keys.
    pub(super) models: [(&'static str, Template); 2],
    /// The form of the files decides how one is broken.
    pub(super) form: Form,
    file_name: fn(Mac) -> String,
    user_agent: fn(&str, Mac) -> String,
}

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `<P35>2201</P35>`
    Elements,
    /// `key: value` or `key = value`
    Lines,
}

impl Maker {
    /// The file that a phone asks for.
    pub(super) fn file_name(&self, mac: Mac) -> String {
        (self.file_name)(mac)
    }

    /// How a phone of this model names itself.
    pub(super) fn user_agent(&self, model: &str, mac: Mac) -> String {
        (self.user_agent)(model, mac)
    }
}

/// Files that all phones read, with their names.
pub(super) const SHARED: [(&str, &str); 1] =
    [("startup.cfg", include_str!("templates/aastra-all.template"))];

/// The makers of a fleet.
pub(super) fn makers() -> [Maker; 4] {
    [
        Maker {
            oui: [0x00, 0x0b, 0x82],
            models: [
                (
                    "GXP2170",
                    include_str!("templates/grandstream-desk.template"),
                ),
                (
                    "GXP2130",
                    include_str!("templates/grandstream-meeting.template"),
                ),
            ]
            .map(cut),
            form: Form::Elements,
            file_name: |mac| format!("cfg{mac}.xml"),
            user_agent: |model, mac| {
                format!("Grandstream Model HW {model} SW 1.0.9.135 DevId {mac}")
            },
        },
        Maker {
            oui: [0x00, 0x1f, 0xc1],
            models: [
                ("UC926", include_str!("templates/htek-desk.template")),
                ("UC924", include_str!("templates/htek-meeting.template")),
            ]
            .map(cut),
            form: Form::Elements,
            file_name: |mac| format!("cfg{mac}.xml"),
            user_agent: |model, mac| format!("Htek {model} 2.0.4.4.30 {}", separated(mac, ":")),
        },
        Maker {
            oui: [0x00, 0x08, 0x5d],
            models: [
                ("6867i", include_str!("templates/aastra-desk.template")),
                ("6869i", include_str!("templates/aastra-meeting.template")),
            ]
            .map(cut),
            form: Form::Lines,
            file_name: |mac| format!("{}.cfg", mac.upper()),
            user_agent: |model, mac| {
                format!("Aastra{model} MAC:{} V:5.1.0.1024-SIP", separated(mac, "-"))
            },
        },
        Maker {
            oui: [0x0c, 0x11, 0x05],
            models: [
                ("SP-R50P", include_str!("templates/akuvox-desk.template")),
                ("SP-R53P", include_str!("templates/akuvox-meeting.template")),
            ]
            .map(cut),
            form: Form::Lines,
            file_name: |mac| format!("{mac}.cfg"),
            user_agent: |model, mac| format!("Akuvox {model} 50.0.5.6 {}", separated(mac, ":")),
        },
    ]
}

fn cut((model, text): (&'static str, &'static str)) -> (&'static str, Template) {
    (model, Template::new(text))
}

/// An address in upper case, its bytes apart.
fn separated(mac: Mac, separator: &str) -> String {
    let bytes: Vec<String> = mac
        .bytes()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    bytes.join(separator)
}
