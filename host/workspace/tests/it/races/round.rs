//! One race: a commit, and somebody who acts before one of its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use session_fs_workspace::{CommitOptions, CommitOutcome, WorkspaceError};
use store::disk::CrashDisk;
use store::disk::crash::CrashOptions;
use vfs::{Session, Status};

use super::START;
use super::acts::{Act, Deed};
use crate::acting::{ActingDir, Hook};
use crate::crash::check::difference;
use crate::crash::workload::{self, Operation};
use crate::rig::{self, Host, Nodes, below, visible};

/// A commit, and the path at which somebody else acts.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) path: &'a str,
    /// Other paths at which what they did may show.
    pub(crate) moved: &'a [&'a str],
    pub(crate) change: Work<'a>,
}

/// What a session does.
#[derive(Clone, Copy)]
pub(crate) enum Work<'a> {
    /// What is written down, and all of which the session takes.
    Fixed(fn(&Session) -> vfs::Result<()>),
    /// What came by chance, as far as the session takes it.
    Random(&'a [Operation]),
}

impl Work<'_> {
    fn run(self, session: &Session) {
        match self {
            Self::Fixed(change) => change(session).expect("the session takes it"),
            Self::Random(operations) => {
                for operation in operations {
                    workload::act(session, operation);
                }
            }
        }
    }
}

/// What came of the rounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) rounds: u64,
    /// In which they could do what they wanted to.
    pub(crate) acted: u64,
    /// In which something of theirs was set aside.
    pub(crate) kept: u64,
    /// In which a strict commit was taken back.
    pub(crate) refused: u64,
}

impl<'a> Target<'a> {
    pub(crate) fn new(
        path: &'a str,
        moved: &'a [&'a str],
        change: fn(&Session) -> vfs::Result<()>,
    ) -> Self {
        Self {
            path,
            moved,
            change: Work::Fixed(change),
        }
    }

    /// A tree without what the act may decide.
    fn rest(&self, nodes: &Nodes) -> Nodes {
        let mut nodes = visible(nodes);
        nodes.retain(|path, _| {
            let is_within = |dir: &str| {
                let rest = path.strip_prefix(dir);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let decided = self.moved.iter().chain([&self.path]);
            // Directories above are made again or stay for what is in them.
            let is_above = |dir: &str| dir.starts_with(&format!("{path}/"));
            !path.starts_with("their-")
                && !decided.clone().any(|dir| is_within(dir))
                && !decided.clone().any(|dir| is_above(dir))
        });
        nodes
    }
}

/// A hook that acts once, before the call of this number counted from when it is armed.
struct Outsider {
    armed: AtomicBool,
    at: u64,
    count: AtomicU64,
    acted: AtomicBool,
    deed: Mutex<Option<Deed>>,
}

impl Outsider {
    fn new(at: u64) -> Arc<Self> {
        Arc::new(Self {
            armed: AtomicBool::new(false),
            at,
            count: AtomicU64::new(0),
            acted: AtomicBool::new(false),
            deed: Mutex::new(None),
        })
    }

    fn hook(self: &Arc<Self>) -> Hook {
        let this = self.clone();
        Arc::new(move |_, _| {
            if !this.armed.load(Ordering::Relaxed) {
                return;
            }
            if this.count.fetch_add(1, Ordering::Relaxed) == this.at {
                let acted = this
                    .deed
                    .lock()
                    .as_ref()
                    .is_some_and(|deed| deed.run().is_ok());
                this.acted.store(acted, Ordering::Relaxed);
            }
        })
    }

    fn is_done(&self) -> bool {
        self.count.load(Ordering::Relaxed) > self.at
    }
}

/// Races each of the acts against every call of the commit and its checkpoint, by default and strict.
pub(crate) fn at_every_call(target: &Target<'_>, acts: &[Act]) -> Counts {
    let start = rig::prepared(START, CrashOptions::default());
    let counts = against(&start, target, acts).expect("the session changes something");
    let calls_count_min = 30 * 2 * acts.len() as u64;
    assert!(
        counts.rounds > calls_count_min,
        "the commit made too few calls"
    );
    counts
}

/// The same from a disk of the caller's; `None` when the session changes nothing.
pub(crate) fn against(start: &CrashDisk, target: &Target<'_>, acts: &[Act]) -> Option<Counts> {
    let after = {
        let disk = start.fork();
        let host = Host::open(disk.root(), "alone", None);
        let session = host.begin();
        target.change.run(&session);
        match host.commit(&session) {
            Ok(CommitOutcome::Applied(_)) => rig::nodes(&disk),
            Ok(CommitOutcome::Unchanged) => return None,
            other => panic!("nobody else is here: {other:?}"),
        }
    };
    let mut counts = Counts::default();
    for (number, act) in acts.iter().enumerate() {
        for strict in [false, true] {
            let manner = Manner {
                act: *act,
                strict,
                threads: strict != number.is_multiple_of(2),
            };
            let mut calls = 0..;
            while calls
                .next()
                .is_some_and(|at| round(start, target, manner, at, &after, &mut counts))
            {
            }
        }
    }
    Some(counts)
}

/// How a race is run.
#[derive(Clone, Copy)]
struct Manner {
    act: Act,
    strict: bool,
    /// Without them new files are made before the record is written.
    threads: bool,
}

/// What came of one race, as far as its parts look at it.
struct Race<'a> {
    target: &'a Target<'a>,
    act: Act,
    strict: bool,
    /// Whether they could do what they wanted to.
    acted: bool,
    deed: Deed,
    session: Session,
    outcome: session_fs_workspace::Result<CommitOutcome>,
    /// What is on the disk at the end.
    nodes: Nodes,
    context: String,
}

/// Returns `false` when the commit made fewer calls.
fn round(
    start: &CrashDisk,
    target: &Target<'_>,
    manner: Manner,
    at: u64,
    after: &Nodes,
    counts: &mut Counts,
) -> bool {
    let (disk, outsider) = (start.fork(), Outsider::new(at));
    let before = rig::nodes(&disk);
    let race = run(&disk, &outsider, target, (manner, at), &before);
    race.check_nothing_lost();
    let expected = match race.is_done(&before, counts) {
        true => after,
        false => &before,
    };
    race.check_history();
    let (expected, found) = (target.rest(expected), target.rest(&race.nodes));
    assert!(
        expected == found,
        "{}\n{}\n{}",
        race.context,
        difference(&expected, &found),
        list(&race.nodes)
    );
    counts.rounds += 1;
    counts.acted += u64::from(race.acted);
    outsider.is_done()
}

/// Commits while they act, checkpoints, and opens the base again.
fn run<'a>(
    disk: &CrashDisk,
    outsider: &Arc<Outsider>,
    target: &'a Target<'a>,
    (manner, at): (Manner, u64),
    before: &Nodes,
) -> Race<'a> {
    let Manner {
        act,
        strict,
        threads,
    } = manner;
    let root = ActingDir::wrap(disk.root(), outsider.hook());
    let host = Host::make(root, "racer", None, threads).expect("describes the directory");
    let session = host.begin();
    target.change.run(&session);
    *outsider.deed.lock() = Some(Deed::new(act, disk.root(), target.path));
    outsider.armed.store(true, Ordering::Relaxed);
    let options = CommitOptions {
        strict,
        ..CommitOptions::default()
    };
    let outcome = host.workspace.commit(&session, &options);
    let context = format!(
        "{act:?} at {} before call {at}, strict {strict}: {outcome:?}",
        target.path
    );
    if !matches!(outcome, Ok(CommitOutcome::Applied(_))) {
        check_heir(&disk.fork(), target, before, &context);
    }
    let checkpointed = host.base.checkpoint();
    outsider.armed.store(false, Ordering::Relaxed);
    assert!(checkpointed.is_ok(), "{checkpointed:?}: {context}");
    drop(host);
    let host = Host::open(disk.root(), "witness", None);
    assert_eq!(host.trouble(), None, "{context}");
    Race {
        target,
        act,
        strict,
        acted: outsider.acted.load(Ordering::Relaxed),
        deed: outsider.deed.lock().take().expect("was ready"),
        session,
        outcome,
        nodes: rig::nodes(disk),
        context,
    }
}

/// Should the process die now, what was not done or was taken back stays so.
fn check_heir(copy: &CrashDisk, target: &Target, before: &Nodes, context: &str) {
    let host = Host::open(copy.root(), "heir", None);
    assert_eq!(host.trouble(), None, "{context}");
    let (expected, found) = (target.rest(before), target.rest(&rig::nodes(copy)));
    assert!(
        expected == found,
        "{context}\n{}",
        difference(&expected, &found)
    );
}

impl Race<'_> {
    fn check_nothing_lost(&self) {
        let Self { nodes, context, .. } = self;
        assert!(
            !self.acted || self.deed.is_kept(nodes),
            "lost: {context}\n{}",
            list(nodes)
        );
        let slots = below(nodes, ".session-fs/staging/");
        assert_eq!(slots, Vec::<String>::new(), "{context}");
        let conflicts = below(nodes, ".session-fs/conflicts/");
        assert!(
            self.acted || conflicts.is_empty(),
            "{context}\n{conflicts:?}"
        );
    }

    /// Whether the change was made; what was said of it is what there is.
    fn is_done(&self, before: &Nodes, counts: &mut Counts) -> bool {
        let Self { nodes, context, .. } = self;
        let (acted, status) = (self.acted, self.session.status());
        match &self.outcome {
            Ok(CommitOutcome::Applied(info)) => {
                assert!(!self.strict || info.displaced.is_empty(), "{context}");
                for displaced in &info.displaced {
                    let is_there = nodes.contains_key(&displaced.kept);
                    assert!(is_there, "{context}\n{}", list(nodes));
                }
                assert!(matches!(status, Status::Committed(_)), "{context}");
                let conflicts = below(nodes, ".session-fs/conflicts/");
                counts.kept += u64::from(!conflicts.is_empty());
                return true;
            }
            Ok(CommitOutcome::Conflicted(conflicts)) => {
                assert!(acted && !conflicts.is_empty(), "{context}");
                counts.refused += u64::from(self.strict);
            }
            Err(WorkspaceError::Interfered { kept, .. }) => {
                assert!(acted && self.strict, "{context}");
                assert!(nodes.contains_key(kept), "{context}\n{}", list(nodes));
                counts.refused += 1;
            }
            // They were faster than everything that the commit could have done.
            Err(WorkspaceError::Io { .. })
                if acted && self.target.rest(nodes) == self.target.rest(before) => {}
            other => panic!("{other:?}: {context}"),
        }
        assert_eq!(status, Status::Open, "{context}");
        false
    }

    /// What was written by name was met, and is no part of anybody's history.
    fn check_history(&self) {
        if !matches!(
            self.act,
            Act::Overwrite | Act::Append | Act::Save | Act::Create
        ) {
            return;
        }
        let is_object = |path: &String| path.starts_with(".session-fs/objects/");
        let mut objects = self.nodes.clone();
        objects.retain(|path, _| is_object(path));
        assert!(
            !self.acted || !self.deed.is_kept(&objects),
            "{}\n{}",
            self.context,
            list(&self.nodes)
        );
    }
}

fn list(nodes: &Nodes) -> String {
    difference(&Nodes::new(), nodes)
}
