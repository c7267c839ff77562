//! The read set: what a session has seen of its base, and with it the base as the session knows it.
//!
//! What was seen once is answered from here, so that a session never contradicts itself when the
//! base moves underneath; a commit compares it with the base.

use std::sync::Arc;

use imbl::{HashMap, HashSet};

use crate::base::{Base, BaseEntry, BaseStat};
use crate::error::{Error, Result};
use crate::inode::{Ino, Link};
use crate::limits::Limits;
use crate::meter::{Charge, Meter};
use crate::tree::Family;
use crate::{Kind, Name};

/// What every lookup of a session needs and none changes.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) base: Arc<dyn Base>,
    pub(crate) family: Arc<Family>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) limits: Limits,
}

/// What a session has seen of its base.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    seen: HashMap<Ino, Seen>,
    absent: HashSet<Link>,
    charge: Option<Charge>,
}

/// What a session saw of one object of its base.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The version.
    pub stat: BaseStat,
    /// The entries of a directory that was listed.
    pub listing: Option<Arc<[BaseEntry]>>,
    /// Where a link that was read leads.
    pub target: Option<Arc<str>>,
    /// Whether its content was handed out.
    pub content: bool,
}

/// Bytes charged for having seen one object, and for one entry of a listing besides its name.
const SEEN_BYTES: u64 = 320;
const ENTRY_BYTES: u64 = 32;

impl Reads {
    /// The same knowledge for a fork or a nested session; O(1), and what is shared is charged once.
    pub(crate) fn share(&self) -> Self {
        Self {
            seen: self.seen.clone(),
            absent: self.absent.clone(),
            charge: None,
        }
    }

    /// Adds what a nested session has seen to what its parent has.
    pub(crate) fn absorb(&mut self, world: &World, other: &Self) -> Result<()> {
        let added = (other.seen.len() + other.absent.len()) as u64;
        let held = (self.seen.len() + self.absent.len()) as u64;
        self.grow(world, added.saturating_sub(held) * SEEN_BYTES)?;
        self.seen = self.seen.clone().union(other.seen.clone());
        self.absent = self.absent.clone().union(other.absent.clone());
        Ok(())
    }

    /// What is known of an object of the base, asking the base the first time.
    pub(crate) fn stat(&mut self, world: &World, ino: Ino) -> Result<BaseStat> {
        if let Some(seen) = self.seen.get(&ino) {
            return Ok(seen.stat);
        }
        if !world.family.is_of_base(ino) {
            // An object that a restore undid and that only a handle still names.
            return Err(Error::BadDescriptor);
        }
        let path = world.family.base_path(ino);
        let Some(stat) = world.base.describe(&path)? else {
            return Err(Error::Stale {
                path: path.to_string(),
            });
        };
        self.remember(world, ino, stat)?;
        Ok(stat)
    }

    /// The object of a name in a directory of the base.
    pub(crate) fn child(&mut self, world: &World, dir: Ino, name: &Name) -> Result<Option<Child>> {
        if let Some(listing) = self.seen.get(&dir).and_then(|seen| seen.listing.as_ref()) {
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
            return Ok(Some((ino, seen.stat.kind)));
        }
        let path = world.family.base_path(dir).join(name);
        let Some(stat) = world.base.describe(&path)? else {
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
        let stat = self.stat(world, dir)?;
        if let Some(listing) = self.seen.get(&dir).and_then(|seen| seen.listing.clone()) {
            return Ok(listing);
        }
        let path = world.family.base_path(dir);
        let listing = world.base.list(&path, world.limits.listing_entries_max)?;
        let names: u64 = listing
            .iter()
            .map(|entry| ENTRY_BYTES + entry.name.len() as u64)
            .sum();
        self.grow(world, names)?;
        let seen = Seen {
            stat,
            listing: Some(listing.clone()),
            target: None,
            content: false,
        };
        self.seen.insert(dir, seen);
        Ok(listing)
    }

    /// Where a link of the base leads.
    pub(crate) fn target(&mut self, world: &World, ino: Ino) -> Result<Arc<str>> {
        let stat = self.stat(world, ino)?;
        if let Some(target) = self.seen.get(&ino).and_then(|seen| seen.target.clone()) {
            return Ok(target);
        }
        let target = world.base.read_link(&world.family.base_path(ino), &stat)?;
        self.grow(world, target.len() as u64)?;
        let seen = Seen {
            stat,
            listing: None,
            target: Some(target.clone()),
            content: true,
        };
        self.seen.insert(ino, seen);
        Ok(target)
    }

    /// Records that a file's content is handed out.
    pub(crate) fn note_content(&mut self, ino: Ino) {
        if let Some(seen) = self.seen.get(&ino)
            && !seen.content
        {
            let seen = Seen {
                content: true,
                ..seen.clone()
            };
            self.seen.insert(ino, seen);
        }
    }

    /// What was seen of one object; `None` when it was not looked at.
    pub(crate) fn seen(&self, ino: Ino) -> Option<&Seen> {
        self.seen.get(&ino)
    }

    /// Everything that was seen, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ino, &Seen)> {
        self.seen.iter().map(|(ino, seen)| (*ino, seen))
    }

    /// Every name that was looked for and not found, in no order.
    pub(crate) fn absences(&self) -> impl Iterator<Item = &Link> {
        self.absent.iter()
    }

    fn remember(&mut self, world: &World, ino: Ino, stat: BaseStat) -> Result<()> {
        self.grow(world, SEEN_BYTES)?;
        self.seen.insert(
            ino,
            Seen {
                stat,
                listing: None,
                target: None,
                content: false,
            },
        );
        Ok(())
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
