//! The process that is killed: commits one numbered change after the other and says so after each.

use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir as Folder;
use session_fs_workspace::{
    BaseHandle, BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions,
};
use store::disk::RealDir;

use super::numbered::change;
use crate::acting;

/// An open base.
type Opened = (Workspace, Arc<BaseHandle>);

/// A base over a folder, on a disk that ends the process before this call.
pub(crate) fn open(folder: &str, end_at: u64) -> Opened {
    let folder = Folder::open_ambient_dir(folder, ambient_authority()).expect("a folder");
    let root = RealDir::open(folder).expect("a directory");
    let root = acting::ActingDir::wrap(
        root,
        Arc::new(move |call, _| {
            if call == end_at {
                std::process::abort();
            }
        }),
    );
    let workspace = Workspace::new(WorkspaceOptions {
        boot: Some([1; 16]),
        ..WorkspaceOptions::default()
    });
    let base = workspace.directory(root, "file:///kill").expect("a base");
    (workspace, base)
}

/// Does what a child is started for, and never returns: `commit <folder> <call>`.
pub(crate) fn run(arguments: &[&str]) -> bool {
    let ["commit", folder, call] = arguments else {
        return false;
    };
    commit(folder, call.parse().expect("a number"));
}

/// What the child does: commits one numbered change after the other, and says so after each.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn commit(folder: &str, end_at: u64) -> ! {
    let (workspace, base) = open(folder, end_at);
    assert!(base.trouble().is_none(), "{:?}", base.trouble());
    let mut number = base.generation();
    loop {
        number += 1;
        let session = workspace
            .begin(&base, BeginOptions::default())
            .expect("begins");
        change(&session, number).expect("the session takes it");
        let outcome = workspace.commit(&session, &CommitOptions::default());
        match outcome.expect("commits") {
            CommitOutcome::Applied(info) => assert_eq!(info.generation, number),
            other => panic!("nobody else is here: {other:?}"),
        }
        println!("{number}");
        if number % 16 == 0 {
            base.checkpoint().expect("checkpoints");
        }
    }
}
