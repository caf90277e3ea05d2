//! Law: on whatever settings a phone's file holds, the lenses of a carried pack read it, write back
//! what they read without changing a byte, and what they take reads back and changes nothing else.
//! The first byte chooses the pack, the second the dialect; the rest is the file.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use trestle::mapping::{Packs, laws_on_files};
use trestle::native::{Dialect, Document, Layer, LayerKind, Layers};

static PACKS: OnceLock<Packs> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let [pack, dialect, file @ ..] = bytes else {
        return;
    };
    let packs = PACKS.get_or_init(|| Packs::embedded().expect("the carried packs are sound"));
    let chosen = usize::from(*pack) % packs.lens_sets().count();
    let Some(pack) = packs.lens_sets().nth(chosen) else {
        return;
    };
    let layer = Layer {
        path: "phone.cfg".to_owned(),
        kind: LayerKind::Phone,
        document: Document::parse(
            Dialect::ALL[usize::from(*dialect) % Dialect::ALL.len()],
            file,
        )
        .into(),
    };
    let layers = Layers::new(vec![layer], pack.merges_layers());
    // What is written where depends on the name: so each input tries other parameters.
    let name = "x".repeat(file.iter().map(|byte| usize::from(*byte)).sum::<usize>() % 997);
    laws_on_files::check(pack, &layers, &name, 4);
});
