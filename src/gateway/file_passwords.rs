//! The passwords of encrypted phone files, and which of them to try first.

use regex::Regex;
use serde::{Deserialize, Deserializer};

use crate::native::{Dialect, Mac, Seal, SealError};
use crate::wire::Secret;

/// A password, and the files that it is meant for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePassword {
    /// The password; not empty.
    #[serde(deserialize_with = "not_empty")]
    pub password: Secret,
    /// Files of this vendor's phones: the short name of a mapping pack.
    pub vendor: Option<String>,
    /// Files of phones of these models.
    pub model: Option<ModelPattern>,
    /// The file of this phone.
    pub mac: Option<Mac>,
}

/// A model, or several: `*` stands for any text, upper and lower case are the same.
#[derive(Debug, Clone)]
pub struct ModelPattern(Regex);

impl ModelPattern {
    /// Whether this is one of the models.
    pub(super) fn fits(&self, model: &str) -> bool {
        self.0.is_match(model)
    }
}

impl<'de> Deserialize<'de> for ModelPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts: Vec<String> = text.split('*').map(regex::escape).collect();
        Regex::new(&format!("(?i)^{}$", parts.join(".*")))
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    // An error of serde's shows the value.
    match Secret::deserialize(deserializer) {
        Ok(password) if !password.is_empty() => Ok(password),
        _ => Err(serde::de::Error::custom("a text in quotes is wanted")),
    }
}

/// All passwords of encrypted phone files.
#[derive(Debug, Clone, Default)]
pub struct FilePasswords(Vec<FilePassword>);

/// Whose file it is, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Whose<'a> {
    pub(super) vendor: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) mac: Option<Mac>,
}

impl FilePasswords {
    /// The passwords in the order of the settings.
    pub fn new(passwords: Vec<FilePassword>) -> Self {
        Self(passwords)
    }

    /// Opens an encrypted file: the password meant for it most closely is tried first, those meant
    /// for others last.
    pub(super) fn open(
        &self,
        whose: Whose<'_>,
        content: &[u8],
    ) -> Result<(Vec<u8>, Seal), SealError> {
        Seal::open(content, &self.in_order(whose))
    }

    /// Opens a file of which it is known that it holds settings, if it is encrypted.
    pub(super) fn unseal(
        &self,
        dialect: Dialect,
        whose: Whose<'_>,
        content: Vec<u8>,
    ) -> Result<(Vec<u8>, Option<Seal>), SealError> {
        if !is_sealed(dialect, &content) {
            return Ok((content, None));
        }
        let (plain, seal) = self.open(whose, &content)?;
        Ok((plain, Some(seal)))
    }

    fn in_order(&self, whose: Whose<'_>) -> Vec<Secret> {
        let mut passwords: Vec<&FilePassword> = self.0.iter().collect();
        passwords.sort_by_key(|password| std::cmp::Reverse(password.closeness(whose)));
        let mut secrets: Vec<Secret> = Vec::with_capacity(passwords.len());
        for password in passwords {
            if !secrets.contains(&password.password) {
                secrets.push(password.password.clone());
            }
        }
        secrets
    }
}

/// Whether a file that holds settings of this dialect is encrypted.
pub(super) fn is_sealed(dialect: Dialect, content: &[u8]) -> bool {
    Seal::is_on(content) || Seal::may_be_on(content) && !dialect.fits(content)
}

impl FilePassword {
    /// How closely the password is meant for a file; `None`: for another. A phone weighs more than
    /// a model, a model more than a vendor.
    fn closeness(&self, whose: Whose<'_>) -> Option<u8> {
        let weigh = |is_given: bool, fits: bool, weight: u8| match (is_given, fits) {
            (false, _) => Some(0),
            (true, true) => Some(weight),
            (true, false) => None,
        };
        let vendor = self.vendor.as_deref();
        let model = self.model.as_ref().zip(whose.model);
        Some(
            weigh(self.mac.is_some(), self.mac == whose.mac, 4)?
                + weigh(
                    self.model.is_some(),
                    model.is_some_and(|(pattern, model)| pattern.fits(model)),
                    2,
                )?
                + weigh(vendor.is_some(), vendor == whose.vendor, 1)?,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order(whose: Whose<'_>) -> Vec<String> {
        #[derive(Deserialize)]
        struct File {
            file_password: Vec<FilePassword>,
        }
        let file: File = toml::from_str(
            r#"
            file_password = [
                { password = "any" },
                { password = "maker", vendor = "maker" },
                { password = "other", vendor = "other" },
                { password = "model", model = "gxp21*" },
                { password = "phone", mac = "000b82a1b2c3" },
                { password = "again", vendor = "maker", model = "GXP2170" },
                { password = "any", mac = "000b82a1b2c4" },
            ]
            "#,
        )
        .unwrap();
        let passwords = FilePasswords::new(file.file_password).in_order(whose);
        let texts = passwords.iter().map(|secret| secret.expose().to_owned());
        texts.collect()
    }

    #[test]
    fn the_closest_password_is_tried_first_and_all_are_tried() {
        let whose = Whose {
            vendor: Some("maker"),
            model: Some("GXP2170"),
            mac: "000b82a1b2c3".parse().ok(),
        };
        assert_eq!(
            in_order(whose),
            ["phone", "again", "model", "maker", "any", "other"]
        );
        assert_eq!(
            in_order(Whose::default()),
            ["any", "maker", "other", "model", "phone", "again"]
        );
    }

    #[test]
    fn a_password_is_text_and_not_empty() {
        for text in [
            "password = \"\"",
            "vendor = \"maker\"",
            "password = \"a\"\nmodell = \"x\"",
        ] {
            assert!(toml::from_str::<FilePassword>(text).is_err(), "{text}");
        }
    }
}
