//! How runs end: every way has its own outcome, and the session outlives all of them.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use vfs::Status;

use super::guests::{agent, body, command, endless, keeps_streams, prints, wasm};
use super::{outcome, poll_once, request, run, runtime};
use crate::{
    Allocation, EventKind, Outcome, OutputSink, RunLimits, RunOutcome, RunRequest, Runtime,
    RuntimeOptions,
};

const PAGE: u64 = 64 << 10;

fn limited(limits: RunLimits) -> RunRequest {
    RunRequest {
        limits,
        ..request()
    }
}

#[tokio::test]
async fn a_command_succeeds_or_fails_by_what_it_returns() {
    assert_eq!(
        outcome(&body("i32.const 0")).await,
        RunOutcome::Succeeded(Outcome::default())
    );
    assert_eq!(
        outcome(&body("i32.const 1")).await,
        RunOutcome::Exited { code: 1 }
    );
}

#[tokio::test]
async fn an_agent_succeeds_or_fails_by_what_it_returns() {
    let ok =
        agent(r#"(data (i32.const 4) "\00\02\00\00\04\00\00\00") (data (i32.const 512) "done")"#);
    let done = Outcome {
        summary: "done".to_owned(),
        ..Outcome::default()
    };
    assert_eq!(outcome(&ok).await, RunOutcome::Succeeded(done));
    let err = agent(
        r#"(data (i32.const 0) "\01\00\00\00\00\02\00\00\03\00\00\00")
           (data (i32.const 512) "bad")"#,
    );
    assert_eq!(
        outcome(&err).await,
        RunOutcome::Failed {
            text: "bad".to_owned()
        }
    );
}

#[tokio::test]
async fn a_trap_says_what_the_guest_did() {
    let recursion =
        command(r#"(func $f (call $f)) (func (export "run") (result i32) (call $f) i32.const 0)"#);
    for (text, expected) in [
        (body("unreachable"), "unreachable"),
        (
            body("(i32.load (i32.const -4))"),
            "out of bounds memory access",
        ),
        (
            body("(i32.div_s (i32.const 1) (i32.const 0))"),
            "integer divide by zero",
        ),
        (recursion, "call stack exhausted"),
    ] {
        let RunOutcome::Trapped { message, .. } = outcome(&text).await else {
            panic!("no trap for {expected}");
        };
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn an_endless_loop_is_stopped() {
    let limit = Duration::from_millis(20);
    let request = limited(RunLimits {
        timeout: limit,
        ..RunLimits::default()
    });
    let session = request.session.clone();
    assert_eq!(
        run(&endless(), request).await.outcome,
        RunOutcome::TimedOut { limit }
    );
    assert_eq!(session.status(), Status::Open);
}

#[tokio::test]
async fn memory_over_the_limit_ends_the_run() {
    let gives_up = body(
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)",
    );
    let never_gives_up = body("(loop $l (drop (memory.grow (i32.const 1))) (br $l)) (unreachable)");
    let large_from_the_start =
        command(r#"(memory 9) (func (export "run") (result i32) i32.const 0)"#);
    let two_memories =
        command(r#"(memory 5) (memory 5) (func (export "run") (result i32) i32.const 0)"#);
    let limit_bytes = 8 * PAGE;
    for text in [gives_up, never_gives_up, large_from_the_start, two_memories] {
        let request = limited(RunLimits {
            memory_bytes_max: limit_bytes,
            ..RunLimits::default()
        });
        let report = run(&text, request).await;
        assert_eq!(report.outcome, RunOutcome::OutOfMemory { limit_bytes });
        assert!(report.usage.memory_bytes_peak <= limit_bytes);
        assert!(
            report
                .events
                .iter()
                .any(|event| event.kind == EventKind::Limit)
        );
    }
}

#[tokio::test]
async fn a_refused_growth_that_the_guest_lives_with_is_no_failure() {
    let text = body("(i32.ne (memory.grow (i32.const 100)) (i32.const -1))");
    let request = limited(RunLimits {
        memory_bytes_max: 8 * PAGE,
        ..RunLimits::default()
    });
    assert!(run(&text, request).await.outcome.is_success());
}

#[tokio::test]
async fn a_cancelled_run_leaves_its_session_usable() {
    let runtime = runtime();
    let spin = runtime.load(&wasm(&endless())).expect("loaded");
    let request = request();
    let (session, cancellation) = (request.session.clone(), request.cancellation.clone());
    let mut running = Box::pin(runtime.run(&spin, request));
    assert!(poll_once(&mut running).await.is_none());
    cancellation.cancel();
    assert_eq!(running.await.outcome, RunOutcome::Cancelled);
    session.write("kept", b"x").expect("still open");
    session.rollback().expect("rolled back");
}

#[tokio::test]
async fn a_dropped_run_leaves_its_session_usable_and_its_place_free() {
    let runtime = runtime();
    let spin = runtime.load(&wasm(&endless())).expect("loaded");
    let quick = runtime.load(&wasm(&body("i32.const 0"))).expect("loaded");
    for _ in 0..4 {
        let request = request();
        let session = request.session.clone();
        let mut running = Box::pin(runtime.run(&spin, request));
        assert!(poll_once(&mut running).await.is_none());
        drop(running);
        session.rollback().expect("rolled back");
    }
    assert!(runtime.run(&quick, request()).await.outcome.is_success());
}

#[tokio::test]
async fn a_run_that_is_cancelled_beforehand_does_not_begin() {
    let request = request();
    request.cancellation.cancel();
    assert_eq!(
        run(&endless(), request).await.outcome,
        RunOutcome::Cancelled
    );
}

#[tokio::test]
async fn a_full_machine_refuses_and_then_admits_again() {
    let runtime = runtime();
    let spin = runtime.load(&wasm(&endless())).expect("loaded");
    let quick = runtime.load(&wasm(&body("i32.const 0"))).expect("loaded");
    let mut first = Box::pin(runtime.run(&spin, request()));
    let mut second = Box::pin(runtime.run(&spin, request()));
    assert!(poll_once(&mut first).await.is_none());
    assert!(poll_once(&mut second).await.is_none());
    let RunOutcome::Refused(full) = runtime.run(&quick, request()).await.outcome else {
        panic!("a third run was admitted");
    };
    assert_eq!((full.instances_max, full.waiting_max), (2, 0));
    drop(first);
    assert!(runtime.run(&quick, request()).await.outcome.is_success());
}

#[tokio::test]
async fn a_run_in_line_begins_when_a_place_is_free() {
    let options = RuntimeOptions {
        instances_max: 1,
        waiting_max: 1,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::new(options).expect("a runtime");
    let spin = runtime.load(&wasm(&endless())).expect("loaded");
    let quick = runtime.load(&wasm(&body("i32.const 0"))).expect("loaded");
    let mut first = Box::pin(runtime.run(&spin, request()));
    assert!(poll_once(&mut first).await.is_none());
    let mut second = Box::pin(runtime.run(&quick, request()));
    assert!(poll_once(&mut second).await.is_none());
    let third = runtime.run(&quick, request()).await.outcome;
    assert!(matches!(third, RunOutcome::Refused(_)));
    drop(first);
    assert!(second.await.outcome.is_success());
}

/// CVE-2026-34988 and CVE-2022-39393: a pooled memory kept what the tenant before had written.
/// Guaranteed now: whatever one run leaves in its memory, the next one finds zeros.
#[tokio::test]
async fn a_memory_is_zero_for_the_next_tenant() {
    let options = RuntimeOptions {
        instances_max: 1,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::new(options).expect("a runtime");
    assert_eq!(runtime.allocation(), Allocation::Pooled);
    let grow = "(drop (memory.grow (i32.const 47)))";
    let fill = body(&format!(
        "{grow} (memory.fill (i32.const 0) (i32.const 165) (i32.const 3145728)) (i32.const 0)"
    ));
    let scan = command(&format!(
        r#"(memory 1) (func (export "run") (result i32) (local $at i32) {grow}
            (loop $next
                (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (unreachable)))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (br_if $next (i32.lt_u (local.get $at) (i32.const 3145728))))
            (i32.const 0))"#
    ));
    let fill = runtime.load(&wasm(&fill)).expect("loaded");
    let scan = runtime.load(&wasm(&scan)).expect("loaded");
    for _ in 0..3 {
        assert!(runtime.run(&fill, request()).await.outcome.is_success());
        assert_eq!(
            runtime.run(&scan, request()).await.outcome,
            RunOutcome::Succeeded(Outcome::default())
        );
    }
}

#[tokio::test]
async fn output_reaches_the_sink_and_is_bounded() {
    let sink = Arc::new(Mutex::new(Vec::new()));
    let limits = RunLimits {
        output_bytes_max: 7,
        ..RunLimits::default()
    };
    let request = RunRequest {
        stdout: sink.clone(),
        ..limited(limits)
    };
    let report = run(&prints("abc", 1_000), request).await;
    assert!(report.outcome.is_success());
    assert_eq!(*sink.lock(), b"abcabca");
    assert_eq!(report.usage.output_bytes_dropped, 2_993);
    assert_eq!(report.events.len(), 1);
}

#[tokio::test]
async fn a_panic_of_the_host_ends_only_the_run() {
    struct Broken;
    impl OutputSink for Broken {
        fn write(&self, _bytes: &[u8]) {
            panic!("the sink is broken");
        }
    }
    let request = RunRequest {
        stdout: Arc::new(Broken),
        ..request()
    };
    let session = request.session.clone();
    let report = run(&prints("abc", 1), request).await;
    assert_eq!(
        report.outcome,
        RunOutcome::Internal {
            message: "the sink is broken".to_owned()
        }
    );
    session.rollback().expect("still open");
}

#[tokio::test]
async fn a_call_that_hands_over_too_much_is_stopped() {
    let request = limited(RunLimits {
        hostcall_bytes_max: 2,
        ..RunLimits::default()
    });
    let outcome = run(&prints("abc", 1), request).await.outcome;
    let RunOutcome::Trapped { message, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("fuel"), "{message}");
}

#[tokio::test]
async fn a_guest_that_keeps_every_handle_is_stopped() {
    let request = limited(RunLimits {
        handles_max: 8,
        ..RunLimits::default()
    });
    let outcome = run(&keeps_streams(), request).await.outcome;
    let RunOutcome::Trapped { message, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("table"), "{message}");
}

#[tokio::test]
async fn a_run_may_move_between_threads() {
    let running = tokio::spawn(async { outcome(&body("i32.const 0")).await });
    assert!(running.await.expect("no panic").is_success());
}
