//! A store as one file.
//!
//! The file is logical: it holds records as [`Store`](super::Store) shows them, so it does not depend on
//! the engine, its version or its compression. All numbers are big-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 15 | `trestle backup`, and a line feed |
//! | 1 | format of the file: 1 |
//! | 4 | length of the header, at most 64 KiB |
//! | … | the header, JSON: [`BackupHeader`] |
//! | … | one zstd frame: items, each a byte that says which, and its fields |
//! | 32 | SHA-256 of all bytes before |
//!
//! | item | fields |
//! |---|---|
//! | 1, a record | table (1), length of the key (2), key, length of the value (4), value |
//! | 2, a record that is gone | table (1), length of the key (2), key |
//! | 3, a content | folder (1: 0 assets, 1 uploads), SHA-256 (32), length (8), bytes |
//! | 4, a record that could not be read and is left out | length (2), its table and key as text |
//! | 0, the end | records and contents so far (8 each) |
//!
//! Of several items about one record the last counts. So a store can be copied while it is written:
//! it is scanned, and records that changed in the meantime follow; the last of them are read as of one
//! moment, in which nobody commits. The whole is the store as of that moment. Contents are written
//! before the scan and, those that came since, after it, so that what a record names is there; a
//! content that a phone's upload loses in the seconds after that moment may be missing.

mod format;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use format::{BackupError, BackupHeader, BackupSummary, LeftOut};
pub use read::verify_backup;
pub use write::write_backup;

pub(super) use read::{BackupTarget, read_backup};
