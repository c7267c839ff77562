//! Walking paths in the plain map, by the same rules and with none of the code.

use session_fs_vfs::VPath;

use super::{Answer, Object, Plain, err};
use crate::support::name;

/// Where a walk ended: the path of the object, or where it would be.
pub(super) struct Place {
    pub(super) path: VPath,
    pub(super) found: Option<Object>,
    pub(super) named: bool,
    pub(super) directory: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    Always,
    UnlessNamed,
    Never,
}

impl Plain {
    pub(super) fn resolve(&self, text: &str, follow: Follow) -> Answer<Place> {
        let text = if text.is_empty() { "." } else { text };
        let mut directory = ends_as_directory(text);
        let mut at: Vec<String> = Vec::new();
        let mut pending: Vec<String> = steps(text).rev().collect();
        let mut hops = 0;
        while let Some(step) = pending.pop() {
            if step == "." {
                continue;
            }
            if step == ".." {
                if at.pop().is_none() {
                    return err("Denied");
                }
                continue;
            }
            let last = pending.is_empty();
            at.push(step);
            let found = self.0.get(&path_of(&at)).cloned();
            let followed = match follow {
                Follow::Always => true,
                Follow::UnlessNamed => directory,
                Follow::Never => false,
            };
            match found {
                Some(Object::Link(target)) if !last || followed => {
                    hops += 1;
                    if hops > 40 {
                        return err("TooManyLinks");
                    }
                    if target.starts_with('/') {
                        return err("Denied");
                    }
                    at.pop();
                    directory |= last && ends_as_directory(&target);
                    pending.extend(steps(&target).rev());
                }
                Some(Object::Directory) if !last => {}
                Some(Object::File(..)) if !last => return err("NotADirectory"),
                Some(Object::File(..) | Object::Link(_))
                    if directory && follow != Follow::Never =>
                {
                    return err("NotADirectory");
                }
                None if !last => return err("NotFound"),
                found => {
                    return Ok(Place {
                        path: path_of(&at),
                        found,
                        named: true,
                        directory,
                    });
                }
            }
        }
        Ok(Place {
            path: path_of(&at),
            found: Some(Object::Directory),
            named: false,
            directory,
        })
    }

    pub(super) fn existing(&self, text: &str, follow: Follow) -> Answer<(VPath, Object)> {
        let place = self.resolve(text, follow)?;
        match place.found {
            Some(object) => Ok((place.path, object)),
            None => err("NotFound"),
        }
    }

    pub(super) fn file(&self, text: &str) -> Answer<(VPath, Vec<u8>)> {
        match self.existing(text, Follow::Always)? {
            (path, Object::File(bytes, _)) => Ok((path, bytes)),
            _ => err("IsADirectory"),
        }
    }
}

/// The names and `..` of a path; a name with `/.` at the end is walked into.
pub(super) fn steps(text: &str) -> impl DoubleEndedIterator<Item = String> {
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
    let mut steps: Vec<String> = parts.map(str::to_owned).collect();
    if text.ends_with("/.") && steps.last().is_some_and(|step| step != "..") {
        steps.push(".".to_owned());
    }
    steps.into_iter()
}

fn ends_as_directory(text: &str) -> bool {
    !text.is_empty() && matches!(text.rsplit('/').next(), Some("" | "." | ".."))
}

fn path_of(names: &[String]) -> VPath {
    VPath::from_names(names.iter().map(|text| name(text)).collect())
}
