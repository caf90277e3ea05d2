//! Large contents (firmware, uploads, originals) in files that are named by what is in them.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::StoreError;
use super::files::{create_directory, sync_directory};
use crate::wire::ContentHash;

/// An asset can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// There is no such asset.
    #[error("there is no asset {hash}")]
    Missing {
        /// The asset asked for.
        hash: ContentHash,
    },
    /// The file does not hold what its name says.
    #[error("the asset {hash} is damaged; put the original again to mend it")]
    Damaged {
        /// The asset asked for.
        hash: ContentHash,
    },
    /// A file or directory can't be used.
    #[error(transparent)]
    Files(#[from] StoreError),
}

/// Which folder of a store's directory contents lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentFolder {
    /// Firmware, and large files of the tree.
    Assets,
    /// What phones have sent.
    Uploads,
}

impl ContentFolder {
    /// Every folder.
    pub(in crate::store) const ALL: [Self; 2] = [Self::Assets, Self::Uploads];

    /// Its name below the store's directory.
    pub(in crate::store) fn name(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::Uploads => "uploads",
        }
    }
}

/// A folder of contents, `<dir>/assets` unless [`AssetStore::beside`] opens another. A content is on disk when [`AssetStore::put`] returns, so that a
/// record which names it may be committed then.
///
/// Open it after the store of the same directory: that store's lock keeps other processes out.
#[derive(Debug)]
pub struct AssetStore {
    root: PathBuf,
    /// Makes the names of files in the making differ.
    next: AtomicU64,
}

impl AssetStore {
    /// Opens the assets of a store's directory and removes what a killed process left unfinished.
    ///
    /// # Errors
    /// [`AssetError::Files`].
    pub fn open(dir: &Path) -> Result<Self, AssetError> {
        Self::open_folder(dir.join(ContentFolder::Assets.name()))
    }

    fn open_folder(root: PathBuf) -> Result<Self, AssetError> {
        let store = Self {
            root,
            next: AtomicU64::new(0),
        };
        let unfinished = store.unfinished();
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(StoreError::io(&unfinished))?;
        }
        create_directory(&unfinished)?;
        Ok(store)
    }

    /// Opens another folder of contents, beside this one.
    ///
    /// # Errors
    /// [`AssetError::Files`].
    pub fn beside(&self, folder: ContentFolder) -> Result<Self, AssetError> {
        Self::open_folder(self.root.with_file_name(folder.name()))
    }

    /// Keeps a content and returns its hash; a content that is there already is not written again.
    ///
    /// # Errors
    /// [`AssetError::Files`].
    pub fn put(&self, content: &[u8]) -> Result<ContentHash, AssetError> {
        let hash = ContentHash::of(content);
        match self.read(&hash) {
            // Whoever put it may not have come to this yet.
            Ok(_) => self.sync_entry(&hash)?,
            Err(AssetError::Missing { .. } | AssetError::Damaged { .. }) => {
                let (unfinished, ()) = self.write_aside(|file| file.write_all(content))?;
                self.put_in_place(&unfinished, &hash)?;
            }
            Err(error) => return Err(error),
        }
        Ok(hash)
    }

    /// Keeps a content that comes in pieces and must have this hash, without holding it in memory.
    ///
    /// # Errors
    /// [`AssetError::Damaged`] when it has another one, and is not kept; [`AssetError::Files`].
    pub(in crate::store) fn put_stream(
        &self,
        hash: &ContentHash,
        content: &mut dyn Read,
    ) -> Result<(), AssetError> {
        let (unfinished, found) =
            self.write_aside(|file| hash_of(content, &mut |part| file.write_all(part)))?;
        if found != *hash {
            fs::remove_file(&unfinished).map_err(StoreError::io(&unfinished))?;
            return Err(AssetError::Damaged { hash: *hash });
        }
        Ok(self.put_in_place(&unfinished, hash)?)
    }

    /// A content, verified.
    ///
    /// # Errors
    /// Every [`AssetError`].
    pub fn read(&self, hash: &ContentHash) -> Result<Vec<u8>, AssetError> {
        let path = self.place(hash).1;
        let content = fs::read(&path).map_err(|error| failure(hash, &path, error))?;
        if ContentHash::of(&content) == *hash {
            Ok(content)
        } else {
            Err(AssetError::Damaged { hash: *hash })
        }
    }

    /// The file of a content, open at its beginning, verified without holding it in memory.
    ///
    /// # Errors
    /// Every [`AssetError`].
    pub fn file(&self, hash: &ContentHash) -> Result<File, AssetError> {
        let path = self.place(hash).1;
        let verified = || -> io::Result<(File, ContentHash)> {
            let mut file = File::open(&path)?;
            let found = hash_of(&mut file, &mut |_| Ok(()))?;
            file.rewind()?;
            Ok((file, found))
        };
        match verified() {
            Ok((file, found)) if found == *hash => Ok(file),
            Ok(_) => Err(AssetError::Damaged { hash: *hash }),
            Err(error) => Err(failure(hash, &path, error)),
        }
    }

    /// Whether a content is there; it is not verified.
    pub fn exists(&self, hash: &ContentHash) -> bool {
        self.place(hash).1.is_file()
    }

    /// Every content that is there, with the moment at which it was written.
    ///
    /// # Errors
    /// [`AssetError::Files`].
    pub fn list(&self) -> Result<Vec<(ContentHash, Timestamp)>, AssetError> {
        let mut found = Vec::new();
        let entries = |path: &Path| fs::read_dir(path).map_err(StoreError::io(path));
        for directory in entries(&self.root)? {
            let directory = directory.map_err(StoreError::io(&self.root))?.path();
            if directory == self.unfinished() || !directory.is_dir() {
                continue;
            }
            for file in entries(&directory)? {
                let file = file.map_err(StoreError::io(&directory))?;
                let first = directory.file_name().unwrap_or_default().to_string_lossy();
                let name = format!("{first}{}", file.file_name().to_string_lossy());
                // What has another name was not put here by us.
                let Ok(hash) = name.parse() else { continue };
                let path = file.path();
                let written = file.metadata().and_then(|facts| facts.modified());
                let written = written.map_err(StoreError::io(&path))?;
                found.push((hash, Timestamp::try_from(written).unwrap_or(Timestamp::MAX)));
            }
        }
        Ok(found)
    }

    /// Free space of the disk that this folder is on, as far as this user may fill it, and its size,
    /// in bytes.
    ///
    /// # Errors
    /// [`AssetError::Files`].
    pub fn disk_space(&self) -> Result<(u64, u64), AssetError> {
        let facts = nix::sys::statvfs::statvfs(&self.root)
            .map_err(|error| StoreError::io(&self.root)(error.into()))?;
        let unit = facts.fragment_size();
        let bytes = |blocks: u64| blocks.saturating_mul(unit);
        Ok((bytes(facts.blocks_available()), bytes(facts.blocks())))
    }

    /// Removes a content; one that is not there is no error. Whether something refers to it, the
    /// caller knows.
    ///
    /// # Errors
    /// [`AssetError`].
    pub fn remove(&self, hash: &ContentHash) -> Result<(), AssetError> {
        let (directory, path) = self.place(hash);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(StoreError::io(&path))?,
        }
        sync_directory(&directory)?;
        Ok(())
    }

    /// Lets `write` write a file that has no content's name yet; where it is, on disk.
    fn write_aside<T>(
        &self,
        write: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> Result<(PathBuf, T), StoreError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.unfinished().join(number.to_string());
        let written = File::create(&unfinished).and_then(|mut file| {
            let written = write(&mut file)?;
            file.sync_all()?;
            Ok(written)
        });
        let written = written.map_err(StoreError::io(&unfinished))?;
        Ok((unfinished, written))
    }

    fn put_in_place(&self, unfinished: &Path, hash: &ContentHash) -> Result<(), StoreError> {
        let (directory, path) = self.place(hash);
        create_directory(&directory)?;
        fs::rename(unfinished, &path).map_err(StoreError::io(&path))?;
        self.sync_entry(hash)
    }

    /// Puts a content's name on disk.
    fn sync_entry(&self, hash: &ContentHash) -> Result<(), StoreError> {
        sync_directory(&self.place(hash).0)?;
        sync_directory(&self.root)
    }

    /// The directory and the file of a content: `ab/cdef…`. Only a hash leads to a path.
    fn place(&self, hash: &ContentHash) -> (PathBuf, PathBuf) {
        let name = hash.to_string();
        let (first, rest) = name.split_at(2);
        let directory = self.root.join(first);
        let path = directory.join(rest);
        (directory, path)
    }

    fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }
}

/// The hash of what is read to its end, each part of which `take` sees as well.
pub(in crate::store) fn hash_of(
    content: &mut dyn Read,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<ContentHash> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = content.read(&mut buffer)?;
        match buffer.get(..length) {
            None | Some([]) => return Ok(ContentHash::from(<[u8; 32]>::from(digest.finalize()))),
            Some(part) => {
                digest.update(part);
                take(part)?;
            }
        }
    }
}

fn failure(hash: &ContentHash, path: &Path, error: io::Error) -> AssetError {
    if error.kind() == io::ErrorKind::NotFound {
        AssetError::Missing { hash: *hash }
    } else {
        AssetError::Files(StoreError::io(path)(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_again_by_its_hash_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let content = vec![7_u8; 200_000];
        let hash = AssetStore::open(dir.path()).unwrap().put(&content).unwrap();

        let assets = AssetStore::open(dir.path()).unwrap();
        assert!(assets.exists(&hash));
        assert_eq!(assets.read(&hash).unwrap(), content);
        let mut streamed = Vec::new();
        let mut file = assets.file(&hash).unwrap();
        file.read_to_end(&mut streamed).unwrap();
        assert_eq!(streamed, content);
        assert_eq!(assets.put(&content).unwrap(), hash);
        let name = hash.to_string();
        let path = dir.path().join("assets").join(&name[..2]).join(&name[2..]);
        assert_eq!(fs::read(path).unwrap(), content);
    }

    #[test]
    fn a_missing_asset_is_told_from_a_damaged_one_and_putting_it_again_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let assets = AssetStore::open(dir.path()).unwrap();
        let missing = ContentHash::of(b"never put");
        assert!(!assets.exists(&missing));
        for outcome in [
            assets.read(&missing).map(drop),
            assets.file(&missing).map(drop),
        ] {
            assert!(matches!(outcome, Err(AssetError::Missing { hash }) if hash == missing));
        }

        let hash = assets.put(b"firmware").unwrap();
        fs::write(assets.place(&hash).1, b"firmwarf").unwrap();
        for outcome in [assets.read(&hash).map(drop), assets.file(&hash).map(drop)] {
            assert!(matches!(outcome, Err(AssetError::Damaged { hash: told }) if told == hash));
        }
        assets.put(b"firmware").unwrap();
        assert_eq!(assets.read(&hash).unwrap(), b"firmware");
    }

    #[test]
    fn contents_are_listed_and_removed_and_another_folder_is_another_store() {
        let dir = tempfile::tempdir().unwrap();
        let assets = AssetStore::open(dir.path()).unwrap();
        let uploads = assets.beside(ContentFolder::Uploads).unwrap();
        let [kept, removed] = [b"one", b"two"].map(|content| uploads.put(content).unwrap());
        assert!(!assets.exists(&kept));
        uploads.remove(&removed).unwrap();
        uploads.remove(&removed).unwrap();
        let hashes = |store: &AssetStore| -> Vec<ContentHash> {
            let listed = store.list().unwrap().into_iter();
            listed.map(|(hash, _)| hash).collect()
        };
        assert_eq!(hashes(&uploads), [kept]);
        assert!(dir.path().join("uploads").is_dir());
        assert_eq!(hashes(&assets), []);
    }

    #[test]
    fn leftovers_of_a_killed_process_go_at_the_next_opening() {
        let dir = tempfile::tempdir().unwrap();
        let assets = AssetStore::open(dir.path()).unwrap();
        let leftover = assets.unfinished().join("0");
        fs::write(&leftover, b"half of it").unwrap();
        AssetStore::open(dir.path()).unwrap();
        assert!(!leftover.exists());
    }

    #[test]
    fn a_hash_is_read_from_hex_digits_only() {
        let hash = ContentHash::of(b"");
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse::<ContentHash>().unwrap(), hash);
        assert_eq!(text.to_uppercase().parse::<ContentHash>().unwrap(), hash);
        for wrong in ["", "../../etc/passwd", &text[1..], &format!("{text}0")] {
            assert!(wrong.parse::<ContentHash>().is_err(), "{wrong}");
        }
        let stored = postcard::to_stdvec(&hash).unwrap();
        assert_eq!(stored.len(), 32);
        assert_eq!(postcard::from_bytes::<ContentHash>(&stored).unwrap(), hash);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<ContentHash>(&json).unwrap(), hash);
    }
}
