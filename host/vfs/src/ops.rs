//! The operations on names, decided once for every face of a session.
//!
//! Each takes the directory its walk begins in and the path as the guest wrote it. Those that
//! change are called by [`Session::rearrange`](crate::Session), which undoes what a failure leaves.

use crate::core::Core;
use crate::error::{DenialReason, Error, Result};
use crate::inode::{Body, Directory, Ino};
use crate::path::{Route, SYMLINK_TARGET_BYTES_MAX, VPath};
use crate::reads::World;
use crate::resolve::{Follow, Place};
use crate::time::{NewTime, Timestamp};
use crate::{Kind, Name, Stat};

/// The directory a walk begins in and what it is asked to walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) start: Ino,
    pub(crate) text: &'a str,
}

impl Core {
    pub(crate) fn resolve(&mut self, world: &World, at: At<'_>, follow: Follow) -> Result<Place> {
        self.view(world).resolve(at.start, at.text, follow)
    }

    /// The same for a change there: denied unless the path may be written, whatever stands there.
    pub(crate) fn resolve_to_change(
        &mut self,
        world: &World,
        at: At<'_>,
        follow: Follow,
    ) -> Result<Place> {
        if world.rules.is_everything() {
            return self.resolve(world, at, follow);
        }
        let place = self.resolve(world, at, follow);
        let place = place.map_err(Error::of_a_write)?;
        let path = self.path_of(world, &place);
        // A directory that is gone has no path, and nothing can be made in it.
        path.map_or(Ok(()), |path| world.rules.check_write(at.text, &path))?;
        Ok(place)
    }

    fn path_of(&mut self, world: &World, place: &Place) -> Option<VPath> {
        let view = self.view(world);
        match &place.entry {
            Some((dir, name)) => view.path(*dir).map(|dir| dir.join(name)),
            None => place.found.and_then(|(ino, _)| view.path(ino)),
        }
    }

    /// Refuses to change an object by a handle when its path may not be written.
    pub(crate) fn check_object(&mut self, world: &World, ino: Ino) -> Result<()> {
        if world.rules.is_everything() {
            return Ok(());
        }
        let path = self.view(world).path(ino);
        path.map_or(Ok(()), |path| {
            world.rules.check_write(&path.to_string(), &path)
        })
    }

    /// Refuses to make a name that may not be written.
    pub(crate) fn check_name(&mut self, world: &World, dir: Ino, name: &Name) -> Result<()> {
        if world.rules.is_everything() {
            return Ok(());
        }
        let path = self.view(world).path(dir).map(|dir| dir.join(name));
        path.map_or(Ok(()), |path| {
            world.rules.check_write(&path.to_string(), &path)
        })
    }

    pub(crate) fn stat_at(&mut self, world: &World, at: At<'_>, follow: Follow) -> Result<Stat> {
        let (ino, _) = self.resolve(world, at, follow)?.existing(at.text)?;
        self.view(world).stat(ino)
    }

    pub(crate) fn read_link_at(&mut self, world: &World, at: At<'_>) -> Result<String> {
        let place = self.resolve(world, at, Follow::UnlessNamed)?;
        let (ino, _) = place.existing(at.text)?;
        let target = self.view(world).target(ino)?;
        let target = target.ok_or_else(|| Error::NotALink {
            path: at.text.to_owned(),
        })?;
        if target.starts_with('/') {
            // A base may hold such a link; where it leads on the host is not the guest's to know.
            return Err(Error::outside(at.text));
        }
        Ok(target.as_ref().to_owned())
    }

    pub(crate) fn make_directory_at(
        &mut self,
        world: &World,
        at: At<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let place = self.resolve_to_change(world, at, Follow::Never)?;
        if place.found.is_some() {
            return Err(Error::AlreadyExists {
                path: at.text.to_owned(),
            });
        }
        let (dir, name, _) = place.named(at.text)?;
        self.create(
            world,
            dir,
            &name,
            Body::Directory(Directory::default()),
            now,
        )?;
        Ok(())
    }

    pub(crate) fn remove_directory_at(
        &mut self,
        world: &World,
        at: At<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let place = self.resolve_to_change(world, at, Follow::Never)?;
        let (ino, kind) = place.existing(at.text)?;
        let (dir, name, _) = place.named(at.text)?;
        if kind != Kind::Directory {
            return Err(Error::NotADirectory {
                path: at.text.to_owned(),
            });
        }
        self.check_empty(world, ino, at.text)?;
        self.unlink(world, dir, &name, ino, now)
    }

    pub(crate) fn unlink_file_at(
        &mut self,
        world: &World,
        at: At<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let place = self.resolve_to_change(world, at, Follow::Never)?;
        let (ino, kind) = place.existing(at.text)?;
        if kind == Kind::Directory {
            return Err(Error::IsADirectory {
                path: at.text.to_owned(),
            });
        }
        if place.directory {
            return Err(Error::NotADirectory {
                path: at.text.to_owned(),
            });
        }
        let (dir, name, _) = place.named(at.text)?;
        self.unlink(world, dir, &name, ino, now)
    }

    pub(crate) fn rename_at(
        &mut self,
        world: &World,
        source: At<'_>,
        target: At<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let from = self.resolve_to_change(world, source, Follow::Never)?;
        let to = self.resolve_to_change(world, target, Follow::Never)?;
        let asks_directory = [(from.directory, source), (to.directory, target)];
        let (from_dir, from_name, found) = from.named(source.text)?;
        let (to_dir, to_name, replaced) = to.named(target.text)?;
        let (ino, kind) = found.ok_or_else(|| Error::NotFound {
            path: source.text.to_owned(),
        })?;
        if let Some((_, at)) = asks_directory.iter().find(|(asks, _)| *asks)
            && kind != Kind::Directory
        {
            return Err(Error::NotADirectory {
                path: at.text.to_owned(),
            });
        }
        if replaced.is_some_and(|(other, _)| other == ino) {
            return Ok(());
        }
        if kind == Kind::Directory && self.is_within(world, to_dir, ino) {
            let detail = format!("cannot move '{}' into itself", source.text);
            return Err(Error::Invalid { detail });
        }
        if let Some((other, other_kind)) = replaced {
            if other_kind == Kind::Directory && self.is_within(world, from_dir, other) {
                return Err(Error::NotEmpty {
                    path: target.text.to_owned(),
                });
            }
            self.check_replaceable(world, kind, other, other_kind, target.text)?;
        }
        if kind == Kind::Directory {
            let names = [(from_dir, &from_name), (to_dir, &to_name)];
            self.check_moved(world, ino, names, source.text)?;
        }
        if let Some((other, _)) = replaced {
            self.unlink(world, to_dir, &to_name, other, now)?;
        }
        self.rename(world, (from_dir, &from_name), (to_dir, &to_name), ino, now)
    }

    pub(crate) fn link_at(
        &mut self,
        world: &World,
        source: At<'_>,
        target: At<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let place = self.resolve_to_change(world, source, Follow::Never)?;
        let (ino, kind) = place.existing(source.text)?;
        if place.directory && kind != Kind::Directory {
            return Err(Error::NotADirectory {
                path: source.text.to_owned(),
            });
        }
        let (dir, name) = self.free_name(world, target)?;
        if kind == Kind::Directory {
            return Err(Error::Denied {
                path: Some(source.text.to_owned()),
                reason: DenialReason::Confinement,
                detail: "a directory cannot have a second name".to_owned(),
                grant: None,
            });
        }
        self.link(world, dir, &name, ino, now)
    }

    pub(crate) fn symlink_at(
        &mut self,
        world: &World,
        to: &str,
        at: At<'_>,
        now: Timestamp,
    ) -> Result<()> {
        check_link_text(to)?;
        let (dir, name) = self.free_name(world, at)?;
        self.check_link_target(world, dir, to)?;
        self.create(world, dir, &name, Body::Symlink(to.into()), now)?;
        Ok(())
    }

    pub(crate) fn set_times(
        &mut self,
        world: &World,
        ino: Ino,
        accessed: NewTime,
        modified: NewTime,
        now: Timestamp,
    ) -> Result<()> {
        let times = &mut self.inode_mut(world, ino)?.times;
        let pick = |new, old| match new {
            NewTime::Keep => old,
            NewTime::Now => Some(now),
            NewTime::At(time) => Some(time),
        };
        times.accessed = pick(accessed, times.accessed);
        times.modified = pick(modified, times.modified);
        times.changed = Some(now);
        times.explicit |= modified != NewTime::Keep;
        Ok(())
    }

    /// Refuses a link that is absolute or would lead out of the session.
    ///
    /// Counted by names alone: a link on the way was checked itself or is one of the base.
    pub(crate) fn check_link_target(&mut self, world: &World, dir: Ino, to: &str) -> Result<()> {
        check_link_text(to)?;
        let path = self.view(world).path(dir);
        if leads_out(path.map_or(0, |path| path.components().len()), to) {
            return Err(link_denied(to));
        }
        Ok(())
    }

    /// The directory and name of something that is to be made there.
    pub(crate) fn free_name(&mut self, world: &World, at: At<'_>) -> Result<(Ino, Name)> {
        let place = self.resolve_to_change(world, at, Follow::Never)?;
        if place.found.is_some() {
            return Err(Error::AlreadyExists {
                path: at.text.to_owned(),
            });
        }
        if place.directory {
            return Err(Error::NotFound {
                path: at.text.to_owned(),
            });
        }
        let (dir, name, _) = place.named(at.text)?;
        Ok((dir, name))
    }

    pub(crate) fn check_empty(&mut self, world: &World, dir: Ino, text: &str) -> Result<()> {
        if self.view(world).is_empty(dir)? {
            return Ok(());
        }
        Err(Error::NotEmpty {
            path: text.to_owned(),
        })
    }

    fn check_replaceable(
        &mut self,
        world: &World,
        kind: Kind,
        other: Ino,
        other_kind: Kind,
        text: &str,
    ) -> Result<()> {
        match (kind, other_kind) {
            (Kind::Directory, Kind::Directory) => self.check_empty(world, other, text),
            (Kind::Directory, _) => Err(Error::NotADirectory {
                path: text.to_owned(),
            }),
            (_, Kind::Directory) => Err(Error::IsADirectory {
                path: text.to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// Refuses what no link may say, wherever it is made.
fn check_link_text(to: &str) -> Result<()> {
    if to.is_empty() {
        return Err(Error::NotFound {
            path: String::new(),
        });
    }
    if to.len() > SYMLINK_TARGET_BYTES_MAX {
        return Err(Error::InvalidPath {
            path: "the link's target".to_owned(),
            reason: crate::error::PathFault::TooLong,
        });
    }
    if Route::parse(to)?.absolute {
        return Err(link_denied(to));
    }
    Ok(())
}

/// Whether a link in a directory of this depth is absolute, or may lead out of the session.
///
/// A `..` after a name may: the name can be a link to anywhere, now or later, and the kernel goes
/// up from there.
pub(crate) fn leads_out(depth: usize, target: &str) -> bool {
    let mut steps = target.split('/').filter(|step| !matches!(*step, "" | "."));
    let ups = steps.by_ref().take_while(|step| *step == "..").count();
    target.starts_with('/') || ups > depth || steps.any(|step| step == "..")
}

pub(crate) fn link_denied(path: &str) -> Error {
    Error::Denied {
        path: Some(path.to_owned()),
        reason: DenialReason::Confinement,
        detail: "a link must not be absolute, lead out of the session, or go up after a name"
            .to_owned(),
        grant: None,
    }
}
