//! A cursor over a directory: a snapshot of its entries, taken when it was opened.

use std::sync::Arc;

use crate::DirEntry;
use crate::error::Result;
use crate::meter::{Charge, Meter};

/// Bytes charged for an entry of a snapshot besides its name.
const ENTRY_BYTES: u64 = 32;

/// The entries of a directory as it was when the cursor was opened.
#[derive(Debug)]
pub struct DirCursor {
    entries: std::vec::IntoIter<DirEntry>,
    _charge: Charge,
}

impl DirCursor {
    pub(crate) fn new(meter: &Arc<Meter>, entries: Vec<DirEntry>) -> Result<Self> {
        let bytes = entries
            .iter()
            .map(|entry| ENTRY_BYTES + entry.name.len() as u64)
            .sum();
        let charge = meter.charge(bytes)?;
        Ok(Self {
            entries: entries.into_iter(),
            _charge: charge,
        })
    }
}

impl Iterator for DirCursor {
    type Item = DirEntry;

    fn next(&mut self) -> Option<DirEntry> {
        self.entries.next()
    }
}
