//! Path resolution: from a directory and what a guest wrote to a directory, a name and an object.
//!
//! Links are data and are followed only inside the tree; no step leaves the directory that the
//! walk began in.

use smallvec::{SmallVec, smallvec};

use crate::error::{Error, Result};
use crate::inode::Ino;
use crate::lookup::View;
use crate::path::{Route, SYMLINK_HOPS_MAX, Step};
use crate::reads::Child;
use crate::rules::{Right, Standing};
use crate::{Kind, Name};

/// What to do when the last component is a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    /// Go where it leads.
    Always,
    /// Take the link itself, unless a trailing `/` asks for a directory.
    UnlessNamed,
    /// Take the link itself: a change to the name must never reach what it leads to.
    Never,
}

/// Where a walk ended.
#[derive(Debug)]
pub(crate) struct Place {
    /// The directory and the name in it; `None` when the walk ended at a directory by `.` or `..`.
    pub(crate) entry: Option<(Ino, Name)>,
    /// What stands there.
    pub(crate) found: Option<Child>,
    /// Whether a trailing `/` asked for a directory.
    pub(crate) directory: bool,
}

impl Place {
    /// The object, or `NotFound`.
    pub(crate) fn existing(&self, text: &str) -> Result<Child> {
        self.found.ok_or_else(|| Error::NotFound {
            path: text.to_owned(),
        })
    }

    /// The directory and name, or `Busy` for the directory the walk began in and its parents.
    pub(crate) fn named(self, text: &str) -> Result<(Ino, Name, Option<Child>)> {
        match self.entry {
            Some((dir, name)) => Ok((dir, name, self.found)),
            None => Err(Error::Busy {
                path: text.to_owned(),
            }),
        }
    }
}

/// A walk under way.
struct Walk<'t> {
    text: &'t str,
    /// The directories from the start to where the walk is.
    dirs: SmallVec<[Ino; 16]>,
    /// What may be done in each of them; empty where everything may be read.
    standings: SmallVec<[Standing; 1]>,
    /// The steps to take, the next one last.
    pending: Vec<Step>,
    directory: bool,
    hops: usize,
}

impl View<'_> {
    /// Walks `text` from the directory `start`. An absolute path starts there too.
    pub(crate) fn resolve(&mut self, start: Ino, text: &str, follow: Follow) -> Result<Place> {
        if text.is_empty() {
            return Err(Error::NotFound {
                path: String::new(),
            });
        }
        let route = Route::parse(text)?;
        let mut walk = Walk {
            text,
            dirs: smallvec![start],
            standings: self.standing_of(start).into_iter().collect(),
            pending: route.steps.into_iter().rev().collect(),
            directory: route.directory,
            hops: 0,
        };
        while let Some(step) = walk.pending.pop() {
            let name = match step {
                Step::Down(name) => name,
                Step::Here => continue,
                Step::Up => {
                    walk.up()?;
                    continue;
                }
            };
            if let Some(place) = self.step(&mut walk, name, follow)? {
                return Ok(place);
            }
        }
        let found = Some((walk.current(), Kind::Directory));
        Ok(Place {
            entry: None,
            found,
            directory: walk.directory,
        })
    }

    /// Takes one step down; `Some` when the walk ends there.
    fn step(&mut self, walk: &mut Walk<'_>, name: Name, follow: Follow) -> Result<Option<Place>> {
        let dir = walk.current();
        let last = walk.pending.is_empty();
        let standing = self.step_on(walk, &name)?;
        let found = self.child(dir, &name)?;
        if let Some(standing) = &standing {
            self.check_shown(walk, &name, found, standing)?;
        }
        match found {
            None if last => {}
            None => {
                return Err(Error::NotFound {
                    path: walk.text.to_owned(),
                });
            }
            Some((ino, Kind::Symlink)) if !last || walk.follows(follow) => {
                let target = self.target(ino)?;
                walk.follow(target.as_deref().unwrap_or_default())?;
                return Ok(None);
            }
            Some((ino, Kind::Directory)) if !last => {
                walk.dirs.push(ino);
                walk.standings.extend(standing);
                return Ok(None);
            }
            Some((_, Kind::Directory)) => {}
            Some(_) if !last || (walk.directory && follow != Follow::Never) => {
                return Err(Error::NotADirectory {
                    path: walk.text.to_owned(),
                });
            }
            Some(_) => {}
        }
        Ok(Some(Place {
            entry: Some((dir, name)),
            found,
            directory: walk.directory,
        }))
    }
}

/// What the rules say of a walk.
impl View<'_> {
    /// What may be done in a directory; `None` where everything may be read.
    pub(crate) fn standing_of(&self, dir: Ino) -> Option<Standing> {
        let rules = &self.world.rules;
        if rules.hides_nothing() {
            return None;
        }
        // One that was removed has nothing in it.
        Some(rules.standing(&self.path(dir).unwrap_or_default()))
    }

    /// What may be done one step on; denied where nothing there or below may be read.
    fn step_on(&self, walk: &Walk<'_>, name: &Name) -> Result<Option<Standing>> {
        let Some(from) = walk.standings.last() else {
            return Ok(None);
        };
        let standing = self.world.rules.step(from, name);
        if !self.world.rules.leads_on(&standing) {
            return Err(self.unreadable(walk, name));
        }
        Ok(Some(standing))
    }

    /// Denies whatever is not readable itself, there or not, unless it is a directory on the way.
    fn check_shown(
        &self,
        walk: &Walk<'_>,
        name: &Name,
        found: Option<Child>,
        standing: &Standing,
    ) -> Result<()> {
        let on_the_way = matches!(found, Some((_, Kind::Directory)));
        if on_the_way || self.world.rules.allows(standing, Right::Read) {
            return Ok(());
        }
        Err(self.unreadable(walk, name))
    }

    fn unreadable(&self, walk: &Walk<'_>, name: &Name) -> Error {
        let dir = self.path(walk.current()).unwrap_or_default();
        let down = |step: &Step| match step {
            Step::Down(name) => Some(name.clone()),
            Step::Up | Step::Here => None,
        };
        let rest = walk.pending.iter().rev().map_while(down);
        let path = rest.fold(dir.join(name), |path, name| path.join(&name));
        Right::Read.denied(walk.text, &path)
    }
}

impl Walk<'_> {
    fn current(&self) -> Ino {
        self.dirs.last().copied().unwrap_or(Ino::ROOT)
    }

    fn up(&mut self) -> Result<()> {
        if self.dirs.len() == 1 {
            return Err(Error::outside(self.text));
        }
        self.dirs.pop();
        self.standings.pop();
        Ok(())
    }

    fn follows(&self, follow: Follow) -> bool {
        match follow {
            Follow::Always => true,
            Follow::UnlessNamed => self.directory,
            Follow::Never => false,
        }
    }

    fn follow(&mut self, target: &str) -> Result<()> {
        self.hops += 1;
        if self.hops > SYMLINK_HOPS_MAX {
            return Err(Error::TooManyLinks {
                path: self.text.to_owned(),
            });
        }
        if target.is_empty() {
            return Err(Error::NotFound {
                path: self.text.to_owned(),
            });
        }
        // Where a link of the base leads is not shown: it may name what is outside.
        let route = Route::parse(target).map_err(|_| Error::outside(self.text))?;
        if route.absolute {
            return Err(Error::outside(self.text));
        }
        if self.pending.is_empty() {
            self.directory |= route.directory;
        }
        self.pending.extend(route.steps.into_iter().rev());
        Ok(())
    }
}
