//! The interface `session-fs` over the session engine: translation only, every rule is the session's.

mod begun;
mod convert;
mod errors;
mod resource;

pub(crate) use self::begun::BegunSessions;
pub(crate) use self::errors::SessionError;
#[expect(
    unreachable_pub,
    reason = "the generated bindings name it in a re-export"
)]
pub use self::resource::SessionHandle;

#[cfg(test)]
mod tests;
