//! A gate at which runs wait until all of them are there: then they are all alive at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use runtime::OutputSink;

/// Opens when so many runs have arrived, and tells somebody just before.
pub(crate) struct Gate {
    count: usize,
    state: Mutex<State>,
    on_all: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    arrived_count: usize,
    waiting: Vec<Waker>,
    is_open: bool,
}

/// The output of one run, which has no room before the gate opens.
pub(crate) struct AtGate {
    gate: Arc<Gate>,
    has_arrived: AtomicBool,
}

impl Gate {
    pub(crate) fn new(count: usize, on_all: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            count,
            state: Mutex::default(),
            on_all: Box::new(on_all),
        })
    }

    pub(crate) fn output(self: &Arc<Self>) -> Arc<AtGate> {
        Arc::new(AtGate {
            gate: self.clone(),
            has_arrived: AtomicBool::new(false),
        })
    }
}

impl OutputSink for AtGate {
    fn write(&self, _bytes: &[u8]) {}

    fn room(&self) -> usize {
        match self.gate.state.lock().is_open {
            true => 1 << 10,
            false => 0,
        }
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.gate.state.lock();
        if !self.has_arrived.swap(true, Ordering::Relaxed) {
            state.arrived_count += 1;
        }
        if state.is_open {
            return Poll::Ready(());
        }
        if state.arrived_count < self.gate.count {
            state.waiting.push(context.waker().clone());
            return Poll::Pending;
        }
        (self.gate.on_all)();
        state.is_open = true;
        state.waiting.drain(..).for_each(Waker::wake);
        Poll::Ready(())
    }
}
