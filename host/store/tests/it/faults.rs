//! The failing disk fails exactly where it was told to, and is invisible elsewhere.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use session_fs_store::disk::fault::{Fault, FaultError, FaultPlan};
use session_fs_store::disk::{Dir, FaultDir, RealDir, RenameMode};

use crate::{Sandbox, assert_kind, content, name, names};

const ENOSPC: FaultError = FaultError::Errno(28);

/// One call of every method, each of which succeeds when nothing is planned.
fn workload(root: &dyn Dir) -> Vec<io::Result<()>> {
    let file = root.create(&name("f"), 0o644);
    let with_file = |call: &dyn Fn(&dyn session_fs_store::disk::File) -> io::Result<()>| {
        file.as_ref().map_or(Ok(()), |file| call(&**file))
    };
    let mut results = vec![
        with_file(&|f| f.write_at(b"abc", 0)),
        with_file(&|f| f.read_at(&mut [0; 3], 0).map(drop)),
        with_file(&|f| f.set_len(2)),
        with_file(&|f| f.set_mode(0o600)),
        with_file(&|f| f.set_mtime(0)),
        with_file(&|f| f.sync_data()),
        with_file(&|f| f.stat().map(drop)),
        root.mkdir(&name("d"), 0o755),
        root.symlink("x", &name("l")),
        root.read_link(&name("l")).map(drop),
        root.unlink(&name("l")),
        root.stat(&name("f")).map(drop),
        root.stat_self().map(drop),
        root.list(9).map(drop),
        root.open(&name("f")).map(drop),
        root.open_writable(&name("f")).map(drop),
        root.sync(),
        root.sync_fs(),
        root.free_inodes().map(drop),
        root.durability().map(drop),
        root.try_lock().map(drop),
    ];
    let sub = root.walk(&names("d"));
    if let Ok(sub) = &sub {
        results.push(root.rename(&name("f"), &**sub, &name("g"), RenameMode::NoReplace));
        results.push(sub.rename(&name("g"), root, &name("f"), RenameMode::Replace));
    }
    results.extend([file.map(drop), sub.map(drop), root.rmdir(&name("d"))]);
    results
}

fn run(fault: Fault) -> (Arc<FaultPlan>, Vec<io::Result<()>>) {
    let sandbox = Sandbox::new(RealDir::open);
    let plan = FaultPlan::new(fault);
    let results = workload(&*FaultDir::wrap(sandbox.root.clone(), plan.clone()));
    (plan, results)
}

#[test]
fn a_plan_without_a_fault_counts_and_logs() {
    let (plan, results) = run(Fault::NEVER);
    assert!(results.iter().all(io::Result::is_ok), "{results:?}");
    assert_eq!((plan.calls_count(), plan.fired_count()), (26, 0));
    let log: Vec<String> = plan.log().iter().map(ToString::to_string).collect();
    assert_eq!(log[..3], ["create f", "file.write_at f", "file.read_at f"]);
    assert_eq!(log[22..], ["walk d", "rename f", "rename g", "rmdir d"]);
}

#[test]
fn each_call_can_fail_once() {
    let (plan, _) = run(Fault::NEVER);
    let quiet = plan.log();
    for (index, call) in quiet.iter().enumerate() {
        let (plan, results) = run(Fault::once(index as u64, ENOSPC));
        assert_eq!(plan.fired_count(), 1, "{call}");
        assert_eq!(plan.log()[index], *call);
        let planned = results.iter().flat_map(|result| result.as_ref().err());
        let planned = planned
            .filter(|error| error.raw_os_error() == Some(28))
            .count();
        assert_eq!(planned, 1, "{call}: {results:?}");
    }
}

#[test]
fn failing_for_ever_reaches_every_handle() {
    let (plan, results) = run(Fault::forever(3, FaultError::Kind(ErrorKind::StorageFull)));
    assert_eq!(plan.fired_count(), plan.calls_count() - 3);
    let failed = results.iter().filter(|result| result.is_err()).count() as u64;
    assert_eq!(failed, plan.fired_count());
}

#[test]
fn a_failed_call_does_nothing_below() {
    let sandbox = Sandbox::new(RealDir::open);
    let plan = FaultPlan::new(Fault::forever(0, ENOSPC));
    let root = FaultDir::wrap(sandbox.root.clone(), plan.clone());
    assert_kind(&root.create(&name("f"), 0o644), ErrorKind::StorageFull);
    assert_kind(&root.mkdir(&name("d"), 0o755), ErrorKind::StorageFull);
    assert_eq!(sandbox.root.list(9).expect("readable").items, []);
    plan.arm(Fault::NEVER);
    root.mkdir(&name("d"), 0o755)
        .expect("nothing is planned any more");
    assert_eq!(plan.log().len(), 1);
}

#[test]
fn a_torn_write_leaves_a_true_prefix() {
    for (asked, left) in [(0, "old"), (2, "ned"), (3, "new"), (99, "new-")] {
        let sandbox = Sandbox::new(RealDir::open);
        crate::put(&*sandbox.root, "f", "old");
        let fault = Fault {
            write_prefix_bytes: asked,
            ..Fault::once(1, ENOSPC)
        };
        let root = FaultDir::wrap(sandbox.root.clone(), FaultPlan::new(fault));
        let file = root.open_writable(&name("f")).expect("call 0");
        assert_kind(&file.write_at(b"new-x", 0), ErrorKind::StorageFull);
        assert_eq!(
            content(&*sandbox.root, "f").expect("exists"),
            left,
            "{asked}"
        );
    }
}

#[test]
fn open_handles_are_counted() {
    let sandbox = Sandbox::new(RealDir::open);
    let plan = FaultPlan::new(Fault::NEVER);
    let root = FaultDir::wrap(sandbox.root.clone(), plan.clone());
    assert_eq!(plan.handles_count(), 1);
    let file = root.create(&name("f"), 0o644).expect("creates");
    let [again, dir] = [root.walk(&[]), root.walk(&[])].map(|dir| dir.expect("walks"));
    let refused = root.open(&name("missing"));
    assert_eq!((refused.is_err(), plan.handles_count()), (true, 4));
    drop((file, again));
    plan.arm(Fault::forever(0, ENOSPC));
    assert!(root.walk(&[]).is_err() && root.create(&name("g"), 0o644).is_err());
    assert_eq!(plan.handles_count(), 2, "arming closes nothing");
    drop((dir, root));
    assert_eq!(plan.handles_count(), 0);
}

#[test]
fn a_disk_takes_as_many_objects_as_it_is_told() {
    let sandbox = Sandbox::new(RealDir::open);
    let plan = FaultPlan::new(Fault::NEVER);
    let root = FaultDir::wrap(sandbox.root.clone(), plan.clone());
    let free = || root.free_inodes().expect("is known");
    plan.limit_inodes(Some(3));
    let made = root.create(&name("f"), 0o644).map(drop);
    made.and_then(|()| root.mkdir(&name("d"), 0o755))
        .and_then(|()| root.symlink("f", &name("l")))
        .expect("there is room for three");
    assert_eq!(free(), Some(0));
    assert_kind(&root.create(&name("g"), 0o644), ErrorKind::StorageFull);
    assert_kind(&root.mkdir(&name("g"), 0o755), ErrorKind::StorageFull);
    assert_kind(&root.symlink("f", &name("g")), ErrorKind::StorageFull);
    let rename = |to: &str, mode| root.rename(&name("f"), &*root, &name(to), mode);
    rename("g", RenameMode::NoReplace).expect("what moves is there already");
    assert_eq!(free(), Some(0));
    root.rename(&name("g"), &*root, &name("l"), RenameMode::Replace)
        .expect("renames over");
    root.rmdir(&name("d")).expect("removes");
    assert_kind(&root.unlink(&name("d")), ErrorKind::NotFound);
    assert_eq!(free(), Some(2), "one was replaced and one removed");
    root.unlink(&name("l")).expect("removes");
    plan.limit_inodes(None);
    assert_eq!(
        free().is_some(),
        sandbox.root.free_inodes().expect("is known").is_some()
    );
}
