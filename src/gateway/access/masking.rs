//! A phone's token in the values of its file: who may see the values need not see the token.

use std::collections::BTreeMap;

use super::token::{MASK, is_token};
use crate::datamodel::ParameterPath;
use crate::device::{Access, TokenHash};
use crate::mapping::Parameter;

/// What stands behind a value in which a token is masked.
#[derive(Debug)]
struct Masked {
    shown: String,
    whole: String,
}

/// The parameters of a phone in whose values one of its tokens stands.
#[derive(Debug, Default)]
pub(in crate::gateway) struct MaskedTokens(BTreeMap<ParameterPath, Masked>);

impl MaskedTokens {
    /// Puts `***` in place of the tokens that are good for a phone.
    pub(in crate::gateway) fn mask(parameters: &mut [Parameter], access: &Access) -> Self {
        if access.tokens.valid.is_empty() {
            return Self::default();
        }
        let mut masked = BTreeMap::new();
        for parameter in parameters.iter_mut().filter(|parameter| !parameter.hidden) {
            if let Some(shown) = without_tokens(&parameter.value, access) {
                let whole = std::mem::replace(&mut parameter.value, shown.clone());
                masked.insert(parameter.path.clone(), Masked { shown, whole });
            }
        }
        Self(masked)
    }

    /// The value that is meant by a value that somebody sets: who sets what was shown to him changes
    /// nothing.
    ///
    /// # Errors
    /// Why it can't be meant: with the mask in it, and otherwise not as it was shown.
    pub(in crate::gateway) fn meant(
        &self,
        path: &ParameterPath,
        value: String,
    ) -> Result<String, String> {
        match self.0.get(path) {
            Some(masked) if masked.shown == value => Ok(masked.whole.clone()),
            Some(_) if value.split('/').any(|segment| segment == MASK) => Err(format!(
                "{MASK} stands in place of the phone's token: set the value as it is shown, or \
                 without {MASK}"
            )),
            _ => Ok(value),
        }
    }
}

/// A value with each good token masked; `None` when none stands in it.
fn without_tokens(value: &str, access: &Access) -> Option<String> {
    let is_good = |segment: &str| {
        is_token(segment) && {
            let hash = TokenHash::of(segment);
            access.tokens.valid.iter().any(|good| good.is(&hash))
        }
    };
    if !value.split('/').any(is_good) {
        return None;
    }
    let segments = value.split('/');
    let shown: Vec<&str> = segments
        .map(|segment| if is_good(segment) { MASK } else { segment })
        .collect();
    Some(shown.join("/"))
}
