//! Commits of 50 files by the size of the tree that they are in.

use session_fs_workspace::{Acknowledge, CommitOptions};

use crate::common::samples::{Samples, ratio, show};
use crate::common::scratch::{Desk, Scratch};
use crate::common::table::Table;
use crate::common::timed;

const TREE_FILES: [usize; 4] = [100, 1_000, 10_000, 50_000];
const FILE_BYTES: usize = 1_000;
const ROUNDS: usize = 100;

#[derive(Debug)]
struct Size {
    files: usize,
    desk: Desk,
    begin: Samples,
    visible: Samples,
    durable: Samples,
}

/// All sizes in turn, with the disk at rest before each commit.
pub(crate) fn commits() -> Table {
    let scratch = Scratch::new("scale-tree");
    let mut sizes = TREE_FILES.map(|files| Size {
        files,
        desk: Desk::new(scratch.tree(&files.to_string(), files, FILE_BYTES)),
        begin: Samples::default(),
        visible: Samples::default(),
        durable: Samples::default(),
    });
    for round in 0..ROUNDS {
        for size in &mut sizes {
            size.measure(round);
        }
    }
    let columns = [
        "files",
        "begin p50",
        "durable p50",
        "durable p99",
        "visible p50",
        "visible p99",
        "× the smallest",
    ];
    let title = format!("50 files of 10 KB by the size of the tree, at rest, n = {ROUNDS}");
    let mut table = Table::new(title, &columns);
    let smallest = sizes[0].visible.median();
    for size in &sizes {
        table.row([
            size.files.to_string(),
            show(size.begin.median()),
            show(size.durable.median()),
            show(size.durable.percentile(99)),
            show(size.visible.median()),
            show(size.visible.percentile(99)),
            ratio(smallest, size.visible.median()),
        ]);
    }
    table
}

impl Size {
    fn measure(&mut self, round: usize) {
        let visible = CommitOptions::default();
        let durable = CommitOptions {
            acknowledge: Acknowledge::Durable,
            ..CommitOptions::default()
        };
        self.begin.push(timed(|| drop(self.desk.begin())).0);
        for (samples, options, parity) in [
            (&mut self.visible, visible, 0),
            (&mut self.durable, durable, 1),
        ] {
            let session = self.desk.edited(2 * round + parity);
            self.desk.settle();
            samples.push(timed(|| self.desk.commit(&session, &options)).0);
        }
    }
}
