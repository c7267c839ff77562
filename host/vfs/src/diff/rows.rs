//! What a diff shows, file by file: git knows no directories, so that a renamed one is shown as its
//! files and an object that became another kind as one that went and one that came.

use crate::Kind;
use crate::change::{ChangeSet, Moment, Side};
use crate::core::Core;
use crate::error::Result;
use crate::inode::Ino;
use crate::path::VPath;
use crate::reads::World;
use crate::session::Budget;

/// One file or link to show.
pub(super) struct Row {
    pub(super) source: VPath,
    pub(super) path: VPath,
    pub(super) before: Option<Side>,
    pub(super) after: Option<Side>,
    /// Whether the content may differ.
    pub(super) changed: bool,
}

/// The rows of a change set, by path, and what went before what came.
pub(super) fn rows(core: &mut Core, world: &World, set: &ChangeSet) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for gone in set.departures.iter().filter(|gone| gone.moved_to.is_none()) {
        let replaced = set
            .arrival(&gone.path)
            .is_some_and(|come| come.moved_from.is_none() && come.after.kind == gone.before.kind);
        if !replaced {
            rows.push(Row::new(&gone.path, &gone.path, Some(&gone.before), None));
        }
    }
    for come in &set.arrivals {
        let source = come.moved_from.as_ref().unwrap_or(&come.path);
        let before = set.departure(source).filter(|gone| match come.moved_from {
            Some(_) => true,
            None => gone.moved_to.is_none() && gone.before.kind == come.after.kind,
        });
        let before = before.map(|gone| &gone.before);
        let row = Row::new(source, &come.path, before, Some(&come.after));
        rows.push(Row {
            changed: come.changed || come.moved_from.is_none(),
            ..row
        });
        if come.moved_from.is_some() && come.after.kind == Kind::Directory {
            brought_along(
                core,
                world,
                set,
                (source, &come.path, come.after.ino),
                &mut rows,
            )?;
        }
    }
    for update in set.updates.iter().filter(|update| update.changed) {
        let (before, after) = (Some(&update.before), Some(&update.after));
        rows.push(Row::new(&update.source, &update.path, before, after));
    }
    rows.retain(|row| {
        let side = row.after.as_ref().or(row.before.as_ref());
        side.is_some_and(|side| side.kind != Kind::Directory)
    });
    rows.sort_by(|a, b| (&a.path, a.after.is_some()).cmp(&(&b.path, b.after.is_some())));
    Ok(rows)
}

/// Adds what came along with a directory that moved and did not change by itself.
fn brought_along(
    core: &mut Core,
    world: &World,
    set: &ChangeSet,
    (source, path, ino): (&VPath, &VPath, Ino),
    rows: &mut Vec<Row>,
) -> Result<()> {
    let mut budget = Budget::new(world);
    let mut pending = vec![(source.clone(), path.clone(), ino)];
    while let Some((source, path, dir)) = pending.pop() {
        for entry in core.view(world).entries(dir)? {
            budget.take()?;
            let (source, path) = (source.join(&entry.name), path.join(&entry.name));
            let update = set.update(&path);
            if set.arrival(&path).is_some() || update.is_some_and(|update| update.changed) {
                continue;
            }
            let Some((ino, kind)) = core.view(world).child(dir, &entry.name)? else {
                continue;
            };
            if kind == Kind::Directory {
                pending.push((source, path, ino));
                continue;
            }
            let before = core.side(world, ino, Moment::Start)?;
            let after = core.side(world, ino, Moment::Now)?;
            let row = Row::new(&source, &path, Some(&before), Some(&after));
            rows.push(Row {
                changed: false,
                ..row
            });
        }
    }
    Ok(())
}

impl Row {
    fn new(source: &VPath, path: &VPath, before: Option<&Side>, after: Option<&Side>) -> Self {
        Self {
            source: source.clone(),
            path: path.clone(),
            before: before.cloned(),
            after: after.cloned(),
            changed: true,
        }
    }
}
