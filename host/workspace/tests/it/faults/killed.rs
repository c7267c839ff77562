//! A process dies at every call of a commit, and another one has the base open already: it goes on
//! whatever the first one left.

use session_fs_workspace::{CommitOutcome, WorkspaceError};
use store::disk::crash::CrashOptions;
use store::disk::fault::{Fault, FaultError, FaultPlan};
use store::disk::{CrashDisk, FaultDir};
use vfs::Session;

use super::BEFORE;
use crate::rig::{self, Host, below, visible};

/// Just too large for the record.
const LARGE_BYTES: usize = (1 << 20) + 1;

/// Writes an old file, a new one, and one that is staged.
fn write(session: &Session, byte: u8) {
    for (path, count) in [("kept", 20), ("fresh", 30), ("large", LARGE_BYTES)] {
        let written = session.write(path, &vec![byte; count]);
        written.expect("the session takes it");
    }
}

/// Commits on a disk of which every call from `at` on fails, and is gone. Tells whether it lived, and
/// whether its record may be on the disk.
fn die(disk: &CrashDisk, at: u64) -> (bool, bool) {
    let plan = FaultPlan::new(Fault::NEVER);
    let root = FaultDir::wrap(disk.root(), plan.clone());
    // Without threads it makes its new files before the record.
    let host = Host::make(root, "victim", None, false).expect("describes the directory");
    let session = host.begin();
    write(&session, b'v');
    plan.arm(Fault::forever(at, FaultError::Errno(5)));
    match host.commit(&session) {
        Ok(outcome) => {
            assert!(matches!(outcome, CommitOutcome::Applied(_)), "{outcome:?}");
            (true, true)
        }
        Err(WorkspaceError::InDoubt { .. } | WorkspaceError::NeedsRecovery { .. }) => (false, true),
        Err(_) => (false, false),
    }
}

#[test]
fn another_process_that_has_the_base_open_goes_on() {
    let options = CrashOptions {
        sector_bytes: 256 << 10,
        ..CrashOptions::default()
    };
    let start = rig::prepared(BEFORE, options);
    let (mut expected, mut unrecorded_count) = (None, 0);
    for at in 0.. {
        let disk = start.fork();
        let survivor = Host::open(disk.root(), "survivor", None);
        let (lived, is_recorded) = die(&disk, at);
        unrecorded_count += u32::from(!is_recorded);
        let commit = || {
            let session = survivor.begin();
            write(&session, b's');
            survivor.commit(&session)
        };
        let outcome = match commit() {
            // What the other one had recorded is in the directory now.
            Ok(CommitOutcome::Conflicted(_)) if is_recorded => commit(),
            outcome => outcome,
        };
        assert!(
            matches!(&outcome, Ok(CommitOutcome::Applied(info)) if info.displaced.is_empty()),
            "call {at}: {outcome:?}"
        );
        drop(survivor);
        assert_eq!(Host::open(disk.root(), "heir", None).trouble(), None);
        let nodes = rig::nodes(&disk);
        for folder in ["staging", "conflicts"] {
            let left = below(&nodes, &format!(".session-fs/{folder}/"));
            assert_eq!(left, Vec::<String>::new(), "call {at}");
        }
        let tree = visible(&nodes);
        assert!(
            *expected.get_or_insert_with(|| tree.clone()) == tree,
            "call {at}"
        );
        if lived {
            assert!(unrecorded_count > 10, "{unrecorded_count}");
            return;
        }
    }
}
