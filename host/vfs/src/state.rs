//! The saved state of a session: what another process needs to go on with it.
//!
//! A state is a list of records. The first stands alone; each later one says what changed since the
//! one before. Contents are not in them but in the session's spill.

mod check;
mod decode;
mod encode;
mod mark;
mod places;
mod wire;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mark::Mark;

use self::decode::State;
use self::encode::Record;
use self::mark::Plan;
use crate::base::Base;
use crate::content::{Chunk, Mover, Pieces, Places};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::inode::Ino;
use crate::reads::{Added, World};
use crate::session::{Session, SessionOptions};
use crate::spill::Spill;
use crate::tree::Tree;

/// What changed in a session since it was saved last, as bytes for its log.
#[derive(Debug)]
#[must_use = "a state that is not appended to the log is saved again by the next save"]
pub struct SavedState {
    /// The record; empty when nothing changed.
    pub bytes: Vec<u8>,
    /// Whether the record stands alone, so that all before it can be forgotten.
    pub whole: bool,
    /// What the session was when this was made, for the next save to compare with.
    mark: Option<Mark>,
    /// How many records the session had taken note of.
    after: u64,
}

/// What a session knows of its own saving.
#[derive(Debug, Default)]
pub(crate) struct Saving {
    mark: Option<Mark>,
    noted: u64,
    /// Chunks that stand in the spill of another session, and where their copies are in ours.
    copied: Copies,
}

/// Chunks by their address, and where the copies of their bytes begin.
type Copies = HashMap<usize, (Arc<Chunk>, u64)>;

impl Session {
    /// Encodes what changed since the last save, everything the first time, and moves the contents
    /// into the spill before. The caller appends the record to its log and calls
    /// [`Session::saved`].
    ///
    /// Costs what changed. Handles are not saved, and what only they hold is not restored.
    ///
    /// # Errors
    ///
    /// `Unsupported` in a session that is nested or has no spill; `Io` from the spill; `Closed`.
    pub fn save(&self) -> Result<SavedState> {
        self.save_since(false)
    }

    /// Encodes the whole state, such as for a log that is written anew, or for a fork.
    ///
    /// Contents that stand in the spill of another session are copied into this one's.
    ///
    /// # Errors
    ///
    /// As [`Session::save`].
    pub fn save_whole(&self) -> Result<SavedState> {
        self.save_since(true)
    }

    /// Takes note that a record is in the log: the next save begins from it.
    ///
    /// A record that was made before another one was taken note of cannot be gone on from: the next
    /// save then is a whole one.
    pub fn saved(&self, state: SavedState) {
        let Some(mark) = state.mark else {
            return;
        };
        self.with_any_status(|core, _| {
            let saving = core.saving.get_or_insert_default();
            let in_order = state.whole || state.after == saving.noted;
            saving.mark = in_order.then_some(mark);
            saving.noted += 1;
        });
    }

    /// A session from the records that were saved of one, in order, over a spill that has the same
    /// bytes at the same offsets. No handle is open in it. Without a record it is a new session.
    ///
    /// # Errors
    ///
    /// `Invalid` for records that no session saved; `Quota` when the state is over its limits.
    pub fn load(base: Arc<dyn Base>, options: SessionOptions, records: &[Vec<u8>]) -> Result<Self> {
        let session = Self::begin(base, options);
        if records.is_empty() {
            return Ok(session);
        }
        session.with(|core, world| {
            let mut state = State::new();
            for record in records {
                state.read(world, record)?;
            }
            check::check(&state)?;
            core.install(world, state)
        })?;
        Ok(session)
    }

    fn save_since(&self, whole: bool) -> Result<SavedState> {
        let unsupported = |detail: &str| Error::Unsupported {
            detail: detail.to_owned(),
        };
        if self.parent().is_some() {
            return Err(unsupported("saving a session that is nested in another"));
        }
        self.with(|core, world| {
            let spill = world.spill.as_ref();
            let spill = spill.ok_or_else(|| unsupported("saving a session without a spill"))?;
            core.save(world, spill, whole)
        })
    }
}

impl Core {
    fn save(&mut self, world: &World, spill: &Arc<dyn Spill>, whole: bool) -> Result<SavedState> {
        // Taken out meanwhile; a failed save begins from the same.
        let mut saving = self.saving.take().unwrap_or_default();
        let saved = self.save_from(world, spill, &mut saving, whole);
        self.saving = Some(saving);
        saved
    }

    fn save_from(
        &mut self,
        world: &World,
        spill: &Arc<dyn Spill>,
        saving: &mut Saving,
        whole: bool,
    ) -> Result<SavedState> {
        let nothing = Mark::empty();
        let mark = saving.mark.as_ref().filter(|_| !whole);
        // What was forgotten, as when the base moved on, cannot be said in a record.
        let added = mark.and_then(|mark| Some((mark, self.reads.added_since(&mark.reads)?)));
        let (earlier, added) = match added {
            Some((mark, added)) => (mark, added),
            None => (&nothing, self.everything_read()),
        };
        let whole = std::ptr::eq(earlier, &raw const nothing);
        let (names, next_ino) = world.family.names_from(earlier.next_ino);
        let number = if whole { 0 } else { earlier.number + 1 };
        let now = Mark::of(self, number, next_ino);
        let plan = Plan::new(&now, earlier);
        let empty = added.is_empty() && names.is_empty();
        if !whole && empty && plan.is_empty(earlier.savepoints.len()) {
            return Ok(SavedState {
                bytes: Vec::new(),
                whole,
                mark: None,
                after: saving.noted,
            });
        }
        move_contents(spill, &mut saving.copied, &plan, &added)?;
        let places = Places {
            spill,
            copied: &saving.copied,
        };
        let record = Record {
            now: &now,
            names: &names,
            added: &added,
            plan: &plan,
            places: &places,
        };
        let bytes = record.encode();
        Ok(SavedState {
            bytes,
            whole,
            mark: Some(now),
            after: saving.noted,
        })
    }

    fn everything_read(&self) -> Added {
        let nothing = crate::reads::Reads::default();
        self.reads.added_since(&nothing).unwrap_or_default()
    }

    /// Takes over a state that was checked.
    fn install(&mut self, world: &World, state: State) -> Result<()> {
        let mut mark = state.mark;
        world
            .family
            .restore(&world.meter, state.names, mark.next_ino)?;
        // Only handles held them, and those are gone.
        let unlinked = |(ino, inode): (Ino, &Arc<crate::inode::Inode>)| {
            (ino != Ino::ROOT && inode.links.is_empty()).then_some(ino)
        };
        let gone: Vec<Ino> = mark.tree.inodes().filter_map(unlinked).collect();
        gone.into_iter().for_each(|ino| mark.tree.remove(ino));
        self.start = mark.start.clone();
        self.tree = mark.tree.clone();
        self.savepoints.clone_from(&mark.savepoints);
        self.reads = std::mem::take(&mut mark.reads);
        mark.reads = self.reads.mark();
        self.saving.get_or_insert_default().mark = Some(mark);
        Ok(())
    }
}

/// Sees to it that every content of a record stands in the spill.
fn move_contents(
    spill: &Arc<dyn Spill>,
    copied: &mut Copies,
    plan: &Plan<'_>,
    added: &Added,
) -> Result<()> {
    copied.retain(|_, (chunk, _)| Arc::strong_count(chunk) > 1);
    let mut mover = Mover::new(spill);
    let mut taken = HashSet::new();
    let none = Pieces::empty();
    let places = Places { spill, copied };
    let mut take = |pieces: &Pieces, earlier: &Pieces| {
        for chunk in pieces.new_chunks(earlier) {
            let here = places.offset(chunk).is_some();
            if !here && taken.insert(Arc::as_ptr(chunk).addr()) {
                mover.add(chunk)?;
            }
        }
        Ok(())
    };
    for change in plan.trees() {
        for ino in &change.inos {
            let file = |tree: &Tree| {
                let inode = tree.get(*ino)?;
                inode.as_file().map(|file| file.pieces.clone())
            };
            if let Some(pieces) = file(change.now) {
                take(&pieces, &file(change.earlier).unwrap_or_default())?;
            }
        }
    }
    for (_, pristine) in &added.pristine {
        take(&pristine.0, &none)?;
    }
    mover.flush()?;
    let made = mover.copied.into_iter();
    copied.extend(made.map(|(chunk, offset)| (Arc::as_ptr(&chunk).addr(), (chunk, offset))));
    Ok(())
}
