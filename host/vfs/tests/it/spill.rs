//! Contents that leave memory: what stays there, what it reads like, what a failing spill does; and
//! pristine contents that outlive their base.

use std::sync::Arc;

use session_fs_vfs::{EmptyBase, Error, Limits, Meter, Session, SessionOptions};

use crate::support::{Body, MapBase, MemorySpill, fails, tree};

const MIB: usize = 1 << 20;

fn small_memory() -> Limits {
    Limits {
        memory_bytes_max: 4 << 20,
        spill_bytes_min: 1 << 20,
        ..Limits::default()
    }
}

fn spilling(spill: &Arc<MemorySpill>, meter: &Arc<Meter>) -> SessionOptions {
    SessionOptions {
        limits: small_memory(),
        meter: meter.clone(),
        spill: Some(spill.clone()),
        ..SessionOptions::default()
    }
}

fn begin(spill: &Arc<MemorySpill>) -> (Session, Arc<Meter>) {
    let meter = Meter::new("host-memory-bytes", u64::MAX);
    let base = Arc::new(EmptyBase::new("vfs://t"));
    let session = Session::begin(base, spilling(spill, &meter));
    (session, meter)
}

fn noise(len: usize, seed: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from((at.wrapping_mul(2_654_435_761) >> 7) & 0x7F).expect("7 bits"))
        .map(|byte| byte ^ u8::try_from(seed % 128).expect("7 bits"))
        .collect()
}

#[test]
fn a_session_holds_more_than_its_memory() {
    let spill = Arc::new(MemorySpill::default());
    let (session, meter) = begin(&spill);
    for number in 0..40 {
        session
            .write(&format!("f{number}"), &noise(MIB / 4, number))
            .expect("goes to the spill");
    }
    session.write("large", &noise(20 * MIB, 99)).expect("too");
    for part in 0..40 {
        session.append("log", &noise(MIB / 4, part)).expect("too");
    }
    assert!(meter.peak() <= 4 << 20, "{}", meter.peak());
    assert!(meter.used() <= 3 << 20, "{}", meter.used());
    assert!(spill.appends() > 10);
    for number in 0..40 {
        let bytes = session.read(&format!("f{number}")).expect("there");
        assert!(bytes == noise(MIB / 4, number), "f{number}");
        let at = number as u64 * (MIB as u64 / 4) + 7;
        let bytes = session.read_range("log", at, 100).expect("there");
        assert!(bytes == noise(MIB / 4, number)[7..107], "log {number}");
    }
    assert!(session.read("large").expect("there") == noise(20 * MIB, 99));
    session
        .write_range("large", 3 * MIB as u64 + 5, b"changed")
        .expect("a page comes back");
    let bytes = session.read_range("large", 3 * MIB as u64, 20);
    let mut expected = noise(20 * MIB, 99)[3 * MIB..3 * MIB + 20].to_vec();
    expected[5..12].copy_from_slice(b"changed");
    assert_eq!(bytes.expect("there"), expected);
    session.rollback().expect("open");
    assert_eq!(meter.used(), 0);
}

#[test]
fn old_contents_leave_memory_with_their_savepoint_kept() {
    let spill = Arc::new(MemorySpill::default());
    let (session, meter) = begin(&spill);
    for number in 0..20 {
        session.write("f", &noise(MIB / 2, number)).expect("fits");
        session.savepoint(&format!("s{number}")).expect("few");
    }
    assert!(meter.peak() <= 4 << 20, "{}", meter.peak());
    for number in (0..20).rev() {
        session.restore(&format!("s{number}")).expect("kept");
        assert!(session.read("f").expect("there") == noise(MIB / 2, number));
    }
}

#[test]
fn a_nested_session_spills_where_its_parent_does() {
    let spill = Arc::new(MemorySpill::default());
    let (session, meter) = begin(&spill);
    for number in 0..12 {
        let nested = session.begin_nested(SessionOptions {
            limits: small_memory(),
            ..SessionOptions::default()
        });
        let nested = nested.expect("not deep");
        let path = format!("f{number}");
        nested.write(&path, &noise(MIB / 2, number)).expect("fits");
        let sealed = nested.seal().expect("open");
        let merged = sealed
            .merge_into_parent("c", &session_fs_vfs::MergeOptions::default())
            .expect("fits");
        assert!(matches!(merged, session_fs_vfs::Merged::Applied { .. }));
        // What came from below leaves memory when the parent writes next.
        session.write("own", b"x").expect("fits");
    }
    assert!(meter.peak() <= 4 << 20, "{}", meter.peak());
    for number in 0..12 {
        let bytes = session.read(&format!("f{number}")).expect("merged");
        assert!(bytes == noise(MIB / 2, number));
    }
}

#[test]
fn a_failing_spill_leaves_the_session_as_it_was() {
    let spill = Arc::new(MemorySpill::default());
    let (session, meter) = begin(&spill);
    let mut number = 0;
    spill.set_broken(true);
    let refusal = loop {
        assert!(number < 100, "never needed the spill");
        match session.write(&format!("f{number}"), &noise(MIB / 8, number)) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(number >= 8, "a megabyte stays in memory: {number}");
    let Error::Io { path: None, source } = &refusal else {
        panic!("{refusal:?}");
    };
    let text = source.to_string();
    assert!(
        text.contains("out of memory") && text.ends_with("no space left"),
        "{text}"
    );
    fails(session.append("f0", b"more"), "Io");
    fails(session.edit("f0", "\u{1}", "x", 1_000_000), "EditMismatch");
    let before = meter.used();
    assert_eq!(tree(&session).len(), number, "nothing was lost or made");
    assert!(session.read("f1").expect("in memory") == noise(MIB / 8, 1));
    session.remove("f0").expect("room can be made by hand");
    assert!(meter.used() < before);
    spill.set_broken(false);
    session.write("f0", &noise(MIB, 5)).expect("goes on");
    for _ in 0..10 {
        session.append("f0", &noise(MIB / 2, 5)).expect("goes on");
    }
    spill.set_broken(true);
    let error = session.read("f0").expect_err("its bytes cannot be had");
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    spill.set_broken(false);
    assert!(session.read("f0").expect("whole")[..MIB] == noise(MIB, 5));
}

fn keeping(base: &MapBase, spill: Option<Arc<MemorySpill>>) -> Session {
    let options = SessionOptions {
        spill: spill.map(|spill| spill as _),
        keep_pristine: true,
        ..SessionOptions::default()
    };
    Session::begin(Arc::new(base.clone()), options)
}

#[test]
fn kept_pieces_outlive_their_base() {
    let old = noise(300_000, 1);
    for spill in [None, Some(Arc::new(MemorySpill::default()))] {
        let base = MapBase::new(&[
            ("f", Body::File(old.clone())),
            ("g", Body::File(old.clone())),
        ]);
        let session = keeping(&base, spill.clone());
        session.write_range("f", 100, b"changed").expect("there");
        session.read("g").expect("seen, and not changed");
        base.put("f", Body::File(b"somebody else".to_vec()));
        base.put("g", Body::File(b"somebody else".to_vec()));
        let mut ours = old.clone();
        ours[100..107].copy_from_slice(b"changed");
        assert!(session.read("f").expect("served") == ours);
        fails(session.read("g"), "Stale");
        let nested = session.begin_nested(SessionOptions::default());
        assert!(nested.expect("not deep").read("f").expect("served") == ours);
        let sealed = session.seal().expect("open");
        let update = &sealed.change_set().updates[0];
        let mut before = Vec::new();
        let mut sink = |part: &[u8]| {
            before.extend_from_slice(part);
            Ok(())
        };
        sealed.read(&update.before, &mut sink).expect("served");
        assert!(before == old, "the side before the change");
        if let Some(spill) = spill {
            assert!(spill.len() >= old.len(), "it is kept there");
        }
    }
}

#[test]
fn pristine_content_is_kept_once_and_only_when_asked() {
    let base = MapBase::new(&[("f", Body::File(noise(300_000, 1)))]);
    let plain = Session::begin(Arc::new(base.clone()), SessionOptions::default());
    plain.write_range("f", 0, b"x").expect("there");
    assert!(plain.meter().used() < 10_000, "{}", plain.meter().used());
    let session = keeping(&base, None);
    session.write_range("f", 0, b"x").expect("there");
    let used = session.meter().used();
    assert!(used >= 300_000, "charged: {used}");
    session.write_range("f", 1, b"y").expect("there");
    assert!(session.meter().used() < used + 10_000);
    let calls = base.calls();
    session.write_range("f", 2, b"z").expect("there");
    assert_eq!(base.calls(), calls, "not read again");
}

#[test]
fn pristine_content_over_its_limit_is_left_in_the_base() {
    let base = MapBase::new(&[("f", Body::Sparse((8 << 20) + 1))]);
    let session = keeping(&base, None);
    session.write_range("f", 0, b"x").expect("there");
    assert!(session.meter().used() < 10_000);
    base.put("f", Body::File(b"somebody else".to_vec()));
    fails(session.read("f"), "Stale");
}

#[test]
fn no_memory_for_pristine_content_is_a_refused_change() {
    let base = MapBase::new(&[("f", Body::File(noise(300_000, 1)))]);
    let options = SessionOptions {
        keep_pristine: true,
        limits: Limits {
            memory_bytes_max: 100_000,
            ..Limits::default()
        },
        ..SessionOptions::default()
    };
    let session = Session::begin(Arc::new(base.clone()), options);
    fails(session.write_range("f", 0, b"x"), "Quota");
    assert!(session.changes().expect("open").is_empty());
    assert!(session.meter().used() < 10_000, "given back");
}

#[test]
fn the_tenure_ends_with_the_session() {
    let tenure = Arc::new(());
    let options = SessionOptions {
        tenure: Some(tenure.clone()),
        ..SessionOptions::default()
    };
    let session = Session::begin(Arc::new(EmptyBase::new("vfs://t")), options);
    let handle = session.clone();
    drop(session);
    assert_eq!(Arc::strong_count(&tenure), 2, "a handle is left");
    drop(handle);
    assert_eq!(Arc::strong_count(&tenure), 1);
}
