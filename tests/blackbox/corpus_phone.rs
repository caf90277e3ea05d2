//! Phones whose files are those of the corpus, and what a set of an ACS changes in their lines.

use std::fs;
use std::path::{Path, PathBuf};

use similar::{Algorithm, DiffOp, capture_diff_slices};
use trestle::sim::acs::{ScriptError, Session};

use crate::bench::Bench;
use crate::gateway::Gateway;
use crate::managed::Managed;
use crate::phones::Phone;

/// A gateway that has imported files of the corpus under the names of phones.
pub(crate) struct CorpusTree {
    pub(crate) bench: Bench,
    pub(crate) gateway: Gateway,
}

impl CorpusTree {
    /// Imports files of the corpus, each under a name of its own, and serves them. `None` without
    /// the corpus.
    pub(crate) async fn serve(files: &[(&str, &str)]) -> Option<Self> {
        Self::serve_with(files, "").await
    }

    /// The same with more lines at the end of the settings.
    pub(crate) async fn serve_with(files: &[(&str, &str)], settings: &str) -> Option<Self> {
        let corpus = corpus()?;
        let files = files
            .iter()
            .map(|&(file, name)| (name, fs::read(corpus.join(file)).unwrap()));
        let files: Vec<_> = files.collect();
        let bench = Bench::set().await;
        bench.replace_tree(&files);
        bench.add_settings(settings);
        let gateway = bench.serve();
        Some(Self { bench, gateway })
    }

    /// The device of a phone, which fetches its file for the first time.
    pub(crate) async fn announced(&self, phone: Phone) -> Managed {
        Managed::first_seen(&self.bench, &self.gateway, phone).await
    }

    /// Sets values in one session, reads them back, and compares the phone's file before and after:
    /// these lines have changed, and no others.
    pub(crate) async fn assert_set_changes(&self, phone: Phone, sets: &[Set<'_>], lines: &[&str]) {
        let before = self.bench.tree_file(phone.own_file());
        let mut managed = self.announced(phone).await;
        let mut session = managed.turn(&self.gateway).await;
        set_all(&mut session, sets).await.unwrap();
        read_back(&mut session, sets).await;
        session.end().unwrap();
        assert_changed(&before, &self.fetched(phone).await, lines);
        self.bench.assert_no_findings();
    }

    /// What the phone gets when it fetches its file.
    pub(crate) async fn fetched(&self, phone: Phone) -> Vec<u8> {
        let server = self.gateway.phones_http();
        phone.fetch(&self.bench, server).await.body
    }
}

/// The folder with the corpus; says so when there is none.
pub(crate) fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !folder.is_dir() {
        println!("skipped: no corpus");
        return None;
    }
    Some(folder)
}

/// One parameter that is set, its value, and its type: `s` string, `u` unsignedInt, `i` int, `b`
/// boolean, `p` a string that can't be read back.
pub(crate) type Set<'a> = (&'a str, &'a str, char);

/// The whole path: `VPn.` is an account, `Ln.` its line, `X.` the part of the phone that no
/// standard names.
pub(crate) fn whole_path(short: &str) -> String {
    let (head, rest) = short.split_once('.').unwrap();
    let profiles = "Device.Services.VoiceService.1.VoiceProfile";
    if let Some(account) = head.strip_prefix("VP") {
        format!("{profiles}.{account}.{rest}")
    } else if let Some(account) = head.strip_prefix('L').filter(|rest| rest.len() == 1) {
        format!("{profiles}.{account}.Line.1.{rest}")
    } else {
        format!("Device.{short}")
    }
}

/// Sets values in one call; the Status of the answer, or why not.
pub(crate) async fn set_all(
    session: &mut Session<'_>,
    sets: &[Set<'_>],
) -> Result<String, ScriptError> {
    let kind = |letter| match letter {
        's' | 'p' => "xsd:string",
        'u' => "xsd:unsignedInt",
        'i' => "xsd:int",
        'b' => "xsd:boolean",
        other => panic!("no type {other}"),
    };
    let paths: Vec<_> = sets.iter().map(|set| whole_path(set.0)).collect();
    let values: Vec<_> = paths
        .iter()
        .zip(sets)
        .map(|(path, set)| (path.as_str(), set.1, kind(set.2)))
        .collect();
    session.set_values(&values, "").await
}

/// Reads them all back in one call and compares; passwords read empty.
pub(crate) async fn read_back(session: &mut Session<'_>, sets: &[Set<'_>]) {
    let paths: Vec<_> = sets.iter().map(|set| whole_path(set.0)).collect();
    let names: Vec<_> = paths.iter().map(String::as_str).collect();
    let values = session.get_values(&names).await.unwrap();
    let values: Vec<_> = values
        .into_iter()
        .map(|one| format!("{}={}", one.name, one.value))
        .collect();
    let wanted: Vec<_> = paths
        .iter()
        .zip(sets)
        .map(|(path, &(_, value, kind))| format!("{path}={}", if kind == 'p' { "" } else { value }))
        .collect();
    let other: Vec<_> = values
        .iter()
        .zip(&wanted)
        .filter(|(is, wanted)| is != wanted)
        .collect();
    assert!(
        other.is_empty() && values.len() == wanted.len(),
        "{other:#?}"
    );
}

/// What has become of the lines of a file: `= ` and a line that stands in the place of one with
/// the same key, `+ ` a new one, `- ` one that is gone. Each new line must end as its neighbours
/// do, except that the file's last line may or may not have an end.
pub(crate) fn changed_lines(before: &[u8], after: &[u8]) -> Vec<String> {
    let [before, after] = [before, after].map(|file| match file.strip_suffix(b"\n") {
        Some(_) => text_of(file),
        None => text_of(file) + "\n",
    });
    let old: Vec<_> = before.split_inclusive('\n').collect();
    let new: Vec<_> = after.split_inclusive('\n').collect();
    let bare = |line: &str| match line.trim_end_matches(['\r', '\n']) {
        // After an element, blanks are no part of a value.
        element if element.trim_start().starts_with('<') => element.trim_end().to_owned(),
        text => text.to_owned(),
    };
    let ending = |line: &str| line[bare(line).len()..].to_owned();
    let mut changes = Vec::new();
    for change in capture_diff_slices(Algorithm::Myers, &old, &new) {
        if let DiffOp::Equal { .. } = change {
            continue;
        }
        let mut gone = old[change.old_range()].iter().peekable();
        for line in &new[change.new_range()] {
            let same_key = gone.next_if(|gone| key_of(gone) == key_of(line));
            let neighbour = match same_key {
                Some(same) => same,
                None => old[change.old_range().start - 1],
            };
            assert_eq!(
                ending(line),
                ending(neighbour),
                "{line:?} after {neighbour:?}"
            );
            let mark = if same_key.is_some() { '=' } else { '+' };
            changes.push(format!("{mark} {}", bare(line).trim_start()));
        }
        changes.extend(gone.map(|line| format!("- {}", bare(line).trim_start())));
    }
    changes
}

/// As UTF-8, or as Latin-1 when it is none.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// What a line sets: its start tag, or what stands before `=` or `:`.
fn key_of(line: &str) -> &str {
    let line = line.trim();
    let end = match line.strip_prefix('<') {
        Some(_) => line.find('>'),
        None => line.find(['=', ':']),
    };
    line[..end.unwrap_or(line.len())].trim_end_matches(['/', ' '])
}

/// Fails unless exactly these lines have changed.
#[track_caller]
pub(crate) fn assert_changed(before: &[u8], after: &[u8], lines: &[&str]) {
    let changes = changed_lines(before, after);
    assert!(
        changes == lines,
        "the lines that changed:\n{}\n",
        changes.join("\n")
    );
}
