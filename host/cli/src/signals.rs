//! Ctrl-C and its kin: the first stops the run, so that its session is rolled back; the second
//! kills the process. During a commit neither does: killed there, it would leave half of it.
//!
//! **Invariant:** nothing here waits for whoever reads what is printed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime::Cancellation;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::{Code, Failure};
use crate::output::Output;

/// Signals that end a program unless it is in the middle of something.
const NUMBERS: [(u8, &str); 3] = [(1, "SIGHUP"), (2, "SIGINT"), (15, "SIGTERM")];

/// Hears the signals of the process for as long as the runtime lives.
#[derive(Clone)]
pub(crate) struct Signals {
    heard: watch::Receiver<Option<u8>>,
    cancellation: Cancellation,
    /// Locked while the process is killed, so that no commit begins just then.
    is_committing: Arc<Mutex<bool>>,
}

impl Signals {
    /// Starts to listen; needs a tokio runtime.
    pub(crate) fn listen(output: &Arc<Output>) -> Result<Self, Failure> {
        let (sender, heard) = watch::channel(None);
        let sender = Arc::new(sender);
        let signals = Self {
            heard,
            cancellation: Cancellation::new(),
            is_committing: Arc::default(),
        };
        for (number, name) in NUMBERS {
            let mut stream = signal(SignalKind::from_raw(number.into())).map_err(|error| {
                Failure::new(Code::Failed, format!("cannot listen for {name}: {error}"))
            })?;
            let (sender, signals, output) = (sender.clone(), signals.clone(), output.clone());
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    signals.take(&sender, number, name, &output);
                }
            });
        }
        Ok(signals)
    }

    /// What stops the run.
    pub(crate) fn cancellation(&self) -> Cancellation {
        self.cancellation.clone()
    }

    /// The first signal that came, if one has.
    pub(crate) fn number(&self) -> Option<u8> {
        *self.heard.borrow()
    }

    /// Waits for the first signal.
    pub(crate) async fn first(&self) -> u8 {
        let mut heard = self.heard.clone();
        match heard.wait_for(Option::is_some).await.map(|number| *number) {
            Ok(Some(number)) => number,
            // The listeners are gone, and with them every signal.
            _ => std::future::pending().await,
        }
    }

    /// From now on the base is being changed, which is not to be cut short.
    pub(crate) fn committing(&self) {
        *self.commit() = true;
    }

    /// The base is not being changed any more.
    pub(crate) fn committed(&self) {
        *self.commit() = false;
    }

    /// Waits for a signal after this.
    pub(crate) async fn next(&self) -> u8 {
        let mut heard = self.heard.clone();
        heard.mark_unchanged();
        match heard.changed().await.map(|()| self.number()) {
            Ok(Some(number)) => number,
            _ => std::future::pending().await,
        }
    }

    fn commit(&self) -> MutexGuard<'_, bool> {
        self.is_committing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn take(
        &self,
        sender: &watch::Sender<Option<u8>>,
        number: u8,
        name: &str,
        output: &Arc<Output>,
    ) {
        let is_committing = self.commit();
        let reaction = reaction(*is_committing, self.number());
        if reaction == Reaction::Kill {
            std::process::exit(Code::Signal(number).number().into());
        }
        drop(is_committing);
        sender.send_replace(self.number().or(Some(number)));
        self.cancellation.cancel();
        output.aside(match reaction {
            Reaction::Stop => format!("{name}: stopping; once more kills the process\n"),
            _ => format!("{name}: the commit is under way and ends by itself\n"),
        });
    }
}

/// What a signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Stop,
    Wait,
    Kill,
}

fn reaction(is_committing: bool, earlier: Option<u8>) -> Reaction {
    match (is_committing, earlier) {
        (true, _) => Reaction::Wait,
        (false, None) => Reaction::Stop,
        (false, Some(_)) => Reaction::Kill,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_signals_ends_a_commit_half_way() {
        let check = |is_committing, earlier, expected| {
            assert_eq!(reaction(is_committing, earlier), expected);
        };
        check(false, None, Reaction::Stop);
        check(false, Some(2), Reaction::Kill);
        check(true, None, Reaction::Wait);
        // A closed terminal sends SIGHUP twice, and wrappers pass Ctrl-C on.
        check(true, Some(1), Reaction::Wait);
    }
}
