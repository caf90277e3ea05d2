//! The tree of a small config server, carried in the program so that the demo runs anywhere.

use std::fs;
use std::io;
use std::path::Path;

const FILES: &[(&str, &[u8])] = &[
    (
        "00085D7890AB.cfg",
        include_bytes!("../../../fixtures/tree/00085D7890AB.cfg"),
    ),
    (
        "000b82a1b2c4.txt",
        include_bytes!("../../../fixtures/tree/000b82a1b2c4.txt"),
    ),
    (
        "6867i.cfg",
        include_bytes!("../../../fixtures/tree/6867i.cfg"),
    ),
    (
        "README.txt",
        include_bytes!("../../../fixtures/tree/README.txt"),
    ),
    (
        "aastra.cfg",
        include_bytes!("../../../fixtures/tree/aastra.cfg"),
    ),
    ("cfg.xml", include_bytes!("../../../fixtures/tree/cfg.xml")),
    (
        "cfg000b8277aa01.xml",
        include_bytes!("../../../fixtures/tree/cfg000b8277aa01.xml"),
    ),
    (
        "cfg000b82a1b2c3.xml",
        include_bytes!("../../../fixtures/tree/cfg000b82a1b2c3.xml"),
    ),
    (
        "cfg0010.xml",
        include_bytes!("../../../fixtures/tree/cfg0010.xml"),
    ),
    (
        "cfg001fc1d4e5f6.xml",
        include_bytes!("../../../fixtures/tree/cfg001fc1d4e5f6.xml"),
    ),
    (
        "gxp2170fw.bin",
        include_bytes!("../../../fixtures/tree/gxp2170fw.bin"),
    ),
    (
        "lang_de.txt",
        include_bytes!("../../../fixtures/tree/lang_de.txt"),
    ),
    (
        "phonebook.xml",
        include_bytes!("../../../fixtures/tree/phonebook.xml"),
    ),
    (
        "startup.cfg",
        include_bytes!("../../../fixtures/tree/startup.cfg"),
    ),
    (
        "warehouse/00085D55AA11.cfg",
        include_bytes!("../../../fixtures/tree/warehouse/00085D55AA11.cfg"),
    ),
];

/// Writes the tree to a folder.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    for (path, content) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_carries_all_of_the_fixtures() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree");
        let mut count = 0;
        for entry in ["", "warehouse"] {
            for entry in fs::read_dir(fixtures.join(entry)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let below = path.strip_prefix(&fixtures).unwrap();
                    assert_eq!(
                        fs::read(folder.path().join(below)).unwrap(),
                        fs::read(&path).unwrap(),
                        "{}",
                        path.display()
                    );
                    count += 1;
                }
            }
        }
        assert_eq!(count, FILES.len());
    }
}
