//! The one line on a terminal that says what is being done. Nowhere else is there any.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(100);

/// A spinner, or nothing where nobody looks.
pub(super) struct Progress {
    is_shown: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    pub(super) fn new(is_shown: bool) -> Self {
        Self {
            is_shown,
            bar: Mutex::new(None),
        }
    }

    pub(super) fn stage(&self, what: &'static str) {
        if !self.is_shown {
            return;
        }
        self.clear();
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(what);
        bar.enable_steady_tick(TICK);
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    /// Takes the line away before something else is printed.
    pub(super) fn clear(&self) {
        if let Some(bar) = self
            .bar
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            bar.finish_and_clear();
        }
    }
}
