//! Which file a request names.

use std::ops::Range;

use super::super::core::Gateway;
use super::super::door::GatewayError;
use crate::device::{FileRecord, FileRole, TreePath};
use crate::native::Mac;

impl Gateway {
    /// The file that a request names: under its very name, or a phone's own file under a name
    /// that differs in the case of the MAC's digits only.
    pub(in crate::gateway) fn find_file(
        &self,
        path: &str,
    ) -> Result<Option<(TreePath, FileRecord)>, GatewayError> {
        let Ok(path) = path.parse::<TreePath>() else {
            return Ok(None);
        };
        if let Some(file) = self.load_file(&path)? {
            return Ok(Some((path, file)));
        }
        for spelling in other_spellings(path.file_name()) {
            let Ok(path) = path.with_file_name(&spelling) else {
                continue;
            };
            if let Some(file) = self.load_file(&path)?
                && matches!(file.role, FileRole::Phone { .. })
            {
                return Ok(Some((path, file)));
            }
        }
        self.find_in_mixed_case(&path)
    }

    /// The phone whose own file a path names, whether or not there is one: by the file-name rules of
    /// the mapping packs, else by a MAC in it. `None` for the files that phones share.
    pub(in crate::gateway) fn named_phone(&self, path: &TreePath) -> Option<Mac> {
        match self.inner.packs.identify_by_name(path.file_name()) {
            Some((_, identity)) => identity.mac.filter(is_of_a_phone),
            None => named_mac(path.as_str()),
        }
    }

    /// The own file of the phone that a name names, if its name is the same but for the case of
    /// the MAC.
    fn find_in_mixed_case(
        &self,
        path: &TreePath,
    ) -> Result<Option<(TreePath, FileRecord)>, GatewayError> {
        let name = path.file_name();
        let Some(mac) = named_mac(name) else {
            return Ok(None);
        };
        let Some((record, _)) = self.load(mac)? else {
            return Ok(None);
        };
        let own = record.own_file;
        let is_it = own.folder() == path.folder()
            && without_mac(own.file_name()).is_some_and(|own| Some(own) == without_mac(name));
        let file = if is_it { self.load_file(&own)? } else { None };
        Ok(file.map(|file| (own, file)))
    }
}

/// The same name with the digits of a MAC in the other case.
fn other_spellings(name: &str) -> Vec<String> {
    let Some(place) = mac_place(name) else {
        return Vec::new();
    };
    // Its ends are beside digits, so nothing is split in the middle of a character.
    let (before, rest) = name.split_at(place.start);
    let (digits, after) = rest.split_at(place.len());
    [digits.to_ascii_lowercase(), digits.to_ascii_uppercase()]
        .into_iter()
        .filter(|spelling| spelling != digits)
        .map(|spelling| format!("{before}{spelling}{after}"))
        .collect()
}

/// The MAC in a path: that of its file, else of the folder nearest to it. An address that no phone
/// has is none.
pub(in crate::gateway) fn named_mac(path: &str) -> Option<Mac> {
    path.rsplit('/')
        .find_map(|name| Mac::find_in(name).next())
        .filter(is_of_a_phone)
}

fn is_of_a_phone(mac: &Mac) -> bool {
    *mac != Mac::BROADCAST && *mac != Mac::new([0; 6])
}

/// A file's name with another phone's MAC in it, in the same case.
pub(in crate::gateway) fn with_mac_of(name: &str, old: Mac, new: Mac) -> String {
    name.replace(&old.upper(), &new.upper())
        .replace(&old.to_string(), &new.to_string())
}

/// What stands before and after the MAC in a name.
fn without_mac(name: &str) -> Option<(&str, &str)> {
    let place = mac_place(name)?;
    Some((name.get(..place.start)?, name.get(place.end..)?))
}

/// Where the first MAC in a name stands.
fn mac_place(name: &str) -> Option<Range<usize>> {
    Mac::places_in(name).next().map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_phone_by_its_file_or_by_a_folder() {
        let named = |path| named_mac(path).map(|mac| mac.to_string());
        let mac = Some("000b82a1b2c3".to_owned());
        for path in [
            "cfg000B82a1b2c3.xml",
            "site 1/000b82a1b2c3-directory.csv",
            "000b82a1b2c3/phone.cfg",
            "000b82000000/000b82a1b2c3.cfg",
            "logs/00-0B-82-A1-B2-C3_crash.log",
        ] {
            assert_eq!(named(path), mac, "{path}");
        }
        for path in [
            "security.tuz",
            "gs_phonebook.xml",
            "000000000000.cfg",
            "ffffffffffff.cfg",
            "0123456789abcdef.bin",
        ] {
            assert_eq!(named(path), None, "{path}");
        }
        let [old, new] = [1, 0xab].map(|last| Mac::new([0, 11, 130, 0, 0, last]));
        assert_eq!(
            with_mac_of("cfg000B82000001.xml", old, new),
            "cfg000B820000AB.xml"
        );
        assert_eq!(
            with_mac_of("000b82000001.cfg", old, new),
            "000b820000ab.cfg"
        );
    }

    #[test]
    fn a_mac_is_found_in_either_case() {
        assert_eq!(
            other_spellings("cfg000b82A1B2C3.xml"),
            ["cfg000b82a1b2c3.xml", "cfg000B82A1B2C3.xml"]
        );
        assert_eq!(other_spellings("00085D7890AB.cfg"), ["00085d7890ab.cfg"]);
        assert!(other_spellings("cfg.xml").is_empty());
        assert!(other_spellings("0123456789abcdef.bin").is_empty());
    }
}
