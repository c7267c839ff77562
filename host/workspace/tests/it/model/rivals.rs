//! Several sessions at once over one base, forked, nested, marked and restored, rebased and committed
//! in part and in whole under every policy, while others commit: a few plain maps say what comes of it.
//!
//! Every content is written once, so that equal bytes mean the same version. What moves and what is
//! merged by lines is tested elsewhere, since no map could tell.

use std::collections::BTreeMap;

use proptest::prelude::*;
use session_fs_workspace::{BeginOptions, CommitOptions, CommitOutcome, WorkspaceError};
use store::disk::CrashDisk;
use store::disk::crash::{CrashOptions, Node};
use vfs::{ConflictPolicy, Session, Status, VPath};

use crate::rig::{self, Host, visible};

const PATHS: &[&str] = &["a", "b", "d/a", "d/b", "d/e/c"];
const START: &[(&str, &str)] = &[("a", "start a"), ("d/a", "start d/a"), ("d/e/", "")];

/// Sessions that are open at once.
const SESSIONS_MAX: usize = 6;
const SAVEPOINT: &str = "here";

/// Which content stands at which of the paths.
type Files = BTreeMap<&'static str, Vec<u8>>;

/// Something that happens; sessions are counted round, so that any number is one of them.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Begin,
    Fork(usize),
    Nest(usize),
    Write(usize, &'static str),
    Append(usize, &'static str),
    Remove(usize, &'static str),
    Mark(usize),
    Restore(usize),
    Rebase(usize, ConflictPolicy),
    Commit(usize, ConflictPolicy),
    CommitPart(usize, &'static str, ConflictPolicy),
    RollBack(usize),
    Checkpoint,
    Reopen,
}

fn policy() -> impl Strategy<Value = ConflictPolicy> {
    use ConflictPolicy::{Fail, Merge, Ours, Theirs};
    prop::sample::select(vec![Fail, Merge, Ours, Theirs])
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..SESSIONS_MAX;
    let path = || prop::sample::select(PATHS.to_vec());
    // A part that conflicts takes the rest along under the other policies.
    let of_part = prop::sample::select(vec![ConflictPolicy::Fail, ConflictPolicy::Ours]);
    prop_oneof![
        3 => Just(Step::Begin),
        1 => who().prop_map(Step::Fork),
        2 => who().prop_map(Step::Nest),
        8 => (who(), path()).prop_map(|(who, path)| Step::Write(who, path)),
        3 => (who(), path()).prop_map(|(who, path)| Step::Append(who, path)),
        3 => (who(), path()).prop_map(|(who, path)| Step::Remove(who, path)),
        1 => who().prop_map(Step::Mark),
        1 => who().prop_map(Step::Restore),
        2 => (who(), policy()).prop_map(|(who, policy)| Step::Rebase(who, policy)),
        6 => (who(), policy()).prop_map(|(who, policy)| Step::Commit(who, policy)),
        2 => (who(), path(), of_part).prop_map(|(who, path, policy)| {
            Step::CommitPart(who, path, policy)
        }),
        1 => who().prop_map(Step::RollBack),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
    ]
}

/// An open session, and what it has to show.
struct Open {
    session: Session,
    /// The number of the session that it is nested in.
    parent: Option<u64>,
    number: u64,
    before: Files,
    ours: Files,
    marked: Option<Files>,
}

/// What is to come of joining what a session changed with what stands there.
struct Joined {
    /// `None` where the policy refuses.
    files: Option<Files>,
    /// Whether both sides changed a path, be it alike.
    both: bool,
}

fn join(before: &Files, ours: &Files, theirs: &Files, policy: ConflictPolicy) -> Joined {
    let (mut files, mut both, mut refused) = (theirs.clone(), false, false);
    for path in PATHS {
        let [was, our, their] = [before, ours, theirs].map(|files| files.get(path));
        if our == was {
            continue;
        }
        both |= their != was;
        let is_conflict = their != was && their != our;
        refused |= is_conflict && matches!(policy, ConflictPolicy::Fail | ConflictPolicy::Merge);
        if is_conflict && policy == ConflictPolicy::Theirs {
            continue;
        }
        match our {
            Some(content) => drop(files.insert(path, content.clone())),
            None => drop(files.remove(path)),
        }
    }
    Joined {
        files: (!refused).then_some(files),
        both,
    }
}

/// All that there is, twice: as it is, and as maps.
struct World {
    disk: CrashDisk,
    /// `None` only between two processes.
    host: Option<Host>,
    base: Files,
    open: Vec<Open>,
    next: u64,
    hosts_count: u64,
}

impl World {
    fn new(start: &CrashDisk) -> Self {
        let disk = start.fork();
        let host = Host::open(disk.root(), "host", None);
        let base = found(&disk);
        Self {
            disk,
            host: Some(host),
            base,
            open: Vec::new(),
            next: 0,
            hosts_count: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn content(&mut self) -> Vec<u8> {
        format!("content {}", self.number()).into_bytes()
    }

    /// Adds a session that shows `files` and was begun from `before`.
    fn add(&mut self, session: Session, parent: Option<u64>, before: Files, ours: Files) {
        let number = self.number();
        self.open.push(Open {
            session,
            parent,
            number,
            before,
            ours,
            marked: None,
        });
    }

    fn begin(&mut self) {
        let session = self.host().begin();
        let base = self.base.clone();
        self.add(session, None, base.clone(), base);
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Begin if self.open.len() < SESSIONS_MAX => self.begin(),
            Step::Begin => {}
            Step::Checkpoint => self.host().base.checkpoint().expect("checkpointed"),
            Step::Reopen => self.reopen(),
            Step::Fork(who) | Step::Nest(who) if self.open.len() >= SESSIONS_MAX => {
                self.roll_back(*who % self.open.len());
            }
            Step::Fork(who)
            | Step::Nest(who)
            | Step::Write(who, _)
            | Step::Append(who, _)
            | Step::Remove(who, _)
            | Step::Mark(who)
            | Step::Restore(who)
            | Step::Rebase(who, _)
            | Step::Commit(who, _)
            | Step::CommitPart(who, _, _)
            | Step::RollBack(who) => {
                if self.open.is_empty() {
                    self.begin();
                }
                self.act(who % self.open.len(), step);
            }
        }
    }

    fn act(&mut self, who: usize, step: &Step) {
        match step {
            Step::Fork(_) => self.fork(who),
            Step::Nest(_) => self.nest(who),
            Step::Write(_, path) => {
                let content = self.content();
                let one = &mut self.open[who];
                one.session.write(path, &content).expect("writes");
                one.ours.insert(path, content);
            }
            Step::Append(_, path) => {
                let content = self.content();
                let one = &mut self.open[who];
                one.session.append(path, &content).expect("appends");
                one.ours.entry(path).or_default().extend(content);
            }
            Step::Remove(_, path) => {
                let one = &mut self.open[who];
                let removed = one.session.remove(path).is_ok();
                assert_eq!(removed, one.ours.remove(path).is_some(), "{path}");
            }
            Step::Mark(_) => {
                let one = &mut self.open[who];
                one.session.savepoint(SAVEPOINT).expect("marks");
                one.marked = Some(one.ours.clone());
            }
            Step::Restore(_) => {
                let one = &mut self.open[who];
                let restored = one.session.restore(SAVEPOINT).is_ok();
                assert_eq!(restored, one.marked.is_some());
                one.ours = one.marked.as_ref().unwrap_or(&one.ours).clone();
            }
            Step::Commit(_, policy) => self.commit(who, *policy),
            // What is nested in it keeps to the base of before.
            Step::Rebase(..) | Step::CommitPart(..) if self.has_nested(who) => {}
            Step::Rebase(_, policy) => self.rebase(who, *policy),
            Step::CommitPart(_, path, policy) => self.commit_part(who, path, *policy),
            Step::RollBack(_) => self.roll_back(who),
            Step::Begin | Step::Checkpoint | Step::Reopen => {}
        }
    }

    fn fork(&mut self, who: usize) {
        let one = &self.open[who];
        let forked = self
            .host()
            .workspace
            .fork(&one.session, BeginOptions::default());
        let (parent, before, ours) = (one.parent, one.before.clone(), one.ours.clone());
        self.add(forked.expect("forks"), parent, before, ours);
    }

    fn nest(&mut self, who: usize) {
        let one = &self.open[who];
        let begun = self
            .host()
            .workspace
            .begin_nested(&one.session, BeginOptions::default());
        let (number, ours) = (one.number, one.ours.clone());
        self.add(begun.expect("begins"), Some(number), ours.clone(), ours);
    }

    /// What a session is committed to, as it is now.
    fn theirs(&self, who: usize) -> &Files {
        match self.parent(who) {
            Some(parent) => &self.open[parent].ours,
            None => &self.base,
        }
    }

    fn has_nested(&self, who: usize) -> bool {
        let number = Some(self.open[who].number);
        self.open.iter().any(|one| one.parent == number)
    }

    fn parent(&self, who: usize) -> Option<usize> {
        let number = self.open[who].parent?;
        let parent = self.open.iter().position(|one| one.number == number);
        Some(parent.expect("orphans are closed"))
    }

    fn joined(&self, who: usize, policy: ConflictPolicy) -> Joined {
        let one = &self.open[who];
        join(&one.before, &one.ours, self.theirs(who), policy)
    }

    fn rebase(&mut self, who: usize, policy: ConflictPolicy) {
        let joined = self.joined(who, policy);
        let rebased = self
            .host()
            .workspace
            .rebase(&self.open[who].session, policy);
        let conflicts = rebased.expect("can be tried").conflicts;
        assert_eq!(
            conflicts.is_empty(),
            joined.files.is_some(),
            "{conflicts:?}"
        );
        if let Some(files) = joined.files {
            self.move_to(who, files);
        }
    }

    /// A session now begins where it would begin now.
    fn move_to(&mut self, who: usize, ours: Files) {
        let before = self.theirs(who).clone();
        let one = &mut self.open[who];
        (one.before, one.ours, one.marked) = (before, ours, None);
    }

    fn commit(&mut self, who: usize, policy: ConflictPolicy) {
        let (joined, one) = (self.joined(who, policy), &self.open[who]);
        let is_changed = one.ours != one.before;
        let options = CommitOptions {
            on_conflict: policy,
            ..CommitOptions::default()
        };
        let outcome = self
            .host()
            .workspace
            .commit(&one.session, &options)
            .expect("can be tried");
        // A commit that asks for nothing does not look whether both did the same.
        let may_refuse = policy == ConflictPolicy::Fail && joined.both;
        match (outcome, joined.files) {
            (CommitOutcome::Conflicted(conflicts), files) => {
                assert!(files.is_none() || may_refuse, "{conflicts:?}");
            }
            (_, None) => panic!("it conflicts and was committed"),
            (CommitOutcome::Unchanged, Some(files)) => {
                assert!(!is_changed || files == *self.theirs(who));
                self.close(who);
            }
            (CommitOutcome::Applied(_), Some(files)) => {
                assert!(is_changed);
                self.put(who, files);
                self.close(who);
            }
        }
    }

    /// Commits what changed at one path, which is as much as all of it there and nothing else.
    fn commit_part(&mut self, who: usize, path: &'static str, policy: ConflictPolicy) {
        let one = &self.open[who];
        let at_path = |files: &Files| files.get(path).cloned();
        let [was, our, their] = [&one.before, &one.ours, self.theirs(who)].map(at_path);
        let is_changed = one.ours != one.before;
        let options = CommitOptions {
            on_conflict: policy,
            paths: vec![VPath::parse(path).expect("valid")],
            ..CommitOptions::default()
        };
        let outcome = self.host().workspace.commit(&one.session, &options);
        let is_moved = their != was;
        match outcome {
            // With nothing at all to commit it is closed.
            Ok(CommitOutcome::Unchanged) => {
                assert!(!is_changed || (is_moved && our == their));
                self.close(who);
            }
            Err(WorkspaceError::Session(vfs::Error::Invalid { .. })) => {
                if our != was {
                    // Both did the same; that was found when the session had been moved for it.
                    assert!(is_moved && our == their && policy == ConflictPolicy::Ours);
                    let files = self.joined(who, policy).files.expect("ours is taken");
                    self.move_to(who, files);
                }
            }
            Ok(CommitOutcome::Conflicted(_)) => {
                assert!(is_moved && our != was);
                assert!(policy == ConflictPolicy::Fail, "ours is taken");
            }
            Ok(CommitOutcome::Applied(_)) => {
                assert!(our != was);
                assert!(!is_moved || our == their || policy == ConflictPolicy::Ours);
                let mut whole = self.theirs(who).clone();
                if is_moved && policy == ConflictPolicy::Ours {
                    // All of the session was moved for it.
                    let files = self.joined(who, policy).files.expect("ours is taken");
                    self.move_to(who, files);
                }
                match our {
                    Some(content) => drop(whole.insert(path, content)),
                    None => drop(whole.remove(path)),
                }
                self.put(who, whole);
                let one = &self.open[who];
                let is_whole = PATHS
                    .iter()
                    .all(|other| *other == path || one.ours.get(other) == one.before.get(other));
                assert_eq!(is_whole, one.session.status() != Status::Open);
                if is_whole {
                    self.close(who);
                } else if let Some(files) = self.joined(who, ConflictPolicy::Fail).files {
                    self.move_to(who, files);
                }
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// What a session is committed to has this now.
    fn put(&mut self, who: usize, files: Files) {
        match self.parent(who) {
            Some(parent) => self.open[parent].ours = files,
            None => self.base = files,
        }
    }

    fn roll_back(&mut self, who: usize) {
        self.host()
            .workspace
            .rollback(&self.open[who].session)
            .expect("rolls back");
        self.close(who);
    }

    /// A session has ended, and with it those that are nested in it.
    fn close(&mut self, who: usize) {
        let number = self.open.remove(who).number;
        while let Some(child) = self.open.iter().position(|one| one.parent == Some(number)) {
            let session = &self.open[child].session;
            assert!(session.write("a", b"orphan").is_err(), "it can do nothing");
            self.roll_back(child);
        }
    }

    /// Another process goes on.
    fn reopen(&mut self) {
        self.open.clear();
        self.hosts_count += 1;
        self.host = None;
        let who = format!("host{}", self.hosts_count);
        self.host = Some(Host::open(self.disk.root(), &who, None));
    }

    fn host(&self) -> &Host {
        self.host.as_ref().expect("a process has it open")
    }

    fn check(&self, step: &Step) {
        assert_eq!(self.host().trouble(), None, "{step:?}");
        assert_eq!(found(&self.disk), self.base, "{step:?}");
        for one in &self.open {
            assert_eq!(
                shown(&one.session),
                one.ours,
                "{step:?}: session {}",
                one.number
            );
        }
    }
}

/// What a session shows.
fn shown(session: &Session) -> Files {
    let contents = PATHS.iter().map(|path| (*path, session.read(path)));
    contents
        .filter_map(|(path, content)| Some((path, content.ok()?)))
        .collect()
}

/// What stands in the directory.
fn found(disk: &CrashDisk) -> Files {
    let nodes = visible(&rig::nodes(disk));
    let mut files = Files::new();
    for (path, node) in nodes {
        if let Node::File { content, .. } = node {
            let known = PATHS.iter().find(|known| **known == path);
            files.insert(known.expect("nobody makes another"), content);
        }
    }
    files
}

/// The sequences of a seed; panics with the smallest that it finds to differ.
pub(crate) fn sequences(seed: u64, count: u32) -> u64 {
    let steps = prop::collection::vec(step(), 1..28);
    super::try_all(seed, count, &steps, &|steps: Vec<Step>| {
        check(&steps);
        Ok(())
    })
}

fn check(steps: &[Step]) {
    let start = START_DISK.with(CrashDisk::fork);
    let mut world = World::new(&start);
    for step in steps {
        world.take(step);
        world.check(step);
    }
}

#[test]
fn rivals_and_maps_agree() {
    assert_eq!((0..8).map(|seed| sequences(seed, 250)).sum::<u64>(), 2_000);
}

/// A part that conflicted with the parent was merged by itself, and the rest kept to the parent of
/// before, where it conflicted.
#[test]
fn a_part_that_conflicts_takes_a_nested_session_along() {
    use Step::{Append, CommitPart, Nest, Write};
    let steps = [
        Nest(0),
        Write(2, "a"),
        Write(5, "a"),
        Append(2, "d/b"),
        Write(5, "d/a"),
        Append(2, "d/a"),
        CommitPart(1, "a", ConflictPolicy::Ours),
    ];
    check(&steps);
}

thread_local! {
    static START_DISK: CrashDisk = rig::prepared(START, CrashOptions::default());
}
