//! Values made small, and read back.
//!
//! A fleet is made from templates, so a phone's values differ little from its neighbours'. zstd is
//! given a dictionary of such values, and what is stored is the difference.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use zstd::zstd_safe::{
    CCtx, CDict, CParameter, DCtx, DDict, compress_bound, get_frame_content_size,
};

use super::stored_form::{self, Compressed};
use crate::store::{MAX_LONG_VALUE_BYTES, Table};

/// zstd's level: with a dictionary, higher ones take longer and gain next to nothing.
const LEVEL: i32 = 3;
/// Shorter values are stored as they are: a frame alone takes about 20 bytes.
const MIN_VALUE_BYTES: usize = 48;
/// Larger values leave their working memory behind no longer than they need it.
const LARGE_VALUE_BYTES: usize = 256 * 1024;
/// Most working memories that wait for the next value.
const MAX_IDLE: usize = 8;

/// A dictionary of values, ready for use.
pub(super) struct Dictionary {
    number: u16,
    table: Table,
    for_writing: CDict<'static>,
    for_reading: Arc<DDict<'static>>,
}

/// Compresses and decompresses values.
#[derive(Default)]
pub(super) struct Compression {
    dictionaries: RwLock<Dictionaries>,
    compressors: Idle<CCtx<'static>>,
    decompressors: Idle<DCtx<'static>>,
}

#[derive(Default)]
struct Dictionaries {
    known: BTreeMap<u16, Arc<DDict<'static>>>,
    in_force: BTreeMap<Table, Arc<Dictionary>>,
}

/// Working memory between two uses. It is large, and making it anew would cost more than the work
/// on a small value.
struct Idle<T>(Mutex<Vec<T>>);

impl Dictionary {
    /// Prepares a dictionary; `None` when there is no memory for it.
    pub(super) fn new(number: u16, table: Table, content: &[u8]) -> Option<Self> {
        Some(Self {
            number,
            table,
            for_writing: CDict::try_create(content, LEVEL)?,
            for_reading: Arc::new(DDict::try_create(content)?),
        })
    }
}

impl Compression {
    /// Takes a dictionary into use: it is in force for its table from now on. The one before it
    /// is kept for reading.
    pub(super) fn add(&self, dictionary: Dictionary) {
        let mut all = self
            .dictionaries
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.known
            .insert(dictionary.number, Arc::clone(&dictionary.for_reading));
        all.in_force.insert(dictionary.table, Arc::new(dictionary));
    }

    /// The dictionary in force for a table.
    pub(super) fn in_force(&self, table: Table) -> Option<Arc<Dictionary>> {
        self.dictionaries().in_force.get(&table.like()).cloned()
    }

    /// The stored form of a value.
    pub(super) fn store(&self, table: Table, value: &[u8]) -> Vec<u8> {
        // What tells how to read all others lies there as it is, also for older programs.
        if table == Table::Meta || value.len() < MIN_VALUE_BYTES {
            return stored_form::plain(value);
        }
        self.compress(self.in_force(table).as_deref(), value)
            .filter(|form| form.len() <= value.len())
            .unwrap_or_else(|| stored_form::plain(value))
    }

    /// The compressed form of a value, which may be longer than the value; `None` when there is no
    /// memory for it.
    pub(super) fn compress(
        &self,
        dictionary: Option<&Dictionary>,
        value: &[u8],
    ) -> Option<Vec<u8>> {
        let number = dictionary.map(|dictionary| dictionary.number);
        let mut form = stored_form::before_frame(number, stored_form::check(value));
        let mut context = match self.compressors.take() {
            Some(context) => context,
            None => {
                let mut context = CCtx::try_create()?;
                context
                    .set_parameter(CParameter::CompressionLevel(LEVEL))
                    .ok()?;
                context
            }
        };
        let mut frame = Vec::with_capacity(compress_bound(value.len()));
        match dictionary {
            Some(dictionary) => {
                context.compress_using_cdict(&mut frame, value, &dictionary.for_writing)
            }
            None => context.compress2(&mut frame, value),
        }
        .ok()?;
        if value.len() <= LARGE_VALUE_BYTES {
            self.compressors.give_back(context);
        }
        form.extend_from_slice(&frame);
        Some(form)
    }

    /// The value of a compressed form; `None` when it does not read back as it was written.
    pub(super) fn decompress(&self, compressed: Compressed<'_>) -> Option<Vec<u8>> {
        let length = get_frame_content_size(compressed.frame).ok().flatten()?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= MAX_LONG_VALUE_BYTES)?;
        let dictionary = match compressed.dictionary {
            Some(number) => Some(self.dictionaries().known.get(&number).cloned()?),
            None => None,
        };
        let mut context = match self.decompressors.take() {
            Some(context) => context,
            None => DCtx::try_create()?,
        };
        let mut value = Vec::with_capacity(length);
        match &dictionary {
            Some(known) => context.decompress_using_ddict(&mut value, compressed.frame, known),
            None => context.decompress(&mut value, compressed.frame),
        }
        .ok()?;
        self.decompressors.give_back(context);
        (value.len() == length && stored_form::check(&value) == compressed.check).then_some(value)
    }

    fn dictionaries(&self) -> RwLockReadGuard<'_, Dictionaries> {
        self.dictionaries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Idle<T> {
    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, context: T) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(context);
        }
    }
}

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
