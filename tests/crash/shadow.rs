//! The disk as a power cut, a full device or a broken one makes it: `shadow.c`, preloaded.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::random::Random;

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power is cut.
    Power,
    /// It is cut, and parts of what was never synced are there.
    TornWrites,
    /// At every other start, there is no space left after a while. The process is killed.
    Full,
    /// At every other start, one write or sync fails. The power is cut.
    InputOutput,
}

/// The shadow of one data folder.
pub(crate) struct Shadow {
    library: PathBuf,
    folder: PathBuf,
    data: PathBuf,
    fault: Fault,
    starts: u64,
}

/// Compiles the library, once. `None`: there is no C compiler, which is said.
pub(crate) fn library() -> Option<PathBuf> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shadow.so");
        let aside = library.with_extension(format!("{}", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/shadow.c");
        let compiled = Command::new("cc")
            .args(["-O2", "-Wall", "-shared", "-fPIC", "-o"])
            .args([&aside, &source])
            .args(["-ldl", "-lpthread"])
            .status();
        match compiled {
            Ok(status) => assert!(status.success(), "shadow.c does not compile"),
            Err(_) => {
                println!("skipped: no cc");
                return None;
            }
        }
        fs::rename(&aside, &library).unwrap();
        Some(library)
    };
    LIBRARY.get_or_init(compile).clone()
}

impl Shadow {
    /// For the data folder `data` in `folder`.
    pub(crate) fn new(library: PathBuf, folder: &Path, data: &Path, fault: Fault) -> Self {
        Self {
            library,
            folder: folder.join("shadow"),
            data: data.to_owned(),
            fault,
            starts: 0,
        }
    }

    /// Whether the disk fails at this start, so that the gateway may refuse what it is told.
    pub(crate) fn is_failing(&self) -> bool {
        matches!(self.fault, Fault::Full | Fault::InputOutput) && self.starts.is_multiple_of(2)
    }

    /// Whether a write or a sync fails at this start.
    pub(crate) fn fails_syncs(&self) -> bool {
        self.fault == Fault::InputOutput && self.is_failing()
    }

    fn has_copy(&self) -> bool {
        self.fault != Fault::Full
    }

    /// The environment of the next gateway.
    pub(crate) fn begin(&mut self, random: &mut Random) -> Vec<(String, String)> {
        self.starts += 1;
        let mut variables = vec![
            ("LD_PRELOAD", self.library.display().to_string()),
            ("CRASH_DATA", self.data.display().to_string()),
            ("CRASH_SEED", (random.next() >> 2).to_string()),
        ];
        if self.has_copy() {
            // It is not there before the first start.
            let _ = fs::remove_dir_all(&self.folder);
            fs::create_dir_all(self.folder.join("inodes")).unwrap();
            variables.push(("CRASH_SHADOW", self.folder.display().to_string()));
        }
        match self.fault {
            Fault::TornWrites => variables.push(("CRASH_TORN", "1".to_owned())),
            Fault::Full if self.is_failing() => {
                let bytes = random.below(12 << 20);
                variables.push(("CRASH_FULL_AFTER", bytes.to_string()));
            }
            Fault::InputOutput if self.is_failing() => {
                variables.push(("CRASH_FAIL_AT", (1 + random.below(400)).to_string()));
            }
            _ => {}
        }
        let text = |(name, value): (&str, String)| (name.to_owned(), value);
        variables.into_iter().map(text).collect()
    }

    /// What the gateway left in its folder becomes what the disk has of it.
    pub(crate) fn cut_power(&mut self) {
        // Without the mark the gateway was killed before it wrote anything, and its folder is as it
        // was.
        if self.has_copy() && self.folder.join("taken").exists() {
            // Neither is there when the gateway was killed before it made its folder.
            let _ = fs::remove_dir_all(&self.data);
            match fs::rename(self.folder.join("tree"), &self.data) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                moved => moved.unwrap(),
            }
        }
    }
}
