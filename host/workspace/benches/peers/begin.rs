//! Getting an isolated tree, and throwing it away.

use crate::Arena;
use crate::common::samples::{Samples, ratio, show};
use crate::common::table::Table;
use crate::common::timed;
use crate::rivals;

const BEGINS: usize = 10_000;
const ROLLBACKS: usize = 200;
/// Rivals take seconds.
const RIVAL_ROUNDS: usize = 5;

/// Begin, against copies and worktrees.
pub(crate) fn begin(arena: &Arena) -> Table {
    let (desk, rival) = (&arena.desk, arena.scratch.path().join("rival"));
    let tree = &desk.tree;
    let ours = sampled(BEGINS, || timed(|| drop(desk.begin())).0);
    let copied = |how: &str| {
        sampled(RIVAL_ROUNDS, || {
            let time = timed(|| rivals::copy(how, tree, &rival)).0;
            rivals::remove_copy(&rival);
            time
        })
    };
    let linked = copied("-al");
    let whole = copied("-a");
    let worktree = sampled(RIVAL_ROUNDS, || {
        let time = timed(|| rivals::add_worktree(tree, &rival)).0;
        rivals::remove_worktree(tree, &rival);
        time
    });
    compared(
        "an isolated tree of 10,000 files",
        &[
            ("**session-fs**: begin, and drop", &ours),
            (
                "`cp -al` (hard links: a write in place reaches the original)",
                &linked,
            ),
            ("`cp -a`", &whole),
            ("`git worktree add` (tracked files only)", &worktree),
        ],
    )
}

/// Rollback of 50 edits, against removing a worktree with them.
pub(crate) fn rollback(arena: &Arena) -> Table {
    let (desk, rival) = (&arena.desk, arena.scratch.path().join("rival"));
    let mut round = 0;
    let ours = sampled(ROLLBACKS, || {
        round += 1;
        let session = desk.edited(round);
        let (time, done) = timed(|| desk.workspace.rollback(&session));
        done.expect("open");
        time
    });
    let worktree = sampled(RIVAL_ROUNDS, || {
        rivals::add_worktree(&desk.tree, &rival);
        rivals::edit_in_place(&rival, 0);
        timed(|| rivals::remove_worktree(&desk.tree, &rival)).0
    });
    compared(
        "throwing 50 edits of 10 KB away",
        &[
            ("**session-fs**: rollback", &ours),
            ("`git worktree remove --force`", &worktree),
        ],
    )
}

fn sampled(rounds: usize, mut once: impl FnMut() -> std::time::Duration) -> Samples {
    let mut samples = Samples::default();
    (0..rounds).for_each(|_| samples.push(once()));
    samples
}

/// A table whose first row is the measure of the others.
fn compared(what: &str, contestants: &[(&str, &Samples)]) -> Table {
    let mut table = Table::new(what, &[what, "n", "p50", "p99", "× session-fs"]);
    let first = contestants[0].1.median();
    for (name, samples) in contestants {
        table.row([
            (*name).to_owned(),
            samples.count().to_string(),
            show(samples.median()),
            show(samples.percentile(99)),
            ratio(first, samples.median()),
        ]);
    }
    table
}
