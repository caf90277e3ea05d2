//! The tree of a config server on disk: which files are there, and what each of them is.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file_passwords::{FilePasswords, Whose};
use super::report::{Finding, FindingKind};
use super::shared_affixes::SharedAffixes;
use crate::device::{FileRole, TreePath};
use crate::mapping::{Pack, Packs};
use crate::native::{
    Dialect, Document, FileIdentity, LayerKind, Mac, Opaque, Seal, SealError, sniff,
};
use crate::store::MAX_LONG_VALUE_BYTES;

/// Largest file that is read as a document; a larger one is served as it is.
const MAX_DOCUMENT_LENGTH: u64 = MAX_LONG_VALUE_BYTES as u64;
/// Largest file that is taken over at all.
const MAX_FILE_LENGTH: u64 = 1 << 30;
/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// The tree can't be read at all.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The root is no readable folder.
    #[error("can't read the folder {path}")]
    Root {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file can't be written.
    #[error("can't write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A file of the tree that can be taken over.
#[derive(Debug, Clone)]
pub(super) struct TreeFile {
    pub(super) path: TreePath,
    pub(super) on_disk: PathBuf,
    pub(super) length: u64,
}

/// What a file of the tree is.
#[derive(Debug)]
pub(super) struct Classified {
    pub(super) role: FileRole,
    /// The parsed file, when it is one that phones read as settings.
    pub(super) document: Option<Document>,
    /// What to encrypt it with again, when it is encrypted.
    pub(super) seal: Option<Seal>,
    pub(super) findings: Vec<Finding>,
}

impl Classified {
    /// The bytes that are served for the document.
    pub(super) fn rendered(&self) -> Option<Cow<'_, [u8]>> {
        let document = self.document.as_ref()?;
        Some(sealed(document, self.seal.as_ref()))
    }
}

/// The bytes of a file: of its document as it is, or encrypted.
pub(super) fn sealed<'a>(document: &'a Document, seal: Option<&Seal>) -> Cow<'a, [u8]> {
    match seal {
        Some(seal) => Cow::Owned(seal.close(document.bytes())),
        None => Cow::Borrowed(document.bytes()),
    }
}

/// Lists the files below `root`, in order of their paths. What can't be taken over becomes a
/// finding.
pub(super) fn walk(root: &Path) -> Result<(Vec<TreeFile>, Vec<Finding>), TreeError> {
    let error = |source| TreeError::Root {
        path: root.to_owned(),
        source,
    };
    let real_root = root.canonicalize().map_err(error)?;
    let mut files = Vec::new();
    let mut findings = Vec::new();
    let mut folders = vec![(root.to_owned(), String::new(), 0_usize)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(source) if depth == 0 => return Err(error(source)),
            Err(source) => {
                findings.push(Finding::of_file(FindingKind::Unreadable, prefix, source));
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(source) => {
                    findings.push(Finding::of_file(
                        FindingKind::Unreadable,
                        prefix.clone(),
                        source,
                    ));
                    continue;
                }
            };
            let name = entry.file_name();
            let shown = format!("{prefix}{}", name.to_string_lossy());
            let on_disk = entry.path();
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let metadata = match fs::metadata(&on_disk) {
                Ok(metadata) => metadata,
                Err(source) => {
                    findings.push(Finding::of_file(FindingKind::Unreadable, shown, source));
                    continue;
                }
            };
            if metadata.is_dir() {
                if is_link || depth + 1 >= MAX_DEPTH {
                    let why = "the folder is a link or lies too deep; it is left out";
                    findings.push(Finding::of_file(FindingKind::LeftOut, shown, why));
                } else {
                    folders.push((on_disk, format!("{shown}/"), depth + 1));
                }
                continue;
            }
            // No folder is a link, so only a file that is one can lead out.
            let leads_out = is_link
                && on_disk
                    .canonicalize()
                    .map_or(true, |target| !target.starts_with(&real_root));
            if !metadata.is_file() || leads_out {
                let why = "no file, or a link that leads out of this tree";
                findings.push(Finding::of_file(FindingKind::LeftOut, shown, why));
                continue;
            }
            if metadata.len() > MAX_FILE_LENGTH {
                let why = "larger than 1 GiB; it is left out";
                findings.push(Finding::of_file(FindingKind::LeftOut, shown, why));
                continue;
            }
            let path = name
                .to_str()
                .and_then(|name| format!("{prefix}{name}").parse::<TreePath>().ok());
            match path {
                Some(path) => files.push(TreeFile {
                    path,
                    on_disk,
                    length: metadata.len(),
                }),
                None => {
                    let why = "no phone can ask for this name; it is left out";
                    findings.push(Finding::of_file(FindingKind::LeftOut, shown, why));
                }
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    findings.sort_by(|one, other| one.file.cmp(&other.file));
    Ok((files, findings))
}

/// What it takes to say what a file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) packs: &'a Packs,
    pub(super) passwords: &'a FilePasswords,
    pub(super) affixes: &'a SharedAffixes,
}

/// Says what a file is, from its name and content, by the rules of the mapping packs.
pub(super) fn classify(reader: Reader<'_>, path: &TreePath, content: &[u8]) -> Classified {
    let Reader { packs, affixes, .. } = reader;
    let other = |findings| Classified {
        role: FileRole::Other,
        document: None,
        seal: None,
        findings,
    };
    if content.len() as u64 > MAX_DOCUMENT_LENGTH {
        let findings = packs.identify(path.file_name(), content).map(|_| {
            let why = format!("larger than {MAX_DOCUMENT_LENGTH} bytes; it is served as it is");
            Finding::of_file(FindingKind::LeftOut, path.to_string(), why)
        });
        return other(findings.into_iter().collect());
    }
    let by_name = packs.identify_by_name(path.file_name());
    let (content, seal) = match unseal(reader, path, by_name.as_ref(), content) {
        Ok(opened) => opened,
        Err(error) => return other(vec![sealed_finding(path, by_name.as_ref(), error)]),
    };
    let content = content.as_ref();
    let identified = packs.identify(path.file_name(), content).or_else(|| {
        let shared = |vendor: &str| affixes.of(vendor, path.folder());
        packs.identify_wrapped(path.file_name(), content, shared)
    });
    let Some((pack, identity)) = identified else {
        return match sniff(content) {
            Some(sniffed) => Classified {
                seal,
                ..orphan(path, sniffed.dialect, content)
            },
            None => other(opaque_finding(path, by_name.is_some(), content)),
        };
    };
    let document = Document::parse(identity.dialect, content);
    let mut findings = syntax_findings(path, &document, identity.mac);
    if let (Some(mac), Some(Ok(declared))) = (identity.mac, document.declared_mac())
        && mac != declared
    {
        let why =
            format!("the file says that it is for phone {declared}; the phone will refuse it");
        let finding = Finding::of_file(FindingKind::WrongPhone, path.to_string(), why);
        findings.push(finding.about(mac));
    }
    let vendor = pack.vendor().to_owned();
    let dialect = identity.dialect;
    let role = match (identity.layer, identity.mac) {
        (LayerKind::Phone, Some(mac)) => FileRole::Phone {
            mac,
            vendor,
            dialect,
        },
        (LayerKind::Phone, None) => return other(findings),
        (LayerKind::Shared, _) => FileRole::Shared {
            vendor,
            dialect,
            model: None,
        },
        (LayerKind::Model, _) => FileRole::Shared {
            vendor,
            dialect,
            model: identity.model,
        },
    };
    Classified {
        role,
        document: Some(document),
        seal,
        findings,
    }
}

/// What a file holds, and the seal on it: of an encrypted file the plain text.
fn unseal<'a>(
    reader: Reader<'_>,
    path: &TreePath,
    by_name: Option<&(&Arc<Pack>, FileIdentity)>,
    content: &'a [u8],
) -> Result<(Cow<'a, [u8]>, Option<Seal>), SealError> {
    let Reader {
        packs, passwords, ..
    } = reader;
    let wrapped = match by_name {
        Some(_) => None,
        None => packs.identify_wrapped_by_name(path.file_name()),
    };
    let named = by_name.or(wrapped.as_ref());
    let whose = named.map_or_else(Whose::default, |(pack, identity)| Whose {
        vendor: Some(pack.vendor()),
        model: identity.model.as_deref(),
        mac: identity.mac,
    });
    if Seal::is_on(content) {
        let (plain, seal) = passwords.open(whose, content)?;
        return Ok((Cow::Owned(plain), Some(seal)));
    }
    // Nothing in the file says that it is encrypted without salt: only that a password fits, and
    // that it then is what its name says.
    let name = path.file_name();
    if by_name.is_some()
        && Seal::may_be_on(content)
        && packs.identify(name, content).is_none()
        && let Ok((plain, seal)) = passwords.open(whose, content)
        && packs.identify(name, &plain).is_some()
    {
        return Ok((Cow::Owned(plain), Some(seal)));
    }
    Ok((Cow::Borrowed(content), None))
}

fn sealed_finding(
    path: &TreePath,
    by_name: Option<&(&Arc<Pack>, FileIdentity)>,
    error: SealError,
) -> Finding {
    let mac = by_name.and_then(|(_, identity)| identity.mac);
    let advice = match (error, mac) {
        (SealError::Length { .. }, _) => String::new(),
        (_, Some(mac)) => format!(
            "; to have it read, write [[phones.file_password]] with password and mac = \"{mac}\" \
             into the settings"
        ),
        (_, None) => "; to have it read, write [[phones.file_password]] with password into the \
                      settings"
            .to_owned(),
    };
    let why = format!("{error}; it is served as it is{advice}");
    let mut finding = Finding::of_file(FindingKind::Encrypted, path.to_string(), why);
    finding.mac = mac;
    finding
}

/// What is said of a file that is no text: always of one that a vendor's tool has encrypted, of
/// others if phones read settings under that name.
fn opaque_finding(path: &TreePath, is_named_by_rule: bool, content: &[u8]) -> Vec<Finding> {
    let (why, mac) = match Opaque::of(path.file_name(), content) {
        Some(Opaque::Tuz { for_one_phone, mac }) => {
            let reader = if for_one_phone {
                "the phone that it was made for"
            } else {
                "phones"
            };
            let why = format!(
                "encrypted by the vendor's tool: only {reader} can open it, and it is served as \
                 it is; a phone prefers it to the .cfg of the same name, so an edit of that one \
                 may have no effect"
            );
            (why, mac)
        }
        Some(Opaque::TuzPassword) => {
            let why = "holds the password of encrypted files for the phones; it is served as it is";
            (why.to_owned(), None)
        }
        Some(Opaque::Binary) if is_named_by_rule => {
            let why = "no text and no binary form that is known: encrypted or binary in a form \
                       that is not documented; it is served as it is";
            (why.to_owned(), None)
        }
        Some(Opaque::Binary) | None => return Vec::new(),
    };
    let mut finding = Finding::of_file(FindingKind::Encrypted, path.to_string(), why);
    finding.mac = mac;
    vec![finding]
}

/// Settings, and no phone asks for this name: a copy, or a name of the operator's own.
fn orphan(path: &TreePath, dialect: Dialect, content: &[u8]) -> Classified {
    let document = Document::parse(dialect, content);
    let whose = match document.declared_mac() {
        Some(Ok(mac)) => format!("looks like the settings of phone {mac}"),
        _ => "looks like settings".to_owned(),
    };
    let why = format!("{whose}, but no phone asks for this name; it is served as it is");
    let finding = Finding::of_file(FindingKind::Orphan, path.to_string(), why);
    let mut findings = vec![finding];
    findings.extend(syntax_findings(path, &document, None));
    Classified {
        role: FileRole::Orphan { dialect },
        document: Some(document),
        seal: None,
        findings,
    }
}

fn syntax_findings(path: &TreePath, document: &Document, mac: Option<Mac>) -> Vec<Finding> {
    document
        .problems()
        .iter()
        .map(|problem| Finding {
            kind: FindingKind::Syntax,
            file: path.to_string(),
            line: Some(problem.line),
            column: Some(problem.column),
            mac,
            message: problem.kind.to_string(),
            source: None,
        })
        .collect()
}

/// A file that is one phone's own by its name.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) file: TreeFile,
    pub(super) vendor: String,
}

/// Which of several files is the phone's own: the one it is known by; else one under a name that
/// phones ask for, in the folder nearest to the root, and of several there the one under the usual
/// name. A copy in a folder of backups is not it.
pub(super) fn choose(
    packs: &Packs,
    mac: Mac,
    mut candidates: Vec<Candidate>,
    known: Option<&TreePath>,
) -> Option<(Candidate, Vec<Candidate>)> {
    candidates.sort_by_cached_key(|candidate| {
        let path = &candidate.file.path;
        let pack = packs.by_vendor(&candidate.vendor);
        let place = pack.and_then(|pack| {
            let mut names = pack.served_names(mac);
            names.position(|name| name.eq_ignore_ascii_case(path.file_name()))
        });
        let depth = path.as_str().matches('/').count();
        let place = place.unwrap_or(usize::MAX);
        (
            known != Some(path),
            place == usize::MAX,
            depth,
            place,
            path.clone(),
        )
    });
    let mut candidates = candidates.into_iter();
    let own = candidates.next()?;
    Some((own, candidates.collect()))
}
