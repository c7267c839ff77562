//! Records of the journal that are what nobody has written: sealed, and with any bytes in them.

use store::{JournalLimits, JournalPair};

use super::stores;
use crate::Target;
use crate::rig::{identity, name};

pub(crate) const TARGET: Target = Target {
    name: "records",
    run,
    seeds,
};

const LIMITS: JournalLimits = JournalLimits {
    bytes_initial: 64 << 20,
    bytes_max: 64 << 20,
    record_bytes_max: 48 << 20,
};

/// A base with such a record opens, or says what is wrong; it opens the same the next time.
fn run(data: &[u8]) {
    let disk = stores::prepared().fork();
    let store = disk.root().walk(&[name(".session-fs")]).expect("a store");
    let opened = JournalPair::open(&store, &identity(&store), &LIMITS);
    let (mut journals, _) = opened.expect("journals");
    if journals.current().append(&[data]).is_err() {
        return;
    }
    drop((journals, store));
    let trouble = |disk| {
        let (workspace, base) = stores::open(disk);
        drop(workspace);
        base.trouble().map(|error| error.to_string())
    };
    let first = trouble(&disk);
    assert_eq!(trouble(&disk).is_some(), first.is_some(), "{first:?}");
}

fn seeds() -> Vec<Vec<u8>> {
    let disk = stores::committed();
    let store = disk.root().walk(&[name(".session-fs")]).expect("a store");
    let records = JournalPair::peek(&store, &identity(&store), &LIMITS).expect("journals");
    records.into_iter().map(|record| record.payload).collect()
}
