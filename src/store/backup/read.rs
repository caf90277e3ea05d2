//! Reading a backup: any bytes are one, or an error.

use std::io::{self, BufReader, Read};

use sha2::{Digest, Sha256};
use zstd::stream::read::Decoder;

use super::format::{
    BackupError, BackupHeader, BackupSummary, CONTENT, DIGEST_BYTES, END, FORMAT, GONE, LEFT_OUT,
    LeftOut, MAGIC, MAX_HEADER, RECORD, WINDOW_LOG,
};
use crate::store::assets::hash_of;
use crate::store::{ContentFolder, MAX_KEY_BYTES, MAX_LONG_VALUE_BYTES, Table};
use crate::wire::ContentHash;

/// Where a backup's items go, in their order.
pub(in crate::store) trait BackupTarget {
    /// A record. It takes the place of an earlier one with its key.
    ///
    /// # Errors
    /// Whatever ends the reading, as for the other two.
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<(), BackupError>;

    /// A record that came before, perhaps, is gone.
    ///
    /// # Errors
    /// See above.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), BackupError>;

    /// A content; it may have other bytes than its name says.
    ///
    /// # Errors
    /// See above.
    fn content(
        &mut self,
        folder: ContentFolder,
        hash: ContentHash,
        content: &mut dyn Read,
    ) -> Result<(), BackupError>;
}

/// Reads a whole backup, in little memory whatever its size. Only when this returns is it known that
/// all that came was as it was written.
///
/// # Errors
/// [`BackupError`] for bytes that are no backup, a cut or damaged or newer one; what the target says.
pub(in crate::store) fn read_backup(
    input: impl Read,
    target: &mut dyn BackupTarget,
) -> Result<BackupSummary, BackupError> {
    let mut input = Trailed::new(input);
    let header = header(&mut input)?;
    let decoder = Decoder::with_buffer(BufReader::new(input)).map_err(failure)?;
    let mut decoder = decoder.single_frame();
    decoder.window_log_max(WINDOW_LOG).map_err(failure)?;
    let mut items = Items {
        input: &mut decoder,
        records: 0,
        contents: 0,
        left_out: Vec::new(),
    };
    while items.next(target)? {}
    let Items {
        records,
        contents,
        left_out,
        ..
    } = items;
    // The end of the frame is read as well: it has a checksum of its own.
    let mut more = decoder.read(&mut [0]).map_err(failure)? > 0;
    let mut input = decoder.finish();
    more |= io::copy(&mut input, &mut io::sink()).map_err(failure)? > 0;
    if more {
        return Err(BackupError::damaged("something follows its last item"));
    }
    input.into_inner().check()?;
    Ok(BackupSummary {
        header,
        records,
        contents,
        left_out,
    })
}

/// Reads a whole backup and keeps nothing of it.
///
/// # Errors
/// [`BackupError`] for bytes that are no backup, or a cut, damaged or newer one.
pub fn verify_backup(input: impl Read) -> Result<BackupSummary, BackupError> {
    struct Nowhere;
    impl BackupTarget for Nowhere {
        fn put(&mut self, _: Table, _: &[u8], _: Vec<u8>) -> Result<(), BackupError> {
            Ok(())
        }

        fn delete(&mut self, _: Table, _: &[u8]) -> Result<(), BackupError> {
            Ok(())
        }

        fn content(
            &mut self,
            _: ContentFolder,
            hash: ContentHash,
            content: &mut dyn Read,
        ) -> Result<(), BackupError> {
            let found = hash_of(content, &mut |_| Ok(())).map_err(failure)?;
            if found == hash {
                Ok(())
            } else {
                Err(BackupError::DamagedContent { hash })
            }
        }
    }
    read_backup(input, &mut Nowhere)
}

fn header(input: &mut impl Read) -> Result<BackupHeader, BackupError> {
    let mut magic = [0; MAGIC.len()];
    match input.read_exact(&mut magic) {
        Ok(()) if magic == *MAGIC => {}
        Err(error) if error.raw_os_error().is_some() => return Err(BackupError::Io(error)),
        _ => return Err(BackupError::NotABackup),
    }
    let [found] = array(input)?;
    match found {
        FORMAT => {}
        0 => return Err(BackupError::damaged("its format is 0")),
        _ => {
            return Err(BackupError::NewerFormat {
                found,
                known: FORMAT,
            });
        }
    }
    let length = length(input)?;
    if length > MAX_HEADER {
        return Err(BackupError::damaged("its header is too long"));
    }
    serde_json::from_slice(&bytes(input, length)?)
        .map_err(|error| BackupError::damaged(format!("its header: {error}")))
}

struct Items<'input, R> {
    input: &'input mut R,
    records: u64,
    contents: u64,
    left_out: Vec<LeftOut>,
}

impl<R: Read> Items<'_, R> {
    /// Takes one item; false at the end.
    fn next(&mut self, target: &mut dyn BackupTarget) -> Result<bool, BackupError> {
        match array(self.input)? {
            [END] => {
                let counted = (
                    u64::from_be_bytes(array(self.input)?),
                    u64::from_be_bytes(array(self.input)?),
                );
                if counted != (self.records, self.contents) {
                    return Err(BackupError::damaged("it holds more or less than it says"));
                }
                return Ok(false);
            }
            [RECORD] => {
                let (table, key) = self.key()?;
                let length = length(self.input)?;
                if length > MAX_LONG_VALUE_BYTES {
                    return Err(BackupError::damaged("a value in it is too long"));
                }
                self.records += 1;
                target.put(table, &key, bytes(self.input, length)?)?;
            }
            [GONE] => {
                let (table, key) = self.key()?;
                target.delete(table, &key)?;
            }
            [CONTENT] => self.content(target)?,
            [LEFT_OUT] => {
                let length = u16::from_be_bytes(array(self.input)?);
                let what = bytes(self.input, length.into())?;
                let what = String::from_utf8_lossy(&what).into_owned();
                self.left_out.push(LeftOut { what });
            }
            [other] => {
                return Err(BackupError::damaged(format!("it holds an item {other}")));
            }
        }
        Ok(true)
    }

    fn key(&mut self) -> Result<(Table, Vec<u8>), BackupError> {
        let [table] = array(self.input)?;
        let table = Table::of_byte(table)
            .ok_or_else(|| BackupError::damaged(format!("it holds a table {table}")))?;
        let length = usize::from(u16::from_be_bytes(array(self.input)?));
        if length > MAX_KEY_BYTES {
            return Err(BackupError::damaged("a key in it is too long"));
        }
        Ok((table, bytes(self.input, length)?))
    }

    fn content(&mut self, target: &mut dyn BackupTarget) -> Result<(), BackupError> {
        let [folder] = array(self.input)?;
        let folder = ContentFolder::of_byte(folder)
            .ok_or_else(|| BackupError::damaged(format!("it holds a folder {folder}")))?;
        let hash = ContentHash::from(array::<32>(self.input)?);
        let length = u64::from_be_bytes(array(self.input)?);
        let mut content = (&mut *self.input).take(length);
        target.content(folder, hash, &mut content)?;
        // A target that did not read all of it, or an input that did not have it.
        io::copy(&mut content, &mut io::sink()).map_err(failure)?;
        if content.limit() > 0 {
            return Err(BackupError::Cut);
        }
        self.contents += 1;
        Ok(())
    }
}

/// An input whose last bytes are a digest of all before: they are held back and no part of what is
/// read.
struct Trailed<R> {
    input: R,
    digest: Sha256,
    held: Vec<u8>,
    /// How much of that is given out already.
    given: usize,
    has_ended: bool,
}

impl<R: Read> Trailed<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            digest: Sha256::new(),
            held: Vec::new(),
            given: 0,
            has_ended: false,
        }
    }

    fn check(self) -> Result<(), BackupError> {
        let trailer = self.held.get(self.given..).unwrap_or_default();
        if !self.has_ended || trailer.len() != DIGEST_BYTES {
            Err(BackupError::Cut)
        } else if trailer == self.digest.finalize().as_slice() {
            Ok(())
        } else {
            Err(BackupError::damaged("its checksum is another one"))
        }
    }
}

impl<R: Read> Read for Trailed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let there = self.held.get(self.given..).unwrap_or_default();
            let length = there.len().saturating_sub(DIGEST_BYTES).min(out.len());
            if length > 0 || self.has_ended || out.is_empty() {
                let given = there.get(..length).unwrap_or_default();
                self.digest.update(given);
                if let Some(out) = out.get_mut(..length) {
                    out.copy_from_slice(given);
                }
                self.given += length;
                return Ok(length);
            }
            self.held.drain(..self.given);
            self.given = 0;
            let kept = self.held.len();
            self.held.resize(kept + 64 * 1024, 0);
            let read = match self.held.get_mut(kept..) {
                Some(room) => self.input.read(room),
                None => Ok(0),
            };
            self.held.truncate(kept + *read.as_ref().unwrap_or(&0));
            self.has_ended = read? == 0;
        }
    }
}

fn array<const N: usize>(input: &mut impl Read) -> Result<[u8; N], BackupError> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).map_err(failure)?;
    Ok(bytes)
}

/// A length of four bytes.
fn length(input: &mut impl Read) -> Result<usize, BackupError> {
    let length = u32::from_be_bytes(array(input)?);
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

/// So many bytes; memory is taken as they come, not as they are announced.
fn bytes(input: &mut impl Read, length: usize) -> Result<Vec<u8>, BackupError> {
    let mut bytes = Vec::new();
    let mut limited = input.take(length as u64);
    limited.read_to_end(&mut bytes).map_err(failure)?;
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(BackupError::Cut)
    }
}

/// What the system says is a failure of the file; the rest comes of its bytes.
fn failure(error: io::Error) -> BackupError {
    if error.raw_os_error().is_some() {
        BackupError::Io(error)
    } else if error.kind() == io::ErrorKind::UnexpectedEof {
        BackupError::Cut
    } else {
        BackupError::damaged(error.to_string())
    }
}
