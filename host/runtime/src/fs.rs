//! `wasi:filesystem` 0.2 over a session: translation only, every rule is the session's own.

mod errors;
mod flags;
mod preopens;
mod streams;
mod types;

pub(crate) use self::errors::FsError;
pub(crate) use self::preopens::MOUNT;

#[cfg(test)]
mod tests;
