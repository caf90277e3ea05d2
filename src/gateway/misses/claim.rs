//! The operator claims a phone out of quarantine: it becomes a device like any other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::device::{Contact, DeviceRecord, FileRole, TreePath, UnknownPhone};
use crate::gateway::file_passwords::Whose;
use crate::gateway::phones::with_mac_of;
use crate::gateway::tree::sealed;
use crate::gateway::{Gateway, GatewayError};
use crate::mapping::{NewFile, Pack, Recognised};
use crate::native::{Document, LayerKind, Mac, Seal};

/// Where the own file of a claimed phone comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum ClaimFrom {
    /// An empty one, as its maker's mapping pack has it.
    Nothing,
    /// A copy of another phone's file, with the address in it replaced.
    Like(Mac),
    /// These bytes.
    File(Vec<u8>),
}

/// A phone that has become a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// The phone.
    pub mac: Mac,
    /// Name of its mapping pack.
    pub vendor: String,
    /// Its own file: a name that it asks for.
    pub path: TreePath,
}

/// A phone can't be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The store, or the phone that it is to be like.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// It is not in quarantine.
    #[error(
        "no unknown phone {0} has asked for its file; `trestle quarantine list` shows those that have"
    )]
    NotInQuarantine(Mac),
    /// There is a device of this MAC, or a file of its.
    #[error("phone {0} is known already")]
    Known(Mac),
    /// It is a decoy.
    #[error("{0} is a decoy; take it out of `decoys` under [phones] first")]
    Decoy(Mac),
    /// Nothing tells its maker.
    #[error(
        "nothing tells the maker of phone {0}: claim it with --like a phone of the same maker, or \
         with --file"
    )]
    NoMaker(Mac),
    /// Its maker's mapping pack has no empty file for it.
    #[error(
        "the mapping pack `{vendor}` has no empty file for {model}; claim it with --like or --file"
    )]
    NoEmptyFile {
        /// Name of the pack.
        vendor: String,
        /// The model, or what stands for it.
        model: String,
    },
    /// The phone that it is to be like is of another maker.
    #[error(
        "phone {mac} says that it is of `{vendor}`, phone {like} is of `{other}`; `trestle convert` \
         makes a file for another maker's phone"
    )]
    OtherMaker {
        /// The phone that is claimed.
        mac: Mac,
        /// Its pack.
        vendor: String,
        /// The phone that it is to be like.
        like: Mac,
        /// That one's pack.
        other: String,
    },
    /// The bytes are no settings under any name that the phone asks for.
    #[error(
        "the file is none that a phone reads as {}; is it encrypted, or another maker's?",
        .names.join(", ")
    )]
    NoSettings {
        /// The names that were tried.
        names: Vec<String>,
    },
    /// The file can't be read as what it is.
    #[error("the file is damaged: {problem}")]
    Damaged {
        /// What is wrong with it.
        problem: String,
    },
    /// The phone would refuse the file.
    #[error("the file says that it is for phone {declared}, and phone {mac} would refuse it")]
    WrongPhone {
        /// The phone that is claimed.
        mac: Mac,
        /// The phone in the file.
        declared: String,
    },
    /// Another file is there.
    #[error("there is a file {path} already")]
    PathTaken {
        /// Where the phone's own file would be.
        path: TreePath,
    },
}

/// The own file of a phone that is about to become a device.
struct OwnFile {
    path: TreePath,
    role: FileRole,
    vendor: String,
    document: Document,
    seal: Option<Seal>,
}

impl Gateway {
    /// Makes a phone that is in quarantine a device. Its file stands under a name that it has asked
    /// for, so that it gets it when it asks again.
    ///
    /// # Errors
    /// [`ClaimError`]; nothing has happened then.
    pub async fn claim(&self, mac: Mac, from: ClaimFrom) -> Result<Claimed, ClaimError> {
        if self.inner.known.knows(mac) {
            return Err(ClaimError::Known(mac));
        }
        if self.inner.misses.is_decoy(mac) {
            return Err(ClaimError::Decoy(mac));
        }
        let phone = self.inner.misses.lock().quarantine.phone(mac).cloned();
        let phone = phone.ok_or(ClaimError::NotInQuarantine(mac))?;
        let recognised = self.recognise_unknown(mac, &phone);
        let (name, content) = match from {
            ClaimFrom::Nothing => {
                let file = self.empty_file(mac, &phone, recognised.as_ref())?;
                (Some(file.name), file.text.into_bytes())
            }
            ClaimFrom::Like(like) => self.copy_of_file(mac, like, recognised.as_ref())?,
            ClaimFrom::File(content) => (None, content),
        };
        let own = self.place_file(mac, &phone, name, content)?;
        let vendor = own.vendor.clone();
        let path = own.path.clone();
        let mut live = self.hold(mac).await;
        if self.load(mac)?.is_some() {
            return Err(ClaimError::Known(mac));
        }
        if self.load_file(&path)?.is_some() {
            return Err(ClaimError::PathTaken { path });
        }
        let mut record = self.first_record(&own.role, &path)?;
        if let Some(recognised) = recognised.filter(|recognised| recognised.vendor == vendor) {
            note_what_it_said(&mut record, recognised, &phone);
        }
        let draft = self.draft_of_tree(mac, record, own.role, own.document, own.seal)?;
        self.commit(draft, &mut live).await?;
        drop(live);
        self.inner.misses.lock().quarantine.remove(mac);
        self.write_quarantine().await?;
        tracing::info!(%mac, file = %path, "an unknown phone was claimed");
        Ok(Claimed { mac, vendor, path })
    }

    /// Name of the mapping pack of an unknown phone, as far as its User-Agent or its OUI tell.
    pub(super) fn vendor_of_unknown(&self, mac: Mac, phone: &UnknownPhone) -> Option<String> {
        if let Some(recognised) = self.recognise_unknown(mac, phone) {
            return Some(recognised.vendor);
        }
        let mut packs = self.inner.packs.iter();
        let pack = packs.find(|pack| pack.knows_oui(&mac.oui()))?;
        Some(pack.vendor().to_owned())
    }

    /// What an unknown phone says in its User-Agent, unless it names another phone.
    fn recognise_unknown(&self, mac: Mac, phone: &UnknownPhone) -> Option<Recognised> {
        let recognised = self.inner.packs.recognise(&phone.user_agent)?;
        recognised
            .mac
            .is_none_or(|named| named == mac)
            .then_some(recognised)
    }

    fn empty_file(
        &self,
        mac: Mac,
        phone: &UnknownPhone,
        recognised: Option<&Recognised>,
    ) -> Result<NewFile, ClaimError> {
        let vendor = self.vendor_of_unknown(mac, phone);
        let vendor = vendor.ok_or(ClaimError::NoMaker(mac))?;
        let model = recognised.and_then(|recognised| recognised.model.as_deref());
        let pack = self.inner.packs.for_phone(&vendor, model);
        let covering = pack.filter(|pack| model.is_none_or(|model| pack.covers_model(model)));
        let file = covering.and_then(|pack| pack.new_file(model, mac));
        file.ok_or_else(|| ClaimError::NoEmptyFile {
            vendor,
            model: model
                .unwrap_or("a phone whose model is not known")
                .to_owned(),
        })
    }

    /// The own file of another phone, with the address of this one in its name and where the maker's
    /// empty files have it.
    fn copy_of_file(
        &self,
        mac: Mac,
        like: Mac,
        recognised: Option<&Recognised>,
    ) -> Result<(Option<String>, Vec<u8>), ClaimError> {
        let mut draft = self.draft(like)?;
        let pack = Arc::clone(&draft.pack);
        if let Some(recognised) = recognised
            && recognised.vendor != draft.record.vendor
        {
            return Err(ClaimError::OtherMaker {
                mac,
                vendor: recognised.vendor.clone(),
                like,
                other: draft.record.vendor,
            });
        }
        let name = with_mac_of(draft.record.own_file.file_name(), like, mac);
        let model = draft.record.model.clone();
        let documents = draft.documents(self)?;
        let Some(own) = documents.layers.own() else {
            return Err(GatewayError::UnknownPhone(like).into());
        };
        let text = replace_address(&pack, model.as_deref(), like, mac, own.document.bytes());
        let document = Document::parse(own.document.dialect(), text);
        let content = sealed(&document, documents.seal()).into_owned();
        Ok((Some(name), content))
    }

    /// Under which of the names that a phone asks for a file is its own; the name that the file has
    /// by its maker's rules is tried last.
    fn place_file(
        &self,
        mac: Mac,
        phone: &UnknownPhone,
        name: Option<String>,
        content: Vec<u8>,
    ) -> Result<OwnFile, ClaimError> {
        let mut paths = phone.paths.clone();
        if let (Some(first), Some(name)) = (phone.paths.first(), name)
            && let Ok(path) = first.with_file_name(&name)
            && !paths.contains(&path)
        {
            paths.push(path);
        }
        let found = paths
            .iter()
            .find_map(|path| self.read_as(mac, path, &content));
        let Some(own) = found else {
            let names = paths.iter().map(|path| path.file_name().to_owned());
            return Err(ClaimError::NoSettings {
                names: names.collect(),
            });
        };
        let document = &own.document;
        let mut damage = document
            .problems()
            .iter()
            .filter(|problem| problem.kind.is_damage());
        if let Some(problem) = damage.next() {
            let problem = problem.to_string();
            return Err(ClaimError::Damaged { problem });
        }
        let declared = match document.declared_mac() {
            Some(Ok(declared)) if declared == mac => None,
            Some(Ok(declared)) => Some(declared.to_string()),
            Some(Err(error)) => Some(error.text),
            None => None,
        };
        if let Some(declared) = declared {
            return Err(ClaimError::WrongPhone { mac, declared });
        }
        Ok(own)
    }

    /// What a file is under a name, if that is the own file of this phone: as it stands, or opened
    /// with a password of the settings.
    fn read_as(&self, mac: Mac, path: &TreePath, content: &[u8]) -> Option<OwnFile> {
        let oui = mac.oui();
        let mut packs: Vec<&Arc<Pack>> = self.inner.packs.iter().collect();
        // Several makers' phones ask for the same name.
        packs.sort_by_key(|pack| !pack.knows_oui(&oui));
        packs.into_iter().find_map(|pack| {
            let own = |plain: &[u8]| {
                let identity = pack.identify_own(path.file_name(), plain)?;
                let is_own = identity.layer == LayerKind::Phone && identity.mac == Some(mac);
                is_own.then_some(identity.dialect)
            };
            let (dialect, plain, seal) = match own(content) {
                Some(dialect) => (dialect, content.to_vec(), None),
                None if Seal::is_on(content) || Seal::may_be_on(content) => {
                    let whose = Whose {
                        vendor: Some(pack.vendor()),
                        model: None,
                        mac: Some(mac),
                    };
                    let opened = self.inner.settings.file_passwords.open(whose, content);
                    let (plain, seal) = opened.ok()?;
                    (own(&plain)?, plain, Some(seal))
                }
                None => return None,
            };
            let vendor = pack.vendor().to_owned();
            Some(OwnFile {
                path: path.clone(),
                role: FileRole::Phone {
                    mac,
                    vendor: vendor.clone(),
                    dialect,
                },
                vendor,
                document: Document::parse(dialect, plain),
                seal,
            })
        })
    }
}

/// What a request of the phone has told, as a fetch of a known phone would.
fn note_what_it_said(record: &mut DeviceRecord, recognised: Recognised, phone: &UnknownPhone) {
    record.model = recognised.model;
    record.software_version = recognised.version;
    record.contact = Some(Contact {
        address: phone.address,
        at: phone.last,
    });
}

/// Puts another address into a phone's file wherever the maker's empty file has one: in each piece
/// of a line that names the phone, in either case.
fn replace_address(
    pack: &Pack,
    model: Option<&str>,
    old: Mac,
    new: Mac,
    content: &[u8],
) -> Vec<u8> {
    let empty = |mac| pack.new_file(model, mac).map(|file| file.text);
    let (Some(of_old), Some(of_new)) = (empty(old), empty(new)) else {
        return content.to_vec();
    };
    let mut content = content.to_vec();
    let lines = of_old.lines().zip(of_new.lines());
    for (old, new) in lines.filter(|(old, new)| old != new) {
        content = replace(&content, old.trim().as_bytes(), new.trim().as_bytes());
    }
    content
}

/// The same bytes with a text in the place of another, whatever the case of that.
fn replace(content: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(first) = rest.first() {
        match rest.split_at_checked(old.len()) {
            Some((here, after)) if !old.is_empty() && here.eq_ignore_ascii_case(old) => {
                replaced.extend_from_slice(new);
                rest = after;
            }
            _ => {
                replaced.push(*first);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    replaced
}

impl std::fmt::Debug for ClaimFrom {
    /// Without the bytes of a file: it holds passwords.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("Nothing"),
            Self::Like(mac) => write!(formatter, "Like({mac})"),
            Self::File(content) => write!(formatter, "File({} bytes)", content.len()),
        }
    }
}
