//! From a task to the tree: what a run did lands whole, or the tree never knew of it.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests look at the tree and play the outsider"
)]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use supervisor::{Finished, Held, Job, Policy, Settlement, Supervisor};
use workspace::{BaseHandle, Workspace, WorkspaceOptions};

use crate::support::{Item, SHORT, Scene, guests, load, shared_runtime};

const GIVEN: [Item; 3] = [
    Item::File("a.txt", "a\n"),
    Item::File("b.txt", "b\n"),
    Item::File("src/lib.rs", "fn one() {}\n"),
];

/// A supervisor over one directory.
struct Desk {
    scene: Scene,
    supervisor: Supervisor,
    base: Arc<BaseHandle>,
}

impl Desk {
    fn new() -> Self {
        let scene = Scene::new(&GIVEN);
        let workspace = Arc::new(Workspace::new(WorkspaceOptions::default()));
        let base = workspace
            .directory(scene.root(), "file:///base")
            .expect("a base");
        Self {
            scene,
            supervisor: Supervisor::new(workspace, shared_runtime()),
            base,
        }
    }

    fn job(&self, args: &[&str]) -> Job {
        let mut job = Job::new(self.base.clone());
        job.args = args.iter().map(|&arg| arg.to_owned()).collect();
        job.run_limits.timeout = Duration::from_secs(60);
        job
    }

    fn run(&self, guest: &str, job: Job) -> Finished {
        let agent = load(self.supervisor.runtime(), guest);
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let run = self.supervisor.run(&agent, job);
        tokio.expect("tokio starts").block_on(run).expect("settled")
    }

    /// Runs to the end and leaves the session open.
    fn hold(&self, args: &[&str]) -> Held {
        let mut job = self.job(args);
        job.policy = Policy::Hold;
        match self.run(guests::STEPS, job).settlement {
            Settlement::Held(held) => held,
            other => panic!("{other:?}"),
        }
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.scene.path().join(path)).ok()
    }
}

#[track_caller]
fn committed(settlement: Settlement) -> Vec<String> {
    match settlement {
        Settlement::Committed(change) => change
            .entries
            .iter()
            .map(|entry| entry.path.to_string())
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_that_succeeds_is_committed() {
    let desk = Desk::new();
    let steps = [
        "write a.txt changed",
        "remove b.txt",
        "make new",
        "write new/c.txt made",
    ];
    let finished = desk.run(guests::STEPS, desk.job(&steps));
    let paths = committed(finished.settlement);
    assert_eq!(paths, ["a.txt", "b.txt", "new", "new/c.txt"]);
    assert_eq!(desk.read("a.txt").as_deref(), Some("changed\n"));
    assert_eq!(desk.read("b.txt"), None);
    assert_eq!(desk.read("new/c.txt").as_deref(), Some("made\n"));
    assert_eq!(desk.read("src/lib.rs").as_deref(), Some("fn one() {}\n"));

    let again = desk.run(
        guests::STEPS,
        desk.job(&["rename new old", "write old/c.txt again"]),
    );
    committed(again.settlement);
    assert_eq!(desk.read("old/c.txt").as_deref(), Some("again\n"));
    assert_eq!(desk.read("new/c.txt"), None);
}

#[test]
fn a_run_that_does_not_leaves_no_trace() {
    let check = |guest: &str, args: &[&str]| {
        let desk = Desk::new();
        let mut job = desk.job(args);
        job.run_limits.timeout = SHORT;
        job.run_limits.memory_bytes_max = 32 << 20;
        let finished = desk.run(guest, job);
        let is_rolled_back = matches!(finished.settlement, Settlement::RolledBack);
        assert!(is_rolled_back, "{finished:?}");
        assert!(!finished.report.outcome.is_success());
        desk.scene.assert_untouched();
    };
    check(guests::STEPS, &["write a.txt changed", "no such step"]);
    check(guests::EXIT_CODE, &["exit 1"]);
    check(guests::PANIC, &[]);
    check(guests::ENDLESS_LOOP, &[]);
    check(guests::ENDLESS_CALLS, &[]);
    check(guests::OUT_OF_MEMORY, &[]);
    check(guests::DEEP_RECURSION, &[]);
    check(guests::ROGUE, &["all-files"]);
}

#[test]
fn a_dry_run_shows_and_leaves_no_trace() {
    let desk = Desk::new();
    let mut job = desk.job(&["write a.txt changed", "remove b.txt"]);
    job.policy = Policy::DryRun;
    let Settlement::DryRun { entries, diff } = desk.run(guests::STEPS, job).settlement else {
        panic!("it was a dry run");
    };
    assert_eq!(entries.len(), 2);
    assert!(diff.contains("-a\n+changed\n"), "{diff}");
    desk.scene.assert_untouched();
    let unchanged = desk.run(guests::STEPS, desk.job(&["write a.txt a"]));
    assert!(
        matches!(unchanged.settlement, Settlement::Unchanged),
        "{unchanged:?}"
    );
    desk.scene.assert_untouched();
}

#[test]
fn two_on_different_files_both_commit() {
    let desk = Desk::new();
    let first = desk.hold(&["write a.txt first"]);
    let second = desk.hold(&["write b.txt second", "write src/new.rs second"]);
    assert_eq!(committed(first.commit().expect("committed")), ["a.txt"]);
    assert_eq!(
        committed(second.commit().expect("committed")),
        ["b.txt", "src/new.rs"]
    );
    assert_eq!(desk.read("a.txt").as_deref(), Some("first\n"));
    assert_eq!(desk.read("b.txt").as_deref(), Some("second\n"));
}

#[test]
fn two_on_the_same_file_conflict_and_nothing_of_the_second_lands() {
    let desk = Desk::new();
    let first = desk.hold(&["write a.txt first"]);
    let second = desk.hold(&["write a.txt second", "write b.txt second"]);
    committed(first.commit().expect("committed"));
    let Settlement::Conflicted { conflicts, held } = second.commit().expect("settled") else {
        panic!("both changed it");
    };
    let paths: Vec<String> = conflicts.iter().map(|it| it.path.to_string()).collect();
    assert_eq!(paths, ["a.txt"]);
    assert_eq!(
        held.session().read("a.txt").expect("still open"),
        b"second\n"
    );
    assert_eq!(desk.read("a.txt").as_deref(), Some("first\n"));
    assert_eq!(desk.read("b.txt").as_deref(), Some("b\n"));
}

#[test]
fn an_outsider_is_never_overwritten() {
    let desk = Desk::new();
    let held = desk.hold(&["write a.txt session", "write b.txt session"]);
    fs::write(desk.scene.path().join("a.txt"), "outsider\n").expect("written");
    let settled = held.commit().expect("settled");
    assert!(
        matches!(settled, Settlement::Conflicted { .. }),
        "{settled:?}"
    );
    assert_eq!(desk.read("a.txt").as_deref(), Some("outsider\n"));
    assert_eq!(desk.read("b.txt").as_deref(), Some("b\n"));
}
