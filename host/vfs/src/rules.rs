//! Which paths a session may read and write.
//!
//! **Invariant:** a session's rules never change, and those of a session begun from it only narrow.
//! They are about canonical paths, so that no link, rename or second name leads around them.

mod below;
mod pattern;

use std::fmt;
use std::sync::{Arc, LazyLock};

use pattern::{Pattern, Positions, literal, unescaped};
use smallvec::SmallVec;

use crate::Name;
use crate::error::{DenialReason, Error, NOT_WRITABLE, Result};
use crate::path::VPath;
use crate::reserved::is_version_control;

/// Globs of one side of a rule set, so that one step of a walk stays cheap.
const GLOBS_MAX: usize = 256;

/// Which paths may be read and which written; everything by default.
///
/// The folders of version control, `.git` and its like, are written only where a glob spells their
/// name out, whatever rules there are; by default, without any, they are like others.
///
/// What may be written may be read. With globs given, everything else is denied, whether or not it
/// exists; of directories above what may be read only the way there is shown.
#[derive(Clone, Default)]
pub struct PathRules {
    /// All of them have to allow it.
    layers: Arc<[Arc<Layer>]>,
}

/// The globs of one list of rules, to be written down and read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globs {
    /// Of what may be read.
    pub read: Vec<String>,
    /// Of what may be written, and read.
    pub write: Vec<String>,
}

/// What one list of globs allows.
#[derive(Debug)]
struct Layer {
    /// Those of `write` are among them.
    read: Vec<Pattern>,
    write: Vec<Pattern>,
    /// Whether it restricts what may be read.
    hides: bool,
    /// Whether it may let something of version control be written.
    names: bool,
}

/// What allows everything but what has to be named.
static GUARD: LazyLock<Arc<Layer>> = LazyLock::new(|| {
    let everything = Pattern::parse("**").expect("a glob");
    let read = vec![everything.clone()];
    Arc::new(Layer::new(read, vec![everything]))
});

/// What may be done where a walk is: the positions in every pattern of every layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing(SmallVec<[Positions; 16]>);

/// What is asked of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Read,
    Write,
}

impl PathRules {
    /// Rules by which only what one of the globs matches may be read, or written.
    ///
    /// A glob is matched against the whole path from the root. `*` and `?` do not cross `/`, `**`
    /// stands for any number of components, so that `src/**` is `src` and everything below, and
    /// names that begin with a dot are like others.
    ///
    /// # Errors
    ///
    /// `Invalid` for a glob that cannot be used, or for more than 256 of a kind.
    pub fn allowing<G: AsRef<str>>(read: &[G], write: &[G]) -> Result<Self> {
        let parse = |globs: &[G]| -> Result<Vec<Pattern>> {
            if globs.len() > GLOBS_MAX {
                let detail = format!("{} globs are given, and {GLOBS_MAX} may be", globs.len());
                return Err(Error::invalid(detail));
            }
            globs
                .iter()
                .map(|glob| Pattern::parse(glob.as_ref()))
                .collect()
        };
        let write = parse(write)?;
        let mut read = parse(read)?;
        read.extend(write.iter().cloned());
        let layers = Arc::from([Arc::new(Layer::new(read, write))]);
        Ok(Self { layers })
    }

    /// Rules by which only what every one of the lists allows may be read, or written; everything
    /// without any.
    ///
    /// # Errors
    ///
    /// As [`PathRules::allowing`].
    pub fn of_lists(lists: &[Globs]) -> Result<Self> {
        lists.iter().try_fold(Self::default(), |rules, list| {
            Ok(rules.narrowed(&Self::allowing(&list.read, &list.write)?))
        })
    }

    /// The lists that all have to allow a path; [`PathRules::of_lists`] makes the same rules of them.
    pub fn lists(&self) -> Vec<Globs> {
        let globs = |patterns: &[Pattern]| patterns.iter().map(|it| it.glob().to_owned()).collect();
        let list = |layer: &Arc<Layer>| {
            // Those of `write` are the last of `read`.
            let own = layer.read.len().saturating_sub(layer.write.len());
            Globs {
                read: globs(&layer.read[..own]),
                write: globs(&layer.write),
            }
        };
        self.layers.iter().map(list).collect()
    }

    /// Rules by which nothing may be read or written.
    pub fn nothing() -> Self {
        let layers = Arc::from([Arc::new(Layer::new(Vec::new(), Vec::new()))]);
        Self { layers }
    }

    /// Rules by which everything may be read, and written but for what has to be named.
    pub fn guarded() -> Self {
        let layers = Arc::from([GUARD.clone()]);
        Self { layers }
    }

    /// The glob that matches a path alone; of the root, everything.
    pub fn glob_of(path: &VPath) -> String {
        if path.is_root() {
            return "**".to_owned();
        }
        literal(&path.to_string())
    }

    /// The path that a glob of [`PathRules::glob_of`] matches alone; `None` for any other glob.
    pub fn path_of(glob: &str) -> Option<VPath> {
        match glob {
            "**" => Some(VPath::default()),
            glob => VPath::parse(&unescaped(glob)?).ok(),
        }
    }

    /// What both of them allow.
    #[must_use]
    pub fn narrowed(&self, by: &Self) -> Self {
        let is_new = |layer: &&Arc<Layer>| !self.layers.iter().any(|own| Arc::ptr_eq(own, layer));
        let new: Vec<_> = by.layers.iter().filter(is_new).cloned().collect();
        if new.is_empty() {
            return self.clone();
        }
        let layers = self.layers.iter().cloned().chain(new).collect();
        Self { layers }
    }

    /// Whether everything is allowed.
    pub fn is_everything(&self) -> bool {
        self.layers.is_empty()
    }

    /// Whether nothing can be read, as far as each of the lists tells by itself.
    pub fn is_nothing(&self) -> bool {
        self.layers.iter().any(|layer| layer.read.is_empty())
    }

    /// Whether everything may be read.
    pub(crate) fn hides_nothing(&self) -> bool {
        !self.layers.iter().any(|layer| layer.hides)
    }

    /// Whether what a directory takes along may have been writable by its name alone.
    pub(crate) fn names_something(&self) -> bool {
        self.layers.iter().any(|layer| layer.names)
    }

    /// Whether the path may be read, if it exists.
    pub fn may_read(&self, path: &VPath) -> bool {
        self.allows(&self.standing(path), Right::Read)
    }

    /// Whether the path may be written, made and removed.
    pub fn may_write(&self, path: &VPath) -> bool {
        self.allows(&self.standing(path), Right::Write)
    }

    /// Whether the path and everything that can ever be below it may be written, apart from what has
    /// to be named.
    pub fn may_write_below(&self, path: &VPath) -> bool {
        self.covers(&self.standing(path))
    }

    /// Denies a change at a canonical path that a guest asked for by `text`.
    pub(crate) fn check_write(&self, text: &str, path: &VPath) -> Result<()> {
        if self.is_everything() || self.may_write(path) {
            return Ok(());
        }
        Err(Right::Write.denied(text, path))
    }

    pub(crate) fn start(&self) -> Standing {
        Standing(
            self.patterns()
                .map(|(pattern, _)| pattern.start())
                .collect(),
        )
    }

    pub(crate) fn step(&self, from: &Standing, name: &Name) -> Standing {
        let mut at = Standing(SmallVec::new());
        self.step_into(from, name, &mut at);
        at
    }

    /// The same into what was used before, for one directory's many names.
    pub(crate) fn step_into(&self, from: &Standing, name: &Name, at: &mut Standing) {
        let patterns = self.patterns().zip(&from.0);
        let by_name = is_version_control(name);
        let step = |((pattern, right), at): ((&Pattern, Right), &Positions)| match *at {
            0 => 0,
            at if by_name && right == Right::Write => pattern.step_by_name(at, name),
            at => pattern.step(at, name),
        };
        at.0.clear();
        at.0.extend(patterns.map(step));
    }

    pub(crate) fn standing(&self, path: &VPath) -> Standing {
        let names = path.components().iter();
        names.fold(self.start(), |at, name| self.step(&at, name))
    }

    /// Whether every layer allows it here.
    pub(crate) fn allows(&self, at: &Standing, right: Right) -> bool {
        self.every_layer(at, right, Pattern::matches)
    }

    /// Whether every layer allows writing here and everywhere below.
    pub(crate) fn covers(&self, at: &Standing) -> bool {
        self.every_layer(at, Right::Write, Pattern::covers)
    }

    /// Whether something here or below may be readable, as far as names tell.
    pub(crate) fn leads_on(&self, at: &Standing) -> bool {
        self.every_layer(at, Right::Read, |_, positions| positions != 0)
    }

    fn every_layer(
        &self,
        at: &Standing,
        right: Right,
        holds: impl Fn(&Pattern, Positions) -> bool,
    ) -> bool {
        let mut positions = at.0.iter().copied();
        self.layers.iter().all(|layer| {
            // Both are walked to the end: the positions are in the order of `patterns`.
            let mut any = |patterns: &[Pattern]| {
                patterns
                    .iter()
                    .zip(&mut positions)
                    .fold(false, |found, (pattern, at)| found | holds(pattern, at))
            };
            let (read, write) = (any(&layer.read), any(&layer.write));
            match right {
                Right::Read => read,
                Right::Write => write,
            }
        })
    }

    fn patterns(&self) -> impl Iterator<Item = (&Pattern, Right)> {
        self.layers.iter().flat_map(|layer| {
            let read = layer.read.iter().map(|pattern| (pattern, Right::Read));
            read.chain(layer.write.iter().map(|pattern| (pattern, Right::Write)))
        })
    }
}

impl Layer {
    fn new(read: Vec<Pattern>, write: Vec<Pattern>) -> Self {
        let whole = |pattern: &Pattern| pattern.covers(pattern.start());
        let hides = !read.iter().any(whole);
        let names = write
            .iter()
            .any(|pattern| pattern.names(is_version_control));
        Self {
            read,
            write,
            hides,
            names,
        }
    }
}

impl Right {
    /// The denial of this at a canonical path, with the narrowest grant that would allow it.
    pub(crate) fn denied(self, text: &str, path: &VPath) -> Error {
        let (verb, detail) = match self {
            Self::Read => ("read", "the path may not be read"),
            Self::Write => ("write", NOT_WRITABLE),
        };
        Error::Denied {
            path: Some(text.to_owned()),
            reason: DenialReason::Capability,
            detail: detail.to_owned(),
            grant: Some(format!("{verb}={}", PathRules::glob_of(path))),
        }
    }
}

impl PartialEq for PathRules {
    /// Whether they are of the same lists; others may allow the same.
    fn eq(&self, other: &Self) -> bool {
        self.lists() == other.lists()
    }
}

impl Eq for PathRules {}

impl fmt::Debug for PathRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathRules")
            .field("layers", &self.layers.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
