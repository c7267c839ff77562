//! Whether what stands somewhere is what a transaction puts there: whole, or torn by a crash before
//! its bytes reached the disk.

use std::io;

use store::digest::Hasher;
use store::disk::{Dir, FileKind, Fingerprint};
use vfs::{Digest, Name};

use super::plan::Item;
use super::transaction::{Content, Transaction};
use crate::change::Version;

/// Bytes compared at once.
const STEP_BYTES: usize = 256 << 10;
/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// How an object compares with a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It is the version.
    Same,
    /// It is the version with parts that never reached the disk.
    Torn,
    /// It is something else.
    Other,
}

/// Compares the object of a name with what the item is.
pub(super) fn compare(
    transaction: &Transaction,
    item: &Item<'_>,
    dir: &dyn Dir,
    name: &Name,
    now: &Fingerprint,
) -> io::Result<Likeness> {
    match (item.after, now.kind) {
        (Version::Symlink { target }, FileKind::Symlink) => {
            let same = dir.read_link(name).is_ok_and(|now| now == *target);
            Ok(likeness(same))
        }
        (
            Version::File {
                size,
                digest,
                executable,
                ..
            },
            FileKind::File,
        ) => {
            if now.size > *size {
                return Ok(Likeness::Other);
            }
            let found = match item.content {
                Content::Inline { range, .. } => bytes(transaction.inline(range), dir, name)?,
                _ if now.size < *size => Likeness::Other,
                _ => likeness(digest.is_some() && self::digest(dir, name)? == *digest),
            };
            let mode_fits = (now.mode & 0o111 != 0) == *executable;
            Ok(match found {
                Likeness::Same if !mode_fits => Likeness::Torn,
                found => found,
            })
        }
        _ => Ok(Likeness::Other),
    }
}

fn likeness(same: bool) -> Likeness {
    match same {
        true => Likeness::Same,
        false => Likeness::Other,
    }
}

/// Compares a file with the bytes that it should have: each sector is whole, or was never written.
fn bytes(expected: &[u8], dir: &dyn Dir, name: &Name) -> io::Result<Likeness> {
    let file = dir.open(name)?;
    let (mut buffer, mut offset) = (vec![0; STEP_BYTES.min(expected.len() + 1)], 0);
    let mut found = Likeness::Same;
    loop {
        let count = fill(&*file, &mut buffer, offset)?;
        let rest = expected.get(offset..).unwrap_or_default();
        if count > rest.len() {
            return Ok(Likeness::Other);
        }
        let (now, then) = (&buffer[..count], &rest[..count]);
        if now != then {
            let sectors = now.chunks(SECTOR_BYTES).zip(then.chunks(SECTOR_BYTES));
            let mut torn = sectors.map(|(now, then)| now == then || is_zero(now));
            if !torn.all(|torn| torn) {
                return Ok(Likeness::Other);
            }
            found = Likeness::Torn;
        }
        offset += count;
        if count < buffer.len() {
            break;
        }
    }
    match offset < expected.len() {
        true => Ok(Likeness::Torn),
        false => Ok(found),
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn digest(dir: &dyn Dir, name: &Name) -> io::Result<Option<Digest>> {
    let file = dir.open(name)?;
    let (mut buffer, mut offset, mut hasher) = (vec![0; STEP_BYTES], 0, Hasher::new());
    loop {
        match fill(&*file, &mut buffer, offset)? {
            0 => return Ok(Some(hasher.finish())),
            count => {
                hasher.update(&buffer[..count]);
                offset += count;
            }
        }
    }
}

fn fill(file: &dyn store::disk::File, buffer: &mut [u8], offset: usize) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], (offset + filled) as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}
