//! Operations on names below a directory descriptor, as `wasi:filesystem` has them.
//!
//! No path leaves the descriptor's directory: an absolute one and one that climbs out are denied.

use super::trail::{Trail, joined};
use super::{Descriptor, DescriptorFlags, OpenFlags};
use crate::content::Pieces;
use crate::core::{Core, OpenNumber, Opens};
use crate::error::{Error, Result};
use crate::inode::Ino;
use crate::observer::OperationKind;
use crate::ops::At;
use crate::reads::World;
use crate::resolve::Follow;
use crate::time::{NewTime, Timestamp};
use crate::{Kind, Stat};

impl Descriptor {
    /// Opens what a path stands for.
    ///
    /// `create` implies the right to write, and so does `truncate`; a descriptor that may not
    /// write may always read. With `follow` false a link at the end is an error.
    ///
    /// # Errors
    ///
    /// `Invalid` for `directory` together with `create`, `exclusive` or `truncate`;
    /// `IsADirectory` for writing to one; `TooManyLinks` for a link that must not be followed.
    pub fn open_at(
        &self,
        path: &str,
        follow: bool,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Self> {
        self.noted_open(path, (open, flags), || {
            self.open_below(path, follow, open, flags)
        })
    }

    fn open_below(
        &self,
        path: &str,
        follow: bool,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Self> {
        self.check_directory()?;
        if open.directory && (open.create || open.exclusive || open.truncate) {
            return Err(Error::invalid(
                "a directory cannot be created or truncated by opening it",
            ));
        }
        let at = self.below(path)?;
        let write = flags.write || open.create || open.truncate;
        if write {
            self.check_may_mutate(path)?;
        }
        let opening = Opening {
            at,
            follow: follow_at_end(follow && !(open.create && open.exclusive)),
            open,
            write,
        };
        let session = self.session();
        let child = if write {
            session.change(Some(path), |core, world, now| {
                core.open_or_create(world, &opening, now)
            })?
        } else {
            session.with(|core, world| core.open_existing(world, &opening))?
        };
        let may_mutate = child.1 == Kind::Directory && self.handle.may_mutate;
        let flags = DescriptorFlags {
            read: flags.read || !flags.write,
            write,
            mutate_directory: may_mutate && flags.mutate_directory,
        };
        let trail = Trail::of(session, || joined(self.opened_by(), path).into_owned());
        Ok(Self::opened(session, child, flags, may_mutate, trail))
    }

    /// Describes what a path stands for.
    ///
    /// # Errors
    ///
    /// Those of path resolution.
    pub fn stat_at(&self, path: &str, follow: bool) -> Result<Stat> {
        self.noted_at(OperationKind::Stat, path, None, || {
            let (at, follow) = (self.below(path)?, follow_at_end(follow));
            self.session()
                .with(|core, world| core.stat_at(world, at, follow))
        })
    }

    /// The metadata hash of what a path stands for.
    ///
    /// # Errors
    ///
    /// Those of path resolution.
    pub fn metadata_hash_at(&self, path: &str, follow: bool) -> Result<(u64, u64)> {
        let stat = self.stat_at(path, follow)?;
        Ok((stat.ino, self.session().world().family.id()))
    }

    /// Sets the times of what a path stands for.
    ///
    /// # Errors
    ///
    /// Those of path resolution; `Denied` in a read-only session.
    pub fn set_times_at(
        &self,
        path: &str,
        follow: bool,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<()> {
        self.noted_at(OperationKind::SetTimes, path, None, || {
            let (at, follow) = (self.below(path)?, follow_at_end(follow));
            self.mutate(path, |core, world, now| {
                let place = core.resolve_to_change(world, at, follow)?;
                let (ino, _) = place.existing(path)?;
                core.set_times(world, ino, accessed, modified, now)
            })
        })
    }

    /// Creates a directory.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; `NotFound` when its parent is missing.
    pub fn create_directory_at(&self, path: &str) -> Result<()> {
        self.noted_at(OperationKind::Mkdir, path, None, || {
            let at = self.below(path)?;
            self.mutate(path, |core, world, now| {
                core.make_directory_at(world, at, now)
            })
        })
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// `NotEmpty`, `NotADirectory`; `Invalid` for a path that ends in `.` or `..`.
    pub fn remove_directory_at(&self, path: &str) -> Result<()> {
        self.noted_at(OperationKind::Remove, path, None, || {
            let at = self.below(path)?;
            let removed = self.mutate(path, |core, world, now| {
                core.remove_directory_at(world, at, now)
            });
            removed.map_err(|error| match error {
                Error::Busy { .. } => Error::invalid("a directory is removed by its name alone"),
                error => error,
            })
        })
    }

    /// Removes a name of a file or a link; open descriptors of it stay usable.
    ///
    /// # Errors
    ///
    /// `IsADirectory`.
    pub fn unlink_file_at(&self, path: &str) -> Result<()> {
        self.noted_at(OperationKind::Remove, path, None, || {
            let at = self.below(path)?;
            self.mutate(path, |core, world, now| core.unlink_file_at(world, at, now))
        })
    }

    /// Renames below this directory to below `target_dir`.
    ///
    /// # Errors
    ///
    /// `CrossSession` when the two belong to different sessions, and as [`crate::Session::rename`].
    pub fn rename_at(&self, source: &str, target_dir: &Self, target: &str) -> Result<()> {
        let second = Some((target_dir, target));
        self.noted_at(OperationKind::Rename, source, second, || {
            let (from, to) = self.two(source, target_dir, target)?;
            self.mutate(source, |core, world, now| {
                core.rename_at(world, from, to, now)
            })
        })
    }

    /// Gives a file or a link a second name; `follow` is not supported.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; `Denied` for a directory; `Invalid` with `follow`; `CrossSession`.
    pub fn link_at(
        &self,
        follow: bool,
        source: &str,
        target_dir: &Self,
        target: &str,
    ) -> Result<()> {
        let second = Some((target_dir, target));
        self.noted_at(OperationKind::Link, source, second, || {
            self.check_directory()?;
            target_dir.check_directory()?;
            if follow {
                return Err(Error::invalid(
                    "a hard link is never made through a symbolic link",
                ));
            }
            let (from, to) = self.two(source, target_dir, target)?;
            self.mutate(source, |core, world, now| {
                core.link_at(world, from, to, now)
            })
        })
    }

    /// Creates a symbolic link at `path` that leads to `target`.
    ///
    /// # Errors
    ///
    /// As [`crate::Session::symlink`].
    pub fn symlink_at(&self, target: &str, path: &str) -> Result<()> {
        self.noted_symlink(target, path, || {
            let at = self.below(path)?;
            self.mutate(path, |core, world, now| {
                core.symlink_at(world, target, at, now)
            })
        })
    }

    /// Reads where a symbolic link leads.
    ///
    /// # Errors
    ///
    /// As [`crate::Session::read_link`].
    pub fn read_link_at(&self, path: &str) -> Result<String> {
        self.noted_at(OperationKind::ReadLink, path, None, || {
            let at = self.below(path)?;
            self.session()
                .with(|core, world| core.read_link_at(world, at))
        })
    }

    fn two<'a>(
        &self,
        source: &'a str,
        target_dir: &Self,
        target: &'a str,
    ) -> Result<(At<'a>, At<'a>)> {
        if !self.session().is_same(target_dir.session()) {
            return Err(Error::CrossSession);
        }
        let (from, to) = (self.below(source)?, target_dir.below(target)?);
        target_dir.check_may_mutate(target)?;
        Ok((from, to))
    }

    fn mutate<R>(
        &self,
        path: &str,
        operation: impl FnOnce(&mut Core, &World, Timestamp) -> Result<R>,
    ) -> Result<R> {
        self.check_may_mutate(path)?;
        self.session().rearrange(Some(path), operation)
    }

    fn check_may_mutate(&self, path: &str) -> Result<()> {
        if self.handle.may_mutate {
            return Ok(());
        }
        Err(Error::read_only(Some(path)))
    }

    fn below<'a>(&self, text: &'a str) -> Result<At<'a>> {
        self.check_directory()?;
        if text.starts_with('/') {
            return Err(Error::outside(text));
        }
        Ok(At {
            start: self.handle.number.get(),
            text,
        })
    }
}

/// What was opened, and of which kind it is.
pub(super) type Opened = (OpenNumber, Kind);

/// What an opening was asked for.
struct Opening<'a> {
    at: At<'a>,
    follow: Follow,
    open: OpenFlags,
    write: bool,
}

impl Core {
    /// Finds what is to be opened and counts the handle, in one step: between two, somebody could
    /// remove the object.
    fn open_existing(&mut self, world: &World, opening: &Opening<'_>) -> Result<Opened> {
        let place = self.resolve(world, opening.at, opening.follow)?;
        let child = place.existing(opening.at.text)?;
        check_openable(child.1, opening)?;
        let number = self.open_handle(world, child.0, opening.write)?;
        Ok((number, child.1))
    }

    /// The same for writing. A file is made or emptied last, when nothing else can fail.
    fn open_or_create(
        &mut self,
        world: &World,
        opening: &Opening<'_>,
        now: Timestamp,
    ) -> Result<Opened> {
        let Opening {
            at, follow, open, ..
        } = *opening;
        let place = self.resolve_to_change(world, at, follow)?;
        match place.found {
            Some(_) if open.create && open.exclusive => Err(Error::AlreadyExists {
                path: at.text.to_owned(),
            }),
            Some(child) => {
                check_openable(child.1, opening)?;
                let number = self.open_handle(world, child.0, true)?;
                if open.truncate
                    && let Err(error) = self.set_size(world, child.0, 0, now, at.text)
                {
                    self.close_handle(child.0, true);
                    return Err(error);
                }
                Ok((number, child.1))
            }
            None if open.create && place.directory => Err(Error::IsADirectory {
                path: at.text.to_owned(),
            }),
            None if open.create => {
                self.check_handles(world)?;
                let (dir, name, _) = place.named(at.text)?;
                let ino = self.create_file(world, (dir, &name), Pieces::empty(), now)?;
                let number = self.open_handle(world, ino, true)?;
                Ok((number, Kind::File))
            }
            None => Err(Error::NotFound {
                path: at.text.to_owned(),
            }),
        }
    }

    fn check_handles(&self, world: &World) -> Result<()> {
        let (used, limit) = (self.open_handles, world.limits.open_handles_max);
        if used < limit {
            return Ok(());
        }
        Err(Error::Quota {
            which: "open-handles",
            used: used as u64,
            limit: limit as u64,
        })
    }

    /// Counts a handle, so that its object outlives its last name.
    pub(crate) fn open_handle(
        &mut self,
        world: &World,
        ino: Ino,
        writes: bool,
    ) -> Result<OpenNumber> {
        self.check_handles(world)?;
        self.open_handles += 1;
        let opens = self.opens.entry(ino).or_insert_with(|| Opens::of(ino));
        opens.handles += 1;
        opens.writers += u32::from(writes);
        Ok(opens.number())
    }

    /// Counts a handle out; tells whether it was the last that could write.
    pub(crate) fn close_handle(&mut self, ino: Ino, writes: bool) -> bool {
        self.open_handles = self.open_handles.saturating_sub(1);
        let Some(opens) = self.opens.get_mut(&ino) else {
            return false;
        };
        let Opens {
            handles, writers, ..
        } = opens;
        *handles = handles.saturating_sub(1);
        *writers = writers.saturating_sub(u32::from(writes));
        let last_writer = writes && *writers == 0;
        if *handles == 0 {
            self.opens.remove(&ino);
            self.forget_if_unused(ino);
        }
        last_writer
    }
}

fn follow_at_end(follow: bool) -> Follow {
    if follow {
        Follow::Always
    } else {
        Follow::UnlessNamed
    }
}

fn check_openable(kind: Kind, opening: &Opening<'_>) -> Result<()> {
    let path = || opening.at.text.to_owned();
    match kind {
        Kind::Symlink => Err(Error::TooManyLinks { path: path() }),
        Kind::File if opening.open.directory => Err(Error::NotADirectory { path: path() }),
        Kind::Directory if opening.write => Err(Error::IsADirectory { path: path() }),
        _ => Ok(()),
    }
}
