//! A disk on which somebody else acts: a hook runs before each call, and flushing costs nothing where
//! nothing but time depends on it.

use std::any::Any;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::Name;
use store::disk::{Dir, Durability, File, Fingerprint, Listing, LockGuard, RenameMode};

/// Told the number and the method of each call on the directories.
pub(crate) type Hook = Arc<dyn Fn(u64, &'static str) + Send + Sync>;

/// What the disk does of what is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ability {
    /// It does not flush.
    Quiet,
    /// All.
    Flushing,
    /// It does not flush, and renames in one way only.
    Plain,
}

/// A directory below which every call is announced.
pub(crate) struct ActingDir {
    inner: Arc<dyn Dir>,
    shared: Arc<Shared>,
}

struct Shared {
    hook: Hook,
    ability: Ability,
    calls_count: AtomicU64,
}

impl ActingDir {
    pub(crate) fn wrap(inner: Arc<dyn Dir>, hook: Hook) -> Arc<dyn Dir> {
        Self::with(inner, hook, Ability::Quiet)
    }

    /// The same on a disk that flushes.
    pub(crate) fn flushing(inner: Arc<dyn Dir>, hook: Hook) -> Arc<dyn Dir> {
        Self::with(inner, hook, Ability::Flushing)
    }

    /// The same on a disk that does not flush, and that neither exchanges nor minds what it replaces.
    pub(crate) fn plain(inner: Arc<dyn Dir>, hook: Hook) -> Arc<dyn Dir> {
        Self::with(inner, hook, Ability::Plain)
    }

    fn with(inner: Arc<dyn Dir>, hook: Hook, ability: Ability) -> Arc<dyn Dir> {
        let shared = Shared {
            hook,
            ability,
            calls_count: AtomicU64::new(0),
        };
        Arc::new(Self {
            inner,
            shared: Arc::new(shared),
        })
    }

    /// A disk that only does not flush.
    pub(crate) fn quiet(inner: Arc<dyn Dir>) -> Arc<dyn Dir> {
        Self::wrap(inner, Arc::new(|_, _| {}))
    }

    fn call(&self, method: &'static str) -> &dyn Dir {
        let number = self.shared.calls_count.fetch_add(1, Ordering::Relaxed);
        (self.shared.hook)(number, method);
        &*self.inner
    }
}

impl fmt::Debug for ActingDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActingDir").field(&self.inner).finish()
    }
}

impl Dir for ActingDir {
    fn walk(&self, path: &[Name]) -> io::Result<Arc<dyn Dir>> {
        let inner = self.call("walk").walk(path)?;
        Ok(Arc::new(Self {
            inner,
            shared: self.shared.clone(),
        }))
    }

    fn stat(&self, name: &Name) -> io::Result<Fingerprint> {
        self.call("stat").stat(name)
    }

    fn stat_self(&self) -> io::Result<Fingerprint> {
        self.call("stat_self").stat_self()
    }

    fn list(&self, entries_max: usize) -> io::Result<Listing> {
        self.call("list").list(entries_max)
    }

    fn read_link(&self, name: &Name) -> io::Result<String> {
        self.call("read_link").read_link(name)
    }

    fn open(&self, name: &Name) -> io::Result<Arc<dyn File>> {
        self.call("open").open(name)
    }

    fn open_writable(&self, name: &Name) -> io::Result<Arc<dyn File>> {
        self.call("open_writable").open_writable(name)
    }

    fn create(&self, name: &Name, mode: u32) -> io::Result<Arc<dyn File>> {
        self.call("create").create(name, mode)
    }

    fn mkdir(&self, name: &Name, mode: u32) -> io::Result<()> {
        self.call("mkdir").mkdir(name, mode)
    }

    fn symlink(&self, target: &str, name: &Name) -> io::Result<()> {
        self.call("symlink").symlink(target, name)
    }

    fn unlink(&self, name: &Name) -> io::Result<()> {
        self.call("unlink").unlink(name)
    }

    fn rmdir(&self, name: &Name) -> io::Result<()> {
        self.call("rmdir").rmdir(name)
    }

    fn rename(
        &self,
        name: &Name,
        to: &dyn Dir,
        to_name: &Name,
        mode: RenameMode,
    ) -> io::Result<()> {
        let to = to.as_any().downcast_ref::<Self>().expect("one disk");
        let inner = self.call("rename");
        if self.shared.ability == Ability::Plain && mode != RenameMode::Replace {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        inner.rename(name, &*to.inner, to_name, mode)
    }

    fn sync(&self) -> io::Result<()> {
        let inner = self.call("sync");
        if self.shared.ability == Ability::Flushing {
            return inner.sync();
        }
        Ok(())
    }

    fn sync_fs(&self) -> io::Result<()> {
        let inner = self.call("sync_fs");
        if self.shared.ability == Ability::Flushing {
            return inner.sync_fs();
        }
        Ok(())
    }

    fn check_writable(&self) -> io::Result<()> {
        self.call("check_writable").check_writable()
    }

    fn stat_movable(&self, name: &Name) -> io::Result<Fingerprint> {
        self.call("stat_movable").stat_movable(name)
    }

    fn os_path(&self) -> Option<PathBuf> {
        None
    }

    fn free_inodes(&self) -> io::Result<Option<u64>> {
        self.inner.free_inodes()
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        self.inner.free_bytes()
    }

    fn durability(&self) -> io::Result<Durability> {
        self.inner.durability()
    }

    fn try_lock(&self) -> io::Result<Option<LockGuard>> {
        self.call("try_lock").try_lock()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
