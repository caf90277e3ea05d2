//! The data folder as a power cut would leave it.

use std::path::Path;

use crate::random::Random;

/// A shadow.
pub(crate) struct Shadow;

impl Shadow {
    pub(crate) fn begin(&mut self, _random: &mut Random) -> Vec<(String, String)> {
        Vec::new()
    }

    pub(crate) fn cut_power(&mut self, _data: &Path) {}
}
