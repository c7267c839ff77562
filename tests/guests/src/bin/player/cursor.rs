//! Directory cursors: each entry once, in no order that a script may rely on.

use crate::bindings::wasi::filesystem::types::DirectoryEntryStream;
use crate::words::Words;
use crate::{Played, Player, Refusal, done};

/// A cursor, and what it has given so far.
pub(crate) struct Cursor {
    stream: DirectoryEntryStream,
    seen: Vec<String>,
}

impl Cursor {
    pub(crate) fn new(stream: DirectoryEntryStream) -> Self {
        Self {
            stream,
            seen: Vec::new(),
        }
    }

    /// Whether there was one more entry.
    fn step(&mut self) -> Result<bool, Refusal> {
        let entry = self.stream.read_directory_entry()?;
        let text = entry.map(|entry| format!("{}:{:?}", entry.name, entry.type_));
        let is_there = text.is_some();
        self.seen.extend(text);
        Ok(is_there)
    }
}

impl Player {
    /// `read-directory-entry` takes one entry; `all` the rest, and prints all since the cursor's begin.
    pub(crate) fn entry(&mut self, method: &str, words: &mut Words<'_>) -> Played {
        let slot = words.next();
        let cursor = self.cursors.get_mut(slot);
        let cursor = cursor.ok_or_else(|| Refusal::Empty(slot.to_owned()))?;
        match method {
            "read-directory-entry" if cursor.step()? => done(),
            "read-directory-entry" => Ok("end".to_owned()),
            "all" => {
                while cursor.step()? {}
                cursor.seen.sort();
                Ok(cursor.seen.join(" "))
            }
            _ => panic!("no method: {method}"),
        }
    }
}
