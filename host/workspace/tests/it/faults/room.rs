//! The disk runs out of inodes: that is found while the commit can still be refused.

use session_fs_workspace::{CommitOutcome, WorkspaceError};
use store::disk::crash::CrashOptions;
use store::disk::fault::{Call, Fault, FaultError, FaultPlan};
use store::disk::{CrashDisk, FaultDir};
use vfs::{ErrorKind, Session, Status};

use super::sweep::ENOSPC;
use super::{BEFORE, change, large};
use crate::rig::{self, Host, visible};

/// More inodes than any of these commits needs free.
const ENOUGH: u64 = 4_096;

/// Commits with so many inodes left; whether it was committed.
fn commit_with(free: u64, change: fn(&Session) -> vfs::Result<()>) -> bool {
    let disk = rig::prepared(BEFORE, CrashOptions::default());
    let before = visible(&rig::nodes(&disk));
    let plan = FaultPlan::new(Fault::NEVER);
    let host = Host::open(FaultDir::wrap(disk.root(), plan.clone()), "one", None);
    let session = host.begin();
    change(&session).expect("the session takes it");
    // Some are there already, as after the first of many commits.
    let first = host.begin();
    first.write("first", b"1").expect("writes");
    assert!(matches!(host.commit(&first), Ok(CommitOutcome::Applied(_))));
    plan.limit_inodes(Some(free));
    let foretold = host.preview(&session);
    let outcome = host.commit(&session);
    let is_applied = matches!(outcome, Ok(CommitOutcome::Applied(_)));
    assert_eq!(foretold.is_ok(), is_applied, "{free} free: {foretold:?}");
    match &outcome {
        Ok(CommitOutcome::Applied(_)) => {
            // All that comes later is there for the taking too.
            host.base.checkpoint().expect("there is room for history");
            true
        }
        Err(error @ WorkspaceError::Io { .. }) => {
            assert_eq!(error.kind(), ErrorKind::Limit, "{error:?}");
            assert_eq!(session.status(), Status::Open);
            let mut found = visible(&rig::nodes(&disk));
            found.remove("first");
            assert!(found == before, "with {free} free: {outcome:?}");
            plan.limit_inodes(None);
            let later = host.commit(&session);
            assert!(matches!(later, Ok(CommitOutcome::Applied(_))), "{later:?}");
            false
        }
        _ => panic!("with {free} free: {outcome:?}"),
    }
}

/// The least that a commit is taken with: below it is refused, from there on it is done.
fn least(change: fn(&Session) -> vfs::Result<()>) -> u64 {
    let (mut refused, mut taken) = (0, ENOUGH);
    assert!(!commit_with(refused, change) && commit_with(taken, change));
    while taken - refused > 1 {
        let middle = refused + (taken - refused) / 2;
        match commit_with(middle, change) {
            true => taken = middle,
            false => refused = middle,
        }
    }
    taken
}

#[test]
fn a_commit_that_would_run_out_of_inodes_is_refused_before_anything_happens() {
    for change in [change as fn(&Session) -> vfs::Result<()>, large] {
        let least = least(change);
        for free in (0..8).chain(least - 8..least) {
            assert!(!commit_with(free, change), "with {free} free");
        }
        for free in least..least + 8 {
            assert!(commit_with(free, change), "with {free} free");
        }
    }
}

/// More than the journal has room for at first.
fn larger_than_the_journal(session: &Session) -> vfs::Result<()> {
    (0..3_u8).try_for_each(|number| session.write(&format!("big{number}"), &[number; 900 << 10]))
}

/// The session was over, and its changes gone with it, as after a flush that failed.
#[test]
fn a_journal_that_cannot_grow_refuses_the_change_and_goes_on() {
    let start = rig::prepared(BEFORE, CrashOptions::default());
    let stage = || {
        let (disk, plan) = (start.fork(), FaultPlan::new(Fault::NEVER));
        let host = Host::open(FaultDir::wrap(disk.root(), plan.clone()), "one", None);
        let session = host.begin();
        larger_than_the_journal(&session).expect("the session takes it");
        (disk, plan, host, session)
    };
    let first_write = {
        let (_disk, plan, host, session) = stage();
        plan.arm(Fault::NEVER);
        assert!(matches!(
            host.commit(&session),
            Ok(CommitOutcome::Applied(_))
        ));
        let log = plan.log();
        let writes =
            |call: &Call| call.method == "file.write_at" && call.name.starts_with("journal");
        log.iter().position(writes).expect("it grows")
    };
    let (disk, plan, host, session) = stage();
    let before = visible(&rig::nodes(&disk));
    plan.arm(Fault {
        fail_at: Some(first_write as u64),
        error: FaultError::Errno(ENOSPC),
        forever: false,
        write_prefix_bytes: 0,
    });
    let refused = host.commit(&session);
    let Err(error @ WorkspaceError::Store { .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Limit, "{error:?}");
    assert_eq!(session.status(), Status::Open);
    assert!(visible(&rig::nodes(&disk)) == before);
    assert_eq!(host.trouble(), None);
    let later = host.commit(&session);
    assert!(matches!(later, Ok(CommitOutcome::Applied(_))), "{later:?}");
}

/// Each new file is one more.
#[test]
fn what_is_needed_grows_with_what_is_made() {
    let few = least(|session| session.write("new", b"1"));
    let many = least(|session| {
        (0..40).try_for_each(|number| session.write(&format!("new{number}"), b"1"))
    });
    assert_eq!(many - few, 39);
    let moved = least(|session| session.rename("kept", "elsewhere"));
    assert!(moved < few, "what moves is there already");
}

/// A preview with so many bytes free.
fn preview_with(free: u64, has_store: bool, content: &[u8]) -> Option<ErrorKind> {
    let disk = match has_store {
        true => rig::prepared(BEFORE, CrashOptions::default()),
        false => CrashDisk::default(),
    };
    let plan = FaultPlan::new(Fault::NEVER);
    let host = Host::open(FaultDir::wrap(disk.root(), plan.clone()), "one", None);
    if has_store {
        // It is held from the first commit on.
        let first = host.begin();
        first.write("first", b"1").expect("writes");
        assert!(matches!(host.commit(&first), Ok(CommitOutcome::Applied(_))));
    }
    let session = host.begin();
    session.write("large", content).expect("writes");
    plan.say_free_bytes(Some(free));
    let before = visible(&rig::nodes(&disk));
    let foretold = host.preview(&session);
    assert!(visible(&rig::nodes(&disk)) == before, "nothing was made");
    foretold.err().map(|error| error.kind())
}

#[test]
fn a_preview_foresees_a_disk_without_room_for_large_contents() {
    const MIB: usize = 1 << 20;
    let (full, small) = (vec![b'x'; 8 * MIB], vec![b'x'; 1000]);
    let mut sparse = vec![0; 8 * MIB];
    sparse[0] = 1;
    let limit = Some(ErrorKind::Limit);
    assert_eq!(preview_with(8 << 20, true, &full), None);
    assert_eq!(preview_with((8 << 20) - 1, true, &full), limit);
    assert_eq!(
        preview_with(1 << 20, true, &sparse),
        None,
        "zeros are holes"
    );
    assert_eq!(preview_with(0, true, &small), None, "the room is held");
    assert_eq!(preview_with(9 << 20, false, &small), limit, "for a store");
    assert_eq!(preview_with(10 << 20, false, &small), None);
}
