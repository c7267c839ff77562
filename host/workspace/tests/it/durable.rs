//! Durable sessions from outside: what is there after the process that had them is gone.

mod commits;
mod crashes;
mod expiry;
mod faults;
mod life;
mod model;
mod owners;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir as HostDir;
use cap_tempfile::TempDir;
use parking_lot::Mutex;
use session_fs_workspace::durable::{DurableContext, DurableLimits, Outcomes, SessionId};
use session_fs_workspace::{ChangeId, DurableError, DurableOptions, DurableSession, DurableStore};
use store::disk::{Dir, RealDir};
use vfs::{Base, Clock, EmptyBase, Limits, Metadata, Session, SessionOptions, Timestamp};

/// Bytes of content that the sessions of these tests keep in memory.
const SPILL_BYTES_MIN: u64 = 64 << 10;

/// A folder of sessions over an empty base, the time, and what is known of commits.
struct Sessions {
    folder: TempDir,
    clock: Arc<TestClock>,
    outcomes: Arc<TestOutcomes>,
}

/// A clock that is set by hand.
#[derive(Debug, Default)]
struct TestClock(Mutex<i64>);

/// What a history would know.
#[derive(Debug, Default)]
struct TestOutcomes(Mutex<BTreeMap<String, ChangeId>>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp {
            seconds: *self.0.lock(),
            nanoseconds: 0,
        }
    }
}

impl Outcomes for TestOutcomes {
    fn outcome(&self, session: &SessionId) -> io::Result<Option<ChangeId>> {
        Ok(self.0.lock().get(session.as_str()).copied())
    }
}

impl Sessions {
    fn new() -> Self {
        let memory = HostDir::open_ambient_dir("/dev/shm", ambient_authority());
        let folder = memory.and_then(|memory| TempDir::new_in(&memory));
        let folder = folder.or_else(|_| TempDir::new(ambient_authority()));
        Self {
            folder: folder.expect("a folder"),
            clock: Arc::default(),
            outcomes: Arc::default(),
        }
    }

    fn dir(&self) -> Arc<dyn Dir> {
        RealDir::open(self.folder.try_clone().expect("a handle")).expect("a directory")
    }

    fn store(&self) -> DurableStore {
        self.store_of("a test", self.dir())
    }

    fn store_of(&self, owner: &str, dir: Arc<dyn Dir>) -> DurableStore {
        let context = DurableContext {
            key: [5; 32],
            clock: self.clock.clone(),
            owner: owner.to_owned(),
            outcomes: self.outcomes.clone(),
            limits: DurableLimits {
                retention_ms: 1_000_000,
                ..DurableLimits::default()
            },
        };
        DurableStore::new(dir, context)
    }

    fn begin(&self, id: &str) -> DurableSession {
        begin(&self.store(), id).expect("begins")
    }

    fn open(&self, id: &str) -> DurableSession {
        open(&self.store(), id).expect("opens")
    }

    fn open_error(&self, id: &str) -> DurableError {
        open(&self.store(), id).expect_err("it cannot be opened")
    }

    /// The names in the folder of sessions, or in that of one.
    fn names(&self, path: &str) -> Vec<String> {
        let entries = self.folder.read_dir(path).expect("a listing");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names.map(|n| n.into_string().expect("plain")).collect();
        names.sort();
        names
    }

    fn pass_ms(&self, ms: i64) {
        *self.clock.0.lock() += ms / 1_000;
    }
}

fn id(text: &str) -> SessionId {
    SessionId::new(text).expect("a plain id")
}

fn base() -> Arc<dyn Base> {
    Arc::new(EmptyBase::new("vfs://nothing"))
}

fn options(id: &str) -> SessionOptions {
    SessionOptions {
        id: id.to_owned(),
        file_system_id: 77,
        limits: Limits {
            memory_bytes_max: 4 << 20,
            ..Limits::default()
        },
        metadata: Metadata {
            purpose: Some(format!("test {id}")),
            agent: Some("an agent".to_owned()),
            task_id: Some("a task".to_owned()),
            labels: vec![("name".to_owned(), "value".to_owned())],
            created_at: Timestamp {
                seconds: 3,
                nanoseconds: 4,
            },
        },
        ..SessionOptions::default()
    }
}

fn durable() -> DurableOptions {
    DurableOptions {
        spill_bytes_min: SPILL_BYTES_MIN,
        ..DurableOptions::default()
    }
}

fn begin(store: &DurableStore, id: &str) -> Result<DurableSession, DurableError> {
    store.begin(&base(), 6, options(id), &durable())
}

fn open(store: &DurableStore, id: &str) -> Result<DurableSession, DurableError> {
    store
        .take(&self::id(id))?
        .load(base(), options("from the one who opens"))
}

/// The files of a session's root with their contents.
fn files(session: &Session) -> BTreeMap<String, Vec<u8>> {
    let page = session.list("/", None, 1_000).expect("a listing");
    assert_eq!(page.next, None);
    let names = page.entries.into_iter().map(|entry| entry.name.to_string());
    let read = |name: String| {
        let content = session.read(&name).expect("read");
        (name, content)
    };
    names.map(read).collect()
}
