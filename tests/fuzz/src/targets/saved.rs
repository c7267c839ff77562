//! The saved state of a session, as another process reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use vfs::{Kind, Limits, Session, SessionOptions};

use crate::Target;
use crate::model::content;
use crate::support::MemorySpill;

pub(crate) const TARGET: Target = Target {
    name: "saved",
    run,
    seeds,
};

/// All that a path shows.
type Shown = BTreeMap<String, (Kind, Vec<u8>)>;

/// An error, or a session that can be walked, worked in, saved and loaded again.
fn run(data: &[u8]) {
    let spill = Arc::new(MemorySpill::default());
    // What a record says of contents is to be found somewhere.
    vfs::Spill::append(&*spill, &[b'x'; 4096]).expect("memory");
    let Ok(session) = load(&spill, &[data.to_vec()]) else {
        return;
    };
    let Some(before) = shown(&session) else {
        return;
    };
    let Ok(state) = session.save_whole() else {
        return;
    };
    let again = load(&spill, &[state.bytes]).expect("it was just saved");
    assert_eq!(shown(&again), Some(before));
    again.mkdir("made afterwards").expect("free, and few");
}

/// What it shows; `None` when the records are of contents that are nowhere, or of a base that is
/// another by now.
fn shown(session: &Session) -> Option<Shown> {
    let (mut shown, mut pending) = (Shown::new(), vec![String::new()]);
    while let Some(dir) = pending.pop() {
        for entry in session.list(&dir, None, 1000).ok()?.entries {
            let path = format!("{dir}/{}", entry.name);
            let kind = session.stat_link(&path).ok()?.kind;
            let content = match kind {
                Kind::Directory => {
                    pending.push(path.clone());
                    Vec::new()
                }
                Kind::File => session.read(&path).ok()?,
                Kind::Symlink => session.read_link(&path).unwrap_or_default().into_bytes(),
            };
            shown.insert(path, (kind, content));
        }
    }
    Some(shown)
}

fn load(spill: &Arc<MemorySpill>, records: &[Vec<u8>]) -> vfs::Result<Session> {
    let options = SessionOptions {
        limits: Limits {
            memory_bytes_max: 8 << 20,
            file_bytes_max: 1 << 20,
            ..Limits::default()
        },
        spill: Some(spill.clone()),
        keep_pristine: true,
        ..SessionOptions::default()
    };
    Session::load(Arc::new(content()), options, records)
}

fn seeds() -> Vec<Vec<u8>> {
    let spill = Arc::new(MemorySpill::default());
    let session = load(&spill, &[]).expect("a new one");
    let mut records = Vec::new();
    let mut save = || records.push(session.save_whole().expect("saves").bytes);
    session.list("a/b", None, 10).expect("there");
    session.stat("a/none").expect_err("absent");
    session.write_range("f", 2, b"XX").expect("there");
    save();
    session.rename("a/b", "x/a/moved").expect("there");
    session.mkdir("new").expect("free");
    session.savepoint("p").expect("few");
    session.write("new/file", b"made").expect("free");
    save();
    session.truncate("new/file", 100_000).expect("there");
    session.symlink("file", "new/l").expect("free");
    session.remove("c").expect("empty");
    session.copy("a/f", "new/copy").expect("there");
    save();
    records
}
