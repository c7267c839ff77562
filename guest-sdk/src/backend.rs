//! Where a session lives: in the host for a component, in this process for a native unit test.
//!
//! Both modules offer a `RawSession` with the same methods, so that `Session` above them is one.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{Mounted, RawSession};
#[cfg(target_family = "wasm")]
pub(crate) use wasm::RawSession;
#[cfg(target_family = "wasm")]
pub use wasm::{Adapter, bindings};
