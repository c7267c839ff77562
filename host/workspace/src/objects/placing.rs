//! `Placing`: files become objects by rename, many in a row. **Invariant:** no file is removed here:
//! somebody may have it open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::Arc;

use store::disk::{Dir, File, RenameMode};
use vfs::{Digest, Name};

use super::{Objects, StepError, UNFINISHED_SUFFIX, each_step, hash, name, names, open_or_make};

/// Ends the name of what lingers and was copied.
const COPIED_SUFFIX: &str = "-copied";

/// Puts files among the objects, with the folders open that it came by.
#[derive(Debug)]
pub(crate) struct Placing<'a> {
    objects: &'a Objects,
    lingering: &'a dyn Dir,
    shards: HashMap<Name, Arc<dyn Dir>>,
}

impl Objects {
    /// Begins to put files among the objects; those that are there already go to `lingering`.
    pub(crate) fn placing<'a>(&'a self, lingering: &'a dyn Dir) -> Placing<'a> {
        Placing {
            objects: self,
            lingering,
            shards: HashMap::new(),
        }
    }
}

impl Placing<'_> {
    /// Moves the file `from_name` of `from`, which has this digest, to its place by rename; when the
    /// object is there already, moves it to what lingers, as `parting`. An object with other bytes, which somebody
    /// wrote to or the disk damaged, goes there before the good one takes its place.
    ///
    /// A file that others may still reach by a second name is copied instead, so that the object
    /// stays what it is. Nothing is flushed here.
    ///
    /// # Errors
    ///
    /// After any error `from_name` is still there, or the object is in its place.
    pub(crate) fn place(
        &mut self,
        from: &dyn Dir,
        from_name: &Name,
        digest: &Digest,
        parting: &Name,
    ) -> io::Result<()> {
        let (shard_name, object_name) = names(digest);
        let lingering = self.lingering;
        let shard = self.shard(shard_name)?;
        match is_sound(&**shard, &object_name, digest)? {
            Some(true) => {
                return from.rename(from_name, lingering, parting, RenameMode::Replace);
            }
            Some(false) => {
                shard.rename(&object_name, lingering, parting, RenameMode::Replace)?;
            }
            None => {}
        }
        if is_sole(from, from_name)? {
            return from.rename(from_name, &**shard, &object_name, RenameMode::Replace);
        }
        copy_in(&*from.open(from_name)?, &**shard, &object_name, digest)?;
        // Beside an object that parted as well.
        let copied = name(&format!("{parting}{COPIED_SUFFIX}"));
        from.rename(from_name, lingering, &copied, RenameMode::Replace)
    }

    fn shard(&mut self, shard_name: Name) -> io::Result<&Arc<dyn Dir>> {
        Ok(match self.shards.entry(shard_name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let shard = open_or_make(&**self.objects.dir()?, new.key())?;
                new.insert(shard)
            }
        })
    }
}

/// Whether the object has the right bytes; `None` when there is none.
fn is_sound(shard: &dyn Dir, object_name: &Name, digest: &Digest) -> io::Result<Option<bool>> {
    let file = match shard.open(object_name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let size = file.stat()?.size;
    Ok(Some(hash(&*file, size)?.0 == *digest))
}

/// Whether the file surely has no other name by which somebody could write to it.
fn is_sole(from: &dyn Dir, from_name: &Name) -> io::Result<bool> {
    match from.open_writable(from_name) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error),
    }
}

/// Copies a file to its place as an object.
fn copy_in(
    file: &dyn File,
    shard: &dyn Dir,
    object_name: &Name,
    digest: &Digest,
) -> io::Result<()> {
    let unfinished = name(&format!("{object_name}{UNFINISHED_SUFFIX}"));
    match shard.unlink(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let copy = shard.create(&unfinished, 0o600)?;
    let (size, mut offset) = (file.stat()?.size, 0);
    let copied = each_step(file, size, &mut |step| {
        copy.write_at(step, offset)?;
        offset += step.len() as u64;
        Ok(())
    });
    let (found, _) = copied.map_err(StepError::into_io)?;
    if found != *digest {
        let text = "the file was written to while it was taken into history";
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
    }
    shard.rename(&unfinished, shard, object_name, RenameMode::Replace)
}
