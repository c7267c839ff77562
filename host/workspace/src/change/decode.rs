//! The decoder of changes: takes exactly what the encoder writes, and nothing else.
//!
//! Records are read back from disks, so every length is checked against what is there before
//! anything is allocated.

use vfs::{Digest, Metadata, Name, Timestamp, VPath};

use super::encode::{FORMAT_VERSION, MAGIC, TAG_DIRECTORY, TAG_FILE, TAG_SYMLINK};
use super::{Arrival, Change, Departure, Update, Version};

/// A path's count, a version's tag and a flag.
const EDIT_BYTES_MIN: usize = 6;

/// Why some bytes are not a change record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The first bytes are not those of a change record.
    #[error("this is not a change record")]
    Magic,
    /// The bytes are not those that were written: the digest at their end is of others.
    #[error("the change file is damaged: the digest at its end does not fit the bytes before it")]
    Digest,
    /// The record is of a newer format.
    #[error(
        "the change record has format {found}, and this program reads formats up to {FORMAT_VERSION}; use a newer one"
    )]
    Version {
        /// The record's format.
        found: u16,
    },
    /// The record ends before it is complete.
    #[error("the change record ends at byte {offset}, in the middle of a {what}")]
    Truncated {
        /// Where it ends.
        offset: usize,
        /// What is missing.
        what: &'static str,
    },
    /// A part is not what the encoder writes.
    #[error("the change record holds an impossible {what} before byte {offset}")]
    Malformed {
        /// Just after it.
        offset: usize,
        /// What it should be.
        what: &'static str,
    },
}

type Result<T> = std::result::Result<T, DecodeError>;

impl Change {
    /// Reads what [`Change::encode`] wrote.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] for anything else, an encoding with bytes after its end included.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut input = Decoder::new(bytes);
        if input.array("magic").ok() != Some(MAGIC) {
            return Err(DecodeError::Magic);
        }
        let found = u16::from_le_bytes(input.array("format version")?);
        if found != FORMAT_VERSION {
            return Err(DecodeError::Version { found });
        }
        let change = Self {
            base: input.text()?,
            base_generation: input.u64()?,
            into_session: input.option(Decoder::text)?,
            session: input.text()?,
            is_part: input.flag()?,
            metadata: input.metadata()?,
            message: input.option(Decoder::text)?,
            committed_at: input.time()?,
            departures: input.sorted(EDIT_BYTES_MIN, Decoder::departure, |item| &item.path)?,
            arrivals: input.sorted(EDIT_BYTES_MIN, Decoder::arrival, |item| &item.path)?,
            updates: input.sorted(EDIT_BYTES_MIN, Decoder::update, |item| &item.path)?,
        };
        input.end()?;
        Ok(change)
    }
}

/// Takes bytes apart from the front; [`super::ChangeFile`] is read with it as well.
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Refuses bytes after what was read.
    pub(crate) fn end(&self) -> Result<()> {
        if self.offset == self.bytes.len() {
            return Ok(());
        }
        Err(self.malformed("end"))
    }

    pub(crate) fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::Malformed {
            offset: self.offset,
            what,
        }
    }

    pub(crate) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.offset..];
        let Some(taken) = rest.get(..len) else {
            return Err(DecodeError::Truncated {
                offset: self.bytes.len(),
                what,
            });
        };
        self.offset += len;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        let taken = self.take(N, what)?;
        Ok(taken.try_into().expect("as long as was asked for"))
    }

    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array("number").map(u64::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array("number").map(u32::from_le_bytes)
    }

    pub(crate) fn i128(&mut self) -> Result<i128> {
        self.array("number").map(i128::from_le_bytes)
    }

    /// Bytes with their length before them.
    pub(crate) fn bytes(&mut self, what: &'static str) -> Result<&'a [u8]> {
        let len = self.count(1, what)?;
        self.take(len, what)
    }

    /// How many bytes have been taken.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn flag(&mut self) -> Result<bool> {
        match self.byte("flag")? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed("flag")),
        }
    }

    /// A count of things that take at least `bytes_min` each.
    pub(crate) fn count(&mut self, bytes_min: usize, what: &'static str) -> Result<usize> {
        let count = u32::from_le_bytes(self.array(what)?) as usize;
        let rest = self.bytes.len() - self.offset;
        if count > rest / bytes_min {
            return Err(DecodeError::Truncated {
                offset: self.bytes.len(),
                what,
            });
        }
        Ok(count)
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        let len = self.count(1, "text")?;
        let text = std::str::from_utf8(self.take(len, "text")?);
        text.map(str::to_owned).map_err(|_| self.malformed("text"))
    }

    pub(crate) fn option<T>(
        &mut self,
        get: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.flag()? {
            get(self).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn list<T>(
        &mut self,
        bytes_min: usize,
        what: &'static str,
        mut get: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.count(bytes_min, what)?;
        (0..count).map(|_| get(self)).collect()
    }

    /// A list in the strict order of its paths, so that one change has one encoding.
    pub(crate) fn sorted<T>(
        &mut self,
        bytes_min: usize,
        get: impl FnMut(&mut Self) -> Result<T>,
        path: impl Fn(&T) -> &VPath,
    ) -> Result<Vec<T>> {
        let items = self.list(bytes_min, "list of paths", get)?;
        if items.is_sorted_by(|left, right| path(left) < path(right)) {
            return Ok(items);
        }
        Err(self.malformed("order of paths"))
    }

    fn time(&mut self) -> Result<Timestamp> {
        let seconds = i64::from_le_bytes(self.array("time")?);
        let nanoseconds = u32::from_le_bytes(self.array("time")?);
        if nanoseconds >= 1_000_000_000 {
            return Err(self.malformed("time"));
        }
        Ok(Timestamp {
            seconds,
            nanoseconds,
        })
    }

    fn metadata(&mut self) -> Result<Metadata> {
        Ok(Metadata {
            purpose: self.option(Self::text)?,
            agent: self.option(Self::text)?,
            task_id: self.option(Self::text)?,
            labels: self.list(8, "list of labels", |input| {
                Ok((input.text()?, input.text()?))
            })?,
            created_at: self.time()?,
        })
    }

    pub(crate) fn path(&mut self) -> Result<VPath> {
        self.list(2, "path", Self::name).map(VPath::from_names)
    }

    fn name(&mut self) -> Result<Name> {
        let len = usize::from(self.byte("name")?);
        let text = std::str::from_utf8(self.take(len, "name")?).ok();
        let name = text.and_then(|text| Name::new(text).ok());
        name.ok_or_else(|| self.malformed("name"))
    }

    fn version(&mut self) -> Result<Version> {
        match self.byte("version")? {
            TAG_DIRECTORY => Ok(Version::Directory),
            TAG_FILE => Ok(Version::File {
                size: self.u64()?,
                digest: self.option(|input| input.array("digest").map(Digest::from_bytes))?,
                executable: self.flag()?,
                modified: self.option(Self::time)?,
            }),
            TAG_SYMLINK => Ok(Version::Symlink {
                target: self.text()?,
            }),
            _ => Err(self.malformed("kind of object")),
        }
    }

    fn departure(&mut self) -> Result<Departure> {
        Ok(Departure {
            path: self.path()?,
            before: self.version()?,
            moved_to: self.option(Self::path)?,
        })
    }

    fn arrival(&mut self) -> Result<Arrival> {
        Ok(Arrival {
            path: self.path()?,
            after: self.version()?,
            moved_from: self.option(Self::path)?,
        })
    }

    fn update(&mut self) -> Result<Update> {
        Ok(Update {
            path: self.path()?,
            source: self.path()?,
            before: self.version()?,
            after: self.version()?,
        })
    }
}
