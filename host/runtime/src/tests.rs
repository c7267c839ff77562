//! Tests of whole runs, with small components written as text.

mod authority;
mod files;
mod guestless;
mod guests;
mod load;
mod outcomes;
mod preview1;

use std::sync::Arc;
use std::task::Poll;

use vfs::{EmptyBase, Session, SessionOptions};

pub(crate) use self::authority::TestAuthority;
pub(crate) use self::guestless::Run;
use crate::{RunOutcome, RunReport, RunRequest, Runtime, RuntimeOptions};

/// An empty session over nothing.
pub(crate) fn session(id: &str) -> Session {
    let options = SessionOptions {
        id: id.to_owned(),
        ..SessionOptions::default()
    };
    Session::begin(Arc::new(EmptyBase::new("vfs://test")), options)
}

fn runtime() -> Runtime {
    let options = RuntimeOptions {
        instances_max: 2,
        waiting_max: 0,
        ..RuntimeOptions::default()
    };
    Runtime::new(options).expect("a runtime")
}

fn request() -> RunRequest {
    RunRequest::new(session("own"), TestAuthority::new())
}

/// Runs a component given as text.
async fn run(text: &str, request: RunRequest) -> RunReport {
    let runtime = runtime();
    let agent = runtime
        .load(&guests::wasm(text))
        .expect("a component that loads");
    runtime.run(&agent, request).await
}

async fn outcome(text: &str) -> RunOutcome {
    run(text, request()).await.outcome
}

/// Polls a future a single time.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut future = std::pin::Pin::new(future);
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}
