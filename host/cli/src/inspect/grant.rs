//! What an agent asks for and what it would be granted, as `inspect` shows them.

use std::collections::BTreeMap;

use serde::Serialize;
use supervisor::{Cap, EffectiveGrant, Side};

use crate::granted::Granted;
use crate::output::Row;
use crate::sheet::{Sheet, Unserved};
use crate::units;

/// What the agent asks for.
#[derive(Debug, Serialize)]
pub(super) struct Asks {
    read: Vec<String>,
    write: Vec<String>,
    execute: Vec<String>,
    commit: bool,
    begin: Vec<String>,
    env: Vec<String>,
    any_names: bool,
    hosts: Vec<String>,
    history: bool,
    artifacts: bool,
    limits: BTreeMap<&'static str, u64>,
    /// Whether it names paths at all.
    #[serde(skip)]
    names_paths: bool,
}

/// What it would be granted.
#[derive(Debug, Serialize)]
pub(super) struct Effective {
    /// Lists that all have to allow a path; without any it is the whole base.
    paths: Vec<Paths>,
    /// Lists that all have to allow what runs by itself.
    execute: Vec<Globs>,
    commit: bool,
    begin: Vec<String>,
    env: Vec<String>,
    any_names: bool,
    runs_on_open: Vec<String>,
    /// Of `timeout` milliseconds, else bytes or counts.
    limits: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct Paths {
    by: String,
    read: Vec<String>,
    write: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Globs {
    by: String,
    globs: Vec<String>,
}

impl From<&Sheet> for Asks {
    fn from(sheet: &Sheet) -> Self {
        let Sheet { side, unserved } = sheet;
        let Unserved {
            hosts,
            history,
            artifacts,
        } = unserved.clone();
        Self {
            read: list(&side.read),
            write: list(&side.write),
            execute: list(&side.execute),
            commit: side.commit.unwrap_or_default(),
            begin: list(&side.begin),
            env: list(&side.env),
            any_names: side.any_names.unwrap_or_default(),
            hosts,
            history,
            artifacts,
            limits: limits(|cap| side.caps.get(&cap).copied()),
            names_paths: side.read.is_some() || side.write.is_some(),
        }
    }
}

impl From<&Granted> for Effective {
    fn from(granted: &Granted) -> Self {
        let effective = &granted.effective;
        Self {
            paths: paths(effective),
            execute: executes(effective),
            commit: effective.may_commit(),
            begin: effective.begin().iter().cloned().collect(),
            env: effective.env().iter().cloned().collect(),
            any_names: effective.review().any_names,
            runs_on_open: effective.review().runs_on_open.globs().to_vec(),
            limits: limits(|cap| Some(effective.max(cap))),
        }
    }
}

impl Asks {
    /// One row for each kind of thing that is asked for.
    pub(super) fn rows(&self) -> Vec<Row> {
        let lists = [
            ("read", self.read.clone()),
            ("write", self.write.clone()),
            ("execute", self.execute.clone()),
            ("commit", flag(self.commit, "its own session")),
            ("begin", self.begin.clone()),
            ("env", self.env.clone()),
            (
                "any-names",
                flag(self.any_names, "such as a and A in one directory"),
            ),
            ("hosts, every use denied", self.hosts.clone()),
            ("history", flag(self.history, "not offered yet")),
            ("artifacts", flag(self.artifacts, "not offered yet")),
            ("limits", limit_texts(&self.limits)),
        ];
        let mut rows = Vec::new();
        if !self.names_paths {
            rows.push(row("read, write", "the whole base"));
        }
        rows.extend(filled(lists));
        rows
    }
}

impl Effective {
    /// One row for each kind of thing that it would have.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        if self.paths.is_empty() {
            rows.push(row(
                "read, write",
                "the whole base, of version control nothing to write",
            ));
        }
        for Paths { by, read, write } in &self.paths {
            let what = |globs: &[String]| match globs {
                [] => "nothing".to_owned(),
                globs => globs.join(", "),
            };
            let text = format!("{}; write {} ({by})", what(read), what(write));
            rows.push(row("read", &text));
        }
        for Globs { by, globs } in &self.execute {
            rows.push(row("execute", &format!("{} ({by})", globs.join(", "))));
        }
        let running = units::counted(self.runs_on_open.len(), "glob");
        rows.extend(filled([
            ("commit", flag(self.commit, "its own session")),
            ("begin", self.begin.clone()),
            ("env", self.env.clone()),
            (
                "any-names",
                flag(self.any_names, "such as a and A in one directory"),
            ),
            ("runs on open", vec![running]),
            ("limits", limit_texts(&self.limits)),
        ]));
        rows
    }
}

fn paths(effective: &EffectiveGrant) -> Vec<Paths> {
    let speaks = |side: &&Side| side.read.is_some() || side.write.is_some();
    let sides = effective.sides().iter().filter(speaks);
    sides
        .map(|side| Paths {
            by: by(side),
            read: list(&side.read),
            write: list(&side.write),
        })
        .collect()
}

/// Empty where nothing of the kind is granted.
fn executes(effective: &EffectiveGrant) -> Vec<Globs> {
    let sides = effective.sides().iter();
    let named = |side: &Side| {
        Some(Globs {
            by: by(side),
            globs: side.execute.clone()?,
        })
    };
    match effective.executes().is_nothing() {
        true => Vec::new(),
        false => sides.filter_map(named).collect(),
    }
}

/// Who says it.
fn by(side: &Side) -> String {
    side.file
        .clone()
        .unwrap_or_else(|| "the command line".to_owned())
}

fn list(globs: &Option<Vec<String>>) -> Vec<String> {
    globs.clone().unwrap_or_default()
}

fn limits(of: impl Fn(Cap) -> Option<u64>) -> BTreeMap<&'static str, u64> {
    let caps = Cap::ALL.iter();
    caps.filter_map(|cap| Some((cap.as_str(), of(*cap)?)))
        .collect()
}

/// The same for a person.
fn limit_texts(limits: &BTreeMap<&'static str, u64>) -> Vec<String> {
    let text = |cap: &Cap| {
        let max = *limits.get(cap.as_str())?;
        let max = match cap {
            Cap::Timeout => units::duration(std::time::Duration::from_millis(max)),
            Cap::Memory | Cap::SessionMemory | Cap::File | Cap::Output => units::bytes(max),
            Cap::Objects | Cap::Handles | Cap::Sessions => max.to_string(),
        };
        Some(format!("{} {max}", cap.as_str()))
    };
    Cap::ALL.iter().filter_map(text).collect()
}

fn filled<const N: usize>(lists: [(&str, Vec<String>); N]) -> impl Iterator<Item = Row> {
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let rows: Vec<Row> = lists
        .map(|(name, list)| (name.to_owned(), list.join(", ")))
        .collect();
    rows.into_iter()
}

/// A list of this, or of nothing.
fn flag(is_on: bool, text: &str) -> Vec<String> {
    is_on.then(|| text.to_owned()).into_iter().collect()
}

fn row(name: &str, text: &str) -> Row {
    (name.to_owned(), text.to_owned())
}
