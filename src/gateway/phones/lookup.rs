//! Which file a request names.

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

    /// The own file of the phone that a name names, if its name is the same but for the case of
    /// the MAC.
    fn find_in_mixed_case(
        &self,
        path: &TreePath,
    ) -> Result<Option<(TreePath, FileRecord)>, GatewayError> {
        let name = path.file_name();
        let Some(mac) = mac_in_name(name) else {
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

/// The phone that the last segment of a path names, wherever in it.
pub(in crate::gateway) fn mac_in_name(path: &str) -> Option<Mac> {
    let name = path.rsplit('/').next()?;
    let start = mac_position(name)?;
    name.get(start..start + 12)?.parse().ok()
}

/// The same name with the digits of a MAC in the other case.
fn other_spellings(name: &str) -> Vec<String> {
    let Some(start) = mac_position(name) else {
        return Vec::new();
    };
    let (before, rest) = name.split_at(start);
    let (digits, after) = rest.split_at(12);
    [digits.to_ascii_lowercase(), digits.to_ascii_uppercase()]
        .into_iter()
        .filter(|spelling| spelling != digits)
        .map(|spelling| format!("{before}{spelling}{after}"))
        .collect()
}

/// What stands before and after the MAC in a name.
fn without_mac(name: &str) -> Option<(&str, &str)> {
    let start = mac_position(name)?;
    Some((name.get(..start)?, name.get(start + 12..)?))
}

/// Where twelve hex digits stand that no other one touches.
fn mac_position(name: &str) -> Option<usize> {
    let bytes = name.as_bytes();
    let is_hex = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_hexdigit);
    (0..bytes.len()).find(|&start| {
        (start..start + 12).all(is_hex)
            && !is_hex(start + 12)
            && (start == 0 || !is_hex(start - 1) || name.starts_with("cfg") && start == 3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
