//! Change files: what is read of a history that somebody may have touched.

use workspace::change::{Change, ChangeFile};

use super::stores;
use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "change",
    run,
    seeds,
};

/// What can be read is written as it was read.
fn run(data: &[u8]) {
    if let Ok(file) = ChangeFile::decode(data) {
        assert_eq!(file.encode(), data, "{file:?}");
    }
    if let Ok(change) = Change::decode(data) {
        assert_eq!(change.encode(), data, "{change:?}");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let files = stores::files_of("changes");
    let changes = files.iter().map(|bytes| {
        let file = ChangeFile::decode(bytes).expect("a store wrote it");
        file.change.encode()
    });
    let changes: Vec<_> = changes.collect();
    files.into_iter().chain(changes).collect()
}
