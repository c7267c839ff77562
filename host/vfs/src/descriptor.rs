//! Descriptors: the one semantic layer for open files and directories.
//!
//! A descriptor holds an inode, not a path, so it survives rename and unlink as POSIX says. Flags,
//! rights, append and truncate are decided here; every face of a session only translates.

mod at;
mod cursor;
mod trail;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
pub use cursor::DirCursor;
use parking_lot::Mutex;
use trail::Trail;

use self::at::Opened;
use crate::content::CONTENT_BYTES_MAX;
use crate::core::{Core, OpenNumber};
use crate::error::{Error, Result};
use crate::inode::Ino;
use crate::limits::READ_BYTES_MAX;
use crate::observer::OperationKind;
use crate::reads::World;
use crate::session::{Access, BaseFileSlot, Session};
use crate::time::NewTime;
use crate::{Kind, Stat};

/// An open file or directory of a session; its clones are the same one, and the last closes it.
#[derive(Clone)]
pub struct Descriptor {
    handle: Arc<Handle>,
}

/// How `open_at` treats what it finds, as in `wasi:filesystem`'s `open-flags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenFlags {
    /// Make the file when it is absent.
    pub create: bool,
    /// Fail when it is there; only together with `create`.
    pub exclusive: bool,
    /// Fail when it is no directory.
    pub directory: bool,
    /// Make it empty.
    pub truncate: bool,
}

/// What a descriptor allows, as in `wasi:filesystem`'s `descriptor-flags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescriptorFlags {
    /// Read the content.
    pub read: bool,
    /// Change the content.
    pub write: bool,
    /// Change what is below the directory.
    pub mutate_directory: bool,
}

/// One open handle.
struct Handle {
    session: Session,
    number: OpenNumber,
    kind: Kind,
    flags: DescriptorFlags,
    /// The right to change what is below: inherited, whether or not `flags` asked for it.
    may_mutate: bool,
    base_file: Mutex<BaseFileSlot>,
    /// What is kept for the observer; none without one.
    trail: Option<Box<Trail>>,
}

impl Descriptor {
    pub(crate) fn root(session: &Session) -> Result<Self> {
        let flags = root_flags(session.access());
        let may_mutate = flags.mutate_directory;
        let open = |core: &mut Core, world: &World| core.open_handle(world, Ino::ROOT, flags.write);
        let number = session.with(open)?;
        Ok(Self::opened(
            session,
            (number, Kind::Directory),
            flags,
            may_mutate,
            Trail::of(session, String::new),
        ))
    }

    /// A descriptor of a handle that was counted.
    fn opened(
        session: &Session,
        (number, kind): Opened,
        flags: DescriptorFlags,
        may_mutate: bool,
        trail: Option<Box<Trail>>,
    ) -> Self {
        let handle = Handle {
            session: session.clone(),
            number,
            kind,
            flags,
            may_mutate,
            base_file: Mutex::new(None),
            trail,
        };
        Self {
            handle: Arc::new(handle),
        }
    }

    /// The session it belongs to.
    pub fn session(&self) -> &Session {
        &self.handle.session
    }

    /// What it is open on.
    pub fn kind(&self) -> Kind {
        self.handle.kind
    }

    /// What it allows, as it was asked for.
    ///
    /// A directory may be changed below whenever the one that it was opened from may.
    pub fn flags(&self) -> DescriptorFlags {
        self.handle.flags
    }

    /// Describes what it is open on.
    ///
    /// # Errors
    ///
    /// `BadDescriptor` when a restore undid the object.
    pub fn stat(&self) -> Result<Stat> {
        self.noted(OperationKind::Stat, 0, || {
            self.session()
                .with(|core, world| core.view(world).stat(self.handle.number.get()))
        })
    }

    /// Reads up to `length` bytes from `offset`, at most [`READ_BYTES_MAX`]; empty at the end.
    ///
    /// # Errors
    ///
    /// `BadDescriptor` for a directory or without the right to read; `Invalid` for an offset over
    /// `i64::MAX`; `Stale` when the base file
    /// changed after the session saw it.
    pub fn read_at(&self, offset: u64, length: usize) -> Result<Bytes> {
        let read = self.read_part(offset, length);
        if let Some(trail) = &self.handle.trail {
            trail.note_read(self.session(), &read);
        }
        read
    }

    fn read_part(&self, offset: u64, length: usize) -> Result<Bytes> {
        if !self.handle.flags.read || self.handle.kind != Kind::File {
            return Err(Error::BadDescriptor);
        }
        if offset > CONTENT_BYTES_MAX {
            return Err(Error::invalid("the offset is past the largest of a file"));
        }
        let content = self
            .session()
            .with(|core, world| core.view(world).content(self.handle.number.get()))?;
        let content = content.ok_or(Error::BadDescriptor)?;
        let length = length.min(READ_BYTES_MAX) as u64;
        let mut base_file = self.handle.base_file.lock();
        let session = self.session();
        session
            .read_content(&content, &mut base_file, offset, length)
            .map(Bytes::from)
    }

    /// Writes all of `bytes` at `offset`; a gap after the end reads as zeros.
    ///
    /// # Errors
    ///
    /// `BadDescriptor` without the right to write; `Quota` or `FileTooLarge`, nothing being
    /// written then.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.noted_write(OperationKind::Write, bytes, || {
            self.check_writable()?;
            if offset > CONTENT_BYTES_MAX {
                // Also for nothing to write: the offset is none that a file has.
                return Err(Error::FileTooLarge {
                    path: "the file".to_owned(),
                    limit: self.session().limits().file_bytes_max,
                });
            }
            self.session().change(None, |core, world, now| {
                core.write_at(
                    world,
                    self.handle.number.get(),
                    offset,
                    bytes,
                    now,
                    "the file",
                )
            })
        })
    }

    /// Writes all of `bytes` at what is the end at that moment.
    ///
    /// # Errors
    ///
    /// As [`Descriptor::write_at`].
    pub fn append(&self, bytes: &[u8]) -> Result<()> {
        self.noted_write(OperationKind::Append, bytes, || {
            self.check_writable()?;
            self.session().change(None, |core, world, now| {
                core.append(world, self.handle.number.get(), bytes, now, "the file")
            })
        })
    }

    /// Makes the file `size` bytes long; a grown part reads as zeros and holds no memory.
    ///
    /// # Errors
    ///
    /// `BadDescriptor` without the right to write; `FileTooLarge`.
    pub fn set_size(&self, size: u64) -> Result<()> {
        self.noted(OperationKind::Truncate, size, || {
            self.check_writable()?;
            self.session().change(None, |core, world, now| {
                core.set_size(world, self.handle.number.get(), size, now, "the file")
            })
        })
    }

    /// Sets the object's times.
    ///
    /// # Errors
    ///
    /// `Denied` in a read-only session.
    pub fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<()> {
        self.noted(OperationKind::SetTimes, 0, || {
            self.session().change(None, |core, world, now| {
                core.check_object(world, self.handle.number.get())?;
                core.set_times(world, self.handle.number.get(), accessed, modified, now)
            })
        })
    }

    /// Succeeds when the session is open: what was written is in it already, and becomes durable
    /// with the commit.
    ///
    /// # Errors
    ///
    /// `Closed` when the session is not open.
    pub fn sync(&self) -> Result<()> {
        self.note_rest();
        self.noted(OperationKind::Sync, 0, || {
            self.session().with(|_, _| Ok(()))
        })
    }

    /// Whether two descriptors are open on one object.
    pub fn is_same_object(&self, other: &Self) -> bool {
        self.session().is_same(other.session())
            && self.handle.number.get() == other.handle.number.get()
    }

    /// A hash that is equal for one object only: its number, then its file system.
    pub fn metadata_hash(&self) -> (u64, u64) {
        (
            self.handle.number.get().0,
            self.session().world().family.id(),
        )
    }

    /// Lists the directory as it is now; the cursor does not see later changes.
    ///
    /// # Errors
    ///
    /// `NotADirectory`; `Quota` for a directory over `Limits::listing_entries_max`.
    pub fn read_dir(&self) -> Result<DirCursor> {
        self.noted(OperationKind::List, 0, || self.snapshot())
    }

    fn snapshot(&self) -> Result<DirCursor> {
        self.check_directory()?;
        if !self.handle.flags.read {
            return Err(Error::BadDescriptor);
        }
        let entries = self
            .session()
            .with(|core, world| core.view(world).shown(self.handle.number.get()))?;
        DirCursor::new(&self.session().world().meter, entries)
    }

    fn check_writable(&self) -> Result<()> {
        if self.handle.flags.write && self.handle.kind == Kind::File {
            return Ok(());
        }
        Err(Error::BadDescriptor)
    }

    fn check_directory(&self) -> Result<()> {
        if self.handle.kind == Kind::Directory {
            return Ok(());
        }
        Err(Error::NotADirectory {
            path: "the handle".to_owned(),
        })
    }
}

/// What the descriptor of a session's root allows.
pub(crate) fn root_flags(access: Access) -> DescriptorFlags {
    DescriptorFlags {
        read: true,
        write: false,
        mutate_directory: access == Access::ReadWrite,
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let (ino, last_writer) = self.session.with_any_status(|core, _| {
            let ino = self.number.get();
            (ino, core.close_handle(ino, self.flags.write))
        });
        if last_writer {
            self.session.compact(ino);
        }
        if let Some(trail) = &self.trail {
            trail.close(&self.session);
        }
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Handle {
            session,
            number,
            kind,
            flags,
            ..
        } = &*self.handle;
        f.debug_struct("Descriptor")
            .field("session", &session.id())
            .field("ino", &number.get().0)
            .field("kind", kind)
            .field("flags", flags)
            .finish_non_exhaustive()
    }
}
