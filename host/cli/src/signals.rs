//! Ctrl-C and its kin: the first stops the run, so that its session is rolled back; the second
//! kills the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    is_settling: Arc<AtomicBool>,
}

impl Signals {
    /// Starts to listen; needs a tokio runtime.
    pub(crate) fn listen(output: &Arc<Output>) -> Result<Self, Failure> {
        let (sender, heard) = watch::channel(None);
        let sender = Arc::new(sender);
        let signals = Self {
            heard,
            cancellation: Cancellation::new(),
            is_settling: Arc::default(),
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

    /// From now on the base may be changing, which is not to be cut short.
    pub(crate) fn settling(&self) {
        self.is_settling.store(true, Ordering::Relaxed);
    }

    fn take(&self, sender: &watch::Sender<Option<u8>>, number: u8, name: &str, output: &Output) {
        if self.number().is_some() {
            std::process::exit(Code::Signal(number).number().into());
        }
        let what = if self.is_settling.load(Ordering::Relaxed) {
            "settling is under way and ends by itself"
        } else {
            "stopping the run"
        };
        output.say(&format!("{name}: {what}; once more kills the process\n"));
        sender.send_replace(Some(number));
        self.cancellation.cancel();
    }
}
