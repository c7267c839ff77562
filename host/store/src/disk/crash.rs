//! The disk that loses power: a file system in memory that keeps what was written apart from what was
//! flushed, and after a crash holds any mixture of the two.
//!
//! A workload runs on [`CrashDisk::root`] until [`CrashDisk::crash_at`] ends it, or to its end. Then
//! [`CrashDisk::crash`] decides what had reached the platter, as weakly as no single file system
//! does: each sector, each size, each operation on names by itself. What is found must be
//! recoverable, whatever was chosen.

mod choices;
mod content;
mod device;
mod handle;
mod inode;
mod names;
mod pending;
mod platter;
mod state;
mod tree;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Dir;
use super::fault::Call;
use device::Device;
use handle::CrashDir;
use state::State;

pub use choices::{Choices, EveryCrash, Strategy};
pub use pending::{PendingItem, PendingKind};
pub use tree::Node;

/// How a simulated disk behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashOptions {
    /// How many bytes the disk writes at once; 0 is taken as 1.
    pub sector_bytes: usize,
    /// Which operations on names survive together.
    pub entry_order: EntryOrder,
}

/// Which of the operations on names that were not flushed may be found after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryOrder {
    /// Any of them, in their order. After two renames of one file, of which only the second has
    /// arrived, the file can have two names or none; no journaling file system does that.
    Any,
    /// Any of them, each with the earlier ones without which it could not have been made: those that
    /// changed the same name, made or moved a directory that it lies in, or emptied one that it
    /// removes. What a file system that tracks dependencies can do. A flush of a directory takes
    /// these along.
    Dependent,
    /// All up to one of them: what a file system with one journal does. A flush of a directory takes
    /// along everything older.
    Sequential,
}

impl Default for CrashOptions {
    fn default() -> Self {
        Self {
            sector_bytes: 512,
            entry_order: EntryOrder::Any,
        }
    }
}

/// A disk in memory that can crash.
///
/// It behaves as [`RealDir`](super::RealDir) does for root on ext4: same results, same errors;
/// permission bits are kept and refuse nothing. Its differences: time is a clock of its own that
/// ticks at each change, files end at 1 GiB, and inode numbers are never used again.
///
/// What each flush makes durable: `sync_data` the content, size, mode and times of the file, not its
/// name; `sync` the names in the directory, and of a rename to or from elsewhere the other name as
/// well; `sync_fs` everything. Nothing else becomes durable before a crash chooses it.
#[derive(Debug)]
pub struct CrashDisk {
    device: Arc<Device>,
    answers: Vec<usize>,
}

impl Default for CrashDisk {
    fn default() -> Self {
        Self::new(CrashOptions::default())
    }
}

impl CrashDisk {
    /// Makes an empty disk.
    pub fn new(options: CrashOptions) -> Self {
        Self::running(State::new(options), Vec::new())
    }

    fn running(state: State, answers: Vec<usize>) -> Self {
        Self {
            device: Arc::new(Device::new(state)),
            answers,
        }
    }

    /// The root of the tree.
    pub fn root(&self) -> Arc<dyn Dir> {
        CrashDir::root(self.device.clone())
    }

    /// Copies the disk as it is, what was not flushed included, at a cost that does not depend on
    /// how much that is. The copy counts its calls from 0, plans no failure, holds no lock.
    ///
    /// The copy of a disk whose programs have ended is what the death of a process leaves while the
    /// machine stays up.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::running(self.device.running().state.clone(), Vec::new())
    }

    /// Ends every program at the mutating call `call`, counted from 0: that call and all later ones,
    /// reading ones too, fail with `EIO`. Its own changes may or may not be found after the crash,
    /// as those of every call before it that was not flushed; a flush has had no effect yet.
    pub fn crash_at(&self, call: u64) {
        self.device.running().crash_at = Some(call);
    }

    /// Fails the flush `flush`, counted from 0 over all flushing calls, with `EIO`. What it should
    /// have written is taken for written, as Linux marks its pages clean: programs see it, later
    /// flushes succeed without it, and no crash keeps it.
    pub fn fail_flush_at(&self, flush: u64) {
        self.device.running().fail_flush_at = Some(flush);
    }

    /// Whether the programs have ended, by [`CrashDisk::crash_at`] or [`CrashDisk::crash`].
    pub fn is_dead(&self) -> bool {
        self.device.running().is_dead
    }

    /// How many mutating calls were made, flushes and failed ones included: the crash points of a
    /// workload that ran on this disk.
    pub fn calls_count(&self) -> u64 {
        self.device.running().calls_count
    }

    /// How many flushing calls were made, failed ones included.
    pub fn flushes_count(&self) -> u64 {
        self.device.running().flushes_count
    }

    /// The mutating calls in the order of their numbers, the first
    /// [`LOG_CALLS_MAX`](super::fault::LOG_CALLS_MAX) of them.
    pub fn log(&self) -> Vec<Call> {
        self.device.running().log.clone()
    }

    /// What a crash now would choose from, in the order in which each item was first changed.
    pub fn pending(&self) -> Vec<PendingItem> {
        let slots = self.device.running().state.slots();
        slots.into_iter().map(|slot| slot.item).collect()
    }

    /// How many items a crash now would choose from.
    pub fn pending_count(&self) -> usize {
        self.device.running().state.slots().len()
    }

    /// How many disks a crash now can leave, counted as if every choice were free.
    pub fn crash_states_count(&self) -> u64 {
        let slots = self.device.running().state.slots();
        let alternatives = slots.iter().map(|slot| slot.item.alternatives() as u64);
        alternatives.fold(1, u64::saturating_mul)
    }

    /// Cuts the power, and returns the disk as it is found afterwards. All handles of this disk fail
    /// with `EIO` from now on.
    ///
    /// `choose` is asked for each pending item how many of its versions have arrived: 0 for none of
    /// it, up to one less than [`PendingItem::alternatives`]; more is taken as all. Items that cannot
    /// have arrived by the [`EntryOrder`] are not asked for. What arrived is applied in the order in
    /// which it was done. Then the disk is checked as after any crash: objects that no name leads to
    /// are dropped, a directory keeps one name, a file has nothing beyond its end.
    ///
    /// The power can be cut again and again at the same moment, each time with other choices.
    #[must_use]
    pub fn crash(&self, choose: &mut dyn FnMut(&PendingItem) -> usize) -> Self {
        let state = self.device.end();
        let (answers, kept) = state.choose(choose);
        Self::running(state.after_crash(&kept), answers)
    }

    /// Cuts the power in every way, in turn, at most `states_max` times.
    pub fn every_crash(&self, states_max: u64) -> EveryCrash<'_> {
        EveryCrash::new(self, states_max)
    }

    /// Cuts the power with the choices of a seed, which say in a message what was chosen.
    pub fn random_crash(&self, seed: u64) -> (Choices, Self) {
        let choices = Choices::random(seed, &self.pending());
        let disk = self.crash(&mut |item| choices.answer(item));
        (choices, disk)
    }

    /// The choices of the crash that left this disk, by the index of the item; none for a new disk.
    pub fn answers(&self) -> &[usize] {
        &self.answers
    }

    /// Everything below the root as programs see it, by path.
    pub fn tree(&self) -> BTreeMap<String, Node> {
        let running = self.device.running();
        tree::tree(&running.state.live, running.state.options.sector_bytes)
    }

    /// Everything below the root as a crash leaves it that loses all that can be lost.
    pub fn durable_tree(&self) -> BTreeMap<String, Node> {
        let running = self.device.running();
        let after = running.state.after_crash(&[]);
        tree::tree(&after.live, after.options.sector_bytes)
    }

    /// The present time of the disk, nanoseconds since 1970.
    pub fn clock_ns(&self) -> i128 {
        self.device.running().state.clock_ns
    }
}
