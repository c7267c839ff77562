//! A thread that prints, so that nobody else waits for a reader who does not read.
//!
//! What is printed goes through a queue. Whoever fills it is told when there is room again, and
//! can give up waiting; the thread itself cannot, and is left behind when the process ends.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Bytes that wait to be printed; who would print more waits.
const QUEUE_BYTES_MAX: usize = 256 << 10;

/// Prints one text.
type Print = Box<dyn FnOnce() + Send>;

/// A queue of what is to be printed. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Printer {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(usize, Print)>,
    /// Of everything that is not printed yet.
    bytes: usize,
    has_thread: bool,
    waiting: Vec<Waker>,
}

impl Printer {
    /// Has a text of so many bytes printed after all before it. Does not wait.
    pub(super) fn print(&self, bytes: usize, print: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.lock();
        if !state.has_thread {
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name("printer".to_owned());
            if thread.spawn(move || shared.run()).is_err() {
                drop(state);
                print();
                return;
            }
            state.has_thread = true;
        }
        state.bytes += bytes.max(1);
        state.queue.push_back((bytes.max(1), Box::new(print)));
        drop(state);
        self.shared.filled.notify_one();
    }

    /// Bytes that may be printed now.
    pub(super) fn room(&self) -> usize {
        QUEUE_BYTES_MAX.saturating_sub(self.shared.lock().bytes)
    }

    /// Waits until more may be printed.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_bytes(QUEUE_BYTES_MAX - 1, context)
    }

    /// Waits until everything is printed.
    pub(super) async fn printed(&self) {
        poll_fn(|context| self.poll_bytes(0, context)).await;
    }

    /// Waits until no more than so many bytes are left to print.
    fn poll_bytes(&self, bytes_max: usize, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.bytes <= bytes_max {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|it| it.will_wake(context.waker())) {
            state.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints for as long as the process lives.
    fn run(&self) {
        loop {
            let mut state = self.lock();
            let (bytes, print) = loop {
                match state.queue.pop_front() {
                    Some(next) => break next,
                    None => {
                        let woken = self.filled.wait(state);
                        state = woken.unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(state);
            print();
            let mut state = self.lock();
            state.bytes -= bytes;
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn who_prints_is_held_back_by_a_full_queue_and_never_blocked() {
        let printer = Printer::default();
        let (release, released) = mpsc::channel::<()>();
        let (sender, printed) = mpsc::channel();
        printer.print(QUEUE_BYTES_MAX, move || {
            released.recv().expect("released");
            sender.send(()).expect("heard");
        });
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(printer.room(), 0);
        assert!(printer.poll_room(&mut context).is_pending());
        release.send(()).expect("waits");
        printed.recv().expect("printed");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(printer.printed());
        assert_eq!(printer.room(), QUEUE_BYTES_MAX);
        assert!(printer.poll_room(&mut context).is_ready());
    }
}
