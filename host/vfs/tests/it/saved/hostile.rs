//! Records that no session wrote: an error, or a session that can be walked from end to end.

use std::sync::Arc;

use proptest::prelude::*;
use session_fs_vfs::{Error, Limits, SearchQuery, Session, SessionOptions};

use super::{options, save};
use crate::model::content;
use crate::support::{MapBase, MemorySpill, fails};

struct Saved {
    base: MapBase,
    spill: Arc<MemorySpill>,
    records: Vec<Vec<u8>>,
}

/// A state with something of everything.
fn saved() -> Saved {
    let (base, spill) = (content(), Arc::new(MemorySpill::default()));
    let session = Session::begin(Arc::new(base.clone()), options(&spill));
    session.list("a/b", None, 10).expect("there");
    session.read_link("l").expect("there");
    session.stat("a/none").expect_err("absent");
    session.write_range("f", 2, b"XX").expect("there");
    session.rename("a/b", "x/a/moved").expect("there");
    session.mkdir("new/below").expect("free");
    let mut records = vec![save(&session)];
    session.savepoint("p").expect("few");
    session.write("new/below/file", b"made").expect("free");
    session.truncate("new/below/file", 100_000).expect("there");
    session.rename("x/a", "new/below/b").expect("there");
    session.symlink("below", "new/l").expect("free");
    session.remove("c").expect("empty");
    session.savepoint("q").expect("few");
    session.copy("a/f", "new/copy").expect("there");
    records.push(save(&session));
    Saved {
        base,
        spill,
        records,
    }
}

impl Saved {
    fn load(&self, records: &[Vec<u8>]) -> Result<Session, Error> {
        let options = SessionOptions {
            limits: Limits {
                memory_bytes_max: 8 << 20,
                file_bytes_max: 1 << 20,
                read_bytes_max: 1 << 20,
                visited_max: 10_000,
                ..Limits::default()
            },
            ..options(&self.spill)
        };
        Session::load(Arc::new(self.base.clone()), options, records)
    }

    /// Loads what may be anything and uses it for whatever can be done.
    fn walk(&self, records: &[Vec<u8>]) -> bool {
        let session = match self.load(records) {
            Ok(session) => session,
            Err(Error::Invalid { .. } | Error::Quota { .. }) => return false,
            Err(error) => panic!("{error:?}"),
        };
        look(&session);
        for name in ["q", "p"] {
            if session.restore(name).is_ok() {
                look(&session);
            }
        }
        let _outcomes = (
            session.copy("new", "copied"),
            session.rename("a", "new/below/a"),
            session.append("f", b"more"),
            session.write("a/f", b"whole"),
            session.save().map(|saved| session.saved(saved)),
            session.remove_all("new"),
        );
        look(&session);
        true
    }
}

fn look(session: &Session) {
    let found = session.search(&SearchQuery {
        pattern: Some("one|a".to_owned()),
        ..SearchQuery::default()
    });
    if let Ok(page) = found {
        for found in page.matches {
            let path = found.path.to_string();
            let _outcomes = (session.stat(&path), session.read(&path));
        }
    }
    let _outcomes = (session.changes(), session.diff());
    if let Ok(sealed) = session.seal() {
        let _outcomes = (sealed.reads(), sealed.absences());
        for update in &sealed.change_set().updates {
            let _outcome = sealed.read(&update.after, &mut |_| Ok(()));
        }
    }
}

#[test]
fn the_state_itself_is_taken() {
    let saved = saved();
    assert!(saved.walk(&saved.records));
    assert!(saved.walk(&saved.records[..1]));
}

#[test]
fn every_byte_changed() {
    let saved = saved();
    let mut refused = 0;
    let mut tried = 0;
    for number in 0..saved.records.len() {
        for at in 0..saved.records[number].len() {
            for bits in [0x01, 0x02, 0x80, 0xFF] {
                let mut records = saved.records.clone();
                records[number][at] ^= bits;
                tried += 1;
                refused += usize::from(!saved.walk(&records));
            }
        }
    }
    assert!(
        refused > tried / 4 && refused < tried,
        "{refused} of {tried}"
    );
}

#[test]
fn every_length_and_every_order() {
    let saved = saved();
    for number in 0..saved.records.len() {
        for len in 0..saved.records[number].len() {
            let mut records = saved.records[..=number].to_vec();
            records[number].truncate(len);
            fails(saved.load(&records), "Invalid");
            records[number] = [&saved.records[number][..], &[0]].concat();
            fails(saved.load(&records), "Invalid");
        }
    }
    let [first, second] = &saved.records[..] else {
        panic!("two records");
    };
    fails(saved.load(std::slice::from_ref(second)), "Invalid");
    fails(
        saved.load(&[first.clone(), second.clone(), second.clone()]),
        "Invalid",
    );
    assert!(saved.walk(&[first.clone(), first.clone(), second.clone()]));
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let mut saved = saved();
    saved.records[0][8] = 2;
    let error = saved.load(&saved.records).expect_err("newer");
    assert!(error.to_string().contains("format 2"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn stretches_put_elsewhere(
        number in 0..2_usize,
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        len in 1..12_usize,
        bytes in prop::collection::vec(0..12_u8, 0..4),
    ) {
        let saved = saved();
        let mut records = saved.records.clone();
        let record = &mut records[number];
        let (from, to) = (from.index(record.len() - 12), to.index(record.len() - 12));
        let stretch = record[from..from + len].to_vec();
        record[to..to + len].copy_from_slice(&stretch);
        record[to..to + bytes.len()].copy_from_slice(&bytes);
        saved.walk(&records);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let saved = saved();
        let mut record = saved.records[0][..10].to_vec();
        record.push(0);
        record.extend_from_slice(&bytes);
        saved.walk(&[record]);
    }
}
