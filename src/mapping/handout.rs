//! Files besides its settings that a phone fetches because its own file points there: how a vendor's
//! phones are pointed at one, and how the pointer is taken back.

use std::collections::HashMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::models::ModelPatterns;
use super::pack::Pack;
use super::scratch::{Scratch, Written};
use crate::native::{Layers, NativeKey};

/// What kind of file a phone is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandoutKind {
    /// The phone's firmware.
    Firmware,
    /// Content for the phone's web pages.
    Web,
    /// A tone.
    Tone,
    /// A ring tone.
    Ringer,
}

impl HandoutKind {
    /// All of them with their names in packs.
    pub(super) const NAMED: [(&'static str, Self); 4] = [
        ("firmware", Self::Firmware),
        ("web", Self::Web),
        ("tone", Self::Tone),
        ("ringer", Self::Ringer),
    ];
}

/// How phones of some models are pointed at a file of one kind: a `[[download]]` of a pack.
#[derive(Debug)]
pub struct HandoutRule {
    pub(super) kind: HandoutKind,
    pub(super) models: ModelPatterns,
    /// The name under which the phone asks: with `{model}`, `{small_model}` or `{given}`.
    pub(super) file: String,
    /// What stands for models whose name in the file's name is another.
    pub(super) model_names: HashMap<String, String>,
    /// Names that such files have. One of them that is not this model's is another model's.
    pub(super) names: Option<Regex>,
    /// Keys of the phone's own file, with what to write into them: `{host}`, `{path}`, `{url}`,
    /// `{file}` and `{protocol}` stand for parts of the URL.
    pub(super) keys: Vec<(String, String)>,
    /// Keys that must read as empty.
    pub(super) empty: Vec<String>,
    /// What `{protocol}` stands for: `http` and `https` to the vendor's words.
    pub(super) protocols: HashMap<String, String>,
    pub(super) max_bytes: Option<u64>,
}

/// A file can't be meant for a phone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandoutError {
    /// Its name is that of another model's.
    #[error("`{given}` is a file for another model: a {model} asks for `{wanted}`")]
    OtherModel {
        /// The name that was given.
        given: String,
        /// The phone's model.
        model: String,
        /// What it asks for.
        wanted: String,
    },
    /// The phone takes the file only under a name of some form.
    #[error("`{given}` is no name that the phone takes such a file by: {wanted} is wanted")]
    Name {
        /// The name that was given.
        given: String,
        /// The form, as a regular expression.
        wanted: String,
    },
    /// The phone does not take files of that size.
    #[error("the file has {bytes} bytes; the phone takes {limit} at most")]
    TooLarge {
        /// Its bytes.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A key of the phone's own file can't be written.
    #[error("the phone's own file can't be pointed there: {key}: {why}")]
    Edit {
        /// The key.
        key: String,
        /// What is in the way.
        why: String,
    },
    /// Another file of the phone's has the last word.
    #[error("`{file}` sets {key} too, and has the last word")]
    Overruled {
        /// The key.
        key: String,
        /// The other file.
        file: String,
    },
}

/// Where a phone finds a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoutPlace<'a> {
    /// `http` or `https`.
    pub protocol: &'a str,
    /// Host, with its port if it is not the usual one.
    pub host: &'a str,
    /// Folder, without slashes at its ends.
    pub folder: &'a str,
    /// Name of the file.
    pub file: &'a str,
}

/// A setting that was changed in a phone's own file, and what it takes to change it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The key as the file names it.
    key: String,
    /// What stood there; `None` when the file did not have it.
    before: Option<String>,
    /// What was written.
    written: String,
}

impl HandoutRule {
    /// The name under which a phone of a model asks for a file that was given a name.
    ///
    /// # Errors
    /// [`HandoutError::OtherModel`] and [`HandoutError::Name`].
    pub fn file_name(&self, model: &str, given: &str) -> Result<String, HandoutError> {
        let fits = self.names.as_ref().map(|names| names.is_match(given));
        if self.file == "{given}" {
            return match (&self.names, fits) {
                (Some(names), Some(false)) => Err(HandoutError::Name {
                    given: given.to_owned(),
                    wanted: names.as_str().to_owned(),
                }),
                _ => Ok(given.to_owned()),
            };
        }
        let named = self.model_names.get(model).map_or(model, String::as_str);
        let wanted = self
            .file
            .replace(
                "{small_model}",
                &named.to_ascii_lowercase().replace('-', ""),
            )
            .replace("{model}", named);
        if fits == Some(true) && !given.eq_ignore_ascii_case(&wanted) {
            return Err(HandoutError::OtherModel {
                given: given.to_owned(),
                model: model.to_owned(),
                wanted,
            });
        }
        Ok(wanted)
    }

    /// Whether the phone takes a file of this size.
    ///
    /// # Errors
    /// [`HandoutError::TooLarge`].
    pub fn check_size(&self, bytes: u64) -> Result<(), HandoutError> {
        match self.max_bytes {
            Some(limit) if bytes > limit => Err(HandoutError::TooLarge { bytes, limit }),
            _ => Ok(()),
        }
    }

    fn settings(&self, place: &HandoutPlace<'_>) -> Vec<(NativeKey, String)> {
        let HandoutPlace {
            protocol,
            host,
            folder,
            file,
        } = place;
        let word = self.protocols.get(*protocol).map_or(*protocol, |word| word);
        let settings = self.keys.iter().map(|(key, template)| {
            let value = template
                .replace("{url}", &format!("{protocol}://{host}/{folder}"))
                .replace("{protocol}", word)
                .replace("{host}", host)
                .replace("{path}", folder)
                .replace("{file}", file);
            (NativeKey::new(key), value)
        });
        settings.collect()
    }
}

impl Pack {
    /// How phones of a model are pointed at a file of a kind; `None` where nobody knows that.
    pub fn handout(&self, kind: HandoutKind, model: Option<&str>) -> Option<&HandoutRule> {
        self.vendor.handouts.iter().find(|rule| {
            let fits =
                rule.models.is_empty() || model.is_some_and(|model| rule.models.matches(model));
            rule.kind == kind && fits
        })
    }

    /// Whether a phone of this pack may ask for firmware by this name.
    pub fn names_firmware(&self, file_name: &str) -> bool {
        self.vendor.handouts.iter().any(|rule| {
            let names = rule.names.as_ref();
            rule.kind == HandoutKind::Firmware
                && names.is_some_and(|names| names.is_match(file_name))
        })
    }

    /// Points a phone's own file at a file, all settings or none. The result takes it back.
    ///
    /// # Errors
    /// [`HandoutError::Edit`] and [`HandoutError::Overruled`]; the layers are as before then.
    pub fn point(
        &self,
        layers: &mut Layers,
        rule: &HandoutRule,
        place: &HandoutPlace<'_>,
    ) -> Result<Vec<Pointer>, HandoutError> {
        let mut settings = rule.settings(place);
        for key in &rule.empty {
            let key = NativeKey::new(key);
            let value = self.effective(layers, &key);
            if value.is_some_and(|found| !found.value.is_empty()) {
                settings.push((key, String::new()));
            }
        }
        self.write_pointers(layers, settings)
    }

    /// Writes settings into a phone's own file, all or none. The result takes them back.
    pub(super) fn write_pointers(
        &self,
        layers: &mut Layers,
        settings: Vec<(NativeKey, String)>,
    ) -> Result<Vec<Pointer>, HandoutError> {
        let mut scratch = Scratch::new(self, layers);
        let mut pointers = Vec::with_capacity(settings.len());
        for (key, value) in settings {
            let before = self.in_own_file(&scratch.layers, &key);
            scratch
                .set(&key, &value, Written::default())
                .map_err(|why| HandoutError::Edit {
                    key: key.as_str().to_owned(),
                    why: why.to_string(),
                })?;
            if let Some(layer) = self.shadowing(&scratch.layers, &key) {
                return Err(HandoutError::Overruled {
                    key: key.as_str().to_owned(),
                    file: layer.path.clone(),
                });
            }
            if let Some((name, written)) = self.in_own_file(&scratch.layers, &key) {
                pointers.push(Pointer {
                    key: name,
                    before: before.map(|(_, value)| value),
                    written,
                });
            }
        }
        *layers = scratch.layers;
        Ok(pointers)
    }

    /// Takes pointers back. What somebody has written since stays.
    pub fn point_back(&self, layers: &mut Layers, pointers: &[Pointer]) {
        let Some(document) = layers.own_mut() else {
            return;
        };
        for pointer in pointers.iter().rev() {
            let key = NativeKey::new(&pointer.key);
            let present = document.setting(&key).map(|found| found.value.into_owned());
            if present.as_ref() != Some(&pointer.written) {
                continue;
            }
            match &pointer.before {
                // It stood there, so the file can carry it.
                Some(value) => drop(document.set(&key, value)),
                None => drop(document.remove(&key)),
            }
        }
        self.put_in_order(layers);
    }

    /// The name and the very text of a key's setting in the phone's own file.
    fn in_own_file(&self, layers: &Layers, key: &NativeKey) -> Option<(String, String)> {
        let own = layers.own()?;
        let setting = self.setting_in(&own.document, key)?;
        Some((setting.key.as_str().to_owned(), setting.value.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Packs;
    use crate::native::{Dialect, Document, Layer, LayerKind};

    const PLACE: HandoutPlace<'_> = HandoutPlace {
        protocol: "https",
        host: "192.0.2.1:8443",
        folder: "firmware/abc",
        file: "x.st",
    };

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

    #[test]
    fn a_pointer_is_written_and_taken_back_to_the_byte() {
        let packs = Packs::embedded().unwrap();
        let pack = packs.for_phone("grandstream", Some("GXP2170")).unwrap();
        let before = "<?xml version=\"1.0\"?>\n<gs_provision version=\"1\">\n<config version=\"1\">\n\
                      <P192>fw.example.net/x</P192>\n<P232>site-</P232>\n<P3>Desk</P3>\n\
                      </config>\n</gs_provision>\n";
        let mut phone = layers(Dialect::PCodeXml, before);
        let rule = pack
            .handout(HandoutKind::Firmware, Some("GXP2170"))
            .unwrap();
        let pointers = pack.point(&mut phone, rule, &PLACE).unwrap();
        let pointed = text(&phone);
        for wanted in [
            "<P192>192.0.2.1:8443/firmware/abc</P192>",
            "<P6767>2</P6767>",
            "<P238>0</P238>",
        ] {
            assert!(pointed.contains(wanted), "{wanted}: {pointed}");
        }
        assert!(!pointed.contains("site-"), "{pointed}");
        pack.point_back(&mut phone, &pointers);
        assert_eq!(text(&phone), before);
    }

    #[test]
    fn what_somebody_wrote_since_is_not_taken_back() {
        let packs = Packs::embedded().unwrap();
        let pack = packs.for_phone("aastra", Some("6867i")).unwrap();
        let mut phone = layers(Dialect::KeyValue, "sip proxy ip: a\n");
        let rule = pack.handout(HandoutKind::Firmware, Some("6867i")).unwrap();
        let pointers = pack.point(&mut phone, rule, &PLACE).unwrap();
        assert!(text(&phone).contains("firmware server: https://192.0.2.1:8443/firmware/abc\n"));
        let key = NativeKey::new("firmware server");
        let document = phone.own_mut().unwrap();
        document.set(&key, "http://other/").unwrap();
        pack.point_back(&mut phone, &pointers);
        assert!(text(&phone).contains("firmware server: http://other/\n"));
    }

    #[test]
    fn the_name_is_the_models_and_another_models_file_is_refused() {
        let packs = Packs::embedded().unwrap();
        let name = |vendor: &str, model: &str, given: &str| {
            let pack = packs.for_phone(vendor, Some(model)).unwrap();
            let rule = pack.handout(HandoutKind::Firmware, Some(model)).unwrap();
            rule.file_name(model, given)
        };
        assert_eq!(name("grandstream", "GXP2170", "").unwrap(), "gxp2170fw.bin");
        assert_eq!(
            name("grandstream", "GXP1628", "image").unwrap(),
            "gxp1600fw.bin"
        );
        assert_eq!(name("grandstream", "HT802", "").unwrap(), "ht802fw.bin");
        assert_eq!(name("aastra", "6867i", "6867i.st").unwrap(), "6867i.st");
        assert_eq!(name("aastra", "6757i", "").unwrap(), "57i.st");
        assert!(matches!(
            name("aastra", "6867i", "6869i.st"),
            Err(HandoutError::OtherModel { .. })
        ));
        assert_eq!(
            name("akuvox", "SP-R50P", "50.0.5.7.rom").unwrap(),
            "50.0.5.7.rom"
        );
        assert!(matches!(
            name("akuvox", "SP-R50P", "image.bin"),
            Err(HandoutError::Name { .. })
        ));
    }

    #[test]
    fn where_the_way_is_not_sure_there_is_none() {
        let packs = Packs::embedded().unwrap();
        let pack = packs.for_phone("htek", Some("UC926")).unwrap();
        assert!(pack.handout(HandoutKind::Firmware, Some("UC926")).is_none());
        assert!(pack.handout(HandoutKind::Ringer, Some("UC926")).is_some());
    }
}
