//! Search and replace in one file, in one step for whoever else is writing to it.

use super::Session;
use super::files::{check_size, from_root};
use crate::content::Pieces;
use crate::error::{Error, Result};
use crate::observer::{Operation, OperationKind};
use crate::resolve::Follow;

impl Session {
    /// Replaces `search` by `replace`, where it stands without overlap, exactly `count` times.
    ///
    /// Atomic: what other threads write meanwhile is never lost.
    ///
    /// # Errors
    ///
    /// `EditMismatch`, changing nothing, when it stands another number of times; `Invalid` for an
    /// empty `search`; and as [`Session::read`] and [`Session::write`].
    pub fn edit(&self, path: &str, search: &str, replace: &str, count: u32) -> Result<()> {
        self.noted(Operation::at(OperationKind::Edit, path), |size| {
            *size = self.edited(path, search, replace, count)?;
            Ok(())
        })
    }

    /// The file's new size.
    fn edited(&self, path: &str, search: &str, replace: &str, count: u32) -> Result<u64> {
        if search.is_empty() {
            return Err(Error::invalid("the text to replace is empty"));
        }
        self.with(|core, world| {
            let at = from_root(path);
            core.resolve_to_change(world, at, Follow::Always).map(drop)
        })?;
        loop {
            let (ino, content) = self.content_at(path)?;
            let before = self.read_whole(&content)?;
            let size = replaced_len(&before, path, (search, replace), count)?;
            check_size(self.world(), path, size)?;
            // A short text may become a huge one: refused here, before memory is taken for it.
            drop(self.meter().charge(size)?);
            let after = replaced(&before, (search, replace), count);
            let written = self.change(Some(path), |core, world, now| {
                let here = core.existing_file(world, path)?;
                if here != ino
                    || !core
                        .view(world)
                        .content(ino)?
                        .is_some_and(|now| now.same(&content))
                {
                    // Somebody else wrote, and so got further: this ends when they do.
                    return Ok(false);
                }
                core.make_room(world)?;
                let mut pieces = Pieces::empty();
                world.write(&mut pieces, 0, &after)?;
                core.replace(world, ino, pieces, now)?;
                Ok(true)
            })?;
            if written {
                self.compact(ino);
                return Ok(size);
            }
        }
    }
}

/// How long the text is with exactly `count` replacements.
fn replaced_len(content: &[u8], path: &str, edit: (&str, &str), count: u32) -> Result<u64> {
    let (search, replace) = edit;
    let most = (count as usize).saturating_add(1);
    let found = memchr::memmem::find_iter(content, search)
        .take(most)
        .count();
    if found != count as usize {
        return Err(Error::EditMismatch {
            path: path.to_owned(),
            expected: count,
            found: u32::try_from(found).unwrap_or(u32::MAX),
        });
    }
    let kept = content.len() - found * search.len();
    Ok((found as u64)
        .saturating_mul(replace.len() as u64)
        .saturating_add(kept as u64))
}

/// The text with every replacement made; its length was checked before.
fn replaced(content: &[u8], (search, replace): (&str, &str), count: u32) -> Vec<u8> {
    let mut edited = Vec::new();
    let mut at = 0;
    for start in memchr::memmem::find_iter(content, search).take(count as usize) {
        edited.extend_from_slice(&content[at..start]);
        edited.extend_from_slice(replace.as_bytes());
        at = start + search.len();
    }
    edited.extend_from_slice(&content[at..]);
    edited
}
