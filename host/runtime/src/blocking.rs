//! Long work in the middle of a run, which must neither stall other runs nor outlive its own.
//!
//! A run that is dropped while its commit went on elsewhere would be settled twice. So the work
//! stays on the thread of the run, and the other tasks of that thread are moved away.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does work that blocks, on this thread; other tasks of a multi-threaded tokio runtime go on.
///
/// On a current-thread runtime they wait, and without a runtime there are none.
///
/// # Panics
///
/// In a task of a `LocalSet` on a multi-threaded runtime, whose tasks cannot be moved.
pub fn blocking<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
