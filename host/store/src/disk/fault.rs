//! The disk that fails on purpose: any other disk, with one planned failure.
//!
//! Every call on a [`FaultDir`], on the directories it walks to and on the files it opens takes the
//! next number of one shared [`FaultPlan`]. A call that fails does nothing below, except a write that
//! was told to leave a prefix. The commit protocol is tested by failing its first call, its second
//! and so on, until a run in which the plan no longer fires. The plan also counts the handles that
//! are open, and can say that the disk has so many inodes left.

use std::any::Any;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Dir, Durability, File, Fingerprint, Listing, LockGuard, RenameMode};
use crate::Name;

/// What goes wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Number of the first call that fails, counted from 0; `None` only counts.
    pub fail_at: Option<u64>,
    /// What the call fails with.
    pub error: FaultError,
    /// Whether every later call fails as well.
    pub forever: bool,
    /// How many bytes a failing [`File::write_at`] writes before it fails, at most all but one.
    pub write_prefix_bytes: usize,
}

/// The error of a planned failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultError {
    /// An error number of the system, such as 28 for `ENOSPC`.
    Errno(i32),
    /// An error of this kind without a number.
    Kind(io::ErrorKind),
}

/// One call as it was made, whether or not it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The trait method, such as `"rename"`; those of files are `"file.write_at"` and so on.
    pub method: &'static str,
    /// The name or path it was given, and for calls on a file the name it was opened by.
    pub name: String,
}

/// The failure that a tree of handles shares, the count of its calls, and their log.
///
/// Counting and failing are safe under threads; which call gets which number is then up to them.
#[derive(Debug)]
pub struct FaultPlan {
    state: Mutex<State>,
    handles_count: AtomicUsize,
    /// How many more objects the disk takes; `None` for any number.
    free_inodes: Mutex<Option<u64>>,
    /// How many more bytes it says that it takes.
    free_bytes: Mutex<Option<u64>>,
}

/// How many calls a [`FaultPlan`] remembers; later ones are counted but not logged.
pub const LOG_CALLS_MAX: usize = 1 << 16;

#[derive(Debug)]
struct State {
    fault: Fault,
    calls_count: u64,
    fired_count: u64,
    log: Vec<Call>,
    /// The method whose calls alone are logged; all when absent.
    logged: Option<&'static str>,
}

impl Fault {
    /// Nothing fails.
    pub const NEVER: Self = Self {
        fail_at: None,
        error: FaultError::Errno(5),
        forever: false,
        write_prefix_bytes: 0,
    };

    /// Call number `fail_at` fails, the ones after it succeed.
    pub const fn once(fail_at: u64, error: FaultError) -> Self {
        Self {
            fail_at: Some(fail_at),
            error,
            ..Self::NEVER
        }
    }

    /// Call number `fail_at` and every later one fail.
    pub const fn forever(fail_at: u64, error: FaultError) -> Self {
        Self {
            forever: true,
            ..Self::once(fail_at, error)
        }
    }

    fn hits(&self, call: u64) -> bool {
        self.fail_at
            .is_some_and(|first| call == first || (self.forever && call > first))
    }
}

impl FaultError {
    /// The error as the failing call returns it.
    pub fn to_io(self) -> io::Error {
        match self {
            Self::Errno(errno) => io::Error::from_raw_os_error(errno),
            Self::Kind(kind) => io::Error::new(kind, "planned failure"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.name)
    }
}

impl FaultPlan {
    /// Makes a plan whose next call is number 0.
    pub fn new(fault: Fault) -> Arc<Self> {
        let state = State {
            fault,
            calls_count: 0,
            fired_count: 0,
            log: Vec::new(),
            logged: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            handles_count: AtomicUsize::new(0),
            free_inodes: Mutex::new(None),
            free_bytes: Mutex::new(None),
        })
    }

    /// Starts over with another failure: counts from 0, with an empty log. Handles stay valid.
    pub fn arm(&self, fault: Fault) {
        *self.state() = State {
            fault,
            calls_count: 0,
            fired_count: 0,
            log: Vec::new(),
            logged: None,
        };
    }

    /// How many directories and files are open.
    pub fn handles_count(&self) -> usize {
        self.handles_count.load(Ordering::Acquire)
    }

    /// Lets the disk take so many more files, directories and links; with `None`, any number.
    pub fn limit_inodes(&self, free: Option<u64>) {
        *self.free_inodes() = free;
    }

    /// Has the disk say that it takes so many more bytes; it takes any number all the same.
    pub fn say_free_bytes(&self, free: Option<u64>) {
        *self.free_bytes() = free;
    }

    /// How many calls were made, failed ones included.
    pub fn calls_count(&self) -> u64 {
        self.state().calls_count
    }

    /// How many calls were made to fail.
    pub fn fired_count(&self) -> u64 {
        self.state().fired_count
    }

    /// Logs the calls of one method alone, until the plan is armed anew: the log has room for more of
    /// them then.
    pub fn log_only(&self, method: &'static str) {
        self.state().logged = Some(method);
    }

    /// The first [`LOG_CALLS_MAX`] calls in the order of their numbers.
    pub fn log(&self) -> Vec<Call> {
        self.state().log.clone()
    }

    /// Takes the next number; returns the fault when the call must fail.
    fn next(&self, method: &'static str, name: &str) -> Option<Fault> {
        let mut state = self.state();
        let call = state.calls_count;
        state.calls_count += 1;
        let is_logged = state.logged.is_none_or(|logged| logged == method);
        if is_logged && state.log.len() < LOG_CALLS_MAX {
            state.log.push(Call {
                method,
                name: name.to_owned(),
            });
        }
        let fault = state.fault;
        let hit = fault.hits(call);
        state.fired_count += u64::from(hit);
        hit.then_some(fault)
    }

    fn check(&self, method: &'static str, name: &str) -> io::Result<()> {
        self.next(method, name)
            .map_or(Ok(()), |fault| Err(fault.error.to_io()))
    }

    /// Does what makes an object, when the disk takes one more.
    fn making<T>(&self, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut free = self.free_inodes();
        if *free == Some(0) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let made = make()?;
        *free = free.map(|free| free - 1);
        Ok(made)
    }

    /// Does what removes an object.
    fn removing(&self, remove: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut free = self.free_inodes();
        remove()?;
        *free = free.map(|free| free + 1);
        Ok(())
    }

    fn free_inodes(&self) -> MutexGuard<'_, Option<u64>> {
        self.free_inodes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn free_bytes(&self) -> MutexGuard<'_, Option<u64>> {
        self.free_bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test thread that panicked must not hide its failure behind a second one here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A directory whose calls fail as planned.
#[derive(Debug)]
pub struct FaultDir {
    inner: Arc<dyn Dir>,
    plan: Arc<FaultPlan>,
}

impl FaultDir {
    /// Puts `plan` in front of `inner`. Making it is not a call.
    pub fn wrap(inner: Arc<dyn Dir>, plan: Arc<FaultPlan>) -> Arc<dyn Dir> {
        plan.handles_count.fetch_add(1, Ordering::AcqRel);
        Arc::new(Self { inner, plan })
    }

    fn file(&self, name: &Name, inner: Arc<dyn File>) -> Arc<dyn File> {
        self.plan.handles_count.fetch_add(1, Ordering::AcqRel);
        Arc::new(FaultFile {
            inner,
            plan: self.plan.clone(),
            name: name.clone(),
        })
    }
}

impl Dir for FaultDir {
    fn walk(&self, path: &[Name]) -> io::Result<Arc<dyn Dir>> {
        let joined = path.iter().map(Name::as_str).collect::<Vec<_>>().join("/");
        self.plan.check("walk", &joined)?;
        Ok(Self::wrap(self.inner.walk(path)?, self.plan.clone()))
    }

    fn stat(&self, name: &Name) -> io::Result<Fingerprint> {
        self.plan.check("stat", name)?;
        self.inner.stat(name)
    }

    fn stat_self(&self) -> io::Result<Fingerprint> {
        self.plan.check("stat_self", "")?;
        self.inner.stat_self()
    }

    fn list(&self, entries_max: usize) -> io::Result<Listing> {
        self.plan.check("list", "")?;
        self.inner.list(entries_max)
    }

    fn read_link(&self, name: &Name) -> io::Result<String> {
        self.plan.check("read_link", name)?;
        self.inner.read_link(name)
    }

    fn open(&self, name: &Name) -> io::Result<Arc<dyn File>> {
        self.plan.check("open", name)?;
        Ok(self.file(name, self.inner.open(name)?))
    }

    fn open_writable(&self, name: &Name) -> io::Result<Arc<dyn File>> {
        self.plan.check("open_writable", name)?;
        Ok(self.file(name, self.inner.open_writable(name)?))
    }

    fn create(&self, name: &Name, mode: u32) -> io::Result<Arc<dyn File>> {
        self.plan.check("create", name)?;
        let made = self.plan.making(|| self.inner.create(name, mode))?;
        Ok(self.file(name, made))
    }

    fn mkdir(&self, name: &Name, mode: u32) -> io::Result<()> {
        self.plan.check("mkdir", name)?;
        self.plan.making(|| self.inner.mkdir(name, mode))
    }

    fn symlink(&self, target: &str, name: &Name) -> io::Result<()> {
        self.plan.check("symlink", name)?;
        self.plan.making(|| self.inner.symlink(target, name))
    }

    fn unlink(&self, name: &Name) -> io::Result<()> {
        self.plan.check("unlink", name)?;
        self.plan.removing(|| self.inner.unlink(name))
    }

    fn rmdir(&self, name: &Name) -> io::Result<()> {
        self.plan.check("rmdir", name)?;
        self.plan.removing(|| self.inner.rmdir(name))
    }

    fn rename(
        &self,
        name: &Name,
        to: &dyn Dir,
        to_name: &Name,
        mode: RenameMode,
    ) -> io::Result<()> {
        self.plan.check("rename", name)?;
        let to = to
            .as_any()
            .downcast_ref::<Self>()
            .map_or(to, |to| &*to.inner);
        let replaces = mode == RenameMode::Replace && to.stat(to_name).is_ok();
        match replaces {
            true => {
                let rename = || self.inner.rename(name, to, to_name, mode);
                self.plan.removing(rename)
            }
            false => self.inner.rename(name, to, to_name, mode),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.plan.check("sync", "")?;
        self.inner.sync()
    }

    fn sync_fs(&self) -> io::Result<()> {
        self.plan.check("sync_fs", "")?;
        self.inner.sync_fs()
    }

    fn check_writable(&self) -> io::Result<()> {
        self.plan.check("check_writable", "")?;
        self.inner.check_writable()
    }

    fn stat_movable(&self, name: &Name) -> io::Result<Fingerprint> {
        self.plan.check("stat_movable", name)?;
        self.inner.stat_movable(name)
    }

    /// `None`: what a library does behind this disk's back could not be made to fail.
    fn os_path(&self) -> Option<PathBuf> {
        None
    }

    fn free_inodes(&self) -> io::Result<Option<u64>> {
        self.plan.check("free_inodes", "")?;
        match *self.plan.free_inodes() {
            Some(free) => Ok(Some(free)),
            None => self.inner.free_inodes(),
        }
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        self.plan.check("free_bytes", "")?;
        match *self.plan.free_bytes() {
            Some(free) => Ok(Some(free)),
            None => self.inner.free_bytes(),
        }
    }

    fn durability(&self) -> io::Result<Durability> {
        self.plan.check("durability", "")?;
        self.inner.durability()
    }

    fn try_lock(&self) -> io::Result<Option<LockGuard>> {
        self.plan.check("try_lock", "")?;
        self.inner.try_lock()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for FaultDir {
    fn drop(&mut self) {
        self.plan.handles_count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        self.plan.handles_count.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A file whose calls fail as planned.
#[derive(Debug)]
struct FaultFile {
    inner: Arc<dyn File>,
    plan: Arc<FaultPlan>,
    name: Name,
}

impl FaultFile {
    fn check(&self, method: &'static str) -> io::Result<()> {
        self.plan.check(method, &self.name)
    }
}

impl File for FaultFile {
    fn stat(&self) -> io::Result<Fingerprint> {
        self.check("file.stat")?;
        self.inner.stat()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.check("file.read_at")?;
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let Some(fault) = self.plan.next("file.write_at", &self.name) else {
            return self.inner.write_at(bytes, offset);
        };
        let prefix = fault.write_prefix_bytes.min(bytes.len().saturating_sub(1));
        self.inner.write_at(&bytes[..prefix], offset)?;
        Err(fault.error.to_io())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check("file.set_len")?;
        self.inner.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.check("file.allocate")?;
        self.inner.allocate(len)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.check("file.set_mode")?;
        self.inner.set_mode(mode)
    }

    fn set_mtime(&self, ns: i128) -> io::Result<()> {
        self.check("file.set_mtime")?;
        self.inner.set_mtime(ns)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check("file.sync_data")?;
        self.inner.sync_data()
    }
}
