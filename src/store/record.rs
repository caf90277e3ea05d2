//! Records with a version: one byte, then the fields in postcard.
//!
//! Postcard does not describe itself, so a record with a field more is another version: a struct
//! of its own, with an upgrade from each older one (facts/rust-stack.md §3.6).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A kind of record that is kept in the store.
pub trait Record: Serialize + DeserializeOwned {
    /// The version that is written: raised with every change of the fields.
    const VERSION: u8;
    /// What the record is, for messages: `device`.
    const KIND: &'static str;

    /// Makes a record of today from the fields of an older version. [`decode_body`] reads those
    /// into the struct of their time.
    ///
    /// # Errors
    /// [`RecordError::UnknownVersion`] for versions that this program can't read.
    fn upgrade(version: u8, fields: &[u8]) -> Result<Self, RecordError> {
        let _ = fields;
        Err(RecordError::UnknownVersion {
            kind: Self::KIND,
            found: version,
            known: Self::VERSION,
        })
    }
}

/// A record can't be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not even a version is there.
    #[error("the {kind} record is empty")]
    Empty {
        /// What the record is.
        kind: &'static str,
    },
    /// Another trestle wrote it, most likely a newer one.
    #[error("the {kind} record has version {found}, this trestle reads up to {known}")]
    UnknownVersion {
        /// What the record is.
        kind: &'static str,
        /// The version found.
        found: u8,
        /// The version of today.
        known: u8,
    },
    /// The bytes are not the fields of their version.
    #[error("the {kind} record is damaged: {detail}")]
    Damaged {
        /// What the record is.
        kind: &'static str,
        /// What is wrong; holds no value of the record.
        detail: String,
    },
    /// The fields have no form in postcard.
    #[error("the {kind} record can't be written: {detail}")]
    Unwritable {
        /// What the record is.
        kind: &'static str,
        /// What is wrong; holds no value of the record.
        detail: String,
    },
}

/// The bytes of a record: its version, then its fields.
///
/// # Errors
/// [`RecordError::Unwritable`] for a type that postcard can't write, such as a sequence of unknown
/// length.
pub fn encode<T: Record>(record: &T) -> Result<Vec<u8>, RecordError> {
    postcard::to_extend(record, vec![T::VERSION]).map_err(|error| RecordError::Unwritable {
        kind: T::KIND,
        detail: error.to_string(),
    })
}

/// The record in these bytes, of this version or upgraded from an older one.
///
/// # Errors
/// Every [`RecordError`] but `Unwritable`.
pub fn decode<T: Record>(bytes: &[u8]) -> Result<T, RecordError> {
    let Some((version, fields)) = bytes.split_first() else {
        return Err(RecordError::Empty { kind: T::KIND });
    };
    if *version == T::VERSION {
        decode_body(T::KIND, fields)
    } else {
        T::upgrade(*version, fields)
    }
}

/// What a record of today holds, borrowed from its bytes; `None` for one of an older version.
///
/// # Errors
/// [`RecordError::Damaged`].
pub fn decode_borrowed<'a, T: Record, B: Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<Option<B>, RecordError> {
    let fields = bytes.split_first();
    let Some((_, fields)) = fields.filter(|(version, _)| **version == T::VERSION) else {
        return Ok(None);
    };
    let borrowed = postcard::from_bytes(fields).map_err(|error| RecordError::Damaged {
        kind: T::KIND,
        detail: error.to_string(),
    })?;
    Ok(Some(borrowed))
}

/// Fields without their version, all bytes of them: what [`Record::upgrade`] reads an older
/// version with.
///
/// # Errors
/// [`RecordError::Damaged`] when the bytes are not those fields.
pub fn decode_body<T: DeserializeOwned>(
    kind: &'static str,
    fields: &[u8],
) -> Result<T, RecordError> {
    match postcard::take_from_bytes(fields) {
        Ok((record, [])) => Ok(record),
        Ok((_, rest)) => Err(RecordError::Damaged {
            kind,
            detail: format!("{} bytes too many", rest.len()),
        }),
        Err(error) => Err(RecordError::Damaged {
            kind,
            detail: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct LampOfOld {
        name: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lamp {
        name: String,
        lit: bool,
    }

    impl Record for Lamp {
        const VERSION: u8 = 2;
        const KIND: &'static str = "lamp";

        fn upgrade(version: u8, fields: &[u8]) -> Result<Self, RecordError> {
            if version != 1 {
                return Err(RecordError::UnknownVersion {
                    kind: Self::KIND,
                    found: version,
                    known: Self::VERSION,
                });
            }
            let old: LampOfOld = decode_body(Self::KIND, fields)?;
            Ok(Self {
                name: old.name,
                lit: false,
            })
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Bell;

    impl Record for Bell {
        const VERSION: u8 = 1;
        const KIND: &'static str = "bell";
    }

    fn lamp() -> Lamp {
        Lamp {
            name: "hall".to_owned(),
            lit: true,
        }
    }

    #[test]
    fn a_record_comes_back_and_begins_with_its_version() {
        let bytes = encode(&lamp()).unwrap();
        assert_eq!(bytes, b"\x02\x04hall\x01");
        assert_eq!(decode::<Lamp>(&bytes).unwrap(), lamp());
    }

    #[test]
    fn an_older_version_is_upgraded() {
        let upgraded: Lamp = decode(b"\x01\x04hall").unwrap();
        assert_eq!(upgraded.name, "hall");
        assert!(!upgraded.lit);
    }

    #[test]
    fn an_unknown_version_is_refused_by_the_name_of_the_record() {
        let error = decode::<Lamp>(b"\x03\x04hall\x01").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the lamp record has version 3, this trestle reads up to 2"
        );
        let error = decode::<Bell>(&[9]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the bell record has version 9, this trestle reads up to 1"
        );
    }

    #[test]
    fn bytes_too_few_or_too_many_are_damage() {
        let bytes = encode(&lamp()).unwrap();
        let mut longer = bytes.clone();
        longer.push(0);
        for damaged in [&bytes[..bytes.len() - 1], &longer] {
            let error = decode::<Lamp>(damaged).unwrap_err();
            assert!(matches!(error, RecordError::Damaged { kind: "lamp", .. }));
        }
        assert_eq!(
            decode::<Lamp>(&[]).unwrap_err(),
            RecordError::Empty { kind: "lamp" }
        );
    }
}
