//! A save costs what changed since the last one, in bytes of the record and of the spill.

use std::fmt::Write;
use std::sync::Arc;

use session_fs_vfs::{Session, SessionOptions};

use super::{options, save};
use crate::support::{MapBase, MemorySpill, tree};

const FILES: usize = 2_000;

/// A session with many changed files in one directory, saved.
fn large() -> (MapBase, Arc<MemorySpill>, Session, Vec<Vec<u8>>) {
    let names: Vec<String> = (0..FILES).map(|number| format!("d/f{number}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "old\n")).collect();
    let base = MapBase::files(&files);
    let spill = Arc::new(MemorySpill::default());
    let session = Session::begin(Arc::new(base.clone()), options(&spill));
    for name in &names {
        session.append(name, b"new\n").expect("there");
        session
            .write(&format!("{name}-made"), b"made\n")
            .expect("free");
    }
    let whole = save(&session);
    assert!(whole.len() > FILES * 40, "all of it: {}", whole.len());
    (base, spill, session, vec![whole])
}

#[track_caller]
fn saves(session: &Session, records: &mut Vec<Vec<u8>>, bytes_max: usize) {
    let record = save(session);
    assert!(
        (1..=bytes_max).contains(&record.len()),
        "{} bytes for at most {bytes_max}",
        record.len()
    );
    records.push(record);
}

#[test]
fn one_change_among_thousands_costs_that_change() {
    let (base, spill, session, mut records) = large();
    assert!(save(&session).is_empty(), "nothing changed");
    let before = (spill.len(), spill.appends());
    session.append("d/f7", b"more\n").expect("there");
    saves(&session, &mut records, 200);
    assert!(spill.len() - before.0 < 200 && spill.appends() == before.1 + 1);
    session.write("d/another", b"x").expect("free");
    saves(&session, &mut records, 300);
    session.remove("d/f8").expect("there");
    saves(&session, &mut records, 200);
    session.rename("d/f9", "d/g9").expect("there");
    saves(&session, &mut records, 300);
    session.read("d/f10").expect("there");
    session.stat("d/missing").expect_err("absent");
    saves(&session, &mut records, 100);
    let loaded = Session::load(Arc::new(base), options(&spill), &records).expect("saved");
    assert_eq!(tree(&loaded), tree(&session));
}

#[test]
fn savepoints_cost_what_stands_between_them() {
    let (base, spill, session, mut records) = large();
    session.savepoint("one").expect("few");
    saves(&session, &mut records, 60);
    session.append("d/f7", b"more\n").expect("there");
    session.savepoint("two").expect("few");
    session.append("d/f8", b"more\n").expect("there");
    session.savepoint("three").expect("few");
    session.append("d/f9", b"more\n").expect("there");
    saves(&session, &mut records, 600);
    for number in 0..FILES {
        session
            .append(&format!("d/f{number}"), b"again\n")
            .expect("there");
    }
    let all = save(&session);
    assert!(all.len() > FILES * 20);
    records.push(all);
    session.restore("two").expect("there");
    saves(&session, &mut records, 60);
    session.append("d/f9", b"other\n").expect("there");
    saves(&session, &mut records, 200);
    let loaded = Session::load(Arc::new(base), options(&spill), &records).expect("saved");
    assert_eq!(tree(&loaded), tree(&session));
    loaded
        .restore("three")
        .expect_err("forgotten by the restore");
    loaded.restore("one").expect("there");
    session.restore("one").expect("there");
    assert_eq!(tree(&loaded), tree(&session));
}

#[test]
fn one_page_of_a_large_file_costs_that_page() {
    let base = MapBase::new(&[]);
    let spill = Arc::new(MemorySpill::default());
    let session = Session::begin(Arc::new(base), options(&spill));
    session.write("f", &vec![7; 32 << 20]).expect("fits");
    let mut records = vec![save(&session)];
    let memory = session.meter().used();
    assert!(memory < 1 << 20, "its bytes left memory: {memory}");
    let before = spill.len();
    session.write_range("f", 20_000_000, b"x").expect("there");
    saves(&session, &mut records, 200);
    assert!(spill.len() - before <= 8192, "{}", spill.len() - before);
}

/// Many small contents go by few appends.
#[test]
fn small_contents_are_appended_together() {
    let (_, spill, session, _) = large();
    assert!(
        spill.appends() < 2 * FILES as u64,
        "pristine contents one by one"
    );
    let before = spill.appends();
    let mut text = String::new();
    for number in 0..FILES {
        write!(text, "{number}").expect("a string");
        session
            .append(
                &format!("d/f{number}-made"),
                &text.as_bytes()[..100.min(text.len())],
            )
            .expect("there");
    }
    assert!(!save(&session).is_empty());
    assert!(
        spill.appends() <= before + 2,
        "{}",
        spill.appends() - before
    );
}

#[test]
fn a_save_that_is_not_noted_is_made_again() {
    let spill = Arc::new(MemorySpill::default());
    let session = Session::begin(Arc::new(MapBase::new(&[])), options(&spill));
    session.write("f", b"one").expect("free");
    let lost = session.save().expect("can be saved");
    let again = session.save().expect("can be saved");
    assert!(lost.whole && again.whole);
    assert_eq!(lost.bytes, again.bytes, "the log did not get it");
    session.saved(again);
    session.write("f", b"two").expect("there");
    let late = session.save().expect("can be saved");
    assert!(!late.whole);
    session.saved(session.save().expect("can be saved"));
    session.saved(late);
    session.write("f", b"three").expect("there");
    let record = session.save().expect("can be saved");
    assert!(record.whole, "the log is not what the session thinks");
    let loaded = Session::load(
        Arc::new(MapBase::new(&[])),
        options(&spill),
        &[record.bytes],
    );
    assert_eq!(loaded.expect("saved").read("f").expect("there"), b"three");
}

#[test]
fn without_a_spill_or_nested_nothing_is_saved() {
    let plain = Session::begin(Arc::new(MapBase::new(&[])), SessionOptions::default());
    crate::support::fails(plain.save(), "Unsupported");
    let spill = Arc::new(MemorySpill::default());
    let session = Session::begin(Arc::new(MapBase::new(&[])), options(&spill));
    let nested = session.begin_nested(options(&spill)).expect("not deep");
    crate::support::fails(nested.save(), "Unsupported");
    crate::support::fails(nested.save_whole(), "Unsupported");
    session.rollback().expect("open");
    crate::support::fails(session.save(), "Closed");
}
