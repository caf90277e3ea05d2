//! Fuzzes `laws/recognise.rs`.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use trestle::mapping::{self, Packs};

#[path = "../laws/recognise.rs"]
mod law;

static PACKS: OnceLock<Packs> = OnceLock::new();

fuzz_target!(|text: &str| {
    let packs = PACKS.get_or_init(|| Packs::embedded().expect("the carried packs are sound"));
    law::holds(packs, text);
});
