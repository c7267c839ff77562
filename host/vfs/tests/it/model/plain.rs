//! The plain map of paths that a session must be like. It copies where a session shares.

mod text;
mod walk;

use std::collections::BTreeMap;

use session_fs_vfs::{ChangeKind, Kind, VPath};

use self::text::{edited, overwritten};
use self::walk::{Follow, steps};
use super::program::Op;
use crate::support::{Body, MapBase, name};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Directory,
    File(Vec<u8>, bool),
    Link(String),
}

/// A tree; the root itself is not held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plain(BTreeMap<VPath, Object>);

type Answer<T = String> = Result<T, String>;

fn err<T>(variant: &str) -> Answer<T> {
    Err(variant.to_owned())
}

impl Plain {
    pub(super) fn of(base: &MapBase) -> Self {
        let objects = base.snapshot().into_iter().map(|(path, body)| {
            let object = match body {
                Body::Directory => Object::Directory,
                Body::File(bytes) => Object::File(bytes, false),
                Body::Executable(bytes) => Object::File(bytes, true),
                Body::Link(target) => Object::Link(target),
                Body::Sparse(_) => unreachable!("not in the model's base"),
            };
            (path, object)
        });
        Self(objects.collect())
    }

    pub(super) fn single(object: Object) -> Self {
        Self([(VPath::root(), object)].into())
    }

    pub(super) fn shown(&self) -> BTreeMap<String, (Kind, bool, Vec<u8>)> {
        let shown = self.0.iter().map(|(path, object)| {
            let shown = match object {
                Object::Directory => (Kind::Directory, false, Vec::new()),
                Object::File(bytes, executable) => (Kind::File, *executable, bytes.clone()),
                Object::Link(target) if target.starts_with('/') => {
                    (Kind::Symlink, false, Vec::new())
                }
                Object::Link(target) => (Kind::Symlink, false, target.clone().into_bytes()),
            };
            (path.to_string(), shown)
        });
        shown.collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn root(&self) -> Object {
        self.0[&VPath::root()].clone()
    }

    pub(super) fn set_root(&mut self, object: Object) {
        self.0.insert(VPath::root(), object);
    }

    /// Takes out what stands at a path and below, with paths from there on.
    pub(super) fn detach(&mut self, path: &VPath) -> Self {
        let paths: Vec<_> = self
            .0
            .keys()
            .filter(|at| at.starts_with(path))
            .cloned()
            .collect();
        assert!(!paths.is_empty(), "nothing stands at '{path}'");
        let parts = paths.into_iter().map(|at| {
            let object = self.0.remove(&at).expect("just seen");
            (at.rebase(path, &VPath::root()).expect("below"), object)
        });
        Self(parts.collect())
    }

    /// Puts a tree where nothing stands, in a directory that does.
    pub(super) fn attach(&mut self, path: &VPath, tree: Self) {
        let parent = path.parent().expect("not the root");
        assert!(
            parent.is_root() || self.0.get(&parent) == Some(&Object::Directory),
            "'{path}' has no directory to be in"
        );
        assert!(!self.0.contains_key(path), "'{path}' is taken");
        for (below, object) in tree.0 {
            let at = below.rebase(&VPath::root(), path).expect("from the root");
            self.0.insert(at, object);
        }
    }

    pub(super) fn write_own(&mut self, own: &str, bytes: &[u8]) {
        self.set_own(own, Some(Object::File(bytes.to_vec(), false)));
    }

    pub(super) fn own(&self, own: &str) -> Option<Object> {
        self.0.get(&VPath::root().join(&name(own))).cloned()
    }

    pub(super) fn set_own(&mut self, own: &str, object: Option<Object>) {
        let path = VPath::root().join(&name(own));
        match object {
            Some(object) => self.0.insert(path, object),
            None => self.0.remove(&path),
        };
    }

    pub(super) fn has_link_out(&self) -> bool {
        self.0.iter().any(|(path, object)| match object {
            Object::Link(target) => leads_out(path.components().len() - 1, target),
            _ => false,
        })
    }

    /// What changed from this tree to another, where nothing was renamed.
    pub(super) fn diff(
        &self,
        now: &Self,
    ) -> BTreeMap<String, (ChangeKind, Kind, Option<u64>, Option<u64>)> {
        let mut diff = BTreeMap::new();
        for path in self.0.keys().chain(now.0.keys()) {
            let (was, is) = (self.0.get(path), now.0.get(path));
            let sizes = (was.map(Object::size), is.map(Object::size));
            let entry = match (was, is) {
                (Some(was), Some(is)) if was == is => continue,
                (Some(_), Some(is)) => (ChangeKind::Modified, is.kind(), sizes.0, sizes.1),
                (None, Some(is)) => (ChangeKind::Created, is.kind(), sizes.0, sizes.1),
                (Some(was), None) => (ChangeKind::Removed, was.kind(), sizes.0, sizes.1),
                (None, None) => continue,
            };
            diff.insert(path.to_string(), entry);
        }
        diff
    }

    /// Does what the operation says, or says why not and changes nothing.
    pub(super) fn apply(&mut self, op: &Op) -> Answer {
        let before = self.clone();
        let answer = self.attempt(op);
        if answer.is_err() {
            *self = before;
        }
        answer
    }

    fn attempt(&mut self, op: &Op) -> Answer {
        match op {
            Op::Read(path) => Ok(format!("{:?}", self.file(path)?.1)),
            Op::ReadRange(path, at, len) => {
                let (_, bytes) = self.file(path)?;
                let start = usize::try_from(*at).expect("small").min(bytes.len());
                let end = (start + *len as usize).min(bytes.len());
                Ok(format!("{:?}", &bytes[start..end]))
            }
            Op::Write(path, bytes) => self.put(path, true, |_| bytes.clone()),
            Op::WriteRange(path, at, bytes) => {
                self.put(path, false, |old| overwritten(old, *at, bytes))
            }
            Op::Append(path, bytes) => self.put(path, true, |old| [old, bytes].concat()),
            Op::Truncate(path, size) => self.put(path, false, |old| {
                let mut bytes = old.to_vec();
                bytes.resize(usize::try_from(*size).expect("small"), 0);
                bytes
            }),
            Op::Edit(path, from, to, count) => {
                let (at, bytes) = self.file(path)?;
                let edited = edited(&bytes, from.as_bytes(), to.as_bytes(), *count)?;
                self.set_content(&at, edited);
                Ok(String::new())
            }
            Op::Mkdir(path) => self.mkdir(path),
            Op::Remove(path) => self.remove(path),
            Op::RemoveAll(path) => self.remove_all(path),
            Op::Rename(source, target) => self.rename(source, target),
            Op::Copy(source, target) => self.copy(source, target),
            Op::Symlink(target, path) => self.symlink(target, path),
            Op::ReadLink(path) => match self.existing(path, Follow::UnlessNamed)?.1 {
                Object::Link(target) if target.starts_with('/') => err("Denied"),
                Object::Link(target) => Ok(target),
                _ => err("NotALink"),
            },
            Op::Stat(path) => {
                let (_, object) = self.existing(path, Follow::Always)?;
                Ok(format!("{} {}", object.kind().as_str(), object.size()))
            }
            Op::Exists(path) => match self.existing(path, Follow::Always) {
                Ok(_) => Ok("true".to_owned()),
                Err(error) if error == "NotFound" || error == "NotADirectory" => {
                    Ok("false".to_owned())
                }
                Err(error) => Err(error),
            },
            Op::List(path, _) => self.list(path),
            _ => unreachable!("the run does it"),
        }
    }

    fn put(&mut self, text: &str, creates: bool, change: impl Fn(&[u8]) -> Vec<u8>) -> Answer {
        let place = self.resolve(text, Follow::Always)?;
        match place.found {
            Some(Object::File(bytes, _)) => self.set_content(&place.path, change(&bytes)),
            Some(_) => return err("IsADirectory"),
            None if place.directory => return err("IsADirectory"),
            None if !creates => return err("NotFound"),
            None => drop(self.0.insert(place.path, Object::File(change(&[]), false))),
        }
        Ok(String::new())
    }

    fn set_content(&mut self, path: &VPath, content: Vec<u8>) {
        if let Some(Object::File(bytes, _)) = self.0.get_mut(path) {
            *bytes = content;
        }
    }

    fn mkdir(&mut self, text: &str) -> Answer {
        let mut prefix = String::new();
        for part in text.split('/').filter(|part| !part.is_empty()) {
            prefix = format!("{prefix}/{part}");
            let place = self.resolve(&prefix, Follow::Always)?;
            match place.found {
                Some(Object::Directory) => {}
                Some(_) => return err("NotADirectory"),
                None => drop(self.0.insert(place.path, Object::Directory)),
            }
        }
        Ok(String::new())
    }

    fn is_empty(&self, path: &VPath) -> bool {
        !self.0.keys().any(|at| at != path && at.starts_with(path))
    }

    fn remove(&mut self, text: &str) -> Answer {
        let place = self.resolve(text, Follow::Never)?;
        match place.found {
            None => return err("NotFound"),
            Some(Object::Directory) if !place.named => return err("Busy"),
            Some(Object::Directory) if !self.is_empty(&place.path) => return err("NotEmpty"),
            Some(Object::Directory) => {}
            Some(_) if place.directory => return err("NotADirectory"),
            Some(_) => {}
        }
        self.0.remove(&place.path);
        Ok(String::new())
    }

    fn remove_all(&mut self, text: &str) -> Answer {
        let place = match self.resolve(text, Follow::Never) {
            Err(error) if error == "NotFound" => return Ok(String::new()),
            place => place?,
        };
        match place.found {
            None => return Ok(String::new()),
            Some(Object::Directory) if !place.named => return err("Busy"),
            Some(Object::Directory) => {}
            Some(_) if place.directory => return err("NotADirectory"),
            Some(_) => {}
        }
        drop(self.detach(&place.path));
        Ok(String::new())
    }

    fn rename(&mut self, source: &str, target: &str) -> Answer {
        let from = self.resolve(source, Follow::Never)?;
        let to = self.resolve(target, Follow::Never)?;
        if !from.named || !to.named {
            return err("Busy");
        }
        let Some(object) = from.found else {
            return err("NotFound");
        };
        let is_directory = object == Object::Directory;
        if !is_directory && (from.directory || to.directory) {
            return err("NotADirectory");
        }
        if from.path == to.path {
            return Ok(String::new());
        }
        if is_directory && to.path.starts_with(&from.path) {
            return err("Invalid");
        }
        match to.found {
            None => {}
            Some(Object::Directory) if from.path.starts_with(&to.path) => return err("NotEmpty"),
            Some(Object::Directory) if !is_directory => return err("IsADirectory"),
            Some(Object::Directory) if !self.is_empty(&to.path) => return err("NotEmpty"),
            Some(Object::Directory) => {}
            Some(_) if is_directory => return err("NotADirectory"),
            Some(_) => {}
        }
        self.0.remove(&to.path);
        let tree = self.detach(&from.path);
        self.attach(&to.path, tree);
        Ok(String::new())
    }

    fn copy(&mut self, source: &str, target: &str) -> Answer {
        let (from, object) = self.existing(source, Follow::Always)?;
        let to = self.resolve(target, Follow::Always)?;
        if to.directory && object != Object::Directory {
            return err("NotADirectory");
        }
        match (&object, to.found) {
            _ if from == to.path => return Ok(String::new()),
            (Object::File(bytes, _), Some(Object::File(..))) => {
                self.set_content(&to.path, bytes.clone());
                return Ok(String::new());
            }
            (_, Some(_)) => return err("AlreadyExists"),
            (_, None) => {}
        }
        if to.path.starts_with(&from) {
            return err("Invalid");
        }
        let tree = self.clone().detach(&from);
        self.attach(&to.path, tree.clone());
        let copied = tree.0.keys().map(|below| {
            let at = below
                .rebase(&VPath::root(), &to.path)
                .expect("from the root");
            let Some(Object::Link(target)) = self.0.get(&at) else {
                return false;
            };
            leads_out(at.components().len() - 1, target)
        });
        if copied.into_iter().any(|out| out) {
            return err("Denied");
        }
        Ok(String::new())
    }

    fn symlink(&mut self, target: &str, text: &str) -> Answer {
        if target.is_empty() {
            return err("NotFound");
        }
        if target.starts_with('/') {
            return err("Denied");
        }
        let place = self.resolve(text, Follow::Never)?;
        if place.found.is_some() {
            return err("AlreadyExists");
        }
        if place.directory {
            return err("NotFound");
        }
        if leads_out(place.path.components().len() - 1, target) {
            return err("Denied");
        }
        self.0.insert(place.path, Object::Link(target.to_owned()));
        Ok(String::new())
    }

    fn list(&self, text: &str) -> Answer {
        let (path, object) = self.existing(text, Follow::Always)?;
        if object != Object::Directory {
            return err("NotADirectory");
        }
        let below = self
            .0
            .iter()
            .filter(|(at, _)| at.parent().as_ref() == Some(&path));
        let names = below.map(|(at, object)| {
            let name = at.name().expect("not the root");
            format!("{name} {}", object.kind().as_str())
        });
        Ok(names.collect::<Vec<_>>().join(","))
    }
}

impl Object {
    fn kind(&self) -> Kind {
        match self {
            Self::Directory => Kind::Directory,
            Self::File(..) => Kind::File,
            Self::Link(_) => Kind::Symlink,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Directory => 0,
            Self::File(bytes, _) => bytes.len() as u64,
            Self::Link(target) => target.len() as u64,
        }
    }
}

/// Whether a link at this depth is absolute, climbs out, or goes up after a name.
fn leads_out(depth: usize, target: &str) -> bool {
    let steps: Vec<_> = steps(target).collect();
    let ups = steps.iter().take_while(|step| *step == "..").count();
    target.starts_with('/') || ups > depth || steps[ups..].iter().any(|step| step == "..")
}
