//! Which file is which: by name and by content.

use regex::Regex;

use super::dialect::{Dialect, xml_root};
use super::document::Document;
use super::layer::LayerKind;
use super::mac::Mac;

/// How the files of one kind are named and what they hold; a mapping pack lists them.
#[derive(Debug, Clone)]
pub struct FileRule {
    name: Regex,
    layer: LayerKind,
    dialect: Dialect,
    root: Option<String>,
}

/// What a rule says about a file that fits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileIdentity {
    /// Whose settings it holds.
    pub layer: LayerKind,
    /// Its syntax.
    pub dialect: Dialect,
    /// The phone that its name names.
    pub mac: Option<Mac>,
    /// The model that its name names, as it is spelt there.
    pub model: Option<String>,
}

/// The syntax of a file that no rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sniff {
    /// Its syntax.
    pub dialect: Dialect,
    /// The root element of an XML file.
    pub root: Option<String>,
}

impl FileRule {
    /// A rule for file names that match a pattern as a whole. The pattern's groups `mac` and
    /// `model` name phone and model; `root` is the root element that an XML file must have.
    ///
    /// # Errors
    /// If the pattern is no regular expression.
    pub fn new(
        name_pattern: &str,
        layer: LayerKind,
        dialect: Dialect,
        root: Option<String>,
    ) -> Result<Self, regex::Error> {
        // Once as it stands, so that an error speaks of what was written.
        Regex::new(name_pattern)?;
        Ok(Self {
            name: Regex::new(&format!(r"\A(?:{name_pattern})\z"))?,
            layer,
            dialect,
            root,
        })
    }

    /// What a file is if its name (without folders) and content fit this rule. A name whose group
    /// `mac` is no MAC address does not fit.
    pub fn identify(&self, file_name: &str, content: &[u8]) -> Option<FileIdentity> {
        let identity = self.identify_by_name(file_name)?;
        let fits = match (&self.root, self.dialect) {
            (Some(root), Dialect::PCodeXml) => xml_root(content) == Some(root.as_str()),
            _ => self.dialect.fits(content),
        };
        fits.then_some(identity)
    }

    /// What a file should be by its name (without folders), whatever it holds.
    pub fn identify_by_name(&self, file_name: &str) -> Option<FileIdentity> {
        let groups = self.name.captures(file_name)?;
        let mac = match groups.name("mac") {
            Some(text) => Some(text.as_str().parse().ok()?),
            None => None,
        };
        Some(FileIdentity {
            layer: self.layer,
            dialect: self.dialect,
            mac,
            model: groups.name("model").map(|text| text.as_str().to_owned()),
        })
    }
}

/// Whether a file that no rule names is of one of the dialects. XML counts if it has a `config`
/// element or P-codes; the lines of a text must be settings for the most part.
pub fn sniff(content: &[u8]) -> Option<Sniff> {
    if let Some(root) = xml_root(content) {
        let document = Document::parse(Dialect::PCodeXml, content);
        return document.holds_settings().then(|| Sniff {
            dialect: Dialect::PCodeXml,
            root: Some(root.to_owned()),
        });
    }
    if Dialect::PCodeBinary.fits(content) {
        return Some(Sniff {
            dialect: Dialect::PCodeBinary,
            root: None,
        });
    }
    [Dialect::PCodeText, Dialect::KeyValue, Dialect::Autop]
        .into_iter()
        .find(|dialect| {
            dialect.fits(content) && Document::parse(*dialect, content).is_mostly_settings()
        })
        .map(|dialect| Sniff {
            dialect,
            root: None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identify(rule: &FileRule, name: &str, content: &str) -> Option<FileIdentity> {
        rule.identify(name, content.as_bytes())
    }

    #[test]
    fn a_phones_file_is_known_by_name_and_root() {
        let rule = FileRule::new(
            r"cfg(?<mac>[0-9A-Fa-f]{12})\.xml|other",
            LayerKind::Phone,
            Dialect::PCodeXml,
            Some("gs_provision".to_owned()),
        )
        .unwrap();
        let content = "\u{feff}<?xml version=\"1.0\"?>\r\n<!-- a -->\n<gs_provision>";
        let found = identify(&rule, "cfg000B82a1b2c3.xml", content).unwrap();
        assert_eq!(found.mac.unwrap().to_string(), "000b82a1b2c3");
        assert_eq!((found.layer, found.model), (LayerKind::Phone, None));

        assert_eq!(identify(&rule, "xcfg000b82a1b2c3.xml", content), None);
        assert_eq!(identify(&rule, "cfg000b82a1b2c3.xml.bak", content), None);
        for other in ["<hl_provision>", "", "P1=1", "text <gs_provision>"] {
            assert_eq!(
                identify(&rule, "cfg000b82a1b2c3.xml", other),
                None,
                "{other}"
            );
        }
        assert!(FileRule::new("(", LayerKind::Phone, Dialect::KeyValue, None).is_err());
    }

    #[test]
    fn a_file_is_known_whatever_way_its_settings_are_spelled() {
        let rule = FileRule::new(
            "cfg.xml",
            LayerKind::Shared,
            Dialect::PCodeXml,
            Some("gs_provision".to_owned()),
        )
        .unwrap();
        for config in [
            "",
            "<P1>a</P1>",
            "<item name=\"a.b\">1</item><P1>a</P1>",
            "<item name=\"a\"><part name=\"b\">1</part></item>",
            "<Account1_SipUserId>1</Account1_SipUserId>",
        ] {
            let content =
                format!("<gs_provision><mac>00</mac><config>{config}</config></gs_provision>");
            assert!(identify(&rule, "cfg.xml", &content).is_some(), "{config}");
        }
    }

    #[test]
    fn a_model_file_names_its_model() {
        let rule = FileRule::new(
            r"^(?<model>\d+i)\.cfg$",
            LayerKind::Model,
            Dialect::KeyValue,
            None,
        )
        .unwrap();
        let found = identify(&rule, "6731i.cfg", "dhcp: 1\n").unwrap();
        assert_eq!(found.model.as_deref(), Some("6731i"));
        for content in ["", "# nothing\r\n\r\n", "!a:1", "odd\nb: 2"] {
            assert!(
                identify(&rule, "6731i.cfg", content).is_some(),
                "{content:?}"
            );
        }
        for content in [
            "a: 1\0",
            "<hl_provision>\n<P1>http://h</P1>",
            "P1=http://h\n",
            "Config.Account1.URL = http://h\n",
            "prose",
        ] {
            assert!(
                identify(&rule, "6731i.cfg", content).is_none(),
                "{content:?}"
            );
        }
    }

    #[test]
    fn p_codes_or_nothing_but_comments() {
        let rule = FileRule::new("cfg.txt", LayerKind::Shared, Dialect::PCodeText, None).unwrap();
        for content in ["", "# none", "User settings\nP1 = 1"] {
            assert!(identify(&rule, "cfg.txt", content).is_some(), "{content:?}");
        }
        for content in ["2=admin", "a: 1", "P1=1\n\u{1}"] {
            assert!(identify(&rule, "cfg.txt", content).is_none(), "{content:?}");
        }
    }

    #[test]
    fn a_nameless_file_is_told_by_its_content() {
        let dialect = |content: &str| sniff(content.as_bytes()).map(|sniff| sniff.dialect);
        assert_eq!(dialect("P1=1\n"), Some(Dialect::PCodeText));
        assert_eq!(dialect("# x\nsip proxy ip: h\n"), Some(Dialect::KeyValue));
        let export = "#!version:1.0.0.1\nConfig.A.B.C = 1\n";
        assert_eq!(dialect(export), Some(Dialect::Autop));
        let xml = sniff(b"<hl_provision><P1>1</P1></hl_provision>").unwrap();
        assert_eq!(xml.root.as_deref(), Some("hl_provision"));
        for other in [
            "",
            "# only a comment\n",
            "<AddressBook></AddressBook>",
            "one\ntwo\nc: d\n",
            "a,b: c\n",
        ] {
            assert_eq!(dialect(other), None, "{other}");
        }
    }
}
