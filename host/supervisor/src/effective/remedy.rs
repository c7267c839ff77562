//! Where more has to be said for something that was denied to be allowed.

use std::fmt;

use vfs::PathRules;

use super::EffectiveGrant;
use crate::grants::Grant;
use crate::side::{Cap, Role, Side};

/// One place that does not allow what was denied, and what is to be added there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// The file; `None` for the command line.
    pub file: Option<String>,
    /// The line of the file, from 1 on, where the word stands already.
    pub line: Option<usize>,
    /// The word, such as `write`.
    pub word: &'static str,
    /// What is missing: a glob or a name; nothing for what is allowed or not.
    pub value: Option<String>,
}

impl EffectiveGrant {
    /// Every place that has to say more for a denied grant to be allowed; none when nothing that
    /// can be said would allow it.
    pub fn remedies(&self, denied: &Grant) -> Vec<Remedy> {
        let (word, value) = parts(denied);
        let speaks = |side: &&Side| side.role == Role::Operator && allows(side, denied).is_some();
        let mut remedies = Vec::new();
        if !self.sides.iter().any(|side| speaks(&side)) && !by_default(denied) {
            remedies.push(Remedy {
                file: None,
                line: None,
                word,
                value: value.clone(),
            });
        }
        let lacking = |side: &&Side| allows(side, denied) == Some(false);
        remedies.extend(self.sides.iter().filter(lacking).map(|side| Remedy {
            file: side.file.clone(),
            line: side.lines.get(word).copied(),
            word,
            value: value.clone(),
        }));
        remedies
    }

    /// Every place that keeps a run from taking more of something.
    pub fn remedies_of(&self, cap: Cap) -> Vec<Remedy> {
        let max = self.max(cap);
        let said = |side: &Side| side.caps.get(&cap).copied();
        let by_operator = |side: &Side| side.role == Role::Operator && said(side).is_some();
        let is_default = !self.sides.iter().any(by_operator) && max == cap.default_max();
        let remedy = |file, line| Remedy {
            file,
            line,
            word: cap.as_str(),
            value: None,
        };
        let holding = self.sides.iter().filter(|side| said(side) == Some(max));
        let holding = holding.map(|side| {
            let line = side.lines.get(cap.as_str()).copied();
            remedy(side.file.clone(), line)
        });
        let default = is_default.then(|| remedy(None, None));
        default.into_iter().chain(holding).collect()
    }
}

/// The word of a grant and what it is about.
fn parts(grant: &Grant) -> (&'static str, Option<String>) {
    match grant {
        Grant::Commit => ("commit", None),
        Grant::AnyNames => ("any-names", None),
        Grant::Begin(base) => ("begin", Some(base.clone())),
        Grant::Read(glob) => ("read", Some(glob.clone())),
        Grant::Write(glob) => ("write", Some(glob.clone())),
        Grant::Execute(glob) => ("execute", Some(glob.clone())),
    }
}

/// Whether a side allows something; `None` when it says nothing of it.
fn allows(side: &Side, grant: &Grant) -> Option<bool> {
    let rules = |rules: Result<Option<PathRules>, vfs::Error>| rules.ok().flatten();
    match grant {
        Grant::Commit => side.said(&side.commit),
        Grant::AnyNames => side.said(&side.any_names),
        Grant::Begin(base) => side.said(&side.begin).map(|list| list.contains(base)),
        Grant::Read(_) | Grant::Write(_) => rules(side.paths()).map(|own| permits(&own, grant)),
        Grant::Execute(_) => rules(side.executes()).map(|own| permits(&own, grant)),
    }
}

/// Whether it is allowed where no operator says anything.
fn by_default(grant: &Grant) -> bool {
    match grant {
        Grant::Read(_) | Grant::Write(_) => permits(&PathRules::guarded(), grant),
        Grant::Commit | Grant::AnyNames | Grant::Begin(_) | Grant::Execute(_) => false,
    }
}

/// Whether a word is allowed or not, and there is nothing to name.
fn is_flag(word: &str) -> bool {
    matches!(word, "commit" | "any-names")
}

/// Whether rules allow what a denial names: one path, or all below a directory.
fn permits(rules: &PathRules, grant: &Grant) -> bool {
    let is_write = matches!(grant, Grant::Write(_));
    let (Grant::Read(glob) | Grant::Write(glob) | Grant::Execute(glob)) = grant else {
        return false;
    };
    let (dir, is_below) = match glob.strip_suffix("/**") {
        Some(dir) => (dir, true),
        None => (glob.as_str(), false),
    };
    match (PathRules::path_of(dir), is_write) {
        (None, _) => false,
        (Some(path), true) if is_below => rules.may_write_below(&path),
        (Some(path), true) => rules.may_write(&path),
        (Some(path), false) => rules.may_read(&path),
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(file) = &self.file else {
            return self.as_option(f);
        };
        f.write_str(file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match (&self.value, self.line) {
            (Some(value), Some(_)) => write!(f, ": {} = [..., {value:?}]", self.word),
            (Some(value), None) => write!(f, ": {} = [{value:?}]", self.word),
            (None, _) if is_flag(self.word) => write!(f, ": {} = true", self.word),
            (None, _) => write!(f, ": {}", self.word),
        }
    }
}

impl Remedy {
    /// As it is typed in a shell.
    fn as_option(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |value: &String| value.replace('\'', r"'\''");
        match (self.word, &self.value) {
            (word, _) if is_flag(word) => write!(f, "--grant {word}"),
            (word, None) => write!(f, "--{word}"),
            (word @ ("read" | "write"), Some(value)) => {
                write!(f, "--{word} '{}'", quoted(value))
            }
            (word, Some(value)) => write!(f, "--grant '{word}={}'", quoted(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedies(sides: &[&Side], denied: &str) -> Vec<String> {
        let sides = sides.iter().map(|side| (*side).clone()).collect();
        let effective = EffectiveGrant::of(sides).expect("valid globs");
        let denied = denied.parse().expect("a grant");
        let remedies = effective.remedies(&denied);
        remedies.iter().map(ToString::to_string).collect()
    }

    fn file(role: Role, name: &str) -> Side {
        Side::new(role, Some(name.to_owned()))
    }

    #[test]
    fn every_place_that_does_not_allow_it_is_named() {
        let asks = Side {
            write: Some(vec!["*.txt".to_owned()]),
            lines: [("write".to_owned(), 12)].into(),
            ..file(Role::Agent, "agent.toml")
        };
        let mut flags = Side::new(Role::Operator, None);
        let check = |sides: &[&Side], denied: &str, expected: &[&str]| {
            assert_eq!(remedies(sides, denied), expected, "{denied}");
        };
        check(&[&asks], "write=a.txt", &[]);
        check(
            &[&asks],
            "write=.git",
            &["--write '.git'", "agent.toml:12: write = [..., \".git\"]"],
        );
        check(
            &[&asks],
            "write=it's",
            &["agent.toml:12: write = [..., \"it's\"]"],
        );
        check(&[&asks], "read=a", &["agent.toml: read = [\"a\"]"]);
        check(
            &[&asks],
            "commit",
            &["--grant commit", "agent.toml: commit = true"],
        );
        check(&[], "execute=Makefile", &["--grant 'execute=Makefile'"]);
        check(&[], "begin=vfs://a", &["--grant 'begin=vfs://a'"]);
        flags.add("write=docs/**".parse().expect("a grant"));
        check(&[&flags], "write=it's", &[r"--write 'it'\''s'"]);
        check(&[&flags], "write=docs/**", &[]);
        check(&[&flags], "write=src/**", &["--write 'src/**'"]);
        check(&[&flags], "write=docs/\\*", &[]);
        let policy = Side {
            commit: Some(false),
            lines: [("commit".to_owned(), 3)].into(),
            ..file(Role::Workspace, "policy.toml")
        };
        flags.add(Grant::Commit);
        check(
            &[&flags, &policy],
            "commit",
            &["policy.toml:3: commit = true"],
        );
    }

    /// What is named is what is missing: with all of it said, it is allowed.
    #[test]
    fn what_is_named_is_enough() {
        let asks = Side {
            read: Some(vec!["a".to_owned()]),
            ..file(Role::Agent, "agent.toml")
        };
        let policy = Side {
            read: Some(vec!["b".to_owned()]),
            ..file(Role::Operator, "policy.toml")
        };
        let effective = EffectiveGrant::of(vec![asks, policy]).expect("valid globs");
        let path = vfs::VPath::parse("new [1]/x").expect("valid");
        let denied = Grant::Write(PathRules::glob_of(&path));
        let mut sides = effective.sides().to_vec();
        for remedy in effective.remedies(&denied) {
            let side = sides.iter_mut().find(|side| side.file == remedy.file);
            let list = &mut side.expect("one of them").write;
            list.get_or_insert_default().extend(remedy.value);
        }
        let mended = EffectiveGrant::of(sides).expect("valid globs");
        assert!(!effective.rules().may_write(&path) && mended.rules().may_write(&path));
    }

    #[test]
    fn a_limit_is_raised_where_it_stands() {
        let mut asks = file(Role::Agent, "agent.toml");
        let effective = |sides| EffectiveGrant::of(sides).expect("valid globs");
        let texts = |grant: &EffectiveGrant| -> Vec<String> {
            let remedies = grant.remedies_of(Cap::Timeout);
            remedies.iter().map(ToString::to_string).collect()
        };
        assert_eq!(texts(&effective(vec![asks.clone()])), ["--timeout"]);
        asks.caps.insert(Cap::Timeout, 5);
        asks.lines.insert("timeout".to_owned(), 4);
        assert_eq!(texts(&effective(vec![asks])), ["agent.toml:4: timeout"]);
    }
}
