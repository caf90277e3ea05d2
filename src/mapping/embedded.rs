//! The packs that the program carries.

/// File name and text of every file `mappings/*.toml`.
pub(super) const EMBEDDED: &[(&str, &str)] = &[
    (
        "grandstream.toml",
        include_str!("../../mappings/grandstream.toml"),
    ),
    ("htek.toml", include_str!("../../mappings/htek.toml")),
    ("aastra.toml", include_str!("../../mappings/aastra.toml")),
];
