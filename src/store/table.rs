//! Kinds of records.

use std::fmt;

/// What kind of record a key belongs to: one byte in front of every key.
///
/// The bytes are part of the format on disk: a number is never changed and never given to another
/// kind. They stay below 0x80, because the store keeps the pieces of long values above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Facts about the store itself. The key `format` is the store's own.
    Meta = 0x01,
    /// One record per phone.
    Device = 0x02,
    /// One record per file of an imported tree.
    File = 0x03,
    /// The bytes of phones' native files.
    Document = 0x04,
    /// Normalized models, derived from documents.
    Parameters = 0x05,
    /// What phones did, as far as the gateway has seen it.
    Log = 0x06,
    /// Instance numbers of phones in the gateway's own data model, and back.
    VirtualDevice = 0x07,
    /// Requests of phones that nobody knows, for the operator to claim.
    Quarantine = 0x08,
    /// What phones have said over syslog.
    Syslog = 0x09,
    /// Firmware images: what they are, and whom they are for.
    Firmware = 0x0a,
    /// What makes phones of a model and firmware act.
    Control = 0x0b,
    /// Files that phones have sent.
    Upload = 0x0c,
    /// What an old config server was seen to serve.
    Upstream = 0x0d,
    /// Records that could not be read and had to give their place to new ones: the bytes of the
    /// old ones, under the byte of their table and their key.
    SetAside = 0x0e,
    /// The bytes of phones' own files as they were imported, of files that are others by now.
    Imported = 0x0f,
}

impl Table {
    /// Every table, in the order of their bytes.
    pub const ALL: [Self; 15] = [
        Self::Meta,
        Self::Device,
        Self::File,
        Self::Document,
        Self::Parameters,
        Self::Log,
        Self::VirtualDevice,
        Self::Quarantine,
        Self::Syslog,
        Self::Firmware,
        Self::Control,
        Self::Upload,
        Self::Upstream,
        Self::SetAside,
        Self::Imported,
    ];

    /// The byte that stands in front of this table's keys.
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// The table that a byte stands for; `None` for a byte that this trestle does not know.
    pub fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.byte() == byte)
    }

    /// The table whose values are like the ones of this: what is learned of those to make them
    /// small holds for these.
    pub(in crate::store) fn like(self) -> Self {
        match self {
            Self::Imported => Self::Document,
            table => table,
        }
    }

    /// The full key of a record: this table's byte, then the key.
    pub(in crate::store) fn key(self, key: &[u8]) -> Vec<u8> {
        let mut full = Vec::with_capacity(1 + key.len());
        full.push(self.byte());
        full.extend_from_slice(key);
        full
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Meta => "meta",
            Self::Device => "device",
            Self::File => "file",
            Self::Document => "document",
            Self::Parameters => "parameters",
            Self::Log => "log",
            Self::VirtualDevice => "virtual device",
            Self::Quarantine => "quarantine",
            Self::Syslog => "syslog",
            Self::Firmware => "firmware",
            Self::Control => "control",
            Self::Upload => "upload",
            Self::Upstream => "upstream",
            Self::SetAside => "set aside",
            Self::Imported => "imported",
        })
    }
}

/// The key in [`Table::Meta`] under which a store keeps its own format. It is told of one folder
/// and never copied to another.
pub(in crate::store) const FORMAT_KEY: &[u8] = b"format";

/// Whether a record is the store's own, and no part of what it keeps for others.
pub(in crate::store) fn is_the_stores_own(table: Table, key: &[u8]) -> bool {
    table == Table::Meta && key == FORMAT_KEY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_found_by_its_byte_and_lies_below_the_pieces_of_long_values() {
        for table in Table::ALL {
            assert_eq!(Table::of_byte(table.byte()), Some(table));
            assert!(table.byte() < 0x80, "{table}");
        }
        assert_eq!(Table::of_byte(0), None);
        assert_eq!(Table::of_byte(0x10), None);
    }
}
