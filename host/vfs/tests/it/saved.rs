//! Saving a session and loading it again: whatever it was, the loaded one is.

mod cost;
mod hostile;
mod limits;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use session_fs_vfs::{ConflictPolicy, FixedClock, Kind, Session, SessionOptions, Stat, Timestamp};

use crate::model::content;
use crate::model::perform;
use crate::model::program::{Op, program};
use crate::support::{Body, MapBase, MemorySpill, tree, vpath};

/// All that a path shows.
type Shown = BTreeMap<String, (Kind, bool, Vec<u8>)>;

fn options(spill: &Arc<MemorySpill>) -> SessionOptions {
    SessionOptions {
        spill: Some(spill.clone()),
        keep_pristine: true,
        ..SessionOptions::default()
    }
}

fn stats(session: &Session) -> BTreeMap<String, Stat> {
    let paths = tree(session).into_keys();
    let stat = |path: String| {
        let stat = session.stat_link(&path).expect("listed");
        (path, stat)
    };
    paths.map(stat).collect()
}

/// What was read of the base, as text.
fn reads(session: &Session) -> Result<(Vec<String>, Vec<String>), String> {
    let sealed = session.seal().map_err(|error| format!("{error}"))?;
    let seen = sealed.reads().into_iter();
    let seen = seen
        .map(|(path, seen)| format!("{path} {seen:?}"))
        .collect();
    let absent = sealed.absences().iter().map(ToString::to_string).collect();
    Ok((seen, absent))
}

/// A session, its log, and what it should come to when the log is read.
struct Run {
    base: MapBase,
    spill: Arc<MemorySpill>,
    session: Session,
    records: Vec<Vec<u8>>,
    /// What the session showed when so many records were in the log.
    shown: Vec<(usize, Shown)>,
    savepoints: Vec<(String, Shown)>,
    /// Sessions that were forked from, which live on.
    left: Vec<Session>,
}

impl Run {
    fn new() -> Self {
        let (base, spill) = (content(), Arc::new(MemorySpill::default()));
        Self {
            session: Session::begin(Arc::new(base.clone()), options(&spill)),
            base,
            spill,
            records: Vec::new(),
            shown: Vec::new(),
            savepoints: Vec::new(),
            left: Vec::new(),
        }
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Savepoint(name) => {
                self.session.savepoint(name).expect("few");
                self.savepoints.retain(|(other, _)| other != name);
                self.savepoints.push((name.clone(), tree(&self.session)));
            }
            Op::Restore(name) => {
                let known = self.savepoints.iter().position(|(other, _)| other == name);
                assert_eq!(self.session.restore(name).is_ok(), known.is_some());
                self.savepoints
                    .truncate(known.map_or(usize::MAX, |index| index + 1));
            }
            Op::Fork => {
                self.spill = Arc::new(MemorySpill::default());
                let fork = self.session.fork(options(&self.spill)).expect("open");
                self.left.push(std::mem::replace(&mut self.session, fork));
                self.records.clear();
                self.shown.clear();
                self.savepoints.clear();
            }
            Op::WriteInParent(bytes) => self.merge(bytes),
            Op::Merge => self.rebase(ConflictPolicy::Ours),
            Op::Rollback => self.rebase(ConflictPolicy::Theirs),
            Op::BeginNested => {}
            op => drop(perform(&self.session, op)),
        }
    }

    /// Lets a nested session write.
    fn merge(&self, bytes: &[u8]) {
        let nested = self.session.begin_nested(SessionOptions::default());
        let nested = nested.expect("not deep");
        nested.write("nested", bytes).expect("free");
        let Ok(sealed) = nested.seal() else {
            return;
        };
        let _merged = sealed
            .merge_into_parent("change", &session_fs_vfs::MergeOptions::default())
            .expect("fits");
    }

    /// Somebody commits to the base, and the session goes on from there.
    fn rebase(&mut self, policy: ConflictPolicy) {
        let base = MapBase::new(&[]);
        for (path, body) in self.base.snapshot() {
            base.put(&path.to_string(), body);
        }
        base.put("f", Body::File(b"somebody else".to_vec()));
        base.put("x/new", Body::File(b"somebody else".to_vec()));
        if base.snapshot().contains_key(&vpath("c")) {
            base.take("c");
        } else {
            base.put("c/new", Body::File(b"somebody else".to_vec()));
        }
        let onto = Arc::new(base.clone());
        let rebased = self.session.rebase(onto, policy);
        if rebased.is_ok_and(|rebased| rebased.conflicts.is_empty()) {
            self.base = base;
            self.savepoints.clear();
            // The log goes on, but what it said before was of another base.
            self.shown.clear();
        }
    }

    fn save(&mut self, whole: bool) {
        let saved = match whole {
            true => self.session.save_whole(),
            false => self.session.save(),
        };
        let saved = saved.expect("can be saved");
        if saved.whole {
            self.records.clear();
            self.shown.clear();
        }
        if !saved.bytes.is_empty() {
            self.records.push(saved.bytes.clone());
        }
        self.session.saved(saved);
        let again = self.session.save().expect("can be saved");
        assert!(again.bytes.is_empty(), "nothing happened since");
    }

    fn load(&self, records: usize) -> Session {
        let records = &self.records[..records];
        Session::load(Arc::new(self.base.clone()), options(&self.spill), records)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Compares the session with what its log comes to, the read set first: looking adds to it.
    fn check(&mut self) -> Session {
        let count = self.records.len();
        let loaded = self.load(count);
        assert_eq!(reads(&loaded), reads(&self.session));
        let changes = |session: &Session| session.changes().map_err(|error| error.to_string());
        assert_eq!(changes(&loaded), changes(&self.session));
        assert_eq!(stats(&loaded), stats(&self.session));
        assert_eq!(tree(&loaded), tree(&self.session));
        let diff = |session: &Session| session.diff().map_err(|error| error.to_string());
        assert_eq!(diff(&loaded), diff(&self.session));
        assert_eq!(loaded.savepoints().ok(), self.session.savepoints().ok());
        self.shown.push((count, tree(&loaded)));
        let other = self.load(count);
        for (name, shown) in self.savepoints.iter().rev() {
            other.restore(name).expect("saved");
            assert_eq!(tree(&other), *shown, "savepoint {name}");
        }
        loaded
    }

    fn check_prefixes(&self) {
        for (count, shown) in &self.shown {
            assert_eq!(tree(&self.load(*count)), *shown, "after {count} records");
        }
        for left in &self.left {
            tree(left);
        }
    }
}

/// What to do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    Save,
    SaveWhole,
    /// Goes on in another process.
    GoOn,
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        4 => Just(Then::Nothing),
        4 => Just(Then::Save),
        1 => Just(Then::SaveWhole),
        2 => Just(Then::GoOn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_loaded_session_is_the_saved_one(
        ops in program(),
        then in prop::collection::vec(then(), 32),
    ) {
        let mut run = Run::new();
        for (op, then) in ops.iter().zip(then) {
            run.step(op);
            if then == Then::Nothing {
                continue;
            }
            run.save(then == Then::SaveWhole);
            let loaded = run.check();
            if then == Then::GoOn {
                run.session = loaded;
            }
        }
        run.check_prefixes();
    }
}

fn save(session: &Session) -> Vec<u8> {
    let saved = session.save().expect("can be saved");
    let bytes = saved.bytes.clone();
    session.saved(saved);
    bytes
}

#[test]
fn savepoints_are_listed_with_their_times_by_whoever_goes_on() {
    let (base, spill) = (content(), Arc::new(MemorySpill::default()));
    let clock = |seconds| {
        Arc::new(FixedClock(Timestamp {
            seconds,
            nanoseconds: 7,
        }))
    };
    let begun = SessionOptions {
        clock: clock(10),
        ..options(&spill)
    };
    let session = Session::begin(Arc::new(base.clone()), begun);
    session.savepoint("first").expect("few");
    let records = [session.save().expect("can be saved").bytes];
    let resumed = SessionOptions {
        clock: clock(20),
        ..options(&spill)
    };
    let session = Session::load(Arc::new(base), resumed, &records).expect("saved");
    session.savepoint("second").expect("few");
    let listed = session.savepoints().expect("open");
    let listed: Vec<_> = listed
        .iter()
        .map(|it| (it.name.as_str(), it.made_at.seconds))
        .collect();
    assert_eq!(listed, [("first", 10), ("second", 20)]);
    session.savepoint("first").expect("few");
    let listed = session.savepoints().expect("open");
    assert_eq!(
        listed[0].name, "second",
        "a mark that is moved is the newest"
    );
    session.rollback().expect("open");
    session.savepoints().expect_err("closed");
}
