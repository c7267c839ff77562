//! What is known of a rewritten content since it was compared with its pristine version, so that the
//! commit reads neither again.
//!
//! **Invariant:** a content with a known digest differs from the pristine version that it stands over.
//! Whatever changes a byte forgets the digest.

use store::digest::Hasher;

use super::{Pieces, Segment};
use crate::Digest;
use crate::error::{Error, Result};

impl Pieces {
    /// The digest of the whole content, and that this is not its pristine version's; `None` when
    /// nobody found that out since the last write.
    pub(crate) fn known_digest(&self) -> Option<Digest> {
        self.digest.as_deref().copied()
    }

    /// Whether no byte need be read from anywhere else.
    pub(crate) fn is_all_in_memory(&self) -> bool {
        let mut chunks = self.chunks();
        chunks.all(|(chunk, _)| chunk.place().is_none()) && self.data_bytes() == self.len
    }

    /// Notes that the content has other bytes than its pristine version.
    pub(super) fn note_other(&mut self, digest: Digest) {
        self.digest = Some(Box::new(digest));
    }

    /// The digest of content that keeps nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] from the spill, [`Error::Invalid`] when something is kept.
    pub(super) fn digest_written(&self) -> Result<Digest> {
        let (mut hasher, mut buffer) = (Hasher::new(), Vec::new());
        for segment in self.segments(0..u64::MAX) {
            match segment {
                Segment::Data(bytes) => {
                    buffer.resize(bytes.len(), 0);
                    bytes.copy_to(&mut buffer)?;
                    hasher.update(&buffer);
                }
                Segment::Zero { len } => digest_zeros(&mut hasher, len),
                Segment::Keep { .. } => return Err(Error::invalid("a part is kept of the base")),
            }
        }
        Ok(hasher.finish())
    }
}

fn digest_zeros(hasher: &mut Hasher, len: u64) {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut rest = len;
    while let Some(step) = usize::try_from(rest.min(ZEROS.len() as u64))
        .ok()
        .filter(|step| *step > 0)
    {
        hasher.update(&ZEROS[..step]);
        rest -= step as u64;
    }
}
