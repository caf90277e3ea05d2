//! Any bytes are a backup or an error; so are any bytes in the place of a backup's items, behind a
//! good header and before a good checksum. What is a backup is none without its end, nor with
//! another byte in it.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use super::verify_backup;

pub(crate) fn holds(bytes: &[u8]) {
    // Whether it is one does not matter.
    let _ = verify_backup(bytes);
    let backup = with_items(bytes);
    if verify_backup(backup.as_slice()).is_err() {
        return;
    }
    for end in [backup.len() - 1, backup.len() - 32, backup.len() / 2, 15, 0] {
        assert!(verify_backup(&backup[..end]).is_err(), "cut at {end}");
    }
    for place in [0, 15, 30, backup.len() / 2, backup.len() - 1] {
        let mut other = backup.clone();
        other[place] ^= 1;
        assert!(
            verify_backup(other.as_slice()).is_err(),
            "changed at {place}"
        );
    }
}

/// A backup whose items are these bytes.
pub(crate) fn with_items(items: &[u8]) -> Vec<u8> {
    let header = br#"{"trestle":"0.1.0","created":"2026-11-21T00:00:00Z","contents":true}"#;
    let mut backup = b"trestle backup\n\x01".to_vec();
    backup.extend_from_slice(&u32::try_from(header.len()).unwrap().to_be_bytes());
    backup.extend_from_slice(header);
    let mut frame = zstd::stream::write::Encoder::new(&mut backup, 1).unwrap();
    frame.write_all(items).unwrap();
    frame.finish().unwrap();
    let digest = Sha256::digest(&backup);
    backup.extend_from_slice(&digest);
    backup
}
