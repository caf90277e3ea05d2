//! A tree with many phones' files of a few sizes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The tree, and what is asked of it.
pub(crate) struct Tree {
    pub(crate) folder: PathBuf,
    files: Vec<File>,
}

struct File {
    size: usize,
    mac: String,
}

impl Tree {
    /// So many files of each size.
    pub(crate) fn make(folder: &Path, count: usize, sizes: &[usize]) -> Self {
        let folder = folder.join("tree");
        fs::create_dir(&folder).expect("a tree");
        let mut files = Vec::new();
        for &size in sizes {
            for _ in 0..count {
                let mac = format!("000b82{:06x}", files.len());
                fs::write(folder.join(name(&mac)), content(&mac, size)).expect("a file");
                files.push(File { size, mac });
            }
        }
        // Another user may be the one that reads it: nginx, started by root.
        open_to_all(folder.parent().expect("it has one"));
        Self { folder, files }
    }

    /// A script for wrk: the files of this size, each with the User-Agent of its phone.
    pub(crate) fn script(&self, size: usize) -> PathBuf {
        let mut script = "local requests = {}\nfunction init()\n".to_owned();
        for (name, user_agent) in self.requests(size) {
            writeln!(
                script,
                "  requests[#requests + 1] = wrk.format(\"GET\", \"/{name}\", {{[\"Host\"] = \"phones\", [\"User-Agent\"] = \"{user_agent}\"}})"
            )
            .expect("a string");
        }
        script.push_str(
            "end\nlocal at = 0\nfunction request()\n  at = at % #requests + 1\n  return requests[at]\nend\n",
        );
        let path = self.folder.with_file_name(format!("wrk-{size}.lua"));
        fs::write(&path, script).expect("a script");
        path
    }

    /// Name and User-Agent for each file of this size.
    pub(crate) fn requests(&self, size: usize) -> impl Iterator<Item = (String, String)> {
        let files = self.files.iter().filter(move |file| file.size == size);
        files.map(|file| {
            let user_agent = format!(
                "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId {}",
                file.mac
            );
            (name(&file.mac), user_agent)
        })
    }
}

fn name(mac: &str) -> String {
    format!("cfg{mac}.xml")
}

/// Settings, and a comment that fills the file up.
fn content(mac: &str, size: usize) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n<mac>{mac}</mac>\n<config version=\"1\">\n"
    );
    for (key, value) in [("P271", "1"), ("P47", "sip.example.net"), ("P35", mac)] {
        writeln!(text, "<{key}>{value}</{key}>").expect("a string");
    }
    let end = " -->\n</config>\n</gs_provision>\n";
    text.push_str("<!-- ");
    while text.len() + end.len() < size {
        text.push('x');
    }
    text.push_str(end);
    text
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder, permissions).expect("our own folder");
}
