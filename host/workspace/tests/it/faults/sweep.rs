//! One thing after the other is done to copies of one disk, each time with another failure.

use std::sync::Arc;

use session_fs_workspace::WorkspaceError;
use session_fs_workspace::history::Severity;
use store::disk::fault::{Call, Fault, FaultError, FaultPlan};
use store::disk::{CrashDisk, Dir, FaultDir};

use crate::crash::check::difference;
use crate::rig::{self, Host, Nodes, below, visible};

/// What calls fail with; each may mean something else to whoever asks for its kind.
const ERRORS: &[i32] = &[EIO, ENOSPC, EDQUOT, EINTR, EMFILE, EROFS, ENOMEM];
const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EMFILE: i32 = 24;
pub(super) const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EDQUOT: i32 = 122;

/// What a failing write leaves of its bytes.
const PREFIX_BYTES: usize = 9;

/// A way to fail, at any call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    errno: i32,
    forever: bool,
    /// Whether a write leaves a part.
    short: bool,
}

/// Every error, once and for ever, and writes that leave a part.
pub(super) fn every_way() -> Vec<Way> {
    let kinds = ERRORS.iter().map(|errno| (*errno, false));
    let kinds: Vec<_> = kinds.chain([(ENOSPC, true), (EIO, true)]).collect();
    let ways = kinds.into_iter().flat_map(|(errno, short)| {
        [false, true].map(|forever| Way {
            errno,
            forever,
            short,
        })
    });
    ways.collect()
}

/// Those whose errors some caller tells apart: no room, quota, interruption, and anything else. What
/// goes through all of them where every way was tried before repeats nothing.
pub(super) fn distinct_ways() -> Vec<Way> {
    let mut ways = every_way();
    ways.retain(|way| match way.errno {
        EIO => way.forever && !way.short,
        ENOSPC => way.short && !way.forever,
        EDQUOT | EINTR => !way.forever,
        _ => false,
    });
    ways.extend(some_ways());
    ways
}

/// One that passes and one that stays, where the places are many.
pub(super) fn some_ways() -> Vec<Way> {
    let way = |errno, forever| Way {
        errno,
        forever,
        short: false,
    };
    vec![way(EIO, false), way(ENOSPC, true)]
}

impl Way {
    fn at(self, call: u64) -> Fault {
        Fault {
            fail_at: Some(call),
            error: FaultError::Errno(self.errno),
            forever: self.forever,
            write_prefix_bytes: if self.short { PREFIX_BYTES } else { 0 },
        }
    }
}

/// Something that is done to a disk whose calls fail.
pub(super) struct Case<'a> {
    pub(super) start: &'a CrashDisk,
    /// Does it; everything that it opens is closed when it returns.
    pub(super) act: &'a dyn Fn(&Stage) -> Promise,
    /// What it comes to when nothing fails.
    pub(super) unharmed: Promise,
    /// What stands there when it was not done, and when it was.
    pub(super) before: &'a Nodes,
    pub(super) after: &'a Nodes,
    /// Paths that somebody else decides about.
    pub(super) others: &'a [&'a str],
    /// The session whose commit `after` is.
    pub(super) session: &'a str,
    /// Looks at more, once the base was opened again.
    pub(super) look: &'a dyn Fn(&Host, &str),
}

/// What the caller was told of what it wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    Done,
    NotDone,
    InDoubt,
}

/// A copy of the disk, and the failure that waits for its time.
pub(super) struct Stage {
    pub(super) disk: CrashDisk,
    plan: Arc<FaultPlan>,
    root: Arc<dyn Dir>,
    fault: Fault,
}

/// What a sweep came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Calls of one run without a failure.
    pub(super) calls: u64,
    /// Runs with one.
    pub(super) rounds: u64,
    pub(super) done: u64,
    pub(super) not_done: u64,
    pub(super) in_doubt: u64,
}

impl Counts {
    /// There were so many calls, and each failed in each of the ways as far as that differs.
    pub(super) fn check(self, calls_min: u64, ways: &[Way]) {
        assert!(self.calls >= calls_min, "{self:?}");
        let rounds_min = self.calls * ways.len() as u64 / 2;
        assert!(self.rounds >= rounds_min, "{self:?}");
    }
}

impl Stage {
    fn new(start: &CrashDisk, fault: Fault) -> Self {
        let (disk, plan) = (start.fork(), FaultPlan::new(Fault::NEVER));
        let root = FaultDir::wrap(disk.root(), plan.clone());
        Self {
            disk,
            plan,
            root,
            fault,
        }
    }

    pub(super) fn root(&self) -> Arc<dyn Dir> {
        self.root.clone()
    }

    /// The root with something put between this and the disk.
    pub(super) fn root_over(
        &self,
        between: impl FnOnce(Arc<dyn Dir>) -> Arc<dyn Dir>,
    ) -> Arc<dyn Dir> {
        FaultDir::wrap(between(self.disk.root()), self.plan.clone())
    }

    /// From now on calls are counted, and the one that is to fail does.
    pub(super) fn arm(&self) {
        self.plan.arm(self.fault);
    }

    pub(super) fn handles_count(&self) -> usize {
        self.plan.handles_count()
    }

    /// The call that failed first.
    pub(super) fn failed(&self) -> Option<Call> {
        let at = usize::try_from(self.fault.fail_at?).expect("small");
        self.plan.log().get(at).cloned()
    }

    /// Whether what failed first was a flush that others count on.
    pub(super) fn failed_flush(&self) -> bool {
        let is_flush = |call: Call| match call.method {
            "sync_fs" => true,
            "file.sync_data" => call.name == "journal",
            _ => false,
        };
        self.failed().is_some_and(is_flush)
    }

    pub(super) fn tree(&self) -> Nodes {
        visible(&rig::nodes(&self.disk))
    }
}

/// What an error of a commit promises.
pub(super) fn promise_of(error: &WorkspaceError) -> Promise {
    match error {
        WorkspaceError::NeedsRecovery { .. } => Promise::Done,
        WorkspaceError::InDoubt { .. } => Promise::InDoubt,
        _ => Promise::NotDone,
    }
}

impl Case<'_> {
    /// Fails each call in turn, in each of the ways.
    pub(super) fn sweep(&self, ways: &[Way]) -> Counts {
        let mut counts = Counts {
            calls: self.calls_count(),
            ..Counts::default()
        };
        for way in ways {
            for at in 0.. {
                let Some(promise) = self.round(way.at(at)) else {
                    break;
                };
                counts.rounds += 1;
                match promise {
                    Promise::Done => counts.done += 1,
                    Promise::NotDone => counts.not_done += 1,
                    Promise::InDoubt => counts.in_doubt += 1,
                }
            }
        }
        counts
    }

    /// How many calls it makes when none fails.
    fn calls_count(&self) -> u64 {
        let stage = Stage::new(self.start, Fault::NEVER);
        assert_eq!((self.act)(&stage), self.unharmed);
        stage.plan.calls_count()
    }

    /// `None` when it was done before the failure came.
    fn round(&self, fault: Fault) -> Option<Promise> {
        let stage = Stage::new(self.start, fault);
        let promise = (self.act)(&stage);
        let context = format!("{fault:?} at {:?}, {promise:?}", stage.failed());
        let fired = stage.plan.fired_count() > 0;
        assert!(fired || promise == self.unharmed, "{context}");
        stage.plan.arm(Fault::NEVER);
        assert_eq!(stage.handles_count(), 1, "handles stay open: {context}");
        self.check(&stage.disk, promise, &context);
        fired.then_some(promise)
    }

    /// Opens the base as the next process does, and looks at what there is.
    fn check(&self, disk: &CrashDisk, promise: Promise, context: &str) {
        let host = Host::open(disk.root(), "heir", None);
        assert_eq!(host.trouble(), None, "{context}");
        let nodes = rig::nodes(disk);
        let found = self.rest(visible(&nodes));
        let (before, after) = (
            self.rest(self.before.clone()),
            self.rest(self.after.clone()),
        );
        let expected = match promise {
            Promise::Done => &after,
            Promise::NotDone => &before,
            Promise::InDoubt if found == before => &before,
            Promise::InDoubt => &after,
        };
        assert!(
            found == *expected,
            "{context}\n{}",
            difference(expected, &found)
        );
        let has_store = nodes.contains_key(".session-fs/store");
        if has_store {
            assert_eq!(
                below(&nodes, ".session-fs/staging/"),
                Vec::<String>::new(),
                "{context}"
            );
            let report = host.workspace.doctor(&host.base, false);
            let report = report.expect(context).expect("there is a store");
            let is_bad = |severity: Severity| severity == Severity::Error;
            let mut findings = report.findings.iter();
            assert!(
                !findings.any(|found| is_bad(found.kind.severity())),
                "{context}: {report:?}"
            );
        }
        let outcome = host.workspace.outcome(&host.base, self.session);
        let is_committed = outcome.expect("can be asked").is_some();
        assert_eq!(
            is_committed,
            found == after,
            "what is said of the commit: {context}"
        );
        (self.look)(&host, context);
    }

    fn rest(&self, mut nodes: Nodes) -> Nodes {
        nodes.retain(|path, _| !self.others.contains(&path.as_str()));
        nodes
    }
}
