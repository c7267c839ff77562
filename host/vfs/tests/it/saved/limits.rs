//! What a loaded session may take, what it needs, and what it does when its base or spill is gone.

use std::sync::Arc;

use session_fs_vfs::{
    DescriptorFlags, Limits, Meter, NewTime, OpenFlags, Session, SessionOptions, Timestamp,
};

use super::{options, save};
use crate::support::{Body, MapBase, MemorySpill, fails, tree};

fn base() -> MapBase {
    MapBase::files(&[("f", "one\ntwo\nthree\n"), ("g", "g"), ("d/x", "x")])
}

#[test]
fn a_loaded_session_is_held_to_its_limits_and_gives_back_what_it_took() {
    let (base, spill) = (base(), Arc::new(MemorySpill::default()));
    let session = Session::begin(Arc::new(base.clone()), options(&spill));
    for number in 0..100 {
        session
            .write(&format!("new-{number}"), b"new")
            .expect("free");
    }
    let records = [save(&session)];
    let host = Meter::new("host", u64::MAX);
    let limited = |memory_bytes_max| SessionOptions {
        meter: host.clone(),
        limits: Limits {
            memory_bytes_max,
            ..Limits::default()
        },
        ..options(&spill)
    };
    let mut refused = 0;
    for limit in (0..200_000).step_by(5_000) {
        match Session::load(Arc::new(base.clone()), limited(limit), &records) {
            Ok(loaded) => assert_eq!(tree(&loaded), tree(&session)),
            Err(error) => {
                fails(Err::<(), _>(error), "Quota");
                refused += 1;
            }
        }
        assert_eq!(host.used(), 0, "given back at {limit}");
    }
    assert!((2..39).contains(&refused), "{refused}");
}

#[test]
fn a_base_that_moved_on_is_stale_but_for_what_was_kept() {
    let (base, spill) = (base(), Arc::new(MemorySpill::default()));
    let session = Session::begin(Arc::new(base.clone()), options(&spill));
    session.write_range("f", 0, b"ONE").expect("there");
    session.stat("g").expect("there");
    let records = [save(&session)];
    base.put("f", Body::File(b"somebody else".to_vec()));
    base.put("g", Body::File(b"somebody else".to_vec()));
    let loaded = Session::load(Arc::new(base), options(&spill), &records).expect("saved");
    assert_eq!(loaded.read("f").expect("kept"), b"ONE\ntwo\nthree\n");
    assert_eq!(loaded.stat("g").expect("as seen").size, 1);
    fails(loaded.read("g"), "Stale");
}

#[test]
fn a_spill_that_lost_its_bytes_is_an_error_and_not_zeros() {
    let (base, spill) = (base(), Arc::new(MemorySpill::default()));
    let session = Session::begin(Arc::new(base.clone()), options(&spill));
    session.write("new", b"new").expect("free");
    let records = [save(&session)];
    let empty = Arc::new(MemorySpill::default());
    let loaded = Session::load(Arc::new(base.clone()), options(&empty), &records);
    let loaded = loaded.expect("contents are not looked at");
    fails(loaded.read("new"), "Io");
    fails(loaded.append("new", b"x"), "Io");
    assert_eq!(loaded.stat("new").expect("as it was").size, 3);
    let none = Session::load(Arc::new(base), SessionOptions::default(), &records);
    fails(none, "Invalid");
}

#[test]
fn a_failed_save_changes_nothing_and_can_be_made_again() {
    let (base, spill) = (base(), Arc::new(MemorySpill::default()));
    let session = Session::begin(Arc::new(base.clone()), options(&spill));
    session.write("new", b"new").expect("free");
    spill.set_broken(true);
    fails(session.save(), "Io");
    fails(session.save_whole(), "Io");
    assert_eq!(session.read("new").expect("in memory"), b"new");
    spill.set_broken(false);
    let records = [save(&session)];
    let loaded = Session::load(Arc::new(base), options(&spill), &records).expect("saved");
    assert_eq!(tree(&loaded), tree(&session));
}

#[test]
fn what_only_a_handle_holds_is_not_restored() {
    let (base, spill) = (base(), Arc::new(MemorySpill::default()));
    let session = Session::begin(Arc::new(base.clone()), options(&spill));
    session.write("d/new", &[7; 10_000]).expect("free");
    let root = session.root().expect("open");
    let flags = DescriptorFlags::default();
    let open = |path| root.open_at(path, true, OpenFlags::default(), flags);
    let held = [open("d/new").expect("there"), open("d/x").expect("there")];
    session.remove_all("d").expect("there");
    let mut records = vec![save(&session)];
    let loaded = Session::load(Arc::new(base.clone()), options(&spill), &records);
    let whole = |session: &Session| session.save_whole().expect("can be saved").bytes;
    let without = whole(&loaded.expect("saved")).len();
    assert!(
        without < whole(&session).len(),
        "it is gone and not only out of sight"
    );
    drop(held);
    session.write("other", b"x").expect("free");
    records.push(save(&session));
    let loaded = Session::load(Arc::new(base), options(&spill), &records).expect("saved");
    assert_eq!(tree(&loaded), tree(&session));
    loaded.write("d", b"a file now").expect("free");
    session.write("d", b"a file now").expect("free");
    assert_eq!(
        loaded.stat("d").expect("there"),
        session.stat("d").expect("there")
    );
    assert_eq!(
        loaded.changes().expect("open"),
        session.changes().expect("open")
    );
}

#[test]
fn a_time_that_was_set_on_purpose_is_still_to_be_committed() {
    let (base, spill) = (base(), Arc::new(MemorySpill::default()));
    let session = Session::begin(Arc::new(base.clone()), options(&spill));
    let root = session.root().expect("open");
    let time = Timestamp {
        seconds: -5,
        nanoseconds: 7,
    };
    root.set_times_at("g", true, NewTime::Keep, NewTime::At(time))
        .expect("there");
    let records = [save(&session)];
    let loaded = Session::load(Arc::new(base), options(&spill), &records).expect("saved");
    let sealed = loaded.seal().expect("open");
    let updates = &sealed.change_set().updates;
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0].after.modified, Some(time));
}

/// Two sessions over one base and two spills share contents without needing each other's.
#[test]
fn a_fork_is_saved_into_its_own_spill() {
    let (base, spill) = (base(), Arc::new(MemorySpill::default()));
    let session = Session::begin(Arc::new(base.clone()), options(&spill));
    session.write("shared", &[1; 5_000]).expect("free");
    let record = save(&session);
    session.write("unsaved", &[2; 5_000]).expect("free");
    let own = Arc::new(MemorySpill::default());
    let fork = session.fork(options(&own)).expect("open");
    fork.write("forked", b"x").expect("free");
    let mut records = vec![save(&fork)];
    assert!(own.len() >= 10_000, "{}", own.len());
    let before = own.len();
    fork.append("shared", b"more").expect("there");
    records.push(save(&fork));
    assert!(
        own.len() - before < 6_000,
        "not copied twice: {}",
        own.len() - before
    );
    spill.set_broken(true);
    let loaded = Session::load(Arc::new(base.clone()), options(&own), &records);
    spill.set_broken(false);
    assert_eq!(tree(&loaded.expect("saved")), tree(&fork));
    let more = save(&session);
    own.set_broken(true);
    let loaded = Session::load(Arc::new(base), options(&spill), &[record, more]);
    let loaded = tree(&loaded.expect("saved"));
    own.set_broken(false);
    assert_eq!(loaded, tree(&session));
}
