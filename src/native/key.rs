//! Native keys: the names that phones' own files give to settings.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A native key in its normal form: `P271`, `sip line1 auth name`.
///
/// P-codes are written with an upper-case `P`; every other key is compared without regard to
/// case, so its normal form is lower case (vendor sheets, aastra.md 1.1). The spelling that stands
/// in a file stays there: a document keeps its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NativeKey(Box<str>);

impl NativeKey {
    /// The key with this name. Blanks around the name do not belong to it.
    pub fn new(name: &str) -> Self {
        let name = name.trim();
        let upper = name.to_ascii_uppercase();
        Self(if is_p_code(upper.as_bytes()) {
            upper.into()
        } else {
            name.to_lowercase().into()
        })
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a name is a P-code as files write it: `P` and digits.
pub(super) fn is_p_code(name: &[u8]) -> bool {
    name.strip_prefix(b"P")
        .is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

impl fmt::Display for NativeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for NativeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        assert_eq!(NativeKey::new("p271").as_str(), "P271");
        assert_eq!(
            NativeKey::new(" QoS eth port 1 priority").as_str(),
            "qos eth port 1 priority"
        );
        assert_eq!(NativeKey::new("P2x").as_str(), "p2x");
    }
}
