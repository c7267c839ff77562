//! `Header`: what the journal says about itself, in two slots of which the newest intact one counts.
//!
//! A header is always written to the slot that does not hold the present one, so the present one stays
//! whole until the next is flushed. `docs/formats.md` gives the bytes and the argument.

use super::{AREA_START, JournalError, Result, SLOT_BYTES, StoreIdentity, take};
use crate::Digest;

const MAGIC: [u8; 8] = *b"SFJOURNL";
/// Newest format version that this program reads, and the one that it writes.
const VERSION: u16 = 1;
const SLOT_LEN: usize = 4096;

/// The part of the journal that changes when it is recycled or grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Counts the headers that were written; the higher of two is the newer.
    pub(super) number: u64,
    /// Counts the recycles. Records of other epochs are not seen.
    pub(super) epoch: u64,
    /// Sequence of the first record of the epoch.
    pub(super) first_sequence: u64,
    /// Digest of the last record before the epoch; zeros when there was none.
    pub(super) last_digest: [u8; 32],
    /// Length of the record area, a multiple of the records' alignment.
    pub(super) area_bytes: u64,
}

/// The header that counts, and where it stands.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) header: Header,
    /// Which slot holds it, 0 or 1.
    pub(super) slot: u8,
    /// Whether the other slot holds no intact header.
    pub(super) other_is_damaged: bool,
}

enum Slot {
    Intact(Header),
    Damaged,
    Foreign,
}

impl Header {
    /// End of the record area in the file.
    pub(super) fn area_end(&self) -> u64 {
        AREA_START.saturating_add(self.area_bytes)
    }

    /// The whole slot: the header, then zeros.
    pub(super) fn encode(&self, identity: &StoreIdentity) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SLOT_LEN);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(identity.id);
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.epoch.to_le_bytes());
        bytes.extend(identity.salt(self.epoch));
        bytes.extend(self.first_sequence.to_le_bytes());
        bytes.extend(self.last_digest);
        bytes.extend(self.area_bytes.to_le_bytes());
        let sum = *Digest::of(&bytes).as_bytes();
        let seal = identity.keyed(&bytes);
        bytes.extend(sum);
        bytes.extend(seal);
        bytes.resize(SLOT_LEN, 0);
        bytes
    }
}

/// Where slot `slot` begins.
pub(super) fn slot_offset(slot: u8) -> u64 {
    u64::from(slot) * SLOT_BYTES
}

/// Picks the newest intact header out of the first bytes of the file, which may be too few.
///
/// # Errors
///
/// `Newer` when either slot says so, for its seal may be elsewhere; `Foreign` when no slot is ours and
/// one is whole; `Corrupt` when neither can be read.
pub(super) fn choose(bytes: &[u8], identity: &StoreIdentity) -> Result<Chosen> {
    let (first, second) = bytes.split_at(bytes.len().min(SLOT_LEN));
    let chosen = |header, slot, other_is_damaged| Chosen {
        header,
        slot,
        other_is_damaged,
    };
    Ok(
        match (decode(first, identity)?, decode(second, identity)?) {
            (Slot::Intact(a), Slot::Intact(b)) if a.number == b.number => {
                let reason = "both headers have the same number";
                return Err(JournalError::Corrupt { offset: 0, reason });
            }
            (Slot::Intact(a), Slot::Intact(b)) if a.number > b.number => chosen(a, 0, false),
            (Slot::Intact(_), Slot::Intact(b)) => chosen(b, 1, false),
            // One slot sealed with our key proves that the file is ours: the other is damage.
            (Slot::Intact(a), _) => chosen(a, 0, true),
            (_, Slot::Intact(b)) => chosen(b, 1, true),
            (Slot::Foreign, _) | (_, Slot::Foreign) => return Err(JournalError::Foreign),
            (Slot::Damaged, Slot::Damaged) => {
                let reason = "neither of its two headers is intact";
                return Err(JournalError::Corrupt { offset: 0, reason });
            }
        },
    )
}

fn decode(slot: &[u8], identity: &StoreIdentity) -> Result<Slot> {
    let mut rest = slot;
    if take(&mut rest) != Some(MAGIC) {
        return Ok(Slot::Damaged);
    }
    match take(&mut rest).map(u16::from_le_bytes) {
        Some(VERSION) => {}
        Some(found) if found > VERSION => {
            let supported = VERSION;
            return Err(JournalError::Newer { found, supported });
        }
        _ => return Ok(Slot::Damaged),
    }
    Ok(decode_body(slot, rest, identity).unwrap_or(Slot::Damaged))
}

/// Decodes what follows the version; `None` when it is too short or its plain sum is wrong.
fn decode_body(slot: &[u8], mut rest: &[u8], identity: &StoreIdentity) -> Option<Slot> {
    let id: [u8; 16] = take(&mut rest)?;
    let number = u64::from_le_bytes(take(&mut rest)?);
    let epoch = u64::from_le_bytes(take(&mut rest)?);
    let salt: [u8; 16] = take(&mut rest)?;
    let header = Header {
        number,
        epoch,
        first_sequence: u64::from_le_bytes(take(&mut rest)?),
        last_digest: take(&mut rest)?,
        area_bytes: u64::from_le_bytes(take(&mut rest)?),
    };
    let body = slot.get(..slot.len() - rest.len())?;
    let sum: [u8; 32] = take(&mut rest)?;
    let seal: [u8; 32] = take(&mut rest)?;
    if sum != *Digest::of(body).as_bytes() {
        return None;
    }
    // The plain sum tells damage from a key that is not ours.
    let is_ours = id == identity.id && salt == identity.salt(epoch) && seal == identity.keyed(body);
    Some(if is_ours {
        Slot::Intact(header)
    } else {
        Slot::Foreign
    })
}
