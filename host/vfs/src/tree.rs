//! The state of a session: a persistent map from inode number to inode.
//!
//! Cloning it is O(1), whatever it holds: begin, fork, savepoint and nesting are each a clone.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use imbl::OrdMap;
use parking_lot::Mutex;

use crate::Name;
use crate::error::Result;
use crate::inode::{INODE_BYTES, Ino, Inode, Link};
use crate::meter::{Charge, Meter};
use crate::path::VPath;

/// What differs from the base, by inode number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    inodes: OrdMap<Ino, Held>,
}

/// An inode that states share; two are equal when they are the very same.
#[derive(Clone, Debug)]
struct Held(Arc<Inode>);

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Tree {
    pub(crate) fn get(&self, ino: Ino) -> Option<&Arc<Inode>> {
        self.inodes.get(&ino).map(|held| &held.0)
    }

    /// Every inode, in the order of the numbers.
    pub(crate) fn inodes(&self) -> impl Iterator<Item = (Ino, &Arc<Inode>)> {
        self.inodes.iter().map(|(ino, held)| (*ino, &held.0))
    }

    /// How many inodes it holds.
    pub(crate) fn len(&self) -> usize {
        self.inodes.len()
    }

    pub(crate) fn contains(&self, ino: Ino) -> bool {
        self.inodes.contains_key(&ino)
    }

    /// The inode to change, copied first when another state shares it.
    pub(crate) fn get_mut(&mut self, ino: Ino, meter: &Arc<Meter>) -> Result<Option<&mut Inode>> {
        let Some(Held(held)) = self.inodes.get_mut(&ino) else {
            return Ok(None);
        };
        if Arc::get_mut(held).is_none() {
            let copy = Inode {
                links: held.links.clone(),
                body: held.body.clone(),
                times: held.times,
                _charge: meter.charge(INODE_BYTES)?,
            };
            *held = Arc::new(copy);
        }
        Ok(Arc::get_mut(held))
    }

    pub(crate) fn insert(&mut self, ino: Ino, inode: Inode) {
        self.inodes.insert(ino, Held(Arc::new(inode)));
    }

    pub(crate) fn remove(&mut self, ino: Ino) {
        self.inodes.remove(&ino);
    }

    /// The numbers whose inodes are not the very same in `earlier`, in order.
    ///
    /// What the two states share is skipped, so the cost is that of what differs.
    pub(crate) fn differing(&self, earlier: &Self) -> Vec<Ino> {
        use imbl::ordmap::DiffItem;
        let items = earlier.inodes.diff(&self.inodes).map(|item| match item {
            DiffItem::Add(ino, _) | DiffItem::Remove(ino, _) => *ino,
            DiffItem::Update { new, .. } => *new.0,
        });
        items.collect()
    }

    /// Whether the two states are one and the same.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.inodes.ptr_eq(&other.inodes)
    }
}

/// What a session shares with its forks and the sessions nested in it: who has which number.
#[derive(Debug)]
pub(crate) struct Family {
    id: u64,
    next_ino: AtomicU64,
    names: Mutex<BaseNames>,
}

/// The numbers given to objects of the base, by where they stand there.
#[derive(Debug, Default)]
struct BaseNames {
    by_link: BTreeMap<Link, Ino>,
    by_ino: BTreeMap<Ino, Link>,
    /// Sessions that have not ended.
    sessions_count: usize,
    /// What each session paid, by the address of its meter, which the charge keeps alive.
    charges: HashMap<usize, Charge>,
}

impl BaseNames {
    fn pay(&mut self, meter: &Arc<Meter>, bytes: u64) -> Result<()> {
        match self.charges.entry(address(meter)) {
            Entry::Occupied(mut charge) => charge.get_mut().grow(bytes),
            Entry::Vacant(free) => {
                free.insert(meter.charge(bytes)?);
                Ok(())
            }
        }
    }
}

impl Family {
    /// `id` tells this family's file system from any other in metadata hashes.
    pub(crate) fn new(id: u64) -> Self {
        let next_ino = AtomicU64::new(Ino::ROOT.0 + 1);
        Self {
            id,
            next_ino,
            names: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn next_ino(&self) -> Ino {
        Ino(self.next_ino.fetch_add(1, Ordering::Relaxed))
    }

    /// The number of a base object, given when it is first seen.
    pub(crate) fn base_ino(&self, meter: &Arc<Meter>, parent: Ino, name: &Name) -> Result<Ino> {
        let link = Link {
            parent,
            name: name.clone(),
        };
        let mut names = self.names.lock();
        if let Some(ino) = names.by_link.get(&link) {
            return Ok(*ino);
        }
        let bytes = NAME_BYTES + 2 * heap_bytes(name);
        names.pay(meter, bytes)?;
        let ino = self.next_ino();
        names.by_link.insert(link.clone(), ino);
        names.by_ino.insert(ino, link);
        Ok(ino)
    }

    /// The objects of the base whose numbers are not below `from`, and the next number to give.
    pub(crate) fn names_from(&self, from: u64) -> (Vec<(Ino, Link)>, u64) {
        let names = self.names.lock();
        let added = names.by_ino.range(Ino(from)..);
        let added = added.map(|(ino, link)| (*ino, link.clone())).collect();
        (added, self.next_ino.load(Ordering::Relaxed))
    }

    /// Gives the numbers that were given before, in a family that has given none.
    pub(crate) fn restore(
        &self,
        meter: &Arc<Meter>,
        restored: BTreeMap<Ino, Link>,
        next_ino: u64,
    ) -> Result<()> {
        let mut names = self.names.lock();
        for (ino, link) in restored {
            names.pay(meter, NAME_BYTES + 2 * heap_bytes(&link.name))?;
            names.by_link.insert(link.clone(), ino);
            names.by_ino.insert(ino, link);
        }
        self.next_ino.store(next_ino, Ordering::Relaxed);
        Ok(())
    }

    /// The number of a base object when it has one already.
    pub(crate) fn known_base_ino(&self, link: &Link) -> Option<Ino> {
        self.names.lock().by_link.get(link).copied()
    }

    /// The objects of a directory of the base that have a number, by name.
    pub(crate) fn known_children(&self, dir: Ino) -> Vec<(Name, Ino)> {
        let names = self.names.lock();
        let from = names.by_link.range(Link::first_in(dir)..);
        from.take_while(|(link, _)| link.parent == dir)
            .map(|(link, ino)| (link.name.clone(), *ino))
            .collect()
    }

    /// Counts a session that begins.
    pub(crate) fn join(&self) {
        self.names.lock().sessions_count += 1;
    }

    /// Gives back what an ended session paid; what others still need is paid by its home.
    pub(crate) fn leave(&self, meter: &Arc<Meter>, home: &Arc<Meter>) {
        let mut names = self.names.lock();
        names.sessions_count = names.sessions_count.saturating_sub(1);
        if names.sessions_count == 0 {
            *names = BaseNames::default();
            return;
        }
        let Some(charge) = names.charges.remove(&address(meter)) else {
            return;
        };
        let bytes = charge.bytes();
        drop(charge);
        // The home just got as much back; where another takes it first, the account runs short by
        // that much until the family ends.
        let _refused: Result<()> = names.pay(home, bytes);
    }

    /// Whether a number stands for an object of the base.
    pub(crate) fn is_of_base(&self, ino: Ino) -> bool {
        ino == Ino::ROOT || self.names.lock().by_ino.contains_key(&ino)
    }

    /// Where a base object stands in the base; `None` for the root and for what is not of it.
    pub(crate) fn base_link(&self, ino: Ino) -> Option<Link> {
        self.names.lock().by_ino.get(&ino).cloned()
    }

    /// The path in the base of an object of the base.
    pub(crate) fn base_path(&self, ino: Ino) -> VPath {
        let names = self.names.lock();
        let mut components = Vec::new();
        let mut at = ino;
        while let Some(link) = names.by_ino.get(&at) {
            components.push(link.name.clone());
            at = link.parent;
        }
        components.reverse();
        VPath::from_names(components)
    }
}

/// Bytes charged for knowing one object of the base by its number.
const NAME_BYTES: u64 = 128;

fn address(meter: &Arc<Meter>) -> usize {
    Arc::as_ptr(meter).addr()
}

/// What a name takes besides its place: short ones stand in it.
fn heap_bytes(name: &Name) -> u64 {
    const INLINE_BYTES_MAX: usize = 24;
    match name.len() {
        0..=INLINE_BYTES_MAX => 0,
        len => len as u64,
    }
}
