//! What an agent of the world `agent` finds behind `session-fs`: one guest per subject.

use runtime::{AgentKind, RunOutcome};
use vfs::Status;

use crate::support::{GRANTED, Ground, Item, NOT_GRANTED, Plan, Ran, SHORT, guests, load, runtime};

fn plan(guest: &'static str) -> Plan {
    Plan::new(guest)
        .parameter("granted", GRANTED)
        .parameter("secret", NOT_GRANTED)
}

/// The summary of an agent that did well over a directory and over memory.
#[track_caller]
fn summary(plan: &Plan) -> (Ran, String) {
    let ran = plan.passes();
    assert_ne!(
        ran.session.status(),
        Status::RolledBack,
        "the caller settles it"
    );
    match &ran.report.outcome {
        RunOutcome::Succeeded(outcome) => {
            let summary = outcome.summary.clone();
            (ran, summary)
        }
        _ => panic!("{}", ran.story()),
    }
}

#[test]
fn a_session_over_a_granted_base() {
    let (ran, grant) = summary(&plan(guests::AGENT_BEGIN));
    assert_eq!(
        grant,
        format!("begin={NOT_GRANTED}"),
        "the refusal names the grant"
    );
    assert_eq!(ran.changes(), [""; 0]);
    assert_eq!(ran.statuses(), [Status::Committed("change".to_owned())]);
    ran.assert_event("the base was not granted");
}

#[test]
fn committing_takes_a_grant() {
    let (ran, text) = summary(&plan(guests::AGENT_COMMIT));
    assert!(text.contains("not granted to this task"), "{text}");
    assert_eq!(ran.session.status(), Status::Open);
    assert_eq!(ran.changes(), ["created file a"]);

    let ran = plan(guests::AGENT_COMMIT)
        .may_commit()
        .run(Ground::Directory);
    ran.assert_success();
    assert_eq!(ran.session.status(), Status::Committed("change".to_owned()));
}

#[test]
fn every_error_has_its_type_and_path() {
    summary(&plan(guests::AGENT_ERRORS).items(&[Item::Binary("binary", b"\xFF")]));
}

#[test]
fn std_and_the_handle_are_one_session() {
    let (ran, diff) = summary(&plan(guests::AGENT_FACES));
    assert!(
        diff.contains("+++ b/by-handle") && diff.contains("directory/by-std"),
        "{diff}"
    );
    let changes = [
        "created file by-handle",
        "created directory directory",
        "created file directory/by-std",
    ];
    assert_eq!(ran.changes(), changes);
}

#[test]
fn every_operation_on_files() {
    let (_, walked) = summary(&plan(guests::AGENT_FILES));
    assert_eq!(
        walked,
        "copy copy/file copy/link copy/new moved moved/file moved/new"
    );
}

#[test]
fn forks_go_their_own_way() {
    let (ran, text) = summary(&plan(guests::AGENT_FORKS));
    assert_eq!(text, "own");
    assert_eq!(ran.statuses(), [Status::RolledBack, Status::RolledBack]);
}

#[test]
fn handles_are_counted_and_cannot_be_forged() {
    let (ran, text) =
        summary(&plan(guests::AGENT_HANDLES).run_limits(|limits| limits.sessions_max = 20));
    assert_eq!(text, "20 at once");
    assert!(
        ran.statuses()
            .iter()
            .all(|status| *status == Status::RolledBack)
    );
    ran.assert_event("only sessions of this run can be opened");
}

#[test]
fn nested_sessions() {
    let (ran, _) = summary(&plan(guests::AGENT_NESTED));
    let changes = ["created file a", "created file b", "created file c"];
    assert_eq!(ran.changes(), changes);
    assert_eq!(ran.session.read("a").expect("read"), b"early");
    let open = ran
        .statuses()
        .into_iter()
        .filter(|status| *status == Status::Open);
    assert_eq!(open.count(), 0, "none outlives the run");
}

#[test]
fn a_session_whose_parent_ended_says_so() {
    let (ran, text) = summary(&plan(guests::AGENT_ORPHANS));
    assert!(text.contains("was rolled back"), "{text}");
    assert_eq!(ran.changes(), ["created file kept"]);
    assert!(
        !ran.statuses().contains(&Status::Open),
        "none outlives the run"
    );
}

#[test]
fn conflicts_say_why() {
    let (ran, _) = summary(&plan(guests::AGENT_REASONS));
    assert_eq!(ran.session.read("text").expect("read"), b"three");
}

#[test]
fn savepoints() {
    let (ran, text) = summary(&plan(guests::AGENT_SAVEPOINTS));
    assert_eq!(text, "one more");
    assert_eq!(ran.changes(), ["created file a"]);
    ran.assert_event("savepoints");
}

#[test]
fn searching_and_showing_changes() {
    let items = [
        Item::File("src/old.rs", "one\ntwo\n"),
        Item::File("notes.txt", "todo\n"),
    ];
    let (ran, _) = summary(&plan(guests::AGENT_SEARCH).items(&items));
    assert_eq!(
        ran.changes(),
        ["created file src/new.rs", "modified file src/old.rs"]
    );
    let diff = ran.session.diff().expect("shown");
    assert!(diff.contains("-two\n+2\n"), "{diff}");
}

#[test]
fn the_end_of_an_agent() {
    assert_eq!(load(runtime(), guests::AGENT_ENDS).kind(), AgentKind::Agent);
    let run = |how: &str| {
        let mut plan = plan(guests::AGENT_ENDS).parameter("how", how);
        if how == "loop" {
            plan = plan.run_limits(|limits| limits.timeout = SHORT);
        }
        let ran = plan.run(Ground::Directory);
        assert_eq!(
            ran.statuses(),
            [Status::RolledBack],
            "{how}: what it left behind is gone"
        );
        assert_eq!(
            ran.session.status(),
            Status::Open,
            "{how}: the caller settles its own"
        );
        ran
    };
    let RunOutcome::Succeeded(outcome) = run("ok").report.outcome else {
        panic!("it did well");
    };
    assert_eq!(outcome.summary, "well");
    assert_eq!(outcome.details, [("count".to_owned(), "3".to_owned())]);
    assert_eq!(outcome.report.as_deref(), Some("# Long\n"));
    let RunOutcome::Failed { text } = run("error").report.outcome else {
        panic!("it failed");
    };
    assert_eq!(text, "doing the task: too bad");
    let ran = run("panic");
    ran.assert_trap("unreachable");
    assert!(ran.stderr.contains("the agent gives up"), "{}", ran.story());
    assert_eq!(
        run("exit").report.outcome,
        RunOutcome::Exited { code: 0 },
        "it did not return"
    );
    assert_eq!(
        run("loop").report.outcome,
        RunOutcome::TimedOut { limit: SHORT }
    );
}
