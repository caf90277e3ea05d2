//! The packs and data models that the program carries. A new file is one line here.

use std::sync::LazyLock;

use crate::datamodel::Schema;

/// File name and text of every file `mappings/*.toml`.
pub(super) const EMBEDDED: &[(&str, &str)] = &[
    (
        "grandstream.toml",
        include_str!("../../mappings/grandstream.toml"),
    ),
    (
        "grandstream-ht.toml",
        include_str!("../../mappings/grandstream-ht.toml"),
    ),
    (
        "grandstream-gxw.toml",
        include_str!("../../mappings/grandstream-gxw.toml"),
    ),
    (
        "grandstream-gxw410x.toml",
        include_str!("../../mappings/grandstream-gxw410x.toml"),
    ),
    (
        "grandstream-dp.toml",
        include_str!("../../mappings/grandstream-dp.toml"),
    ),
    (
        "grandstream-gds.toml",
        include_str!("../../mappings/grandstream-gds.toml"),
    ),
    ("htek.toml", include_str!("../../mappings/htek.toml")),
    ("aastra.toml", include_str!("../../mappings/aastra.toml")),
    ("device2.toml", include_str!("../../mappings/device2.toml")),
    (
        "aastra-vendor.toml",
        include_str!("../../mappings/aastra-vendor.toml"),
    ),
    ("akuvox.toml", include_str!("../../mappings/akuvox.toml")),
    (
        "akuvox-vendor.toml",
        include_str!("../../mappings/akuvox-vendor.toml"),
    ),
];

/// Vendor and text of every file `mappings/datamodel/VENDOR.tsv`: the vendors' own trees.
const VENDOR_MODELS: &[(&str, &str)] = &[
    (
        "aastra",
        include_str!("../../mappings/datamodel/aastra.tsv"),
    ),
    (
        "akuvox",
        include_str!("../../mappings/datamodel/akuvox.tsv"),
    ),
];

static VENDOR_SCHEMAS: LazyLock<Vec<(&str, Schema)>> = LazyLock::new(|| {
    let models = VENDOR_MODELS.iter();
    models
        .map(|(vendor, text)| (*vendor, Schema::parse(text)))
        .collect()
});

/// The vendor's own tree, if the program carries it.
pub(super) fn vendor_schema(vendor: &str) -> Option<&'static Schema> {
    let schemas = LazyLock::force(&VENDOR_SCHEMAS);
    let found = schemas.iter().find(|(known, _)| *known == vendor);
    found.map(|(_, schema)| schema)
}
