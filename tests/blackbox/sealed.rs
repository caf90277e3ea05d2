//! A phone's file that OpenSSL has encrypted, through the commands.
//!
//! `fixtures/sealed` holds a file that was made with
//! `openssl enc -aes-256-cbc -md sha256 -pass 'pass:Cleat-and-Line 8'`.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use trestle::native::Seal;
use trestle::wire::Secret;

use crate::command::{CLEAN, ERROR, Ended, FINDINGS, run};

const MAC: &str = "000b8277aa05";
const FILE: &str = "cfg000b8277aa05.xml";
const PASSWORD: &str = "Cleat-and-Line 8";
const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";

fn sealed() -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sealed");
    fs::read(folder.join(FILE)).unwrap()
}

/// Tree and settings in a folder.
struct Place(TempDir);

impl Place {
    fn with_password(password: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("tree")).unwrap();
        fs::write(place.path("tree").join(FILE), sealed()).unwrap();
        place.set_password(password);
        place
    }

    fn set_password(&self, password: &str) {
        let settings = format!(
            "[store]\npath = {:?}\n[[phones.file_password]]\npassword = {password:?}\nmac = {MAC:?}\n",
            self.path("data")
        );
        fs::write(self.path("trestle.toml"), settings).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let mut all: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
        for place in ["tree", "out"] {
            for argument in all.iter_mut().filter(|argument| *argument == place) {
                *argument = self.path(place).to_str().unwrap().to_owned();
            }
        }
        all.push("--config".to_owned());
        all.push(self.path("trestle.toml").to_str().unwrap().to_owned());
        run(all)
    }
}

/// What the `openssl` program finds in a file; `None` without that program.
fn opened_by_openssl(file: &Path) -> Option<Vec<u8>> {
    let ended = Command::new("openssl")
        .args(["enc", "-d", "-aes-256-cbc", "-md", "sha256", "-pass"])
        .arg(format!("pass:{PASSWORD}"))
        .arg("-in")
        .arg(file)
        .output()
        .ok()?;
    assert!(ended.status.success(), "{ended:?}");
    Some(ended.stdout)
}

#[test]
fn an_edit_of_an_encrypted_file_is_written_back_encrypted() {
    let place = Place::with_password(PASSWORD);
    let report = place.run(&["check", "tree", "--format", "json"]);
    let report = report.with_code(CLEAN).json();
    assert_eq!(report["summary"]["phones"], 1);
    place.run(&["import", "tree"]).with_code(CLEAN);
    place.run(&["verify", "tree"]).with_code(CLEAN);
    place.run(&["export", "out"]).with_code(CLEAN);
    let file = place.path("out").join(FILE);
    assert_eq!(fs::read(&file).unwrap(), sealed(), "the very same bytes");

    let assignment = format!("{DISPLAY_NAME}=Kai & Co");
    place
        .run(&["device", "set", MAC, &assignment])
        .with_code(CLEAN);
    place.run(&["export", "out"]).with_code(CLEAN);
    let secret = [Secret::new(PASSWORD)];
    let (before, _) = Seal::open(&sealed(), &secret).unwrap();
    let (after, _) = Seal::open(&fs::read(&file).unwrap(), &secret).unwrap();
    let [before, after] = [before, after].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(after, before.replace("Net store", "Kai &amp; Co"));
    match opened_by_openssl(&file) {
        Some(text) => assert_eq!(text, after.as_bytes()),
        None => println!("skipped: no openssl"),
    }
}

#[test]
fn without_a_password_that_fits_the_file_is_told_and_a_phone_is_not_changed() {
    let place = Place::with_password("not this one");
    let ended = place.run(&["check", "tree", "--list", "encrypted"]);
    let ended = ended.with_code(FINDINGS);
    let told = "encrypted: none of 1 passwords fits";
    assert!(ended.stdout.contains(told), "{}", ended.stdout);
    assert!(ended.stdout.contains("[[phones.file_password]]"));

    place.set_password(PASSWORD);
    place.run(&["import", "tree"]).with_code(CLEAN);
    place.set_password("not this one");
    let ended = place
        .run(&["device", "get", MAC, DISPLAY_NAME])
        .with_code(CLEAN);
    assert!(ended.stdout.contains("Net store"), "{}", ended.stdout);
    let assignment = format!("{DISPLAY_NAME}=Kai");
    let ended = place
        .run(&["device", "set", MAC, &assignment])
        .with_code(ERROR);
    assert!(
        ended.stderr.contains("phones.file_password"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("not this one"), "{}", ended.stderr);
    place.run(&["verify", "tree"]).with_code(CLEAN);
}
