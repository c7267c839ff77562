//! Reading and changing a file's content, by path and by inode.

use std::sync::Arc;

use super::Session;
use crate::base::{BaseFile, BaseStat};
use crate::content::{CONTENT_BYTES_MAX, Pieces};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::inode::{Body, File, Ino};
use crate::limits::READ_BYTES_MAX;
use crate::lookup::Content;
use crate::observer::{Operation, OperationKind};
use crate::ops::At;
use crate::path::VPath;
use crate::reads::World;
use crate::resolve::Follow;
use crate::time::Timestamp;
use crate::{Kind, Name, Stat};

/// The base file behind a handle, kept open between reads, and which version of which it is.
pub(crate) type BaseFileSlot = Option<((VPath, BaseStat), Arc<dyn BaseFile>)>;

impl Session {
    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// `Quota` when it is over `Limits::read_bytes_max`; `Stale` when the base file changed after
    /// the session saw it; the errors of path resolution.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        self.noted(Operation::at(OperationKind::Read, path), |count| {
            let (_, content) = self.content_at(path)?;
            let bytes = self.read_whole(&content)?;
            *count = bytes.len() as u64;
            Ok(bytes)
        })
    }

    /// Reads up to `length` bytes from `offset`; fewer at the end, and at most
    /// [`READ_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// As [`Session::read`].
    pub fn read_range(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.noted(Operation::at(OperationKind::Read, path), |count| {
            let (_, content) = self.content_at(path)?;
            let length = u64::from(length).min(READ_BYTES_MAX as u64);
            let bytes = self.read_content(&content, &mut None, offset, length)?;
            *count = bytes.len() as u64;
            Ok(bytes)
        })
    }

    /// Makes a file's content exactly `bytes`; creates the file when it is absent.
    ///
    /// Of a base file only the hunks that differ are kept.
    ///
    /// # Errors
    ///
    /// `IsADirectory`, `Quota`, `FileTooLarge`, `Denied`; the file is unchanged then.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let call = Operation::at(OperationKind::Write, path).of(bytes.len() as u64);
        self.noted(call, |_| self.write_whole(path, bytes))
    }

    fn write_whole(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let ino = self.change(Some(path), |core, world, now| {
            check_size(world, path, bytes.len() as u64)?;
            core.make_room(world)?;
            let mut pieces = Pieces::empty();
            world.write(&mut pieces, 0, bytes)?;
            match core.file_or_place(world, path)? {
                Found::File(ino) => {
                    core.replace(world, ino, pieces, now)?;
                    Ok(ino)
                }
                Found::Free(dir, name) => core.create_file(world, (dir, &name), pieces, now),
            }
        })?;
        self.compact(ino);
        Ok(())
    }

    /// Overwrites bytes from `offset`; a gap after the end reads as zeros and holds no memory.
    ///
    /// # Errors
    ///
    /// `NotFound`, and as [`Session::write`].
    pub fn write_range(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let call = Operation::at(OperationKind::Write, path).of(bytes.len() as u64);
        self.noted(call, |_| {
            self.change(Some(path), |core, world, now| {
                let ino = core.existing_file(world, path)?;
                core.write_at(world, ino, offset, bytes, now, path)
            })
        })
    }

    /// Adds bytes at the end of a file; creates the file when it is absent.
    ///
    /// # Errors
    ///
    /// As [`Session::write`].
    pub fn append(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let call = Operation::at(OperationKind::Append, path).of(bytes.len() as u64);
        self.noted(call, |_| self.append_to(path, bytes))
    }

    fn append_to(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.change(Some(path), |core, world, now| {
            match core.file_or_place(world, path)? {
                Found::File(ino) => core.append(world, ino, bytes, now, path),
                Found::Free(dir, name) => {
                    check_size(world, path, bytes.len() as u64)?;
                    core.make_room(world)?;
                    let mut pieces = Pieces::empty();
                    world.write(&mut pieces, 0, bytes)?;
                    core.create_file(world, (dir, &name), pieces, now).map(drop)
                }
            }
        })
    }

    /// Makes a file `size` bytes long; a grown part reads as zeros and holds no memory.
    ///
    /// # Errors
    ///
    /// `NotFound`, `FileTooLarge`, and as [`Session::write`].
    pub fn truncate(&self, path: &str, size: u64) -> Result<()> {
        let call = Operation::at(OperationKind::Truncate, path).of(size);
        self.noted(call, |_| {
            self.change(Some(path), |core, world, now| {
                let ino = core.existing_file(world, path)?;
                core.set_size(world, ino, size, now, path)
            })
        })
    }

    /// Describes what a path stands for, following links.
    ///
    /// # Errors
    ///
    /// `NotFound` and the other errors of path resolution.
    pub fn stat(&self, path: &str) -> Result<Stat> {
        self.noted(Operation::at(OperationKind::Stat, path), |_| {
            self.described(path, Follow::Always)
        })
    }

    /// Describes what stands at the path itself, a link included.
    ///
    /// # Errors
    ///
    /// As [`Session::stat`].
    pub fn stat_link(&self, path: &str) -> Result<Stat> {
        self.noted(Operation::at(OperationKind::Stat, path), |_| {
            self.described(path, Follow::UnlessNamed)
        })
    }

    pub(super) fn described(&self, path: &str, follow: Follow) -> Result<Stat> {
        self.with(|core, world| core.stat_at(world, from_root(path), follow))
    }

    pub(super) fn read_whole(&self, content: &Content) -> Result<Vec<u8>> {
        let (size, limit) = (content.pieces.len(), self.limits().read_bytes_max);
        if size > limit {
            return Err(Error::Quota {
                which: "read-bytes",
                used: size,
                limit,
            });
        }
        self.read_content(content, &mut None, 0, size)
    }

    pub(super) fn content_at(&self, path: &str) -> Result<(Ino, Content)> {
        self.with(|core, world| {
            let place = core.resolve(world, from_root(path), Follow::Always)?;
            let (ino, kind) = place.existing(path)?;
            if kind == Kind::Directory {
                return Err(Error::IsADirectory {
                    path: path.to_owned(),
                });
            }
            let content = core.view(world).content(ino)?;
            let content = content.ok_or_else(|| Error::NotFound {
                path: path.to_owned(),
            })?;
            Ok((ino, content))
        })
    }

    /// Reads bytes of a file as it was when `content` was taken, without the session's lock.
    pub(crate) fn read_content(
        &self,
        content: &Content,
        opened: &mut BaseFileSlot,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>> {
        let rest = content.pieces.len().saturating_sub(offset).min(length);
        let size = usize::try_from(rest).map_err(|_| Error::Quota {
            which: "read-bytes",
            used: rest,
            limit: usize::MAX as u64,
        })?;
        let mut bytes = vec![0; size];
        content
            .pieces
            .read_at(&mut bytes, offset, &mut |at, buffer| match self
                .read_pristine(content, opened, at, buffer)
            {
                Err(stale @ Error::Stale { .. }) => read_saved(content, stale, at, buffer),
                read => read,
            })?;
        Ok(bytes)
    }

    fn read_pristine(
        &self,
        content: &Content,
        opened: &mut BaseFileSlot,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<()> {
        let Some(origin) = &content.origin else {
            return Err(Error::BadDescriptor);
        };
        let (path, stat) = origin;
        // A copy over the file gives it the origin of another one.
        if opened.as_ref().is_some_and(|(other, _)| other != origin) {
            *opened = None;
        }
        let (_, file) = match opened {
            Some(slot) => slot,
            empty => empty.insert((origin.clone(), self.base().open(path, stat)?)),
        };
        if file.read_at(buffer, offset)? < buffer.len() {
            return Err(Error::Stale {
                path: path.to_string(),
            });
        }
        Ok(())
    }
}

/// Reads of the saved pristine content what the base has no more.
fn read_saved(content: &Content, stale: Error, offset: u64, buffer: &mut [u8]) -> Result<()> {
    match &content.pristine {
        Some(pristine) if pristine.read(buffer, offset)? => Ok(()),
        _ => Err(stale),
    }
}

/// Where a file is, or where one can be made.
pub(crate) enum Found {
    File(Ino),
    Free(Ino, Name),
}

impl Core {
    pub(crate) fn existing_file(&mut self, world: &World, path: &str) -> Result<Ino> {
        match self.file_or_place(world, path)? {
            Found::File(ino) => Ok(ino),
            Found::Free(..) => Err(Error::NotFound {
                path: path.to_owned(),
            }),
        }
    }

    pub(crate) fn file_or_place(&mut self, world: &World, path: &str) -> Result<Found> {
        let place = self.resolve_to_change(world, from_root(path), Follow::Always)?;
        match place.found {
            Some((_, Kind::Directory)) => Err(Error::IsADirectory {
                path: path.to_owned(),
            }),
            Some((ino, _)) => Ok(Found::File(ino)),
            None if place.directory => Err(Error::IsADirectory {
                path: path.to_owned(),
            }),
            None => place
                .named(path)
                .map(|(dir, name, _)| Found::Free(dir, name)),
        }
    }

    pub(crate) fn create_file(
        &mut self,
        world: &World,
        (dir, name): (Ino, &Name),
        pieces: Pieces,
        now: Timestamp,
    ) -> Result<Ino> {
        let body = Body::File(File {
            origin: None,
            pieces,
            executable: false,
        });
        self.attempt(|core| core.create(world, dir, name, body, now))
    }

    pub(super) fn replace(
        &mut self,
        world: &World,
        ino: Ino,
        pieces: Pieces,
        now: Timestamp,
    ) -> Result<()> {
        self.change_file(world, ino, now, |file| {
            file.pieces = pieces;
            Ok(())
        })
    }

    pub(crate) fn append(
        &mut self,
        world: &World,
        ino: Ino,
        bytes: &[u8],
        now: Timestamp,
        path: &str,
    ) -> Result<()> {
        let end = self.view(world).node(ino)?.size();
        self.write_at(world, ino, end, bytes, now, path)
    }

    pub(crate) fn write_at(
        &mut self,
        world: &World,
        ino: Ino,
        offset: u64,
        bytes: &[u8],
        now: Timestamp,
        path: &str,
    ) -> Result<()> {
        let end = offset.checked_add(bytes.len() as u64);
        let end = end.ok_or_else(|| Error::invalid("the offset is too large"))?;
        if bytes.is_empty() {
            return Ok(());
        }
        check_size(world, path, end)?;
        self.make_room(world)?;
        self.change_file(world, ino, now, |file| {
            world.write(&mut file.pieces, offset, bytes)
        })
    }

    pub(crate) fn set_size(
        &mut self,
        world: &World,
        ino: Ino,
        size: u64,
        now: Timestamp,
        path: &str,
    ) -> Result<()> {
        check_size(world, path, size)?;
        self.change_file(world, ino, now, |file| {
            file.pieces.set_len(size);
            Ok(())
        })
    }
}

/// A path of the session's own interface: the root is the empty path, `.` and `/` alike.
pub(crate) fn from_root(path: &str) -> At<'_> {
    At {
        start: Ino::ROOT,
        text: if path.is_empty() { "." } else { path },
    }
}

pub(super) fn check_size(world: &World, path: &str, size: u64) -> Result<()> {
    let limit = world.limits.file_bytes_max.min(CONTENT_BYTES_MAX);
    if size > limit {
        return Err(Error::FileTooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(())
}
