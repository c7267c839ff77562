//! A store as it stands: opened to be read, with nothing written, locked or recovered.

use std::io;
use std::sync::Arc;

use store::disk::Dir;
use store::journal::JournalPair;

use super::engine::StoreAccess;
use super::folder::{StoreFolder, name};
use super::recover::entries;
use super::store::limits;
use crate::error::StoreError;
use crate::history::CHANGES_NAME;

/// The store below a root, and how many commits are in its journal and not in its history;
/// `None` when there is no store.
///
/// # Errors
///
/// `Io`, `Damaged`, `Newer` when it is not known which store it is. The count is an error by itself
/// when the journal cannot be read.
#[expect(clippy::type_complexity, reason = "the count may fail by itself")]
pub(crate) fn peek(
    root: &Arc<dyn Dir>,
) -> Result<Option<(StoreAccess, Result<usize, StoreError>)>, StoreError> {
    let Some((dir, identity)) = StoreFolder::identify(root)? else {
        return Ok(None);
    };
    let records = JournalPair::peek(&dir, &identity, &limits());
    let waiting = records.map_err(StoreError::from).and_then(|records| {
        let (committed, aborted) = entries(&records)?;
        let mut count = 0;
        for (sequence, transaction) in &committed {
            let file_name = transaction.change_id.to_string();
            if !aborted.contains(sequence) && !has_change(&*dir, &file_name)? {
                count += 1;
            }
        }
        Ok(count)
    });
    let key = identity.key;
    Ok(Some((StoreAccess { dir, key }, waiting)))
}

/// Whether the change file is there; what is checkpointed may be in the journal for a while yet.
fn has_change(store: &dyn Dir, file_name: &str) -> Result<bool, StoreError> {
    let changes = store.walk(&[name(CHANGES_NAME)]);
    match changes.and_then(|changes| changes.stat(&name(file_name))) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io(CHANGES_NAME, error)),
    }
}
