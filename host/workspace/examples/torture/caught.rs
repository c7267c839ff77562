//! Panics that are caught: the message of one, without what the others say of it.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Does something that may panic; the error is what the panic says, and where.
pub(crate) fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        panic::set_hook(Box::new(|info| {
            MESSAGE.with(|message| *message.borrow_mut() = info.to_string());
        }));
    });
    panic::catch_unwind(AssertUnwindSafe(act)).map_err(|_| MESSAGE.take())
}
