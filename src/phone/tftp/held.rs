//! The content of the files that are on their way: a transfer takes minutes, and three hundred
//! phones that fetch one firmware shall not hold it three hundred times.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes that may be held at once; a file that would be more has to wait.
const MAX_HELD_BYTES: usize = 256 << 20;

/// The files that are on their way, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldFiles(Arc<Mutex<Files>>);

#[derive(Debug, Default)]
struct Files {
    by_etag: HashMap<String, (Bytes, usize)>,
    bytes: usize,
}

/// One transfer's share in a file; given back when dropped.
#[derive(Debug)]
pub(super) struct HeldFile {
    files: HeldFiles,
    etag: String,
    content: Bytes,
}

impl HeldFiles {
    /// Holds a file: the copy that is held already, if there is one. `None` when it is too much at
    /// once.
    pub(super) fn hold(&self, etag: String, content: Bytes) -> Option<HeldFile> {
        let mut files = self.lock();
        let held = match files.by_etag.get_mut(&etag) {
            Some((held, transfers)) => {
                *transfers += 1;
                held.clone()
            }
            None => {
                let bytes = files.bytes + content.len();
                // A file that is larger than all that may be held goes alone.
                if bytes > MAX_HELD_BYTES && files.bytes > 0 {
                    return None;
                }
                files.bytes = bytes;
                files.by_etag.insert(etag.clone(), (content.clone(), 1));
                content
            }
        };
        drop(files);
        Some(HeldFile {
            files: self.clone(),
            etag,
            content: held,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldFile {
    /// The content.
    pub(super) fn content(&self) -> Bytes {
        self.content.clone()
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        let mut files = self.files.lock();
        let Some((_, transfers)) = files.by_etag.get_mut(&self.etag) else {
            return;
        };
        *transfers -= 1;
        if *transfers == 0 {
            files.by_etag.remove(&self.etag);
            files.bytes -= self.content.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_held_once_and_let_go_with_its_last_transfer() {
        let files = HeldFiles::default();
        let copy = || Bytes::from(vec![7; 1000]);
        let first = files.hold("\"a\"".to_owned(), copy()).unwrap();
        let second = files.hold("\"a\"".to_owned(), copy()).unwrap();
        assert_eq!(first.content().as_ptr(), second.content().as_ptr());
        assert_eq!(files.lock().bytes, 1000);
        drop(first);
        assert_eq!(files.lock().bytes, 1000);
        drop(second);
        assert_eq!(files.lock().bytes, 0);
        assert!(files.lock().by_etag.is_empty());
    }

    #[test]
    fn there_is_a_limit_to_what_is_held() {
        let files = HeldFiles::default();
        let half = Bytes::from(vec![0; MAX_HELD_BYTES / 2 + 1]);
        let first = files.hold("\"a\"".to_owned(), half.clone()).unwrap();
        assert!(files.hold("\"b\"".to_owned(), half.clone()).is_none());
        assert!(files.hold("\"a\"".to_owned(), half.clone()).is_some());
        drop(first);
        assert!(files.hold("\"b\"".to_owned(), half).is_some());
    }
}
