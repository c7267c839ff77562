//! The folder in which a commit keeps what is not in the tree: contents that are yet to be put
//! down, and objects that were taken out.
//!
//! **Invariant:** unless it is [kept](Staging::keep), nothing of it is left when it is dropped, nor
//! of the store's folder when that held nothing else.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind, RenameMode};
use vfs::Name;
use vfs::reserved::STORE_NAME;

/// Permissions of the store's own folders.
const STORE_MODE: u32 = 0o700;
/// Entries of a staging folder that one round of removal takes at most.
const ROUND_ENTRIES_MAX: usize = 10_000_000;

/// The staging folder of one commit.
#[derive(Debug)]
pub(super) struct Staging {
    root: Arc<dyn Dir>,
    dir: Arc<dyn Dir>,
    transaction: Name,
    keep: bool,
}

impl Staging {
    /// Makes the folder `.session-fs/staging/<transaction>`.
    pub(super) fn create(root: &Arc<dyn Dir>, transaction: u64) -> io::Result<Self> {
        let transaction = name(&format!("{transaction:016x}"));
        let made = make(root, &transaction);
        if made.is_err() {
            remove(root, &transaction);
        }
        Ok(Self {
            root: root.clone(),
            dir: made?,
            transaction,
            keep: false,
        })
    }

    /// The folder.
    pub(super) fn dir(&self) -> &dyn Dir {
        &*self.dir
    }

    /// Where it is below the root.
    pub(super) fn path(&self) -> String {
        format!("{STORE_NAME}/staging/{}", self.transaction)
    }

    /// Leaves the folder where it is, because it holds the only copy of something.
    pub(super) fn keep(&mut self) {
        self.keep = true;
    }

    /// Where objects that are set aside are, below the root.
    pub(super) fn kept_path(&self) -> String {
        format!("{STORE_NAME}/conflicts/{}", self.transaction)
    }

    /// Moves an object that has lost its place to where it lasts.
    pub(super) fn set_aside(&self, slot: &Name) -> io::Result<()> {
        let store = self.root.walk(&[name(STORE_NAME)])?;
        let conflicts = ensure(&store, &name("conflicts"))?;
        let own = ensure(&conflicts, &self.transaction)?;
        self.dir.rename(slot, &*own, slot, RenameMode::NoReplace)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.keep {
            remove(&self.root, &self.transaction);
        }
    }
}

/// A name for one object in the folder.
pub(super) fn slot(prefix: &str, number: usize) -> Name {
    name(&format!("{prefix}{number}"))
}

fn name(text: &str) -> Name {
    Name::new(text).expect("the store's names are plain words and numbers")
}

fn make(root: &Arc<dyn Dir>, transaction: &Name) -> io::Result<Arc<dyn Dir>> {
    let store = ensure(root, &name(STORE_NAME))?;
    let staging = ensure(&store, &name("staging"))?;
    staging.mkdir(transaction, STORE_MODE)?;
    staging.walk(std::slice::from_ref(transaction))
}

/// Opens a folder of the store, making it when it is not there.
fn ensure(dir: &Arc<dyn Dir>, folder: &Name) -> io::Result<Arc<dyn Dir>> {
    match dir.mkdir(folder, STORE_MODE) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    dir.walk(std::slice::from_ref(folder))
}

/// Removes the folder and those above it that are empty then. What cannot be removed is left: it
/// does no harm, and the commit's own result must not depend on it.
fn remove(root: &Arc<dyn Dir>, transaction: &Name) {
    // A second round mends a passing failure of the first.
    for _ in 0..2 {
        if remove_once(root, transaction).is_ok() {
            return;
        }
    }
}

fn remove_once(root: &Arc<dyn Dir>, transaction: &Name) -> io::Result<()> {
    let Some(store) = absent_or(root.walk(&[name(STORE_NAME)]))? else {
        return Ok(());
    };
    if let Some(staging) = absent_or(store.walk(&[name("staging")]))? {
        if let Some(own) = absent_or(staging.walk(std::slice::from_ref(transaction)))? {
            let mut outcome = Ok(());
            for item in own.list(ROUND_ENTRIES_MAX)?.items {
                let removed = match item.kind {
                    FileKind::Directory => own.rmdir(&item.name),
                    _ => own.unlink(&item.name),
                };
                outcome = outcome.and(removed);
            }
            outcome?;
            staging.rmdir(transaction)?;
        }
        unless_full(store.rmdir(&name("staging")))?;
    }
    unless_full(root.rmdir(&name(STORE_NAME)))?;
    Ok(())
}

fn absent_or<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn unless_full(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        result => result,
    }
}
