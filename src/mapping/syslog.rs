//! How a vendor's phones are told to send their log to a server, and how that is taken back.

use super::handout::{HandoutError, Pointer};
use super::models::ModelPatterns;
use super::pack::Pack;
use crate::native::{Layers, NativeKey};

/// The port that everybody uses.
const USUAL_PORT: u16 = 514;

/// What templates of values may name.
pub(super) const PLACEHOLDERS: [&str; 4] = ["{host}", "{port}", "{server}", "{level}"];

/// How phones of some models are told: a `[[syslog]]` of a pack.
#[derive(Debug)]
pub struct SyslogRule {
    pub(super) models: ModelPatterns,
    /// Keys of the phone's own file, with what to write into them: [`PLACEHOLDERS`] stand for what
    /// is known then.
    pub(super) keys: Vec<(String, String)>,
    /// Keys that are written only where the phone's files set them to something else.
    pub(super) if_set: Vec<(String, String)>,
    /// Words for how much is sent, with what `{level}` stands for.
    pub(super) levels: Vec<(String, String)>,
    /// The word when none is given; `None`: the phone's own setting is left alone.
    pub(super) level: Option<String>,
    /// The phones take it only after a restart.
    pub(super) reboot: bool,
    /// Where it stands in the pack.
    pub(super) line: usize,
}

/// Where and how much a phone is to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyslogTarget<'a> {
    /// Name or address.
    pub host: &'a str,
    /// UDP port.
    pub port: u16,
    /// One of the rule's words; `None` leaves the phone's own setting alone.
    pub level: Option<&'a str>,
}

impl SyslogRule {
    /// Whether the phones can be told to send to a port.
    pub fn reaches(&self, port: u16) -> bool {
        port == USUAL_PORT
            || self
                .keys
                .iter()
                .any(|(_, value)| value.contains("{port}") || value.contains("{server}"))
    }

    /// Whether the phones take it only after a restart.
    pub fn needs_reboot(&self) -> bool {
        self.reboot
    }

    /// The words for how much is sent.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().map(|(word, _)| word.as_str())
    }

    /// The word when none is given.
    pub fn usual_level(&self) -> Option<&str> {
        self.level.as_deref()
    }

    fn settings(&self, target: &SyslogTarget<'_>) -> Vec<(NativeKey, String)> {
        let level = target.level.and_then(|wanted| {
            let mut levels = self.levels.iter();
            levels.find_map(|(word, value)| (word == wanted).then_some(value))
        });
        let server = match target.port {
            USUAL_PORT => target.host.to_owned(),
            port => format!("{}:{port}", target.host),
        };
        let settings = self.keys.iter().filter_map(|(key, template)| {
            let mut value = template.clone();
            if template.contains("{level}") {
                value = value.replace("{level}", level?);
            }
            let value = value
                .replace("{host}", target.host)
                .replace("{port}", &target.port.to_string())
                .replace("{server}", &server);
            Some((NativeKey::new(key), value))
        });
        settings.collect()
    }
}

impl Pack {
    /// How phones of a model are told to send their log; `None` where nobody knows that.
    pub fn syslog_rule(&self, model: &str) -> Option<&SyslogRule> {
        let mut rules = self.vendor.syslog.iter();
        rules.find(|rule| rule.models.is_empty() || rule.models.matches(model))
    }

    /// Writes into a phone's own file where it is to send its log, all settings or none. The result
    /// takes it back, by [`Pack::point_back`].
    ///
    /// # Errors
    /// [`HandoutError::Edit`] and [`HandoutError::Overruled`]; the layers are as before then.
    pub fn point_syslog(
        &self,
        layers: &mut Layers,
        rule: &SyslogRule,
        target: &SyslogTarget<'_>,
    ) -> Result<Vec<Pointer>, HandoutError> {
        let mut settings = rule.settings(target);
        for (key, value) in &rule.if_set {
            let key = NativeKey::new(key);
            let found = self.effective(layers, &key);
            if found.is_some_and(|found| found.value != *value) {
                settings.push((key, value.clone()));
            }
        }
        self.write_pointers(layers, settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Packs;
    use crate::native::{Dialect, Document, Layer, LayerKind};

    fn layers(dialect: Dialect, text: &str) -> Layers {
        let layer = Layer {
            kind: LayerKind::Phone,
            path: "own".to_owned(),
            document: Document::parse(dialect, text.as_bytes()).into(),
        };
        Layers::new(vec![layer], false)
    }

    fn text(layers: &Layers) -> String {
        let own = layers.own().unwrap();
        String::from_utf8(own.document.bytes().to_vec()).unwrap()
    }

    /// The file of a phone that sends to a port, and that its old file comes back.
    fn switched(
        packs: &Packs,
        phone: [&str; 2],
        before: &str,
        dialect: Dialect,
        port: u16,
    ) -> String {
        let [vendor, model] = phone;
        let pack = packs.for_phone(vendor, Some(model)).unwrap();
        let rule = pack.syslog_rule(model).unwrap();
        assert!(rule.reaches(port));
        let target = SyslogTarget {
            host: "192.0.2.1",
            port,
            level: rule.usual_level().or(rule.levels().last()),
        };
        let mut phone = layers(dialect, before);
        let pointers = pack.point_syslog(&mut phone, rule, &target).unwrap();
        let after = text(&phone);
        pack.point_back(&mut phone, &pointers);
        assert_eq!(text(&phone), before);
        after
    }

    #[test]
    fn each_vendors_phones_are_told_in_their_own_way_and_told_off_again() {
        let packs = Packs::embedded().unwrap();
        let p_codes = "<?xml version=\"1.0\"?>\n<gs_provision version=\"1\">\n<config version=\"1\">\n\
                       <P207>old.example.net</P207>\n<P8402>1</P8402>\n</config>\n</gs_provision>\n";
        for model in ["GXP2170", "GRP2614", "HT802", "DP750", "GXW4216"] {
            let after = switched(
                &packs,
                ["grandstream", model],
                p_codes,
                Dialect::PCodeXml,
                514,
            );
            for wanted in [
                "<P207>192.0.2.1</P207>",
                "<P208>2</P208>",
                "<P8402>0</P8402>",
            ] {
                assert!(after.contains(wanted), "{model} {wanted}: {after}");
            }
        }
        let after = switched(
            &packs,
            ["grandstream", "HT802"],
            p_codes,
            Dialect::PCodeXml,
            5514,
        );
        assert!(after.contains("<P207>192.0.2.1:5514</P207>"), "{after}");
        let after = switched(
            &packs,
            ["aastra", "6867i"],
            "sip proxy ip: a\n",
            Dialect::KeyValue,
            5514,
        );
        for wanted in [
            "log server ip: 192.0.2.1\n",
            "log server port: 5514\n",
            "log module sip: 39\n",
            "log module user interface: 39\n",
        ] {
            assert!(after.contains(wanted), "{wanted}: {after}");
        }
        let akuvox = "Config.Settings.LOGLEVEL.RemoteSyslog = 0\n";
        let after = switched(&packs, ["akuvox", "SP-R50P"], akuvox, Dialect::Autop, 514);
        for wanted in ["RemoteSyslog = 1", "RemoteServer = 192.0.2.1", "Level = 7"] {
            assert!(after.contains(wanted), "{wanted}: {after}");
        }
    }

    #[test]
    fn a_phone_of_one_port_and_a_model_that_nobody_knows_are_told_apart() {
        let packs = Packs::embedded().unwrap();
        let rule = |vendor: &str, model: &str| {
            let pack = packs.for_phone(vendor, Some(model)).unwrap();
            pack.syslog_rule(model).map(|rule| rule.reaches(5514))
        };
        assert_eq!(rule("htek", "UC926"), Some(false));
        assert_eq!(rule("grandstream", "GXP2170"), Some(true));
        assert_eq!(rule("grandstream", "GDS3710"), None);
    }
}
