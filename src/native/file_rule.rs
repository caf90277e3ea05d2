//! Which file is which: by name and by content.

use regex::{Captures, Regex};

use super::dialect::{Dialect, xml_root};
use super::document::Document;
use super::layer::LayerKind;
use super::mac::Mac;

/// Groups of the pattern of wrapped names.
const BEFORE: &str = "trestle_before";
const AFTER: &str = "trestle_after";

/// How the files of one kind are named and what they hold; a mapping pack lists them.
#[derive(Debug, Clone)]
pub struct FileRule {
    name: Regex,
    /// The same with more before and after it; of phones' own files only.
    wrapped_name: Option<Regex>,
    versions: Option<Regex>,
    alternative: Option<String>,
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

/// What a rule says about a file whose name has more before and after what the rule knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedName {
    /// What the file would be under the bare name.
    pub identity: FileIdentity,
    /// What stands before the bare name.
    pub prefix: String,
    /// What stands after it.
    pub postfix: String,
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
    /// `model` name phone and model, its group `version` the first parts of the software version
    /// of the phones that read the file; `root` is the root element that an XML file must have.
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
        let wrapped_name = (layer == LayerKind::Phone).then(|| wrapped(name_pattern));
        Ok(Self {
            name: Regex::new(&format!(r"\A(?:{name_pattern})\z"))?,
            wrapped_name: wrapped_name.transpose()?,
            versions: None,
            alternative: None,
            layer,
            dialect,
            root,
        })
    }

    /// What a file is if its name (without folders) and content fit this rule. A name whose group
    /// `mac` is no MAC address, or that of all stations, does not fit.
    pub fn identify(&self, file_name: &str, content: &[u8]) -> Option<FileIdentity> {
        let identity = self.identify_by_name(file_name)?;
        self.fits(content).then_some(identity)
    }

    /// What a phone's own file is if its content fits this rule, and its name does but for what
    /// stands before and after it.
    pub fn identify_wrapped(&self, file_name: &str, content: &[u8]) -> Option<WrappedName> {
        let wrapped = self.identify_wrapped_by_name(file_name)?;
        self.fits(content).then_some(wrapped)
    }

    /// The same, whatever the file holds.
    pub fn identify_wrapped_by_name(&self, file_name: &str) -> Option<WrappedName> {
        let groups = self.wrapped_name.as_ref()?.captures(file_name)?;
        let text = |group| groups.name(group).map(|text| text.as_str().to_owned());
        Some(WrappedName {
            identity: self.identity(&groups)?,
            prefix: text(BEFORE)?,
            postfix: text(AFTER)?,
        })
    }

    /// The same rule for phones whose software version matches a pattern.
    ///
    /// # Errors
    /// If the pattern is no regular expression.
    pub fn for_versions(mut self, pattern: &str) -> Result<Self, regex::Error> {
        self.versions = Some(Regex::new(pattern)?);
        Ok(self)
    }

    /// The same rule as one of several of which a phone follows only one.
    #[must_use]
    pub fn as_alternative(mut self, name: impl Into<String>) -> Self {
        self.alternative = Some(name.into());
        self
    }

    /// The name that rules share of which a phone follows only one.
    pub fn alternative(&self) -> Option<&str> {
        self.alternative.as_deref()
    }

    /// Whether a phone with this software reads a file of this name. While its version is not
    /// known, it reads all but those whose names name one.
    pub fn is_for(&self, file_name: &str, version: Option<&str>) -> bool {
        let groups = self.name.captures(file_name);
        let named = groups.as_ref().and_then(|groups| groups.name("version"));
        match (version, named) {
            (None, named) => named.is_none(),
            (Some(version), named) => {
                let begins_so = |named: &str| {
                    let rest = version.strip_prefix(named);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                named.is_none_or(|named| begins_so(named.as_str()))
                    && self
                        .versions
                        .as_ref()
                        .is_none_or(|versions| versions.is_match(version))
            }
        }
    }

    fn fits(&self, content: &[u8]) -> bool {
        match (&self.root, self.dialect) {
            (Some(root), Dialect::PCodeXml) => xml_root(content) == Some(root.as_str()),
            _ => self.dialect.fits(content),
        }
    }

    /// What a file should be by its name (without folders), whatever it holds.
    pub fn identify_by_name(&self, file_name: &str) -> Option<FileIdentity> {
        self.identity(&self.name.captures(file_name)?)
    }

    fn identity(&self, groups: &Captures<'_>) -> Option<FileIdentity> {
        let mac = match groups.name("mac") {
            Some(text) => Some(text.as_str().parse().ok()?),
            None => None,
        };
        if mac == Some(Mac::BROADCAST) {
            return None;
        }
        Some(FileIdentity {
            layer: self.layer,
            dialect: self.dialect,
            mac,
            model: groups.name("model").map(|text| text.as_str().to_owned()),
        })
    }
}

/// A name pattern with anything before and after it. Where its anchors stand elsewhere than at its
/// ends, such names do not match.
fn wrapped(name_pattern: &str) -> Result<Regex, regex::Error> {
    let bare = name_pattern.strip_prefix('^').unwrap_or(name_pattern);
    let bare = bare
        .strip_suffix('$')
        .filter(|bare| !bare.ends_with('\\'))
        .unwrap_or(bare);
    Regex::new(&format!(r"\A(?<{BEFORE}>.*?)(?:{bare})(?<{AFTER}>.*)\z"))
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
        assert_eq!(rule.identify_by_name("cfgFFFFFFFFFFFF.xml"), None);
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
    fn more_can_stand_round_the_name_of_a_phones_own_file() {
        let rule = |layer| {
            let name = r"^cfg(?<mac>[0-9A-Fa-f]{12})\.txt$";
            FileRule::new(name, layer, Dialect::PCodeText, None).unwrap()
        };
        let own = rule(LayerKind::Phone);
        let found = |name: &str| {
            let found = own.identify_wrapped(name, b"P1 = 2\n")?;
            Some((found.identity.mac?.to_string(), found.prefix, found.postfix))
        };
        let wrapped = |prefix: &str, postfix: &str| {
            let mac = "000b82a1b2c3".to_owned();
            Some((mac, prefix.to_owned(), postfix.to_owned()))
        };
        assert_eq!(found("a-cfg000b82A1B2C3.txt.v2"), wrapped("a-", ".v2"));
        assert_eq!(found("cfgcfg000b82a1b2c3.txt"), wrapped("cfg", ""));
        assert_eq!(found("a-cfg000b82a1b2.txt"), None);
        assert_eq!(own.identify_wrapped("a-cfg000b82a1b2c3.txt", b"<x>"), None);
        let shared = rule(LayerKind::Shared);
        let name = "a-cfg000b82a1b2c3.txt";
        assert_eq!(shared.identify_wrapped_by_name(name), None);
    }

    #[test]
    fn a_file_can_be_for_some_versions_only() {
        let rule = |name: &str| FileRule::new(name, LayerKind::Shared, Dialect::KeyValue, None);
        let late = rule(r"startup\.cfg").unwrap().for_versions(r"^[4-9]\.");
        let late = late.unwrap();
        assert!(late.is_for("startup.cfg", Some("4.1.0.128")));
        assert!(!late.is_for("startup.cfg", Some("3.2.0.70")));
        assert!(late.is_for("startup.cfg", None));
        assert!(rule("a").unwrap().for_versions("(").is_err());

        let product = rule(r"^r0{0,11}(?<version>[0-9]+)\.cfg$").unwrap();
        let name = "r000000000113.cfg";
        assert!(product.is_for(name, Some("113.30.4.176")));
        assert!(product.is_for(name, Some("113")));
        assert!(!product.is_for(name, Some("1130.4")));
        assert!(!product.is_for(name, Some("50.0.5.6")));
        assert!(!product.is_for(name, None));
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
