//! What waits to be flushed: single changes as they were made, and the items that a crash chooses
//! from, in which all versions of one sector or one field are put together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::EntryOrder;
use super::content::Sector;
use super::inode::{Entries, Ino, Inode, Inodes};
use super::state::State;
use crate::Name;

/// One change that has not been flushed.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) call: u64,
    pub(super) name: Name,
    pub(super) kind: ChangeKind,
}

/// What a change puts on the platter.
#[derive(Debug, Clone)]
pub(super) enum ChangeKind {
    Data {
        ino: Ino,
        sector: u64,
        image: Sector,
    },
    /// The length and the time of that change; what lies beyond is cut off.
    Size {
        ino: Ino,
        size: u64,
        at_ns: i128,
    },
    Mode {
        ino: Ino,
        mode: u32,
        at_ns: i128,
    },
    Mtime {
        ino: Ino,
        mtime_ns: i128,
        at_ns: i128,
    },
    Entries(Arc<Entries>),
}

/// Something that a crash keeps or loses by itself.
///
/// A sector or a field that was changed several times is one item with several versions: any of them
/// may be what the platter holds, and with it everything before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingItem {
    /// Its place among the items, in the order in which each was first changed.
    pub index: usize,
    /// What it is.
    pub kind: PendingKind,
    /// The name of the file, or the last name that an operation on names changed.
    pub name: Name,
    /// The number of the mutating call that made each version, oldest first.
    pub calls: Vec<u64>,
}

/// The kinds of [`PendingItem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PendingKind {
    /// One sector of a file.
    Data {
        /// Its number within the file.
        sector: u64,
    },
    /// The length of a file, and the times that its last writing gave it.
    Size,
    /// The permission bits of a file.
    Mode,
    /// A time that was set by hand.
    Mtime,
    /// One operation on names, such as a rename: all of it or nothing.
    Entries,
}

/// An item, and the changes that are its versions.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) item: PendingItem,
    orders: Vec<u64>,
}

impl PendingItem {
    /// How many choices there are: nothing of it, or one of its versions.
    pub fn alternatives(&self) -> usize {
        self.calls.len() + 1
    }
}

impl fmt::Display for PendingItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PendingKind::Data { sector } => write!(f, "sector {sector} of {}", self.name)?,
            PendingKind::Size => write!(f, "size of {}", self.name)?,
            PendingKind::Mode => write!(f, "mode of {}", self.name)?,
            PendingKind::Mtime => write!(f, "mtime of {}", self.name)?,
            PendingKind::Entries => write!(f, "entry {}", self.name)?,
        }
        write!(f, " by calls {:?}", self.calls)
    }
}

impl ChangeKind {
    /// The file that is changed; operations on names are about several objects.
    pub(super) fn file(&self) -> Option<Ino> {
        match self {
            Self::Data { ino, .. }
            | Self::Size { ino, .. }
            | Self::Mode { ino, .. }
            | Self::Mtime { ino, .. } => Some(*ino),
            Self::Entries(_) => None,
        }
    }

    pub(super) fn entries(&self) -> Option<&Arc<Entries>> {
        match self {
            Self::Entries(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn is_metadata_of(&self, ino: Ino) -> bool {
        self.file() == Some(ino) && !matches!(self, Self::Data { .. })
    }

    pub(super) fn is_size(&self, expected: u64) -> bool {
        matches!(self, Self::Size { size, .. } if *size == expected)
    }

    fn kind(&self) -> PendingKind {
        match self {
            Self::Data { sector, .. } => PendingKind::Data { sector: *sector },
            Self::Size { .. } => PendingKind::Size,
            Self::Mode { .. } => PendingKind::Mode,
            Self::Mtime { .. } => PendingKind::Mtime,
            Self::Entries(_) => PendingKind::Entries,
        }
    }

    /// Puts the change on the platter.
    pub(super) fn apply(&self, sector_bytes: usize, platter: &mut Inodes) {
        if let Self::Entries(entries) = self {
            return entries.apply(platter);
        }
        if let Some(inode) = self.file().and_then(|ino| platter.get_mut(&ino)) {
            self.apply_to_file(sector_bytes, inode);
        }
    }

    fn apply_to_file(&self, sector_bytes: usize, inode: &mut Inode) {
        match self {
            Self::Data { sector, image, .. } => {
                if let Some(content) = inode.content_mut() {
                    content.put(*sector, image.clone());
                }
            }
            Self::Size { size, at_ns, .. } => {
                if let Some(content) = inode.content_mut() {
                    content.resize(sector_bytes, *size);
                }
                inode.mtime_ns = *at_ns;
                inode.touch(*at_ns);
            }
            Self::Mode { mode, at_ns, .. } => {
                inode.mode = *mode;
                inode.touch(*at_ns);
            }
            Self::Mtime {
                mtime_ns, at_ns, ..
            } => {
                inode.mtime_ns = *mtime_ns;
                inode.touch(*at_ns);
            }
            Self::Entries(_) => {}
        }
    }
}

impl State {
    /// What a crash chooses from. Files that no name leads to, whatever is chosen, are left out.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let mut slots: Vec<Slot> = Vec::new();
        let mut places = BTreeMap::new();
        let named = self.named_somewhere();
        for (order, change) in &self.pending {
            let ino = change.kind.file();
            if ino.is_some_and(|ino| named.binary_search(&ino).is_err()) {
                continue;
            }
            let key = ino.map(|ino| (ino, place_of(change.kind.kind())));
            if let Some(slot) = key.and_then(|key| places.get(&key)) {
                let slot: &mut Slot = &mut slots[*slot];
                slot.orders.push(*order);
                slot.item.calls.push(change.call);
                continue;
            }
            let index = slots.len();
            places.extend(key.map(|key| (key, index)));
            slots.push(Slot::new(index, *order, change));
        }
        slots
    }

    /// The objects that a name leads to on the platter, or may once changes arrive there; sorted.
    fn named_somewhere(&self) -> Vec<Ino> {
        let directories = self.platter.values().filter_map(Inode::entries);
        let mut named: Vec<Ino> = directories
            .flat_map(|entries| entries.values().copied())
            .collect();
        for entries in self
            .pending
            .values()
            .filter_map(|change| change.kind.entries())
        {
            named.extend(entries.effects.iter().filter_map(|effect| effect.target));
        }
        named.sort_unstable();
        named
    }

    /// Asks for each item what has reached the platter. Returns the answers and the changes.
    pub(super) fn choose(
        &self,
        choose: &mut dyn FnMut(&PendingItem) -> usize,
    ) -> (Vec<usize>, Vec<u64>) {
        let slots = self.slots();
        let (mut answers, mut kept) = (Vec::with_capacity(slots.len()), Vec::new());
        let mut lost: Vec<&Entries> = Vec::new();
        for slot in &slots {
            let entries = self.entries_of(slot);
            let is_free = entries.is_none_or(|entries| self.is_free(entries, &lost));
            let answer = if is_free {
                choose(&slot.item).min(slot.orders.len())
            } else {
                0
            };
            lost.extend(entries.filter(|_| answer == 0));
            kept.extend_from_slice(&slot.orders[..answer]);
            answers.push(answer);
        }
        kept.sort_unstable();
        (answers, kept)
    }

    fn entries_of(&self, slot: &Slot) -> Option<&Entries> {
        let first = slot
            .orders
            .first()
            .and_then(|order| self.pending.get(order));
        first
            .and_then(|change| change.kind.entries())
            .map(|entries| &**entries)
    }

    /// Whether an operation can have reached the platter although `lost` has not.
    fn is_free(&self, entries: &Entries, lost: &[&Entries]) -> bool {
        match self.options.entry_order {
            EntryOrder::Any => true,
            EntryOrder::Dependent => !lost.iter().any(|lost| entries.depends_on(lost)),
            EntryOrder::Sequential => lost.is_empty(),
        }
    }
}

impl Slot {
    fn new(index: usize, order: u64, change: &Change) -> Self {
        let item = PendingItem {
            index,
            kind: change.kind.kind(),
            name: change.name.clone(),
            calls: vec![change.call],
        };
        Self {
            item,
            orders: vec![order],
        }
    }
}

/// What tells the fields and sectors of one file apart.
fn place_of(kind: PendingKind) -> (u8, u64) {
    match kind {
        PendingKind::Data { sector } => (0, sector),
        PendingKind::Size => (1, 0),
        PendingKind::Mode => (2, 0),
        PendingKind::Mtime => (3, 0),
        PendingKind::Entries => (4, 0),
    }
}
