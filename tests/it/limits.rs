//! Guests that never end, take everything or break: each ends with a typed outcome, and its session
//! is still there to be rolled back.

use std::sync::Arc;

use runtime::{RunOutcome, Runtime, RuntimeOptions};

use crate::support::{Ground, Plan, Ran, SHORT, Scene, guests, load, runtime};

/// What a guest that was stopped leaves can be seen, and thrown away.
#[track_caller]
fn assert_settles(ran: &Ran, changes: &[&str]) {
    assert_eq!(ran.changes(), changes);
    ran.session.rollback().expect("rolled back");
    assert!(
        ran.session.read("written").is_err(),
        "the session is closed"
    );
}

fn stopped(guest: &'static str) -> Ran {
    Plan::new(guest)
        .run_limits(|limits| limits.timeout = SHORT)
        .run(Ground::Directory)
}

#[test]
fn a_panic_is_a_trap_with_its_message() {
    let ran = Plan::new(guests::PANIC).run(Ground::Directory);
    ran.assert_trap("unreachable");
    assert!(
        ran.stderr.contains("the guest gives up on 1"),
        "{}",
        ran.story()
    );
    assert_settles(&ran, &["created file written"]);
}

#[test]
fn an_endless_loop_is_stopped() {
    let ran = stopped(guests::ENDLESS_LOOP);
    assert_eq!(ran.report.outcome, RunOutcome::TimedOut { limit: SHORT });
    assert_settles(&ran, &["created file written"]);
}

#[test]
fn endless_calls_of_the_host_are_stopped() {
    let ran = stopped(guests::ENDLESS_CALLS);
    assert_eq!(ran.report.outcome, RunOutcome::TimedOut { limit: SHORT });
    ran.session.rollback().expect("rolled back");
}

#[test]
fn an_endless_sleep_is_stopped() {
    let ran = stopped(guests::ENDLESS_SLEEP);
    assert_eq!(ran.report.outcome, RunOutcome::TimedOut { limit: SHORT });
}

#[test]
fn a_run_is_cancelled_from_outside() {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    tokio.expect("tokio starts").block_on(async {
        for guest in [
            guests::ENDLESS_LOOP,
            guests::ENDLESS_CALLS,
            guests::ENDLESS_SLEEP,
        ] {
            let scene = Scene::new(&[]);
            let plan = Plan::new(guest);
            let agent = load(runtime(), guest);
            let session = plan.session(Ground::Directory, &scene);
            let cancel = async {
                // As soon as the guest has had its first turn.
                tokio::task::yield_now().await;
                plan.cancel();
            };
            let (ran, ()) = tokio::join!(plan.start(runtime(), &agent, session), cancel);
            assert_eq!(ran.report.outcome, RunOutcome::Cancelled, "{}", ran.story());
            ran.session.rollback().expect("rolled back");
            scene.assert_untouched();
        }
    });
}

#[test]
fn endless_printing_is_bounded_and_stopped() {
    let limited = Plan::new(guests::ENDLESS_PRINT).run_limits(|limits| {
        limits.timeout = SHORT;
        limits.output_bytes_max = 10_000;
    });
    let ran = limited.run(Ground::Memory);
    assert_eq!(ran.report.outcome, RunOutcome::TimedOut { limit: SHORT });
    assert_eq!(ran.stdout.len(), 10_000);
    assert!(ran.report.usage.output_bytes_dropped > 0);
    ran.assert_event("output over 10000 bytes was dropped");
}

#[test]
fn memory_without_end_is_refused() {
    let limit_bytes = 64 << 20;
    let ran = Plan::new(guests::OUT_OF_MEMORY)
        .run_limits(|limits| limits.memory_bytes_max = limit_bytes)
        .run(Ground::Memory);
    assert_eq!(
        ran.report.outcome,
        RunOutcome::OutOfMemory { limit_bytes },
        "{}",
        ran.story()
    );
    let peak = ran.report.usage.memory_bytes_peak;
    assert!(peak <= limit_bytes && peak > limit_bytes / 2, "{peak}");
    ran.assert_event("67108864 bytes of memory");
}

#[test]
fn recursion_without_end_is_a_trap() {
    for size in ["large", "small"] {
        let ran = Plan::new(guests::DEEP_RECURSION)
            .args(&[size])
            .run(Ground::Memory);
        ran.assert_trap("");
    }
}

#[test]
fn open_handles_are_counted() {
    let ran = Plan::new(guests::OPEN_WITHOUT_CLOSE)
        .session_limits(|limits| limits.open_handles_max = 50)
        .passes();
    let count: usize = ran
        .stdout
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a count");
    assert!((45..=50).contains(&count), "{count} and the root");
    ran.assert_event("open-handles");
    assert_eq!(ran.changes(), ["created file a", "created file b"]);
}

#[test]
fn a_full_session_refuses_and_goes_on() {
    let ran = Plan::new(guests::QUOTA)
        .session_limits(|limits| limits.memory_bytes_max = 8 << 20)
        .passes();
    let written: u64 = ran
        .stdout
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a figure");
    assert!((6..=8).contains(&written), "{}", ran.story());
    ran.assert_event("session-memory-bytes");
    assert!(ran.session.meter().peak() <= 8 << 20);
}

#[test]
fn memory_of_a_dead_guest_is_not_seen_by_the_next() {
    // Room for one: the second guest gets the very memory of the first.
    let options = RuntimeOptions {
        instances_max: 1,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::new(options).expect("a runtime");
    let scene = Scene::new(&[]);
    let run = |arg: &str| {
        let plan = Plan::new(guests::CANARY).args(&[arg]);
        plan.run_on(&runtime, plan.session(Ground::Memory, &scene))
    };
    run("leave").assert_trap("unreachable");
    let ran = run("look");
    ran.assert_success();
    assert_eq!(ran.stdout, "0 bytes of somebody else\n");
}

#[test]
fn many_runs_at_once_do_not_meet() {
    let agent = load(runtime(), guests::READ_WRITE);
    let given = |plan: Plan| plan.file("given.txt", "given\nby the base\n");
    let plan = Arc::new(given(Plan::new(guests::READ_WRITE)));
    let scene = Scene::new(plan.laid());
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build();
    threads.expect("tokio starts").block_on(async {
        let mut runs = Vec::new();
        for _ in 0..32 {
            let session = plan.session(Ground::Directory, &scene);
            let (plan, agent) = (plan.clone(), agent.clone());
            runs.push(tokio::spawn(async move {
                plan.start(runtime(), &agent, session).await
            }));
        }
        for run in runs {
            let ran = run.await.expect("the host does not panic");
            ran.assert_success();
            assert_eq!(ran.changes().len(), 4);
        }
    });
    scene.assert_untouched();
}
