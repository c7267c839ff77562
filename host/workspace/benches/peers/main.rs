//! What sessions and commits cost: beside what a user would pick instead, and by size, depth and
//! threads. Prints Markdown tables, with medians and 99th percentiles of one run.
//!
//! Run with `cargo bench -p session-fs-workspace --bench peers`, and with `-- ` and the name of a
//! table for that one alone: `memory`, `quiet`, `load`, `tree`, `nesting`, `operations`, `threads`,
//! `begin`, `rollback`. Needs git and cp. Everything is made under cargo's target directory.

mod common;

mod begin;
mod commit;
mod memory;
mod nesting;
mod rivals;
mod threads;
mod tree;

use std::cell::OnceCell;

use common::scratch::{Desk, Scratch};
use common::table::Table;

const TREE_FILES: usize = 10_000;
const FILE_BYTES: usize = 45 << 10;

/// A tree under git, a workspace over it, and a place for rivals to put theirs.
#[derive(Debug)]
struct Arena {
    desk: Desk,
    scratch: Scratch,
}

impl Arena {
    fn new() -> Self {
        let scratch = Scratch::new("peers");
        let tree = scratch.tree("tree", TREE_FILES, FILE_BYTES);
        rivals::init_git(&tree);
        let desk = Desk::new(tree);
        desk.settle();
        Self { desk, scratch }
    }
}

fn main() {
    let arena = OnceCell::new();
    let arena = || arena.get_or_init(Arena::new);
    // Memory first, while the process is small. What removes whole trees comes last: ext4 without a
    // journal is slow to make files for minutes after that.
    let tables: [(&str, &dyn Fn() -> Table); 9] = [
        ("memory", &memory::sessions),
        ("quiet", &|| commit::quiet(arena())),
        ("load", &|| commit::load(arena())),
        ("tree", &tree::commits),
        ("nesting", &nesting::commits),
        ("operations", &nesting::operations),
        ("threads", &threads::commits),
        ("begin", &|| begin::begin(arena())),
        ("rollback", &|| begin::rollback(arena())),
    ];
    for (name, measure) in tables {
        if common::is_wanted(name) {
            measure().print();
        }
    }
}
