//! The store of a base, of which any byte may have been changed since.

use std::sync::{Arc, OnceLock};

use store::disk::crash::CrashOptions;
use store::disk::{CrashDisk, Dir, File, FileKind};
use vfs::VPath;
use workspace::history::LogFilter;
use workspace::{
    BaseHandle, BeginOptions, CommitOptions, CommitOutcome, DurableOptions, Workspace,
    WorkspaceOptions,
};

use crate::Target;
use crate::rig;

pub(crate) const TARGET: Target = Target {
    name: "stores",
    run,
    seeds,
};

/// Bytes of an edit: which file, where in it, and what.
const EDIT_BYTES: usize = 4;
/// What the tree of the prepared base holds besides the store, whatever happens to that.
const KEPT: (&str, &str) = ("kept", "nobody touches it");

/// Each four bytes are an edit. Whatever was edited, opening is an error or a base, and the tree holds
/// what somebody put there.
fn run(data: &[u8]) {
    let disk = prepared().fork();
    let store = disk
        .root()
        .walk(&[rig::name(".session-fs")])
        .expect("a store");
    let mut files = Vec::new();
    collect(&store, &mut files);
    for edit in data.chunks_exact(EDIT_BYTES).take(16) {
        let (_, file) = &files[usize::from(edit[0]) % files.len()];
        let size = file.stat().expect("a file").size;
        let at = u64::from(u16::from_le_bytes([edit[1], edit[2]])) % size.max(1);
        file.write_at(&edit[3..4], at).expect("memory");
    }
    let (workspace, base) = open(&disk);
    look(&workspace, &base);
    let session = workspace.begin(&base, BeginOptions::default());
    if let Ok(session) = session
        && session.write("after", b"wards").is_ok()
    {
        drop(workspace.commit(&session, &CommitOptions::default()));
    }
    drop((workspace, base));
    let kept = disk.root().open(&rig::name(KEPT.0)).expect("there");
    assert_eq!(rig::read(&*kept), KEPT.1.as_bytes());
}

/// Everything that reads the store; an error is as good as an answer.
fn look(workspace: &Workspace, base: &Arc<BaseHandle>) {
    if let Ok(Some(history)) = workspace.history(base) {
        drop(history.log(&LogFilter::default(), None, 100));
        let path = VPath::parse("a").expect("a path");
        drop(history.versions(&path));
    }
    if let Ok(store) = workspace.durable_store(base)
        && let Ok(sessions) = store.sessions()
    {
        for session in sessions {
            drop(store.examine(&session.id));
        }
    }
    drop(base.audit().map(|log| log.verify()));
}

/// The contents of the files in a folder of the prepared store.
pub(super) fn files_of(folder: &str) -> Vec<Vec<u8>> {
    let store = prepared()
        .root()
        .walk(&[rig::name(".session-fs"), rig::name(folder)]);
    let mut files = Vec::new();
    collect(&store.expect("a folder"), &mut files);
    files
        .into_iter()
        .map(|(_, file)| rig::read(&*file))
        .collect()
}

/// A disk with a base that has a history and an open session.
pub(super) fn prepared() -> &'static CrashDisk {
    static PREPARED: OnceLock<CrashDisk> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let disk = committed();
        let (workspace, base) = open(&disk);
        let store = workspace.durable_store(&base).expect("a store");
        let (begin, durable) = (BeginOptions::default(), DurableOptions::default());
        let session = workspace.begin_durable(&base, &store, begin, &durable);
        let session = session.expect("begins");
        session.session().write("a", b"later").expect("writes");
        session.save().expect("saves");
        // As a process that is killed leaves it.
        disk.fork()
    })
}

/// A disk with a base that has a history, and records that were not carried out.
pub(super) fn committed() -> CrashDisk {
    let disk = rig::prepared(&[KEPT], CrashOptions::default());
    let (workspace, base) = open(&disk);
    for count in 1..=4 {
        let session = workspace.begin(&base, BeginOptions::default());
        let session = session.expect("begins");
        let content = &[b'a'; 200][..count * 30];
        session.write("a", content).expect("writes");
        session.mkdir(&format!("d{count}")).expect("free");
        session.write(&format!("d{count}/f"), b"f").expect("writes");
        if count == 4 {
            session.rename("d1", "moved").expect("there");
            session.remove("d2/f").expect("there");
            session.symlink("a", "link").expect("free");
        }
        let committed = workspace.commit(&session, &CommitOptions::default());
        assert!(matches!(committed, Ok(CommitOutcome::Applied(_))));
        if count == 2 {
            base.checkpoint().expect("memory");
        }
    }
    disk.fork()
}

/// Opens the base of a disk.
pub(super) fn open(disk: &CrashDisk) -> (Workspace, Arc<BaseHandle>) {
    let options = WorkspaceOptions {
        threads: false,
        ..WorkspaceOptions::default()
    };
    let workspace = Workspace::new(options);
    let base = workspace.directory(disk.root(), "file:///fuzz");
    (workspace, base.expect("the directory can be described"))
}

fn collect(dir: &Arc<dyn Dir>, files: &mut Vec<(String, Arc<dyn File>)>) {
    for item in dir.list(10_000).expect("lists").items {
        match item.kind {
            FileKind::Directory => {
                let inner = dir.walk(std::slice::from_ref(&item.name));
                collect(&inner.expect("a directory"), files);
            }
            // Megabytes of room for bad times.
            FileKind::File if *item.name != *"reserve" => {
                let file = dir.open_writable(&item.name).expect("a file");
                files.push((item.name.to_string(), file));
            }
            _ => {}
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let edits = |file: u8| vec![file, 9, 0, 0x80, file, 64, 0, 0xFF];
    (0..16).map(edits).chain([Vec::new()]).collect()
}
