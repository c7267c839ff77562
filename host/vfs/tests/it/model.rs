//! The model test: random programs against a session and against a plain map of paths.
//!
//! Every result and every error is compared, then the whole tree, and at the end what the session
//! says it changed is applied to where it began and must give where it ended.

mod plain;
pub(crate) mod program;

use std::collections::BTreeMap;
use std::sync::Arc;

use plain::{Object, Plain};
use program::{Op, program};
use proptest::test_runner::{Config, TestRunner};
use session_fs_vfs::{
    Base, ChangeKind, EmptyBase, Error, Kind, MergeOptions, Meter, Result, Sealed, Session,
    SessionOptions, Side, VPath,
};

use crate::support::{Body, MapBase, Sandbox, tree, variant};

/// A session and what it should show; `start` is what it began from.
struct Frame {
    session: Session,
    now: Plain,
    start: Plain,
    savepoints: Vec<(String, Plain)>,
}

/// A program under way: the innermost session is last.
struct Run {
    frames: Vec<Frame>,
    /// Sessions left behind by a fork, which must stay as they were.
    left: Vec<(Session, Plain)>,
    meter: Arc<Meter>,
}

pub(crate) fn content() -> MapBase {
    let file = |text: &str| Body::File(text.as_bytes().to_vec());
    let link = |target: &str| Body::Link(target.to_owned());
    MapBase::new(&[
        ("f", file("one\ntwo\nthree\n")),
        ("a/f", file("aaaa")),
        ("a/b/x", Body::Executable(b"#!".to_vec())),
        ("a/b/c", file("")),
        ("c", Body::Directory),
        ("x/a/b", file("deep")),
        ("l", link("a")),
        ("o", link("/etc")),
        ("u", link("../..")),
        ("s", link("a/")),
        ("k", link("k")),
        ("d", link("nowhere")),
    ])
}

#[test]
fn over_nothing() {
    run_programs(700, |ops| {
        let base = Arc::new(EmptyBase::new("vfs://t"));
        Run::new(base, Plain::default()).play(ops);
    });
}

#[test]
fn over_a_map() {
    run_programs(900, play);
}

#[test]
fn over_a_directory() {
    let start = Plain::of(&content());
    run_programs(400, |ops| {
        let sandbox = Sandbox::of(&content());
        Run::new(sandbox.base.clone(), start.clone()).play(ops);
    });
}

/// Plays a program over a map, and panics where the session is not as the plain one.
pub(crate) fn play(ops: &[Op]) {
    Run::new(Arc::new(content()), Plain::of(&content())).play(ops);
}

fn run_programs(cases: u32, play: impl Fn(&[Op])) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&program(), |ops| {
        play(&ops);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

impl Run {
    fn new(base: Arc<dyn Base>, start: Plain) -> Self {
        let meter = Meter::new("host", u64::MAX);
        let options = SessionOptions {
            meter: meter.clone(),
            ..SessionOptions::default()
        };
        let frame = Frame {
            session: Session::begin(base, options),
            now: start.clone(),
            start,
            savepoints: Vec::new(),
        };
        Self {
            frames: vec![frame],
            left: Vec::new(),
            meter,
        }
    }

    fn play(mut self, ops: &[Op]) {
        for op in ops {
            self.step(op);
        }
        while self.frames.len() > 1 {
            self.merge();
        }
        let Frame {
            session,
            now,
            start,
            ..
        } = self.frames.remove(0);
        assert_eq!(tree(&session), now.shown());
        check_changes(&session, &start, &now);
        for (left, was) in &self.left {
            if matches!(left.status(), session_fs_vfs::Status::Orphaned { .. }) {
                left.rollback().expect("an orphan ends");
                continue;
            }
            assert_eq!(tree(left), was.shown(), "a fork reached what it left");
        }
        session.rollback().expect("open");
        assert_eq!(variant(&session.read("f").expect_err("closed")), "Closed");
        self.left.clear();
        assert_eq!(self.meter.used(), 0, "everything ended");
    }

    fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("never empty")
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Fork => self.fork(),
            Op::BeginNested if self.frames.len() < 4 => self.begin_nested(),
            Op::BeginNested => {}
            Op::Merge if self.frames.len() > 1 => self.merge(),
            Op::Rollback if self.frames.len() > 1 => {
                let frame = self.frames.pop().expect("more than one");
                frame.session.rollback().expect("open");
            }
            Op::Merge | Op::Rollback => {}
            Op::WriteInParent(bytes) => self.write_in_parent(bytes),
            Op::Savepoint(name) => {
                let frame = self.top();
                frame.session.savepoint(name).expect("few");
                frame.savepoints.retain(|(other, _)| other != name);
                frame.savepoints.push((name.clone(), frame.now.clone()));
            }
            Op::Restore(name) => restore(self.top(), name),
            op => {
                let frame = self.top();
                let expected = frame.now.apply(op);
                let found = perform(&frame.session, op);
                let found = found.map_err(|error| variant(&error));
                assert_eq!(found, expected, "{op:?}");
                assert_eq!(tree(&frame.session), frame.now.shown(), "after {op:?}");
            }
        }
    }

    fn fork(&mut self) {
        let options = SessionOptions {
            meter: self.meter.clone(),
            ..SessionOptions::default()
        };
        let frame = self.frames.last_mut().expect("never empty");
        let forked = frame.session.fork(options).expect("open");
        let left = std::mem::replace(&mut frame.session, forked);
        self.left.push((left, frame.now.clone()));
        frame.savepoints.clear();
    }

    fn begin_nested(&mut self) {
        let frame = self.top();
        let nested = frame.session.begin_nested(SessionOptions::default());
        let frame = Frame {
            session: nested.expect("not deep"),
            now: frame.now.clone(),
            start: frame.now.clone(),
            savepoints: Vec::new(),
        };
        self.frames.push(frame);
    }

    /// Makes the parent differ from what the nested session began from, where that never writes.
    fn write_in_parent(&mut self, bytes: &[u8]) {
        let depth = self.frames.len();
        if depth > 1 {
            let parent = &mut self.frames[depth - 2];
            let own = format!("own-{}", depth - 2);
            parent.session.write(&own, bytes).expect("free");
            parent.now.write_own(&own, bytes);
        }
    }

    fn merge(&mut self) {
        let child = self.frames.pop().expect("more than one");
        check_changes(&child.session, &child.start, &child.now);
        let Some(sealed) = seal(&child.session, &child.now) else {
            return;
        };
        let merged = sealed
            .merge_into_parent("change", &MergeOptions::default())
            .expect("fits");
        assert!(
            matches!(merged, session_fs_vfs::Merged::Applied { .. }),
            "disjoint changes conflict: {merged:?}"
        );
        let own = format!("own-{}", self.frames.len() - 1);
        let parent = self.top();
        let kept = parent.now.own(&own);
        parent.now = child.now;
        parent.now.set_own(&own, kept);
        assert_eq!(tree(&parent.session), parent.now.shown(), "after a merge");
    }
}

/// Seals a session; `None` when it holds a link that was moved to where it leads out.
fn seal(session: &Session, now: &Plain) -> Option<Sealed> {
    match session.seal() {
        Ok(sealed) => Some(sealed),
        Err(Error::Denied { path, .. }) => {
            assert!(now.has_link_out(), "denied for nothing: {path:?}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn restore(frame: &mut Frame, name: &str) {
    let known = frame.savepoints.iter().position(|(other, _)| other == name);
    let restored = frame.session.restore(name).map_err(|error| variant(&error));
    match known {
        None => assert_eq!(restored, Err("NoSuchSavepoint".to_owned())),
        Some(index) => {
            assert_eq!(restored, Ok(()));
            frame.now = frame.savepoints[index].1.clone();
            frame.savepoints.truncate(index + 1);
            assert_eq!(tree(&frame.session), frame.now.shown());
        }
    }
}

/// Performs one operation; the answer as text.
pub(crate) fn perform(session: &Session, op: &Op) -> Result<String> {
    let done = |()| String::new();
    let shown = |bytes: Vec<u8>| format!("{bytes:?}");
    match op {
        Op::Read(path) => session.read(path).map(shown),
        Op::ReadRange(path, offset, len) => session.read_range(path, *offset, *len).map(shown),
        Op::Write(path, bytes) => session.write(path, bytes).map(done),
        Op::WriteRange(path, at, bytes) => session.write_range(path, *at, bytes).map(done),
        Op::Append(path, bytes) => session.append(path, bytes).map(done),
        Op::Truncate(path, size) => session.truncate(path, *size).map(done),
        Op::Edit(path, from, to, count) => session.edit(path, from, to, *count).map(done),
        Op::Mkdir(path) => session.mkdir(path).map(done),
        Op::Remove(path) => session.remove(path).map(done),
        Op::RemoveAll(path) => session.remove_all(path).map(done),
        Op::Rename(source, target) => session.rename(source, target).map(done),
        Op::Copy(source, target) => session.copy(source, target).map(done),
        Op::Symlink(target, path) => session.symlink(target, path).map(done),
        Op::ReadLink(path) => session.read_link(path),
        Op::Stat(path) => {
            let stat = session.stat(path)?;
            Ok(format!("{} {}", stat.kind.as_str(), stat.size))
        }
        Op::Exists(path) => session.exists(path).map(|found| found.to_string()),
        Op::List(path, page) => listed(session, path, *page),
        _ => unreachable!("the run does it"),
    }
}

fn listed(session: &Session, path: &str, page_entries: usize) -> Result<String> {
    let mut names = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = session.list(path, after.as_deref(), page_entries)?;
        let entries = page.entries.iter();
        names.extend(entries.map(|entry| format!("{} {}", entry.name, entry.kind.as_str())));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(names.join(",")),
        }
    }
}

/// Checks that what the session says it changed leads from `start` to `now`, and says no more.
fn check_changes(session: &Session, start: &Plain, now: &Plain) {
    let entries = session.changes().expect("changes");
    assert_eq!(entries.is_empty(), start == now || entries.is_empty());
    if entries
        .iter()
        .all(|entry| entry.change != ChangeKind::Renamed)
    {
        let found: BTreeMap<String, (ChangeKind, Kind, Option<u64>, Option<u64>)> = entries
            .iter()
            .map(|entry| {
                let sizes = (entry.size_before, entry.size_after);
                let path = entry.path.to_string();
                (path, (entry.change, entry.kind, sizes.0, sizes.1))
            })
            .collect();
        assert_eq!(found, start.diff(now));
    }
    if let Some(sealed) = seal(session, now) {
        assert_eq!(applied(&sealed, start).shown(), now.shown(), "{entries:#?}");
    }
}

/// A tree to which the changes of a session were applied.
fn applied(sealed: &Sealed, start: &Plain) -> Plain {
    let set = sealed.change_set();
    let mut result = start.clone();
    let mut parked: BTreeMap<VPath, Plain> = BTreeMap::new();
    for gone in set.departures.iter().rev() {
        let subtree = result.detach(&gone.path);
        assert_eq!(
            subtree.root(),
            object(sealed, &gone.before),
            "{}",
            gone.path
        );
        match &gone.moved_to {
            Some(target) => drop(parked.insert(target.clone(), subtree)),
            None => assert_eq!(subtree.len(), 1, "'{}' was not empty", gone.path),
        }
    }
    for come in &set.arrivals {
        let mut subtree = match come.moved_from {
            Some(_) => parked.remove(&come.path).expect("a departure says so"),
            None => Plain::single(object(sealed, &come.after)),
        };
        if come.changed && come.moved_from.is_some() {
            subtree.set_root(object(sealed, &come.after));
        }
        result.attach(&come.path, subtree);
    }
    assert!(parked.is_empty(), "moved to nowhere: {parked:?}");
    for update in &set.updates {
        let mut subtree = result.detach(&update.path);
        assert_eq!(
            subtree.root(),
            object(sealed, &update.before),
            "{}",
            update.path
        );
        subtree.set_root(object(sealed, &update.after));
        result.attach(&update.path, subtree);
    }
    result
}

fn object(sealed: &Sealed, side: &Side) -> Object {
    match side.kind {
        Kind::Directory => Object::Directory,
        Kind::Symlink => Object::Link(side.target.as_deref().expect("a link").to_owned()),
        Kind::File => {
            let mut bytes = Vec::new();
            let mut sink = |part: &[u8]| {
                bytes.extend_from_slice(part);
                Ok(())
            };
            sealed.read(side, &mut sink).expect("reads");
            assert_eq!(bytes.len() as u64, side.size);
            Object::File(bytes, side.executable)
        }
    }
}
