//! The read set: what a session has seen of its base, and with it the base as the session knows it.
//!
//! What was seen once is answered from here, so that a session never contradicts itself when the
//! base moves underneath; a commit compares it with the base.

mod known;
mod pristine;
mod saved;
mod touched;

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::ordmap::DiffItem;
use imbl::{OrdMap, OrdSet};
pub(crate) use known::Known;
pub use known::Seen;
use known::{SEEN_BYTES, listing_bytes};
use parking_lot::RwLock;
pub(crate) use pristine::Pristine;
pub(crate) use saved::Added;
pub(crate) use touched::{Touch, Touched};

use crate::base::{Base, BaseEntry, BaseStat};
use crate::error::{Error, Result};
use crate::inode::{Ino, Link};
use crate::limits::Limits;
use crate::meter::{Charge, Meter};
use crate::reserved::is_store_name;
use crate::rules::PathRules;
use crate::spill::Spill;
use crate::tree::Family;
use crate::{Kind, Name};

/// What every lookup of a session needs and none changes.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) base: BaseSlot,
    pub(crate) family: Arc<Family>,
    pub(crate) meter: Arc<Meter>,
    /// The account of contents alone where there is a spill; else the session's own.
    pub(crate) contents: Arc<Meter>,
    /// The account above the session's own, which takes over what outlives the session.
    pub(crate) home: Arc<Meter>,
    pub(crate) limits: Limits,
    pub(crate) spill: Option<Arc<dyn Spill>>,
    pub(crate) keep_pristine: bool,
    pub(crate) rules: PathRules,
}

/// What a session has seen of its base.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    seen: OrdMap<Ino, Known>,
    absent: OrdSet<Link>,
    /// Contents of base files from before the session changed them; they pay for themselves.
    pristine: OrdMap<Ino, Pristine>,
    /// What a nested session read of what it began from; `None` in one that is not nested.
    touched: Option<Touched>,
    /// Pays for what was added since this was last shared.
    charge: Option<Charge>,
    /// Pays for what is shared, for as long as anybody shares it.
    shared: Option<Arc<Paid>>,
}

/// A charge for what is shared, and those before it.
#[derive(Debug)]
struct Paid {
    _charge: Charge,
    before: Option<Arc<Self>>,
}

impl Drop for Paid {
    fn drop(&mut self) {
        // One after the other: the chain is as long as there were forks, the stack is not.
        let mut next = self.before.take();
        while let Some(paid) = next {
            next = Arc::into_inner(paid).and_then(|mut paid| paid.before.take());
        }
    }
}

/// The base of a session, which a rebase exchanges.
#[derive(Debug)]
pub(crate) struct BaseSlot(RwLock<Arc<dyn Base>>);

impl BaseSlot {
    pub(crate) fn new(base: Arc<dyn Base>) -> Self {
        Self(RwLock::new(base))
    }

    pub(crate) fn get(&self) -> Arc<dyn Base> {
        self.0.read().clone()
    }

    pub(crate) fn set(&self, base: Arc<dyn Base>) {
        *self.0.write() = base;
    }
}

impl World {
    /// The same with another base.
    pub(crate) fn over(&self, base: Arc<dyn Base>) -> Self {
        Self {
            base: BaseSlot::new(base),
            family: self.family.clone(),
            meter: self.meter.clone(),
            contents: self.contents.clone(),
            home: self.home.clone(),
            spill: self.spill.clone(),
            keep_pristine: self.keep_pristine,
            limits: self.limits.clone(),
            rules: self.rules.clone(),
        }
    }

    /// The error of a base object that is no longer what the session saw.
    pub(crate) fn stale(&self, ino: Ino) -> Error {
        Error::Stale {
            path: self.family.base_path(ino).to_string(),
        }
    }
}

/// A listing without the store's own folder, whatever the base says.
fn without_store(dir: Ino, listing: Arc<[BaseEntry]>) -> Arc<[BaseEntry]> {
    let is_store = |entry: &&BaseEntry| is_store_name(&entry.name);
    if dir != Ino::ROOT || !listing.iter().any(|entry| is_store(&entry)) {
        return listing;
    }
    let others = listing.iter().filter(|entry| !is_store(entry));
    others.cloned().collect()
}

impl Reads {
    /// The same knowledge for a fork or a nested session; O(1), and what is shared is charged once.
    pub(crate) fn share(&mut self) -> Self {
        if let Some(charge) = self.charge.take() {
            self.shared = Some(Arc::new(Paid {
                _charge: charge,
                before: self.shared.take(),
            }));
        }
        Self {
            seen: self.seen.clone(),
            absent: self.absent.clone(),
            pristine: self.pristine.clone(),
            touched: self.touched.clone(),
            charge: None,
            shared: self.shared.clone(),
        }
    }

    /// Adds what a nested session has seen to what its parent has, at the cost of what differs.
    ///
    /// # Errors
    ///
    /// `Stale` when the two saw different versions of one object: the base changed between.
    pub(crate) fn absorb(&mut self, world: &World, other: &Self) -> Result<()> {
        let mut joined = Vec::new();
        let mut bytes = 0;
        for item in self.seen.diff(&other.seen) {
            let (ino, known) = match item {
                DiffItem::Add(ino, known) => (*ino, known.clone()),
                DiffItem::Update { old, new } => {
                    let joined = old.1.join(new.1);
                    bytes -= old.1.bytes();
                    (*old.0, joined.ok_or_else(|| world.stale(*old.0))?)
                }
                DiffItem::Remove(..) => continue,
            };
            let link = world.family.base_link(ino);
            if link.is_some_and(|link| self.absent.contains(&link)) {
                return Err(world.stale(ino));
            }
            bytes += known.bytes();
            joined.push((ino, known));
        }
        let missed = |item| match item {
            imbl::ordset::DiffItem::Add(link) => Some(Link::clone(link)),
            _ => None,
        };
        let absent: Vec<Link> = self.absent.diff(&other.absent).filter_map(missed).collect();
        for link in &absent {
            let known = world.family.known_base_ino(link);
            if let Some(ino) = known.filter(|ino| self.seen.contains_key(ino)) {
                return Err(world.stale(ino));
            }
        }
        let grown = u64::try_from(bytes).unwrap_or(0);
        self.grow(world, grown + absent.len() as u64 * SEEN_BYTES)?;
        self.seen.extend(joined);
        self.absent.extend(absent);
        for item in self.pristine.clone().diff(&other.pristine) {
            if let DiffItem::Add(ino, pristine) = item {
                self.pristine.insert(*ino, pristine.clone());
            }
        }
        if let (Some(touched), Some(others)) = (&mut self.touched, &other.touched) {
            touched.absorb(others);
        }
        Ok(())
    }

    /// What is known of an object of the base, asking the base the first time.
    pub(crate) fn stat(&mut self, world: &World, ino: Ino) -> Result<BaseStat> {
        self.version(world, ino).map(|stat| *stat)
    }

    /// The same, shared.
    pub(crate) fn version(&mut self, world: &World, ino: Ino) -> Result<Arc<BaseStat>> {
        if let Some(seen) = self.seen.get(&ino) {
            return Ok(seen.stat().clone());
        }
        if !world.family.is_of_base(ino) {
            // An object that a restore undid and that only a handle still names.
            return Err(Error::BadDescriptor);
        }
        let path = world.family.base_path(ino);
        let Some(stat) = world.base.get().describe(&path)? else {
            return Err(world.stale(ino));
        };
        if self
            .listed_kind(world, ino)
            .is_some_and(|kind| kind != stat.kind)
        {
            return Err(world.stale(ino));
        }
        self.remember(world, ino, stat)
    }

    /// The object of a name in a directory of the base.
    pub(crate) fn child(&mut self, world: &World, dir: Ino, name: &Name) -> Result<Option<Child>> {
        if let Some(listing) = self.seen.get(&dir).and_then(Known::listing) {
            let found = listing.binary_search_by(|entry| entry.name.cmp(name));
            let Ok(index) = found else { return Ok(None) };
            let kind = listing[index].kind;
            return Ok(Some((
                world.family.base_ino(&world.meter, dir, name)?,
                kind,
            )));
        }
        let link = Link {
            parent: dir,
            name: name.clone(),
        };
        if self.absent.contains(&link) {
            return Ok(None);
        }
        if let Some(ino) = world.family.known_base_ino(&link)
            && let Some(seen) = self.seen.get(&ino)
        {
            return Ok(Some((ino, seen.stat().kind)));
        }
        let path = world.family.base_path(dir).join(name);
        let Some(stat) = world.base.get().describe(&path)? else {
            self.grow(world, SEEN_BYTES)?;
            self.absent.insert(link);
            return Ok(None);
        };
        let ino = world.family.base_ino(&world.meter, dir, name)?;
        self.remember(world, ino, stat)?;
        Ok(Some((ino, stat.kind)))
    }

    /// The entries of a directory of the base.
    pub(crate) fn list(&mut self, world: &World, dir: Ino) -> Result<Arc<[BaseEntry]>> {
        let known = self.known(world, dir)?;
        if let Some(listing) = known.listing() {
            return Ok(listing.clone());
        }
        let path = world.family.base_path(dir);
        let listing = world
            .base
            .get()
            .list(&path, world.limits.listing_entries_max)?;
        let listing = self.reconcile(world, dir, without_store(dir, listing));
        self.grow(world, listing_bytes(&listing))?;
        self.seen.insert(dir, known.with_listing(listing.clone()));
        Ok(listing)
    }

    /// A listing without the names that were looked for and not there, and with those that were.
    fn reconcile(&self, world: &World, dir: Ino, listing: Arc<[BaseEntry]>) -> Arc<[BaseEntry]> {
        let find = |name: &Name| listing.binary_search_by(|entry| entry.name.cmp(name));
        let missed: Vec<usize> = self
            .absent
            .range(Link::first_in(dir)..)
            .take_while(|link| link.parent == dir)
            .filter_map(|link| find(&link.name).ok())
            .collect();
        let known = world.family.known_children(dir);
        let met = known.into_iter().filter_map(|(name, ino)| {
            let kind = self.seen.get(&ino)?.stat().kind;
            let listed = find(&name).is_ok_and(|index| listing[index].kind == kind);
            (!listed).then_some((name, kind))
        });
        let met: Vec<_> = met.collect();
        if missed.is_empty() && met.is_empty() {
            return listing;
        }
        let entries = listing.iter().enumerate();
        let kept = entries.filter(|(index, _)| missed.binary_search(index).is_err());
        let mut names: BTreeMap<Name, Kind> = kept
            .map(|(_, entry)| (entry.name.clone(), entry.kind))
            .collect();
        names.extend(met);
        let entries = names
            .into_iter()
            .map(|(name, kind)| BaseEntry { name, kind });
        entries.collect()
    }

    /// The kind that the listing of its directory gave an object.
    fn listed_kind(&self, world: &World, ino: Ino) -> Option<Kind> {
        let link = world.family.base_link(ino)?;
        let listing = self.seen.get(&link.parent)?.listing()?;
        let index = listing
            .binary_search_by(|entry| entry.name.cmp(&link.name))
            .ok()?;
        Some(listing[index].kind)
    }

    /// Where a link of the base leads.
    pub(crate) fn target(&mut self, world: &World, ino: Ino) -> Result<Arc<str>> {
        let known = self.known(world, ino)?;
        if let Some(target) = known.target() {
            return Ok(target.clone());
        }
        let path = world.family.base_path(ino);
        let target = world.base.get().read_link(&path, known.stat())?;
        self.grow(world, target.len() as u64)?;
        self.seen.insert(ino, known.with_target(target.clone()));
        Ok(target)
    }

    fn known(&mut self, world: &World, ino: Ino) -> Result<Known> {
        self.version(world, ino)?;
        let known = self.seen.get(&ino);
        known.cloned().ok_or(Error::BadDescriptor)
    }

    /// Records that a file's content is handed out.
    pub(crate) fn note_content(&mut self, ino: Ino) {
        let known = self.seen.get(&ino).filter(|known| !known.has_content());
        if let Some(known) = known.map(Known::with_content) {
            self.seen.insert(ino, known);
        }
    }

    /// What was seen of one object; `None` when it was not looked at.
    pub(crate) fn seen(&self, ino: Ino) -> Option<&Known> {
        self.seen.get(&ino)
    }

    /// Everything that was seen, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ino, Seen)> {
        self.seen.iter().map(|(ino, known)| (*ino, known.seen()))
    }

    /// Every name that was looked for and not found, in no order.
    pub(crate) fn absences(&self) -> impl Iterator<Item = &Link> {
        self.absent.iter()
    }

    /// The same knowledge for a nested session, of which nothing is read yet.
    pub(crate) fn share_nested(&mut self) -> Self {
        let touched = Some(Touched::default());
        Self {
            touched,
            ..self.share()
        }
    }

    /// What a nested session read of what it began from.
    pub(crate) fn touched(&self) -> Option<&Touched> {
        self.touched.as_ref()
    }

    /// Stops recording what is read, until [`Reads::put_touched`].
    pub(crate) fn take_touched(&mut self) -> Option<Touched> {
        self.touched.take()
    }

    pub(crate) fn put_touched(&mut self, touched: Option<Touched>) {
        self.touched = touched;
    }

    /// Records that a name was looked up.
    pub(crate) fn touch_name(&mut self, world: &World, dir: Ino, name: &Name) -> Result<()> {
        let Some(touched) = &self.touched else {
            return Ok(());
        };
        let link = Link {
            parent: dir,
            name: name.clone(),
        };
        if !touched.has_name(&link) {
            self.grow(world, SEEN_BYTES)?;
            if let Some(touched) = &mut self.touched {
                touched.add_name(link);
            }
        }
        Ok(())
    }

    /// Records that an object was read.
    pub(crate) fn touch(&mut self, world: &World, ino: Ino, how: Touch) -> Result<()> {
        let Some(touched) = &self.touched else {
            return Ok(());
        };
        if !touched.has(ino, how) {
            self.grow(world, SEEN_BYTES)?;
            if let Some(touched) = &mut self.touched {
                touched.add(ino, how);
            }
        }
        Ok(())
    }

    fn remember(&mut self, world: &World, ino: Ino, stat: BaseStat) -> Result<Arc<BaseStat>> {
        self.grow(world, SEEN_BYTES)?;
        let known = Known::new(stat);
        let stat = known.stat().clone();
        self.seen.insert(ino, known);
        Ok(stat)
    }

    fn grow(&mut self, world: &World, bytes: u64) -> Result<()> {
        match &mut self.charge {
            Some(charge) => charge.grow(bytes),
            charge => {
                *charge = Some(world.meter.charge(bytes)?);
                Ok(())
            }
        }
    }
}

/// A number and what stands under it.
pub(crate) type Child = (Ino, Kind);
