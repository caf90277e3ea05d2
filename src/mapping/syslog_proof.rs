//! That every `[[syslog]]` of a pack can be written into its phones' files, and be taken back to the
//! byte.

use super::pack::Pack;
use super::proof::PackFinding;
use super::syslog::{SyslogRule, SyslogTarget};
use super::vendor::NewFile;
use crate::native::{Document, Layer, LayerKind, Mac};

/// No phone has it.
const NOBODY: Mac = Mac::new([2, 0, 0, 0, 0, 1]);

impl Pack {
    /// What is wrong with the rules, tried on the vendor's empty files. They stand in the base pack
    /// only.
    pub(super) fn prove_syslog(&self) -> Vec<PackFinding> {
        let files: Vec<NewFile> = self
            .vendor
            .new_files
            .iter()
            .map(|rule| rule.file(NOBODY))
            .collect();
        let rules = self.vendor.syslog.iter();
        rules
            .flat_map(|rule| {
                files.iter().filter_map(move |file| {
                    let problem = self.breach(rule, file).err()?;
                    Some(PackFinding {
                        file: self.file().to_owned(),
                        line: rule.line,
                        path: String::new(),
                        problem: format!("[[syslog]] in an empty `{}`: {problem}", file.name),
                    })
                })
            })
            .collect()
    }

    fn breach(&self, rule: &SyslogRule, file: &NewFile) -> Result<(), String> {
        for level in rule.levels().map(Some).chain([None]) {
            let document = Document::parse(file.dialect, file.text.as_bytes());
            let before = document.bytes().to_vec();
            let mut layers = self.layers(vec![Layer {
                path: file.name.clone(),
                kind: LayerKind::Phone,
                document: document.into(),
            }]);
            let target = SyslogTarget {
                host: "192.0.2.1",
                port: 514,
                level,
            };
            let pointers = self
                .point_syslog(&mut layers, rule, &target)
                .map_err(|error| error.to_string())?;
            let bytes = |layers: &crate::native::Layers| {
                layers.own().map(|own| own.document.bytes().to_vec())
            };
            if bytes(&layers).as_ref() == Some(&before) {
                return Err("it writes nothing".to_owned());
            }
            self.point_back(&mut layers, &pointers);
            if bytes(&layers).as_ref() != Some(&before) {
                return Err("what it writes can't be taken back to the byte".to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::mapping::Packs;

    #[test]
    fn every_rule_of_the_packs_is_written_and_taken_back() {
        let packs = Packs::embedded().unwrap();
        for pack in packs.iter() {
            assert_eq!(pack.prove_syslog(), [], "{}", pack.vendor());
            assert!(!pack.vendor.new_files.is_empty(), "{}", pack.vendor());
            assert!(!pack.vendor.syslog.is_empty(), "{}", pack.vendor());
        }
    }
}
