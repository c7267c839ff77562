//! The base of sessions in memory: an empty directory.

use std::sync::Arc;

use super::{Base, BaseEntry, BaseFile, BaseStat, BaseVersion};
use crate::Kind;
use crate::error::{Error, Result};
use crate::path::VPath;

/// A base with nothing in it, such as what `vfs://` sessions are begun over.
#[derive(Clone, Debug)]
pub struct EmptyBase {
    name: String,
}

impl EmptyBase {
    /// An empty base of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

impl Base for EmptyBase {
    fn name(&self) -> &str {
        &self.name
    }

    fn describe(&self, path: &VPath) -> Result<Option<BaseStat>> {
        Ok(path.is_root().then_some(BaseStat {
            kind: Kind::Directory,
            size: 0,
            executable: true,
            modified: None,
            changed: None,
            version: BaseVersion::Number(0),
        }))
    }

    fn list(&self, _path: &VPath, _entries_max: usize) -> Result<Arc<[BaseEntry]>> {
        Ok(Arc::from([]))
    }

    fn open(&self, path: &VPath, _expected: &BaseStat) -> Result<Arc<dyn BaseFile>> {
        Err(Error::NotFound {
            path: path.to_string(),
        })
    }

    fn read_link(&self, path: &VPath, _expected: &BaseStat) -> Result<Arc<str>> {
        Err(Error::NotFound {
            path: path.to_string(),
        })
    }
}
