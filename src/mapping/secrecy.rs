//! Whether a parameter is a secret, for paths that a phone need not have.

use super::native_names::key_of;
use super::pack::Pack;
use crate::datamodel::ParameterPath;

impl Pack {
    /// Whether the value of a parameter is a secret; `None` for a path that neither the data model
    /// nor a lens knows. It depends on no row and no file: a value that is only tried is judged as
    /// one that is there.
    pub fn is_secret_path(&self, path: &ParameterPath) -> Option<bool> {
        let behind = self.view.as_ref().and_then(|view| view.lens_path(path));
        let own = behind.as_deref().unwrap_or(path);
        let of_model = self.schema().entry(path.as_str());
        let of_model = of_model.and_then(|entry| entry.parameter());
        let known = [
            of_model.map(|facts| facts.hidden),
            self.is_secret_face(own),
            key_of(own).map(|key| self.is_secret_key(&key)),
        ];
        known.into_iter().flatten().reduce(|one, other| one | other)
    }

    /// The same by the lenses alone, whatever their instance numbers and models are.
    fn is_secret_face(&self, path: &ParameterPath) -> Option<bool> {
        let path = path.as_str();
        let with_index = self.set.indexes.iter().filter_map(|index| {
            let after = path.strip_prefix(&index.table)?;
            let (_, rest) = after.split_once('.')?;
            Some(format!("{}{{{}}}.{rest}", index.table, index.name))
        });
        std::iter::once(path.to_owned())
            .chain(with_index)
            .filter_map(|template| self.set.by_path.get(&template))
            .flatten()
            .filter_map(|place| {
                let lens = self.set.lenses.get(place.lens)?;
                lens.faces.get(place.face).map(|face| face.hidden)
            })
            .reduce(|one, other| one | other)
    }
}

#[cfg(test)]
mod tests {
    use crate::mapping::{Packs, Template};

    fn is_secret(packs: &Packs, vendor: &str, path: &str) -> Option<bool> {
        let pack = packs.for_phone(vendor, None).unwrap();
        pack.is_secret_path(&path.parse().unwrap())
    }

    #[test]
    fn secrets_are_known_by_model_lens_and_native_key() {
        const LINE: &str = "Device.Services.VoiceService.1.VoiceProfile.1.Line.";
        let packs = Packs::embedded().unwrap();
        for (vendor, path, wanted) in [
            (
                "grandstream",
                format!("{LINE}1.SIP.AuthPassword"),
                Some(true),
            ),
            (
                "grandstream",
                format!("{LINE}99.SIP.AuthPassword"),
                Some(true),
            ),
            (
                "grandstream",
                format!("{LINE}99.SIP.AuthUserName"),
                Some(false),
            ),
            (
                "grandstream",
                "Device.ManagementServer.ConnectionRequestPassword".to_owned(),
                Some(true),
            ),
            (
                "grandstream",
                "Device.X_TRESTLE_Native.P34".to_owned(),
                Some(true),
            ),
            (
                "grandstream",
                "Device.X_TRESTLE_Native.P30".to_owned(),
                Some(false),
            ),
            ("grandstream", "Device.Unknown".to_owned(), None),
            (
                "aastra",
                "Device.X_TRESTLE_Security.AdminPassword".to_owned(),
                Some(true),
            ),
        ] {
            assert_eq!(is_secret(&packs, vendor, &path), wanted, "{vendor} {path}");
        }
        let path = format!("{LINE}2.SIP.AuthPassword");
        let packs = packs.with_template(Template::Device2);
        assert_eq!(is_secret(&packs, "htek", &path), Some(true));
    }
}
