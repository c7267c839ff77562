//! Handles of the process: a commit leaves none behind, however it ends.
//!
//! A binary of its own, because other tests of the same process open handles too.

use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir as Folder;
use session_fs_workspace::{BeginOptions, CommitOptions, Workspace, WorkspaceOptions};
use store::disk::fault::{Fault, FaultError, FaultPlan};
use store::disk::{FaultDir, RealDir};

fn open_handles_count() -> usize {
    let folder = Folder::open_ambient_dir("/proc/self/fd", ambient_authority());
    folder
        .expect("Linux has /proc")
        .entries()
        .expect("readable")
        .count()
}

fn settle_everything(folder: &Folder) {
    let plan = FaultPlan::new(Fault::NEVER);
    let root = RealDir::open(folder.try_clone().expect("a handle")).expect("a directory");
    let root = FaultDir::wrap(root, Arc::clone(&plan));
    for call in 0..60 {
        let workspace = Workspace::new(WorkspaceOptions::default());
        let base = workspace
            .directory(root.clone(), "file:///scene")
            .expect("a base");
        // The commit before was applied, or its recovery has just completed it.
        if folder.exists("e") {
            folder.remove_file("e/b").expect("was created");
            folder.rename("e", folder, "d").expect("was renamed");
        }
        let begin = || {
            workspace
                .begin(&base, BeginOptions::default())
                .expect("begins")
        };
        let (session, idle) = (begin(), begin());
        session.append("d/a", b"more").expect("writes");
        session.write("d/b", b"new").expect("writes");
        session.rename("d", "e").expect("renames");
        idle.read("d/a").expect("reads");
        plan.arm(Fault::once(call, FaultError::Errno(5)));
        drop(workspace.commit(&session, &CommitOptions::default()));
        plan.arm(Fault::NEVER);
        workspace.rollback(&idle).expect("rolls back");
    }
}

#[test]
fn no_handle_is_left_behind() {
    let folder = cap_tempfile::TempDir::new(ambient_authority()).expect("a folder");
    folder.create_dir("d").expect("makes");
    folder.write("d/a", "1").expect("writes");
    let before = open_handles_count();
    settle_everything(&folder);
    assert_eq!(open_handles_count(), before);
}
