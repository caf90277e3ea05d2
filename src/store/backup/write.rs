//! Writing a backup.

use std::collections::HashSet;
use std::io::{self, Read as _, Write};

use sha2::{Digest, Sha256};
use zstd::stream::write::Encoder;

use super::format::{
    BackupError, BackupHeader, BackupSummary, CONTENT, END, FORMAT, GONE, LEFT_OUT, LeftOut, MAGIC,
    MAX_HEADER, RECORD,
};
use crate::store::table::is_the_stores_own;
use crate::store::{AssetError, AssetStore, ContentFolder, RecordKey, Store, StoreError, Table};
use crate::wire::ContentHash;

const LEVEL: i32 = 3;
/// As many changed records at most are read in the moment in which nobody commits, unless
/// they come faster than they can be read.
const READ_TOGETHER: usize = 256;
/// How often what has changed is read before that.
const ROUNDS: usize = 16;
/// Longest text of what is left out, in bytes.
const MAX_LEFT_OUT: usize = 4096;

/// Writes a store, and with `header.contents` these folders, to `out`; also while others write to
/// the store.
///
/// # Errors
/// [`BackupError`] when the store can't be read or `out` takes no more. A single record or content
/// that can't be read is no error: it is named in the summary.
pub fn write_backup(
    store: &dyn Store,
    folders: &[(ContentFolder, &AssetStore)],
    header: &BackupHeader,
    out: &mut dyn Write,
) -> Result<BackupSummary, BackupError> {
    let mut out = Hashing {
        out,
        digest: Sha256::new(),
    };
    let text = serde_json::to_vec(header)
        .ok()
        .filter(|text| text.len() <= MAX_HEADER)
        .ok_or_else(|| BackupError::damaged("its header can't be written"))?;
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    for part in [MAGIC, &[FORMAT][..], &length.to_be_bytes(), &text] {
        out.write_all(part).map_err(BackupError::Io)?;
    }
    let mut items = Items {
        out: Encoder::new(&mut out, LEVEL).map_err(BackupError::Io)?,
        records: 0,
        left_out: Vec::new(),
        contents: HashSet::new(),
    };
    // From now on every change is noted, so that the scan may see it or not.
    let watch = store.watch();
    let folders = if header.contents { folders } else { &[] };
    items.folders(folders)?;
    for table in Table::ALL {
        for entry in store.scan(table, b"") {
            match entry {
                Ok((key, value)) => items.record(&(table, key), Some(&value))?,
                Err(error) => items.leave_out(error)?,
            }
        }
    }
    for _ in 0..ROUNDS {
        if watch.len() <= READ_TOGETHER {
            break;
        }
        for key in watch.take() {
            items.changed(&key, store.get(key.0, &key.1))?;
        }
    }
    for (key, value) in store.changed_together(&watch)? {
        items.changed(&key, value)?;
    }
    drop(watch);
    items.folders(folders)?;
    let (records, contents, left_out) = items.end()?;
    let Hashing { out, digest } = out;
    out.write_all(&digest.finalize()).map_err(BackupError::Io)?;
    out.flush().map_err(BackupError::Io)?;
    Ok(BackupSummary {
        header: header.clone(),
        records,
        contents,
        left_out,
    })
}

struct Hashing<'out> {
    out: &'out mut dyn Write,
    digest: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Items<'out, W: Write> {
    out: Encoder<'out, W>,
    records: u64,
    left_out: Vec<LeftOut>,
    contents: HashSet<(ContentFolder, ContentHash)>,
}

impl<W: Write> Items<'_, W> {
    fn changed(
        &mut self,
        key: &RecordKey,
        value: Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<(), BackupError> {
        match value {
            Ok(value) => self.record(key, value.as_deref()),
            Err(error) => self.leave_out(error),
        }
    }

    fn record(&mut self, key: &RecordKey, value: Option<&[u8]>) -> Result<(), BackupError> {
        let (table, key) = key;
        if is_the_stores_own(*table, key) {
            return Ok(());
        }
        // The store has checked both lengths.
        let key_length = u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes();
        let Some(value) = value else {
            return self.write(&[&[GONE, table.byte()], &key_length, key]);
        };
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.records += 1;
        let head: &[u8] = &[RECORD, table.byte()];
        self.write(&[head, &key_length, key, &length, value])
    }

    /// Every content of these folders that has not been written yet.
    fn folders(&mut self, folders: &[(ContentFolder, &AssetStore)]) -> Result<(), BackupError> {
        for (folder, contents) in folders {
            for (hash, _) in contents.list()? {
                if !self.contents.contains(&(*folder, hash)) {
                    self.content(*folder, contents, hash)?;
                }
            }
        }
        Ok(())
    }

    fn content(
        &mut self,
        folder: ContentFolder,
        contents: &AssetStore,
        hash: ContentHash,
    ) -> Result<(), BackupError> {
        let mut file = match contents.file(&hash) {
            Ok(file) => file,
            // Dropped since the folder was listed: nothing refers to it any more.
            Err(AssetError::Missing { .. }) => return Ok(()),
            Err(error @ AssetError::Damaged { .. }) => return self.name_left_out(&error),
            Err(error) => return Err(error.into()),
        };
        let length = file.metadata().map_err(BackupError::Io)?.len();
        let head: &[u8] = &[CONTENT, folder.byte()];
        self.write(&[head, hash.bytes(), &length.to_be_bytes()])?;
        let copied = io::copy(&mut (&mut file).take(length), &mut self.out);
        if copied.map_err(BackupError::Io)? != length {
            return Err(AssetError::Damaged { hash }.into());
        }
        self.contents.insert((folder, hash));
        Ok(())
    }

    fn leave_out(&mut self, error: StoreError) -> Result<(), BackupError> {
        match error {
            StoreError::DamagedValue { .. } => self.name_left_out(&error),
            error => Err(error.into()),
        }
    }

    fn name_left_out(&mut self, why: &dyn std::error::Error) -> Result<(), BackupError> {
        let mut what = why.to_string();
        what.truncate(what.floor_char_boundary(MAX_LEFT_OUT));
        let length = u16::try_from(what.len()).unwrap_or(u16::MAX).to_be_bytes();
        self.write(&[&[LEFT_OUT], &length, what.as_bytes()])?;
        self.left_out.push(LeftOut { what });
        Ok(())
    }

    fn end(mut self) -> Result<(u64, u64, Vec<LeftOut>), BackupError> {
        let contents = self.contents.len() as u64;
        let records = self.records;
        self.write(&[&[END], &records.to_be_bytes(), &contents.to_be_bytes()])?;
        self.out.finish().map_err(BackupError::Io)?;
        Ok((records, contents, self.left_out))
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<(), BackupError> {
        for part in parts {
            self.out.write_all(part).map_err(BackupError::Io)?;
        }
        Ok(())
    }
}
