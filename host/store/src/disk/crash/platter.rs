//! How changes reach the platter: by a flush, which takes what it promises, and by a crash, which
//! takes what was chosen and forgets the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;

use super::EntryOrder;
use super::inode::{Entries, Ino, Inode, Inodes, ROOT};
use super::pending::{Change, ChangeKind};
use super::state::State;

/// What a flush is asked to make durable.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// Content and metadata of one file, not its name.
    File(Ino),
    /// The names in one directory.
    Directory(Ino),
    /// Everything.
    All,
}

impl State {
    /// Writes what is in the scope.
    pub(super) fn flush(&mut self, scope: Scope) {
        for order in self.in_scope(scope) {
            let Some(change) = self.pending.remove(&order) else {
                continue;
            };
            change
                .kind
                .apply(self.options.sector_bytes, &mut self.platter);
            if let Some(entries) = change.kind.entries() {
                self.supersede(order, entries);
            }
        }
    }

    /// Fails to write what is in the scope, and takes it for written from now on, as Linux does.
    pub(super) fn lose(&mut self, scope: Scope) {
        for order in self.in_scope(scope) {
            self.pending.remove(&order);
        }
        self.is_damaged = true;
    }

    fn in_scope(&self, scope: Scope) -> Vec<u64> {
        let is_within = |change: &Change| match scope {
            Scope::All => true,
            Scope::File(ino) => change.kind.file() == Some(ino),
            Scope::Directory(dir) => change.kind.entries().is_some_and(|e| e.touches(dir)),
        };
        let within = self.pending.iter().filter(|(_, change)| is_within(change));
        let mut orders: Vec<u64> = within.map(|(order, _)| *order).collect();
        if matches!(scope, Scope::Directory(_)) {
            self.add_needed(&mut orders);
        }
        orders
    }

    /// Adds the earlier operations on names without which these cannot be on the platter.
    fn add_needed(&self, orders: &mut Vec<u64>) {
        let Some(last) = orders.last().copied() else {
            return;
        };
        let mut needed: Vec<&Entries> = Vec::new();
        let mut all = Vec::new();
        for (order, change) in self
            .pending
            .iter()
            .rev()
            .filter(|(order, _)| **order <= last)
        {
            let Some(entries) = change.kind.entries() else {
                continue;
            };
            let is_needed = match self.options.entry_order {
                EntryOrder::Any => false,
                EntryOrder::Dependent => needed.iter().any(|newer| newer.depends_on(entries)),
                EntryOrder::Sequential => true,
            };
            if is_needed || orders.binary_search(order).is_ok() {
                needed.push(entries);
                all.push(*order);
            }
        }
        all.reverse();
        *orders = all;
    }

    /// Takes back from older operations that still wait what a newer one has decided for good.
    fn supersede(&mut self, order: u64, newer: &Entries) {
        let older: Vec<(u64, Change)> = self
            .pending
            .range(..order)
            .map(|(order, change)| (*order, change.clone()))
            .collect();
        for (order, change) in older {
            let Some(entries) = change.kind.entries() else {
                continue;
            };
            let effects = entries.without_those_of(newer);
            if effects.is_empty() {
                self.pending.remove(&order);
            } else if effects.len() < entries.effects.len() {
                let entries = Entries {
                    effects,
                    ..Entries::clone(entries)
                };
                let kind = ChangeKind::Entries(Arc::new(entries));
                self.pending.insert(order, Change { kind, ..change });
            }
        }
    }

    /// The disk as it is found after a crash at which the changes `kept`, in order, had arrived.
    pub(super) fn after_crash(&self, kept: &[u64]) -> Self {
        let mut platter = self.platter.clone();
        for change in kept.iter().filter_map(|order| self.pending.get(order)) {
            change.kind.apply(self.options.sector_bytes, &mut platter);
        }
        repair(&mut platter, self.options.sector_bytes);
        let mut after = self.clone();
        after.live = platter.clone();
        after.platter = platter;
        after.pending = OrdMap::new();
        after.is_damaged = false;
        after
    }
}

/// Does what the check of a file system does: drops what no name leads to, leaves a directory one
/// name, and forgets bytes beyond the end of their file.
fn repair(platter: &mut Inodes, sector_bytes: usize) {
    let mut links = BTreeMap::from([(ROOT, 1)]);
    let mut waiting = vec![ROOT];
    let mut surplus = Vec::new();
    while let Some(dir) = waiting.pop() {
        let entries = platter.get(&dir).and_then(Inode::entries);
        for (name, ino) in entries.into_iter().flatten() {
            let is_directory = platter.get(ino).is_some_and(Inode::is_directory);
            let count = links.entry(*ino).or_insert(0);
            if is_directory && *count > 0 {
                surplus.push((dir, name.clone()));
                continue;
            }
            *count += 1;
            if is_directory {
                waiting.push(*ino);
            }
        }
    }
    for (dir, name) in surplus {
        if let Some(inode) = platter.get_mut(&dir) {
            inode.remove_entry(&name);
        }
    }
    let inodes: Vec<Ino> = platter.keys().copied().collect();
    for ino in inodes {
        repair_inode(platter, ino, links.get(&ino).copied(), sector_bytes);
    }
}

fn repair_inode(platter: &mut Inodes, ino: Ino, links: Option<u32>, sector_bytes: usize) {
    let Some(links) = links else {
        platter.remove(&ino);
        return;
    };
    let Some(inode) = platter.get(&ino) else {
        return;
    };
    let hides = inode
        .content()
        .is_some_and(|content| content.hides(sector_bytes));
    if inode.links == links && !hides {
        return;
    }
    let mut inode = inode.clone();
    inode.links = links;
    if let Some(content) = inode.content_mut() {
        content.resize(sector_bytes, content.size());
    }
    platter.insert(ino, inode);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Name;
    use crate::disk::crash::CrashOptions;
    use crate::disk::crash::names::Place;

    #[test]
    fn a_crash_drops_what_no_name_leads_to() {
        let name = Name::new("d").expect("valid");
        let mut state = State::new(CrashOptions::default());
        let top = Place {
            dir: ROOT,
            name: &name,
        };
        state.mkdir(top, 0, 0o755).expect("new");
        let dir = state.lookup(top).expect("just made");
        let below = Place { dir, name: &name };
        state.create(below, 1, 0o644).expect("new");
        state.flush(Scope::Directory(dir));
        assert_eq!(state.platter.len(), 3);
        assert_eq!(state.after_crash(&[]).platter.len(), 1);
        state.flush(Scope::All);
        assert_eq!(state.after_crash(&[]).platter.len(), 3);
    }
}
