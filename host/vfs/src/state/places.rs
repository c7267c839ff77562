//! Which parts of a spill a saved state refers to, so that the rest can be let go.

use std::ops::Range;

use super::SavedState;
use crate::content::{Pieces, Places, SavedPiece};
use crate::reads::Reads;
use crate::session::Session;
use crate::tree::Tree;

impl Session {
    /// The stretches of the spill that a state refers to, in order and disjoint; `None` of one in
    /// which nothing changed. Walks every piece of content.
    ///
    /// Handles, forks and nested sessions may read other stretches as long as they live.
    pub fn places(&self, state: &SavedState) -> Option<Vec<Range<u64>>> {
        self.with_any_status(|core, world| {
            let mark = state.mark.as_ref()?;
            let places = Places {
                spill: world.spill.as_ref()?,
                copied: &core.saving.as_ref()?.copied,
            };
            let mut found = Vec::new();
            let savepoints = mark.savepoints.iter().map(|marked| &marked.tree);
            for tree in savepoints.chain([&mark.start, &mark.tree]) {
                gather_tree(tree, &places, &mut found)?;
            }
            let added = mark.reads.added_since(&Reads::default());
            for (_, pristine) in added?.pristine {
                gather(&pristine.0, &places, &mut found)?;
            }
            Some(merged(found))
        })
    }
}

fn gather_tree(tree: &Tree, places: &Places<'_>, found: &mut Vec<Range<u64>>) -> Option<()> {
    let files = tree.inodes().filter_map(|(_, inode)| inode.as_file());
    for file in files {
        gather(&file.pieces, places, found)?;
    }
    Some(())
}

/// `None` when a part of the content is not in the spill.
fn gather(pieces: &Pieces, places: &Places<'_>, found: &mut Vec<Range<u64>>) -> Option<()> {
    let saved = pieces.changes(&Pieces::empty(), places)?;
    let data = saved.into_iter().filter_map(|(_, piece)| match piece? {
        SavedPiece::Data { len, offset } => Some(offset..offset.saturating_add(len)),
        SavedPiece::Keep { .. } | SavedPiece::Zero { .. } => None,
    });
    found.extend(data);
    Some(())
}

/// The same stretches in order, those that touch as one.
fn merged(mut found: Vec<Range<u64>>) -> Vec<Range<u64>> {
    found.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
