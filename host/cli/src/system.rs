//! What only the command line may ask the system: the time, randomness, its own environment.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;
use vfs::{Clock, Timestamp};
use workspace::IdSource;

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that the others are given"
    )]
    fn now(&self) -> Timestamp {
        let nanoseconds = |span: Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
        let now = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => nanoseconds(after),
            Err(before) => -nanoseconds(before.duration()),
        };
        Timestamp::from_nanoseconds(now).unwrap_or_default()
    }
}

/// Identities that no two processes share. They are random from the first digit on, so that a few digits
/// name a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomIds;

impl IdSource for RandomIds {
    fn session_id(&self) -> String {
        Uuid::new_v4().simple().to_string()
    }

    fn number(&self) -> u64 {
        // The lower half of it is random but for two bits.
        Uuid::new_v4().as_u64_pair().1
    }

    fn secret(&self) -> [u8; 32] {
        let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(first.as_bytes());
        secret[16..].copy_from_slice(second.as_bytes());
        secret
    }
}

/// What others read of this process where they wait for it.
pub(crate) fn owner(command: &str) -> String {
    format!("process {} (session-fs {command})", process_id())
}

/// The number of this process.
pub(crate) fn process_id() -> u32 {
    std::process::id()
}

/// How long something takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line measures for the person"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The directory that the process was started in; `None` when it is gone.
pub(crate) fn current_dir() -> Option<std::path::PathBuf> {
    std::env::current_dir().ok()
}

/// A variable of the environment; unset and empty are the same, and so is what is not UTF-8.
#[expect(
    clippy::disallowed_methods,
    reason = "only the command line reads the environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable of the environment, whatever it holds; `None` when it is not set.
#[expect(
    clippy::disallowed_methods,
    reason = "only the command line reads the environment"
)]
pub(crate) fn variable_as_it_is(name: &str) -> Option<std::ffi::OsString> {
    // The system takes neither for a name.
    let is_name = !name.contains(['=', '\0']);
    is_name.then(|| std::env::var_os(name)).flatten()
}

/// A variable that names a path; one that is not absolute is ignored, as XDG asks for.
#[expect(
    clippy::disallowed_methods,
    reason = "only the command line reads the environment"
)]
pub(crate) fn absolute_path(name: &str) -> Option<std::path::PathBuf> {
    let path = std::path::PathBuf::from(std::env::var_os(name)?);
    path.is_absolute().then_some(path)
}
