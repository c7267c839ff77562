//! What a session stands on: bytes by digest, names that are safe to hand to a kernel, and the one
//! confined door to the file system.
//!
//! Everything above this crate names a file by a vector of [`Name`]s below a directory *handle*
//! ([`disk::Dir`]); there are no host paths, so there is nothing to escape from. The real door
//! ([`disk::RealDir`]), the one that fails on purpose ([`disk::fault::FaultDir`]) and the one that loses
//! power ([`disk::CrashDisk`]) keep the same promises.
//!
//! ```
//! use session_fs_store::{Name, disk::RealDir};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority())?;
//! let root = RealDir::open(folder.try_clone()?)?;
//! let name = Name::new("notes.txt")?;
//! root.create(&name, 0o644)?.write_at(b"hello", 0)?;
//! assert_eq!(root.stat(&name)?.size, 5);
//! assert!(Name::new("../notes.txt").is_err());
//! # Ok(())
//! # }
//! ```

pub mod digest;
pub mod disk;
pub mod journal;
pub mod name;

pub use digest::{Digest, Hasher, ParseDigestError};
pub use journal::{Journal, JournalError, JournalLimits, JournalPair, StoreIdentity};
pub use name::{Name, NameError};
