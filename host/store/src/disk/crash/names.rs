//! The operations on names, with the errors that Linux has for them and in its order.

use std::io;

use imbl::OrdMap;

use super::content::Content;
use super::inode::{Body, Effect, Entries, Ino, ROOT};
use super::state::{Origin, State};
use crate::Name;
use crate::disk::RenameMode;

/// Longest link target and longest path of one walk, in bytes.
pub(super) const PATH_BYTES_MAX: usize = 4095;
const CREATE_MODE_MASK: u32 = 0o755;
const SYMLINK_MODE: u32 = 0o777;
const ELOOP: i32 = 40;

/// A name in a directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) dir: Ino,
    pub(super) name: &'a Name,
}

impl Place<'_> {
    fn leads_to(self, target: Option<Ino>) -> Effect {
        Effect {
            dir: self.dir,
            name: self.name.clone(),
            target,
        }
    }
}

impl State {
    /// What the name leads to.
    pub(super) fn lookup(&self, place: Place<'_>) -> io::Result<Ino> {
        self.find(place)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn find(&self, place: Place<'_>) -> Option<Ino> {
        self.entries(place.dir).get(place.name).copied()
    }

    pub(super) fn entries(&self, dir: Ino) -> &OrdMap<Name, Ino> {
        let entries = self.inode(dir).entries();
        entries.expect("only directories are walked to")
    }

    pub(super) fn walk(&self, dir: Ino, path: &[Name]) -> io::Result<Ino> {
        let bytes = path.iter().map(|name| name.len() + 1).sum::<usize>();
        if bytes > PATH_BYTES_MAX + 1 {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        path.iter().try_fold(dir, |dir, name| {
            let ino = self.lookup(Place { dir, name })?;
            match self.inode(ino).body {
                Body::Directory(_) => Ok(ino),
                Body::File(_) => Err(io::ErrorKind::NotADirectory.into()),
                Body::Symlink(_) => Err(io::Error::from_raw_os_error(ELOOP)),
            }
        })
    }

    pub(super) fn create(&mut self, place: Place<'_>, call: u64, mode: u32) -> io::Result<Ino> {
        let mode = mode & CREATE_MODE_MASK;
        self.add(place, call, mode, Body::File(Content::default()))
    }

    pub(super) fn mkdir(&mut self, place: Place<'_>, call: u64, mode: u32) -> io::Result<()> {
        let mode = mode & CREATE_MODE_MASK;
        self.add(place, call, mode, Body::Directory(OrdMap::new()))?;
        Ok(())
    }

    pub(super) fn symlink(&mut self, place: Place<'_>, call: u64, target: &str) -> io::Result<()> {
        if target.contains('\0') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if target.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if target.len() > PATH_BYTES_MAX {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        self.add(place, call, SYMLINK_MODE, Body::Symlink(target.into()))?;
        Ok(())
    }

    fn add(&mut self, place: Place<'_>, call: u64, mode: u32, body: Body) -> io::Result<Ino> {
        if self.find(place).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if self.is_removed(place.dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let at_ns = self.tick();
        let ino = self.make(mode, at_ns, body);
        self.perform(call, vec![place.leads_to(Some(ino))], vec![ino], at_ns);
        Ok(ino)
    }

    pub(super) fn unlink(&mut self, place: Place<'_>, call: u64) -> io::Result<()> {
        let ino = self.lookup(place)?;
        if self.inode(ino).is_directory() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.remove(place, call, ino);
        Ok(())
    }

    pub(super) fn rmdir(&mut self, place: Place<'_>, call: u64) -> io::Result<()> {
        let ino = self.lookup(place)?;
        if !self.inode(ino).is_directory() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        if !self.entries(ino).is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.remove(place, call, ino);
        Ok(())
    }

    fn remove(&mut self, place: Place<'_>, call: u64, ino: Ino) {
        let at_ns = self.tick();
        self.perform(call, vec![place.leads_to(None)], vec![ino], at_ns);
    }

    pub(super) fn rename(
        &mut self,
        from: Place<'_>,
        to: Place<'_>,
        call: u64,
        mode: RenameMode,
    ) -> io::Result<()> {
        let moved = self.lookup(from)?;
        if self.is_removed(to.dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let there = self.find(to);
        match (mode, there) {
            (RenameMode::NoReplace, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (RenameMode::Exchange, None) => return Err(io::ErrorKind::NotFound.into()),
            _ => {}
        }
        self.check_ancestry(from.dir, moved, to.dir, there, mode)?;
        if there == Some(moved) {
            return Ok(());
        }
        let is_exchange = mode == RenameMode::Exchange;
        if let Some(there) = there.filter(|_| !is_exchange) {
            self.check_replaceable(moved, there)?;
        }
        let back = there.filter(|_| is_exchange);
        let effects = vec![from.leads_to(back), to.leads_to(Some(moved))];
        let subjects = [Some(moved), there].into_iter().flatten().collect();
        let at_ns = self.tick();
        self.perform(call, effects, subjects, at_ns);
        Ok(())
    }

    /// A directory moves neither into itself nor over what it lies in.
    fn check_ancestry(
        &self,
        from_dir: Ino,
        moved: Ino,
        to_dir: Ino,
        there: Option<Ino>,
        mode: RenameMode,
    ) -> io::Result<()> {
        if self.is_within(to_dir, moved) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if there.is_some_and(|there| self.is_within(from_dir, there)) {
            return Err(match mode {
                RenameMode::Exchange => io::ErrorKind::InvalidInput.into(),
                _ => io::ErrorKind::DirectoryNotEmpty.into(),
            });
        }
        Ok(())
    }

    fn check_replaceable(&self, moved: Ino, there: Ino) -> io::Result<()> {
        let is_directory = |ino| self.inode(ino).is_directory();
        match (is_directory(moved), is_directory(there)) {
            (true, false) => Err(io::ErrorKind::NotADirectory.into()),
            (false, true) => Err(io::ErrorKind::IsADirectory.into()),
            (true, true) if !self.entries(there).is_empty() => {
                Err(io::ErrorKind::DirectoryNotEmpty.into())
            }
            _ => Ok(()),
        }
    }

    /// Whether `dir` is `top` or lies below it.
    fn is_within(&self, dir: Ino, top: Ino) -> bool {
        let entries = self.inode(top).entries();
        let mut below = entries.into_iter().flat_map(OrdMap::values);
        dir == top || below.any(|child| self.is_within(dir, *child))
    }

    /// What [`Entries::above`] is for an operation that is about to happen.
    fn above(&self, effects: &[Effect], subjects: &[Ino]) -> Vec<Ino> {
        let dirs = effects.iter().map(|effect| effect.dir);
        let is_move = effects.len() > 1;
        if !is_move || !subjects.iter().any(|ino| self.inode(*ino).is_directory()) {
            return dirs.collect();
        }
        let is_above = |top: &Ino| {
            let mut dirs = effects.iter().map(|effect| effect.dir);
            dirs.any(|dir| self.is_within(dir, *top))
        };
        let named = self.live.iter().filter(|(_, inode)| inode.is_directory());
        named.map(|(ino, _)| *ino).filter(is_above).collect()
    }

    fn is_removed(&self, dir: Ino) -> bool {
        dir != ROOT && self.inode(dir).links == 0
    }

    fn perform(&mut self, call: u64, effects: Vec<Effect>, subjects: Vec<Ino>, at_ns: i128) {
        let name = effects
            .last()
            .expect("an operation names something")
            .name
            .clone();
        let entries = Entries {
            above: self.above(&effects, &subjects),
            effects,
            subjects,
            at_ns,
        };
        self.enter(Origin { call, name: &name }, entries);
    }
}
