//! The types of known paths, from the Broadband Forum's models beside the project.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use trestle::sim::checks::ExpectedType;

/// A table from a path to its `xsi:type`; `None` when the models are not there.
pub(crate) fn expected_types() -> Option<Arc<ExpectedType>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/datamodel");
    let mut types = HashMap::new();
    for (file, prefix) in [
        ("device1-tr106.tsv", ""),
        ("tr104-1.1.tsv", "Device.Services."),
    ] {
        let Ok(table) = std::fs::read_to_string(folder.join(file)) else {
            println!("skipped: no corpus, so that the types of values are not compared");
            return None;
        };
        for line in table.lines().skip(1) {
            let mut columns = line.split('\t');
            let (Some(path), _, Some(kind)) = (columns.next(), columns.next(), columns.next())
            else {
                continue;
            };
            let base = kind.split('(').next().unwrap_or(kind);
            let base = match base {
                "object" => continue,
                list if list.starts_with("list") => "string",
                "base64" => continue,
                other => other,
            };
            types.insert(format!("{prefix}{path}"), format!("xsd:{base}"));
        }
    }
    Some(Arc::new(move |path: &str| {
        types.get(&generic(path)).cloned()
    }))
}

/// The path with `{i}` for every instance number.
fn generic(path: &str) -> String {
    let segments: Vec<&str> = path
        .split('.')
        .map(|segment| {
            let is_number =
                !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { "{i}" } else { segment }
        })
        .collect();
    segments.join(".")
}
