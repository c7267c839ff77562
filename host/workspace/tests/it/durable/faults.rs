//! Every call of a session's life fails once, and from every call on: what was acknowledged is
//! there, and no state is mixed.

use std::collections::BTreeMap;

use session_fs_workspace::{DurableError, DurableSession, DurableStore};
use store::disk::FaultDir;
use store::disk::fault::{Fault, FaultError, FaultPlan};

use super::{Sessions, begin, files, open};

const ID: &str = "0189";

type Files = BTreeMap<String, Vec<u8>>;

/// What a life has come to.
#[derive(Default)]
pub(super) struct Trail {
    begun: bool,
    now: Files,
    /// The files at each save that was tried.
    states: Vec<Files>,
    /// How many of them were acknowledged, those before included.
    acknowledged_count: usize,
    ended: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Tried,
    Acknowledged,
}

/// Content that reaches the disk before it is saved. After three of them the log is compacted when
/// the session is opened.
fn large(byte: u8) -> Vec<u8> {
    vec![byte; 280_000]
}

fn try_files(session: &DurableSession) -> vfs::Result<Files> {
    let page = session.list("/", None, 1_000)?;
    let names = page.entries.into_iter().map(|entry| entry.name.to_string());
    names
        .map(|name| Ok((name.clone(), session.read(&name)?)))
        .collect()
}

impl Trail {
    fn write(&mut self, session: &DurableSession, path: &str, content: Vec<u8>) {
        if session.write(path, &content).is_ok() {
            self.now.insert(path.to_owned(), content);
        }
    }

    fn save(&mut self, session: &DurableSession) {
        self.states.push(self.now.clone());
        if session.save().is_ok() {
            self.acknowledged_count = self.states.len();
        }
    }

    /// The states that may be there after a crash.
    fn possible(&self) -> &[Files] {
        &self.states[self.acknowledged_count.saturating_sub(1)..]
    }

    /// Begins a session, works in it, and goes on with it as another process would.
    pub(super) fn live(&mut self, store: &DurableStore, ends: bool) -> Result<(), DurableError> {
        self.states.push(Files::new());
        let session = begin(store, ID)?;
        self.begun = true;
        self.acknowledged_count = 1;
        self.write(&session, "small", b"one".to_vec());
        self.save(&session);
        self.write(&session, "large", large(1));
        self.write(&session, "small", b"two".to_vec());
        self.save(&session);
        self.write(&session, "large", large(2));
        self.save(&session);
        self.write(&session, "large", large(3));
        self.save(&session);
        self.write(&session, "unsaved", b"lost".to_vec());
        drop(session);
        let session = open(store, ID)?;
        let Ok(found) = try_files(&session) else {
            return Ok(());
        };
        assert!(
            self.possible().contains(&found),
            "opened with another state"
        );
        (self.states, self.now) = (vec![found.clone()], found);
        self.acknowledged_count = 1;
        self.write(&session, "small", b"three".to_vec());
        self.save(&session);
        if ends {
            self.ended = Some(End::Tried);
            session.rollback()?;
            self.ended = Some(End::Acknowledged);
        }
        Ok(())
    }

    /// Looks at what is there when nothing fails any more.
    pub(super) fn check(&self, store: &DurableStore, context: &str) {
        let report = store.clean().expect("cleaned");
        assert!(report.failed.is_empty(), "{context}: {report:?}");
        assert!(report.damaged.is_empty(), "{context}: {report:?}");
        let again = store.clean().expect("cleaned");
        assert_eq!(again.leftovers_count, 0, "{context}: {again:?}");
        let session = match open(store, ID) {
            Ok(session) => session,
            Err(DurableError::NotFound { .. }) if !self.begun => return,
            Err(DurableError::RolledBack { .. }) if self.ended.is_some() => return,
            Err(error) => panic!("{context}: {error}"),
        };
        assert_ne!(self.ended, Some(End::Acknowledged), "{context}");
        let found = files(&session);
        assert!(self.possible().contains(&found), "{context}: another state");
        // And it goes on from here.
        session.write("after", b"all").expect("written");
        session.save().expect("saved");
    }
}

/// Lives a life with a fault; `false` when it ended before the fault came.
fn round(fault: Fault, ends: bool) -> bool {
    let sessions = Sessions::new();
    let plan = FaultPlan::new(fault);
    let dir = FaultDir::wrap(sessions.dir(), plan.clone());
    let store = sessions.store_of("a test", dir);
    let mut trail = Trail::default();
    let outcome = trail.live(&store, ends);
    let fired = plan.fired_count() > 0;
    let log = plan.log();
    let at = fault.fail_at.and_then(|at| usize::try_from(at).ok());
    let call = at.and_then(|at| log.get(at));
    let context = format!("{fault:?} at {call:?}: {outcome:?}");
    plan.arm(Fault::NEVER);
    drop(store);
    trail.check(&sessions.store(), &context);
    fired
}

#[test]
fn a_failure_of_any_call_loses_nothing_that_was_acknowledged() {
    for (error, write_prefix_bytes) in [(5, 0), (28, 0), (28, 40), (28, 100_000)] {
        for make in [Fault::once, Fault::forever] {
            let fault = |at| Fault {
                write_prefix_bytes,
                ..make(at, FaultError::Errno(error))
            };
            let ends = error == 5;
            let rounds = (0..).take_while(|at| round(fault(*at), ends)).count();
            assert!(rounds > 40, "{rounds} calls");
        }
    }
}
