//! What nesting costs: commits to the parent and to the disk, and operations, by depth.

use std::hint::black_box;
use std::time::Duration;

use session_fs_workspace::{BeginOptions, CommitOptions};
use vfs::Session;

use crate::common::samples::{Samples, ratio, show};
use crate::common::scratch::{Desk, Scratch, edit};
use crate::common::table::Table;
use crate::common::timed;

const DEPTHS: [usize; 4] = [1, 4, 16, 64];
const TREE_FILES: usize = 1_000;
const FILE_BYTES: usize = 4_096;
const ROUNDS: usize = 50;
/// Operations in one sample: one takes less than the clock can tell.
const BATCH: u32 = 1_000;
const BATCHES: usize = 100;

/// The sessions from the root's to the innermost.
fn chain(desk: &Desk, depth: usize) -> Vec<Session> {
    let mut chain = vec![desk.begin()];
    while chain.len() <= depth {
        let nested = desk
            .workspace
            .begin_nested(&chain[chain.len() - 1], BeginOptions::default());
        chain.push(nested.expect("within the depth"));
    }
    chain
}

/// 50 files written in the innermost session, committed to its parent, and so on to the disk.
pub(crate) fn commits() -> Table {
    let scratch = Scratch::new("scale-nesting");
    let desk = Desk::new(scratch.tree("tree", TREE_FILES, FILE_BYTES));
    let mut samples = DEPTHS.map(|depth| (depth, Samples::default(), Samples::default()));
    for round in 0..ROUNDS {
        for (depth, to_parent, to_disk) in &mut samples {
            let mut chain = chain(&desk, *depth);
            edit(&chain[chain.len() - 1], round * DEPTHS.len() + *depth);
            desk.settle();
            let options = CommitOptions::default();
            let innermost = chain.pop().expect("there are two");
            to_parent.push(timed(|| desk.commit(&innermost, &options)).0);
            while chain.len() > 1 {
                let session = chain.pop().expect("checked");
                desk.commit(&session, &options);
            }
            to_disk.push(timed(|| desk.commit(&chain[0], &options)).0);
        }
    }
    let columns = [
        "depth",
        "to the parent p50",
        "p99",
        "× depth 1",
        "root to disk p50",
        "p99",
        "× depth 1",
    ];
    let title = format!("50 files of 10 KB by nesting depth, n = {ROUNDS}");
    let mut table = Table::new(title, &columns);
    let shallow = (samples[0].1.median(), samples[0].2.median());
    for (depth, to_parent, to_disk) in &samples {
        table.row([
            depth.to_string(),
            show(to_parent.median()),
            show(to_parent.percentile(99)),
            ratio(shallow.0, to_parent.median()),
            show(to_disk.median()),
            show(to_disk.percentile(99)),
            ratio(shallow.1, to_disk.median()),
        ]);
    }
    table
}

/// Stat and read of a file of the base, again and again, in the innermost session.
pub(crate) fn operations() -> Table {
    let scratch = Scratch::new("scale-operations");
    let desk = Desk::new(scratch.tree("tree", TREE_FILES, FILE_BYTES));
    let mut levels = DEPTHS.map(|depth| {
        let chain = chain(&desk, depth);
        (depth, chain, Samples::default(), Samples::default())
    });
    for _ in 0..BATCHES {
        for (_, chain, stats, reads) in &mut levels {
            let session = &chain[chain.len() - 1];
            stats.push(batch(|| drop(black_box(session.stat("d03/f07")))));
            reads.push(batch(|| drop(black_box(session.read("d03/f07")))));
        }
    }
    let columns = [
        "depth",
        "stat p50",
        "p99",
        "× depth 1",
        "read 4 KiB p50",
        "p99",
        "× depth 1",
    ];
    let title = format!("stat again and read of a base file by depth, n = {BATCHES} of {BATCH}");
    let mut table = Table::new(title, &columns);
    let shallow = (levels[0].2.median(), levels[0].3.median());
    for (depth, _, stats, reads) in &levels {
        table.row([
            depth.to_string(),
            show(stats.median()),
            show(stats.percentile(99)),
            ratio(shallow.0, stats.median()),
            show(reads.median()),
            show(reads.percentile(99)),
            ratio(shallow.1, reads.median()),
        ]);
    }
    table
}

/// The mean of one operation in a batch.
fn batch(mut operation: impl FnMut()) -> Duration {
    timed(|| (0..BATCH).for_each(|_| operation())).0 / BATCH
}
