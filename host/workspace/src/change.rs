//! The change: the sealed record of a session, with what stood at every path before and after.
//!
//! **Invariant:** equal changes have equal encodings and equal ids; `docs/formats.md` specifies the
//! bytes. A change names contents by digest and holds none.

mod collect;
mod decode;
mod encode;
mod file;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub(crate) use collect::{Collector, is_made};
pub use decode::DecodeError;
pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub use file::{ChangeFile, Preimage};
use store::digest::ParseDigestError;
use vfs::{Digest, Kind, Metadata, Timestamp, VPath};

/// What a change is called: the digest of its encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(Digest);

/// What one commit does, and on whose behalf. Each list is in the order of its paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name of the base that the session began from.
    pub base: String,
    /// Generation of the base at that time.
    pub base_generation: u64,
    /// The session that this one was nested in, when it was committed to that.
    pub into_session: Option<String>,
    /// The session's id.
    pub session: String,
    /// Whether it is only a part of what the session changed; the session went on with the rest.
    pub is_part: bool,
    /// What the session was for, by whom, and when it began.
    pub metadata: Metadata,
    /// Why the change was made, in the words of whoever committed it.
    pub message: Option<String>,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// Objects that left the place where they stood.
    pub departures: Vec<Departure>,
    /// Objects that stand where they did not.
    pub arrivals: Vec<Arrival>,
    /// Files that changed where they stand.
    pub updates: Vec<Update>,
}

/// An object that left the place where it stood when the session began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Where it stood.
    pub path: VPath,
    /// What it was.
    pub before: Version,
    /// Where it went; `None` when it was removed.
    pub moved_to: Option<VPath>,
}

/// An object that stands where it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Where it stands.
    pub path: VPath,
    /// What it is.
    pub after: Version,
    /// Where it came from; `None` when it is new.
    pub moved_from: Option<VPath>,
}

/// A file that changed where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Where it stands.
    pub path: VPath,
    /// Where it stood: another path when a directory above it moved.
    pub source: VPath,
    /// What it was.
    pub before: Version,
    /// What it is.
    pub after: Version,
}

/// One version of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// A directory; what is in it is not part of it.
    Directory,
    /// A file.
    File {
        /// Bytes of its content.
        size: u64,
        /// Digest of its content; `None` where nobody had to read it: for what was replaced or
        /// removed, and for what was only moved.
        digest: Option<Digest>,
        /// Whether it may be executed.
        executable: bool,
        /// The time of its content, where the session set it on purpose.
        modified: Option<Timestamp>,
    },
    /// A symbolic link.
    Symlink {
        /// Where it leads.
        target: String,
    },
}

impl Change {
    /// The change's id.
    pub fn id(&self) -> ChangeId {
        ChangeId(Digest::of(&self.encode()))
    }
}

/// Whether an arrival has a content of its own, and was not only moved or made as a directory.
///
/// The content of what was only moved has no digest: nobody read it.
pub(crate) fn is_made_anew(arrival: &Arrival) -> bool {
    match &arrival.after {
        Version::Directory => false,
        Version::Symlink { .. } => arrival.moved_from.is_none(),
        Version::File { digest, .. } => arrival.moved_from.is_none() || digest.is_some(),
    }
}

impl Version {
    /// What the object is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Directory => Kind::Directory,
            Self::File { .. } => Kind::File,
            Self::Symlink { .. } => Kind::Symlink,
        }
    }
}

impl ChangeId {
    /// The id of the change with this encoding.
    pub fn of_encoding(bytes: &[u8]) -> Self {
        Self(Digest::of(bytes))
    }

    /// The id that is this digest.
    pub(crate) fn of_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest that the id is.
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeId({})", self.0)
    }
}

impl FromStr for ChangeId {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        text.parse().map(Self)
    }
}
