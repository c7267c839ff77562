//! Changing and listing names: directories, links, rename, copy, removal.

use std::sync::Arc;

use super::{Page, Session};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::inode::{Body, Directory, File, Ino};
use crate::observer::{Operation, OperationKind};
use crate::reads::{Child, World};
use crate::resolve::Follow;
use crate::session::files::from_root;
use crate::time::Timestamp;
use crate::{Kind, Name};

impl Session {
    /// Lists a directory by pages: up to `entries_max` names after the name `after`.
    ///
    /// A page is never longer than `Limits::page_entries_max`.
    ///
    /// # Errors
    ///
    /// `NotFound`, `NotADirectory`; `Quota` for a directory over `Limits::listing_entries_max`.
    pub fn list(&self, path: &str, after: Option<&str>, entries_max: usize) -> Result<Page> {
        self.noted(Operation::at(OperationKind::List, path), |_| {
            self.page(path, after, entries_max)
        })
    }

    fn page(&self, path: &str, after: Option<&str>, entries_max: usize) -> Result<Page> {
        let entries_max = entries_max.clamp(1, self.limits().page_entries_max);
        let (entries, more) = self.with(|core, world| {
            let place = core.resolve(world, from_root(path), Follow::Always)?;
            let (ino, kind) = place.existing(path)?;
            if kind != Kind::Directory {
                return Err(Error::NotADirectory {
                    path: path.to_owned(),
                });
            }
            core.view(world).shown_after(ino, after, entries_max)
        })?;
        let last = entries.last().map(|entry| entry.name.to_string());
        Ok(Page {
            next: last.filter(|_| more),
            entries,
        })
    }

    /// Tells whether anything stands at the path; a link that leads nowhere does not count.
    ///
    /// # Errors
    ///
    /// Those of a path that is not well formed or leads out.
    pub fn exists(&self, path: &str) -> Result<bool> {
        let call = Operation::at(OperationKind::Exists, path);
        self.noted(call, |_| match self.described(path, Follow::Always) {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. } | Error::NotADirectory { .. }) => Ok(false),
            Err(error) => Err(error),
        })
    }

    /// Creates a directory and those above it; one that is there already is no error.
    ///
    /// # Errors
    ///
    /// `NotADirectory` when something else stands on the way.
    pub fn mkdir(&self, path: &str) -> Result<()> {
        self.noted(Operation::at(OperationKind::Mkdir, path), |_| {
            self.rearrange(Some(path), |core, world, now| {
                make_all(core, world, path, now)
            })
        })
    }

    /// Removes a file, a link or an empty directory.
    ///
    /// # Errors
    ///
    /// `NotFound`, `NotEmpty`.
    pub fn remove(&self, path: &str) -> Result<()> {
        self.noted(Operation::at(OperationKind::Remove, path), |_| {
            self.remove_one(path)
        })
    }

    fn remove_one(&self, path: &str) -> Result<()> {
        self.rearrange(Some(path), |core, world, now| {
            let at = from_root(path);
            let place = core.resolve_to_change(world, at, Follow::Never)?;
            match place.existing(path)? {
                (_, Kind::Directory) => core.remove_directory_at(world, at, now),
                _ => core.unlink_file_at(world, at, now),
            }
        })
    }

    /// Removes whatever stands at the path and everything below; nothing there is no error.
    ///
    /// # Errors
    ///
    /// `Busy` for the root; `Quota` over `Limits::visited_max` objects. Nothing is removed then.
    pub fn remove_all(&self, path: &str) -> Result<()> {
        self.noted(Operation::at(OperationKind::RemoveAll, path), |_| {
            self.remove_below(path)
        })
    }

    fn remove_below(&self, path: &str) -> Result<()> {
        self.rearrange(Some(path), |core, world, now| {
            let place = match core.resolve_to_change(world, from_root(path), Follow::Never) {
                Err(Error::NotFound { .. }) => return Ok(()),
                place => place?,
            };
            let Some((ino, kind)) = place.found else {
                return Ok(());
            };
            if place.directory && kind != Kind::Directory {
                return Err(Error::NotADirectory {
                    path: path.to_owned(),
                });
            }
            let (dir, name, _) = place.named(path)?;
            if kind == Kind::Directory {
                core.check_removed(world, ino, (dir, &name), path)?;
            }
            remove_tree(
                core,
                world,
                Removal {
                    dir,
                    name,
                    ino,
                    kind,
                },
                now,
            )
        })
    }

    /// Renames, replacing a file by a file or an empty directory by a directory; O(1).
    ///
    /// # Errors
    ///
    /// `NotFound`, `NotEmpty`, `IsADirectory`, `NotADirectory`; `Invalid` into itself.
    pub fn rename(&self, source: &str, target: &str) -> Result<()> {
        let call = Operation::at(OperationKind::Rename, source).to(target);
        self.noted(call, |_| {
            self.rearrange(Some(source), |core, world, now| {
                core.rename_at(world, from_root(source), from_root(target), now)
            })
        })
    }

    /// Copies a file or a tree to a free name, or a file over a file; content is shared, not read.
    ///
    /// # Errors
    ///
    /// `NotFound`, `AlreadyExists`; `Quota` over `Limits::visited_max` objects; `Denied` for a
    /// link that would lead out from its new place. Nothing is copied then.
    pub fn copy(&self, source: &str, target: &str) -> Result<()> {
        let call = Operation::at(OperationKind::Copy, source).to(target);
        self.noted(call, |_| self.copy_to(source, target))
    }

    fn copy_to(&self, source: &str, target: &str) -> Result<()> {
        self.rearrange(Some(target), |core, world, now| {
            let place = core.resolve(world, from_root(source), Follow::Always)?;
            let (ino, kind) = place.existing(source)?;
            let to = core.resolve_to_change(world, from_root(target), Follow::Always)?;
            if to.directory && kind != Kind::Directory {
                return Err(Error::NotADirectory {
                    path: target.to_owned(),
                });
            }
            match to.found {
                Some((other, _)) if other == ino => Ok(()),
                Some((other, Kind::File)) if kind == Kind::File => {
                    overwrite(core, world, ino, other, now)
                }
                Some(_) => Err(Error::AlreadyExists {
                    path: target.to_owned(),
                }),
                None => {
                    let (dir, name, _) = to.named(target)?;
                    if core.is_within(world, dir, ino) {
                        let detail = format!("cannot copy '{source}' into itself");
                        return Err(Error::Invalid { detail });
                    }
                    copy_tree(
                        core,
                        world,
                        (ino, kind),
                        (dir, &name),
                        &mut Budget::new(world),
                        now,
                    )
                }
            }
        })
    }

    /// Creates a symbolic link at `path` that leads to `target`.
    ///
    /// # Errors
    ///
    /// `Denied` when the target is absolute or leads out of the session; `AlreadyExists`.
    pub fn symlink(&self, target: &str, path: &str) -> Result<()> {
        let call = Operation::at(OperationKind::Symlink, path).to(target);
        self.noted(call, |_| {
            self.rearrange(Some(path), |core, world, now| {
                core.symlink_at(world, target, from_root(path), now)
            })
        })
    }

    /// Reads where a symbolic link leads.
    ///
    /// # Errors
    ///
    /// `NotALink`; `Denied` for a link of the base that leads to an absolute path.
    pub fn read_link(&self, path: &str) -> Result<String> {
        self.noted(Operation::at(OperationKind::ReadLink, path), |_| {
            self.with(|core, world| core.read_link_at(world, from_root(path)))
        })
    }
}

/// How many objects an operation on a tree may still visit.
pub(crate) struct Budget {
    left: usize,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(world: &World) -> Self {
        let limit = world.limits.visited_max;
        Self { left: limit, limit }
    }

    pub(crate) fn take(&mut self) -> Result<()> {
        let limit = self.limit as u64;
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(Error::Quota {
            which: "visited-objects",
            used: limit,
            limit,
        })?;
        Ok(())
    }
}

/// Makes every directory of `path` that is missing, following links on the way.
fn make_all(core: &mut Core, world: &World, path: &str, now: Timestamp) -> Result<()> {
    let mut at = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if !at.is_empty() {
            at.push('/');
        }
        at.push_str(part);
        let place = core.resolve(world, from_root(&at), Follow::Always);
        let place = place.map_err(Error::of_a_write)?;
        match place.found {
            Some((_, Kind::Directory)) => {}
            Some(_) => return Err(Error::NotADirectory { path: at }),
            None => {
                let (dir, name, _) = place.named(&at)?;
                core.check_name(world, dir, &name)?;
                core.create(
                    world,
                    dir,
                    &name,
                    Body::Directory(Directory::default()),
                    now,
                )?;
            }
        }
    }
    crate::path::Route::parse(path).map(drop)
}

/// A name to remove and what it stands for.
struct Removal {
    dir: Ino,
    name: Name,
    ino: Ino,
    kind: Kind,
}

/// Removes what stands at a name, and everything below it.
pub(crate) fn remove_child(
    core: &mut Core,
    world: &World,
    (dir, name): (Ino, Name),
    (ino, kind): Child,
    now: Timestamp,
) -> Result<()> {
    let removal = Removal {
        dir,
        name,
        ino,
        kind,
    };
    remove_tree(core, world, removal, now)
}

/// Removes a tree, however deep: a base may be deeper than a stack.
fn remove_tree(core: &mut Core, world: &World, root: Removal, now: Timestamp) -> Result<()> {
    let mut budget = Budget::new(world);
    // A directory is put back, as opened, below what is in it.
    let mut pending = vec![(root, false)];
    while let Some((removal, opened)) = pending.pop() {
        if opened || removal.kind != Kind::Directory {
            core.unlink(world, removal.dir, &removal.name, removal.ino, now)?;
            continue;
        }
        let dir = removal.ino;
        pending.push((removal, true));
        for entry in core.view(world).entries(dir)? {
            budget.take()?;
            if let Some((ino, kind)) = core.view(world).child(dir, &entry.name)? {
                let name = entry.name;
                pending.push((
                    Removal {
                        dir,
                        name,
                        ino,
                        kind,
                    },
                    false,
                ));
            }
        }
    }
    Ok(())
}

/// Copies a tree. No deeper than a path may be, since what is deeper cannot be made.
fn copy_tree(
    core: &mut Core,
    world: &World,
    (ino, kind): (Ino, Kind),
    (dir, name): (Ino, &Name),
    budget: &mut Budget,
    now: Timestamp,
) -> Result<()> {
    budget.take()?;
    let body = match kind {
        Kind::Directory => Body::Directory(Directory::default()),
        Kind::File => Body::File(shared_file(core, world, ino)?),
        Kind::Symlink => {
            let target = core.view(world).target(ino)?.unwrap_or_else(|| "".into());
            core.check_link_target(world, dir, &target)?;
            Body::Symlink(target)
        }
    };
    core.check_name(world, dir, name)?;
    let made = core.create(world, dir, name, body, now)?;
    if kind == Kind::Directory {
        for entry in core.view(world).shown(ino)? {
            if let Some(child) = core.view(world).child(ino, &entry.name)? {
                copy_tree(core, world, child, (made, &entry.name), budget, now)?;
            }
        }
    }
    Ok(())
}

fn overwrite(core: &mut Core, world: &World, ino: Ino, other: Ino, now: Timestamp) -> Result<()> {
    let shared = shared_file(core, world, ino)?;
    core.change_file(world, other, now, |file| {
        file.pieces = shared.pieces;
        file.origin = shared.origin;
        Ok(())
    })
}

/// A file with the same content as another, sharing its pieces.
fn shared_file(core: &mut Core, world: &World, ino: Ino) -> Result<File> {
    let node = core.view(world).node(ino)?;
    let executable = node.executable();
    let held = match &node {
        crate::lookup::Node::Held(inode) => inode.as_file().cloned(),
        crate::lookup::Node::Base(stat) => Some(File {
            origin: Some(crate::inode::Origin {
                ino,
                stat: Arc::new(*stat),
            }),
            pieces: crate::content::Pieces::pristine(stat.size),
            executable,
        }),
    };
    if let Some(origin) = held.as_ref().and_then(|file| file.origin.as_ref()) {
        core.reads.note_content(origin.ino);
    }
    held.ok_or(Error::BadDescriptor)
}
