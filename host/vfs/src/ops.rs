//! The operations on names, decided once for every face of a session.
//!
//! Each takes the directory its walk begins in and the path as the guest wrote it.

use crate::core::Core;
use crate::error::{DenialReason, Error, Result};
use crate::inode::{Body, Directory, Ino};
use crate::path::{Route, SYMLINK_TARGET_BYTES_MAX, Step};
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
        let place = self.resolve(world, at, Follow::Never)?;
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
        let place = self.resolve(world, at, Follow::Never)?;
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
        let place = self.resolve(world, at, Follow::Never)?;
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
        let from = self.resolve(world, source, Follow::Never)?;
        let (ino, kind) = from.existing(source.text)?;
        let to = self.resolve(world, target, Follow::Never)?;
        if kind != Kind::Directory && (from.directory || to.directory) {
            let at = if from.directory { source } else { target };
            return Err(Error::NotADirectory {
                path: at.text.to_owned(),
            });
        }
        let (from_dir, from_name, _) = from.named(source.text)?;
        let (to_dir, to_name, replaced) = to.named(target.text)?;
        if replaced.is_some_and(|(other, _)| other == ino) {
            return Ok(());
        }
        if kind == Kind::Directory && self.is_within(world, to_dir, ino) {
            let detail = format!("cannot move '{}' into itself", source.text);
            return Err(Error::Invalid { detail });
        }
        if let Some((other, other_kind)) = replaced {
            self.check_replaceable(world, kind, other, other_kind, target.text)?;
        }
        let before = self.tree.clone();
        let moved = match replaced {
            Some((other, _)) => self.unlink(world, to_dir, &to_name, other, now),
            None => Ok(()),
        };
        let moved = moved.and_then(|()| {
            self.rename(world, (from_dir, &from_name), (to_dir, &to_name), ino, now)
        });
        if moved.is_err() {
            self.tree = before;
        }
        moved
    }

    pub(crate) fn link_at(
        &mut self,
        world: &World,
        source: At<'_>,
        target: At<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let place = self.resolve(world, source, Follow::Never)?;
        let (ino, kind) = place.existing(source.text)?;
        if kind == Kind::Directory {
            return Err(Error::Denied {
                path: Some(source.text.to_owned()),
                reason: DenialReason::Confinement,
                detail: "a directory cannot have a second name".to_owned(),
                grant: None,
            });
        }
        if place.directory {
            return Err(Error::NotADirectory {
                path: source.text.to_owned(),
            });
        }
        let (dir, name) = self.free_name(world, target)?;
        let before = self.tree.clone();
        let linked = self.link(world, dir, &name, ino, now);
        if linked.is_err() {
            self.tree = before;
        }
        linked
    }

    pub(crate) fn symlink_at(
        &mut self,
        world: &World,
        to: &str,
        at: At<'_>,
        now: Timestamp,
    ) -> Result<()> {
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
    /// Counted by names alone: a link on the way can only be one that was itself checked, or one
    /// of the base, and those lead nowhere outside when they are walked.
    pub(crate) fn check_link_target(&mut self, world: &World, dir: Ino, to: &str) -> Result<()> {
        if to.is_empty() {
            return Err(Error::NotFound {
                path: String::new(),
            });
        }
        if to.len() > SYMLINK_TARGET_BYTES_MAX {
            let reason = crate::error::PathFault::TooLong;
            return Err(Error::InvalidPath {
                path: "the link's target".to_owned(),
                reason,
            });
        }
        let route = Route::parse(to)?;
        let mut depth = self
            .view(world)
            .path(dir)
            .map_or(0, |path| path.components().len());
        let outside = route.steps.iter().any(|step| match step {
            Step::Down(_) => {
                depth += 1;
                false
            }
            Step::Up => match depth.checked_sub(1) {
                Some(above) => {
                    depth = above;
                    false
                }
                None => true,
            },
        });
        if route.absolute || outside {
            return Err(Error::Denied {
                path: Some(to.to_owned()),
                reason: DenialReason::Confinement,
                detail: "a link must not be absolute or lead out of the session".to_owned(),
                grant: None,
            });
        }
        Ok(())
    }

    /// The directory and name of something that is to be made there.
    pub(crate) fn free_name(&mut self, world: &World, at: At<'_>) -> Result<(Ino, Name)> {
        let place = self.resolve(world, at, Follow::Never)?;
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
        if self.view(world).entries(dir)?.is_empty() {
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
