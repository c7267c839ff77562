//! Whether a state that was read back agrees with itself, so that whoever walks it comes to an end.
//!
//! **Invariant:** in a checked tree every name of a directory is a link of its object and the other
//! way round, kinds agree, a directory has one place, and following parents leads to the root.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::decode::State;
use crate::error::{Error, Result};
use crate::inode::{Body, Directory, Ino, Inode, Link};
use crate::reads::Reads;
use crate::reserved::is_store_name;
use crate::tree::Tree;
use crate::{Kind, Name};

/// Leaves numbers for whatever a loaded session makes.
const NEXT_INO_MAX: u64 = 1 << 62;

/// Checks everything that the records came to.
pub(super) fn check(state: &State) -> Result<()> {
    let mark = &state.mark;
    let numbers = Numbers {
        names: &state.names,
        next_ino: mark.next_ino,
    };
    numbers.check()?;
    numbers.check_reads(&mark.reads)?;
    let savepoints = mark.savepoints.iter().map(|marked| &marked.tree);
    let mut before: Option<&Tree> = None;
    for tree in savepoints.chain([&mark.start, &mark.tree]) {
        if before.is_none_or(|before| !before.same(tree)) {
            TreeCheck { numbers, tree }.check()?;
        }
        before = Some(tree);
    }
    for marked in &mark.savepoints {
        let name = &marked.name;
        holds(
            !name.is_empty() && name.len() <= crate::session::SAVEPOINT_NAME_BYTES_MAX,
            "the name of a savepoint",
        )?;
    }
    Ok(())
}

fn holds(holds: bool, what: &str) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the saved session contradicts itself in {what}"
    )))
}

/// The objects of the base that have a number.
#[derive(Clone, Copy)]
struct Numbers<'a> {
    names: &'a BTreeMap<Ino, Link>,
    next_ino: u64,
}

impl Numbers<'_> {
    fn is_of_base(&self, ino: Ino) -> bool {
        ino == Ino::ROOT || self.names.contains_key(&ino)
    }

    fn is_given(&self, ino: Ino) -> bool {
        ino >= Ino::ROOT && ino.0 < self.next_ino
    }

    fn check(&self) -> Result<()> {
        let sound = self.next_ino > Ino::ROOT.0 && self.next_ino <= NEXT_INO_MAX;
        holds(sound, "the next number")?;
        let mut links = BTreeSet::new();
        for (ino, link) in self.names {
            // A directory gets its number before what is in it, so parents never lead in a circle.
            let after_parent = link.parent < *ino && self.is_of_base(link.parent);
            let sound = *ino > Ino::ROOT && self.is_given(*ino) && after_parent;
            holds(sound && links.insert(link), "a number of the base")?;
            check_name(link.parent, &link.name)?;
        }
        Ok(())
    }

    fn check_reads(&self, reads: &Reads) -> Result<()> {
        for (ino, known) in reads.all_seen() {
            let kind = known.stat().kind;
            let listing = known.listing();
            let sound = self.is_of_base(*ino)
                && (listing.is_none() || kind == Kind::Directory)
                && (known.target().is_none() || kind == Kind::Symlink)
                && (*ino != Ino::ROOT || kind == Kind::Directory);
            holds(sound, "what was seen")?;
            for entry in listing.into_iter().flat_map(|listing| listing.iter()) {
                check_name(*ino, &entry.name)?;
            }
        }
        for link in reads.all_absent() {
            holds(self.is_of_base(link.parent), "what was not there")?;
        }
        for ino in reads.all_pristine() {
            let seen = reads.seen(ino).map(|seen| seen.stat().kind);
            holds(seen == Some(Kind::File), "a pristine content")?;
        }
        Ok(())
    }
}

fn check_name(dir: Ino, name: &Name) -> Result<()> {
    holds(dir != Ino::ROOT || !is_store_name(name), "a name")
}

struct TreeCheck<'a> {
    numbers: Numbers<'a>,
    tree: &'a Tree,
}

impl TreeCheck<'_> {
    fn check(&self) -> Result<()> {
        let mut rooted = HashSet::from([Ino::ROOT]);
        for (ino, inode) in self.tree.inodes() {
            holds(self.numbers.is_given(ino), "the number of an object")?;
            let links = inode.links.len();
            match &inode.body {
                Body::Directory(directory) => {
                    let links_max = usize::from(ino != Ino::ROOT);
                    holds(links <= links_max, "the links of a directory")?;
                    self.check_directory(ino, directory)?;
                }
                Body::File(file) => {
                    let origin = file.origin.as_ref();
                    let sound = origin.is_none_or(|origin| {
                        origin.stat.kind == Kind::File && self.numbers.is_of_base(origin.ino)
                    });
                    holds(sound && ino != Ino::ROOT, "a file")?;
                }
                Body::Symlink(_) => holds(ino != Ino::ROOT, "a link")?,
            }
            for (index, link) in inode.links.iter().enumerate() {
                let new = !inode.links[..index].contains(link);
                holds(new && self.is_entry(ino, inode, link), "a place")?;
                self.check_rooted(link.parent, &mut rooted)?;
            }
            holds(!self.is_left_behind(ino, inode), "an old place")?;
        }
        Ok(())
    }

    fn check_directory(&self, dir: Ino, directory: &Directory) -> Result<()> {
        let of_base = !directory.has_base || self.numbers.is_of_base(dir);
        holds(of_base, "a directory of the base")?;
        for (name, slot) in &directory.slots {
            check_name(dir, name)?;
            let Some((ino, kind)) = slot.target else {
                continue;
            };
            let links_back = self.tree.get(ino).is_some_and(|inode| {
                let here = |link: &Link| link.parent == dir && link.name == *name;
                inode.kind() == kind && inode.links.iter().any(here)
            });
            holds(links_back, "a name of a directory")?;
        }
        Ok(())
    }

    /// Whether the directory of a link has the object at that name.
    fn is_entry(&self, ino: Ino, inode: &Inode, link: &Link) -> bool {
        let in_base = self.numbers.names.get(&ino) == Some(link);
        let Some(parent) = self.tree.get(link.parent) else {
            return in_base;
        };
        parent
            .as_directory()
            .is_some_and(|directory| match directory.slots.get(&link.name) {
                Some(slot) => slot.target == Some((ino, inode.kind())),
                None => in_base && directory.has_base,
            })
    }

    /// Whether the base's directory still shows an object at a place that it left.
    fn is_left_behind(&self, ino: Ino, inode: &Inode) -> bool {
        let Some(link) = self.numbers.names.get(&ino) else {
            return false;
        };
        !inode.links.contains(link) && self.shows(link)
    }

    /// Whether what the base has at a place is seen there.
    fn shows(&self, link: &Link) -> bool {
        let mut link = link;
        loop {
            match self.tree.get(link.parent) {
                Some(parent) => {
                    let shown = parent.as_directory().is_some_and(|directory| {
                        directory.has_base && !directory.slots.contains_key(&link.name)
                    });
                    return shown && (link.parent == Ino::ROOT || !parent.links.is_empty());
                }
                None => match self.numbers.names.get(&link.parent) {
                    Some(above) => link = above,
                    None => return link.parent == Ino::ROOT,
                },
            }
        }
    }

    /// Checks that parents lead to the root, or end at a directory that was removed.
    fn check_rooted(&self, dir: Ino, rooted: &mut HashSet<Ino>) -> Result<()> {
        let mut way = Vec::new();
        let mut seen = HashSet::new();
        let mut at = dir;
        while !rooted.contains(&at) {
            holds(seen.insert(at), "a circle of directories")?;
            way.push(at);
            let above = match self.tree.get(at) {
                Some(inode) => inode.links.first(),
                None => self.numbers.names.get(&at),
            };
            match above {
                Some(link) => at = link.parent,
                None => break,
            }
        }
        rooted.extend(way);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
