//! Moving objects between the tree and the slots of the staging folder, on any file system.
//!
//! **Invariant:** where the file system knows how, no object is ever replaced unseen: it is exchanged
//! or refused. Elsewhere what is replaced is copied first and looked at again just before.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind, Fingerprint, RenameMode};
use vfs::Name;

use super::ability::Ability;
use super::fingerprint::is_same_renamed;
use super::folder::{FILE_MODE, name};
use super::reserve::{Reserve, with_reserve};

/// Bytes copied at once.
const STEP_BYTES: usize = 256 << 10;

/// How often a file that is being written to is copied before that is an error.
const COPY_ATTEMPTS_MAX: u32 = 3;

/// What came out of the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// As it is in its slot.
    pub(super) fingerprint: Fingerprint,
    /// Whether it is what was there a moment before.
    pub(super) untouched: bool,
}

/// A place in the tree: a directory and a name in it.
pub(super) type Place<'a> = (&'a dyn Dir, &'a Name);

/// Moves objects.
#[derive(Clone, Debug)]
pub(super) struct Mover<'a> {
    pub(super) staging: &'a Arc<dyn Dir>,
    pub(super) ability: Ability,
    pub(super) reserve: &'a Reserve,
}

impl Mover<'_> {
    /// Takes what stands at a place out into a slot. `now` is what was found there.
    pub(super) fn take_out(
        &self,
        place: Place<'_>,
        slot: &Name,
        now: &Fingerprint,
    ) -> io::Result<Taken> {
        place
            .0
            .rename(place.1, &**self.staging, slot, self.gently())?;
        let fingerprint = self.staging.stat(slot)?;
        let untouched = is_same_renamed(now, &fingerprint);
        Ok(Taken {
            fingerprint,
            untouched,
        })
    }

    /// Puts what is in a slot down at a place.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when something stands there.
    pub(super) fn put_down(&self, slot: &Name, place: Place<'_>) -> io::Result<()> {
        if !self.ability.no_replace {
            match place.0.stat(place.1) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                found => return found.and(Err(io::ErrorKind::AlreadyExists.into())),
            }
        }
        self.room(|| self.staging.rename(slot, place.0, place.1, self.gently()))
    }

    /// Exchanges what is in a slot for what stands at a place. `now` is what was found there.
    ///
    /// # Errors
    ///
    /// `NotFound` when nothing stands there.
    pub(super) fn exchange(
        &self,
        slot: &Name,
        place: Place<'_>,
        now: &Fingerprint,
    ) -> io::Result<Taken> {
        if !self.ability.exchange {
            return self.replace(slot, place, now);
        }
        self.room(|| {
            let exchange = RenameMode::Exchange;
            self.staging.rename(slot, place.0, place.1, exchange)
        })?;
        let fingerprint = self.staging.stat(slot)?;
        let untouched = is_same_renamed(now, &fingerprint);
        Ok(Taken {
            fingerprint,
            untouched,
        })
    }

    /// The weaker way to exchange: a file is copied, looked at once more, and renamed over; anything
    /// else is taken out first.
    fn replace(&self, slot: &Name, place: Place<'_>, now: &Fingerprint) -> io::Result<Taken> {
        let old = name(&format!("{slot}-old"));
        let untouched = if now.kind == FileKind::File {
            let copied = self.copy_still(place, &old)?;
            self.staging
                .rename(slot, place.0, place.1, RenameMode::Replace)?;
            copied == *now
        } else {
            let taken = self.take_out(place, &old, now)?;
            self.put_down(slot, place)?;
            taken.untouched
        };
        self.staging
            .rename(&old, &**self.staging, slot, RenameMode::Replace)?;
        let fingerprint = self.staging.stat(slot)?;
        Ok(Taken {
            fingerprint,
            untouched,
        })
    }

    /// Copies a file until it has not changed meanwhile; tells the version that was copied.
    fn copy_still(&self, place: Place<'_>, to: &Name) -> io::Result<Fingerprint> {
        for _ in 0..COPY_ATTEMPTS_MAX {
            let before = place.0.stat(place.1)?;
            self.copy(place, to)?;
            if place.0.stat(place.1)? == before {
                return Ok(before);
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    fn copy(&self, place: Place<'_>, to: &Name) -> io::Result<()> {
        match self.staging.unlink(to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (from, to) = (place.0.open(place.1)?, self.staging.create(to, FILE_MODE)?);
        let (mut buffer, mut offset) = (vec![0; STEP_BYTES], 0);
        loop {
            let count = from.read_at(&mut buffer, offset)?;
            if count == 0 {
                return Ok(());
            }
            to.write_at(&buffer[..count], offset)?;
            offset += count as u64;
        }
    }

    /// Does one thing that takes room on the disk, with the reserve when there is none otherwise. It
    /// must be one that does nothing when it fails.
    pub(super) fn room<T>(&self, act: impl Fn() -> io::Result<T>) -> io::Result<T> {
        with_reserve(Some(self.reserve), act)
    }

    fn gently(&self) -> RenameMode {
        match self.ability.no_replace {
            true => RenameMode::NoReplace,
            false => RenameMode::Replace,
        }
    }
}
