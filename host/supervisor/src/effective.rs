//! What a run is granted in the end: what all of its sides allow.

mod remedy;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime::RunLimits;
use vfs::{Digest, Limits, Operation, OperationKind, PathRules, Session};
use workspace::BaseHandle;

pub use self::remedy::Remedy;
use crate::grants::Grants;
use crate::review::{Review, RunsOnOpen};
use crate::side::{Cap, Caps, Role, Side};

/// The name of the label that says what a session was granted.
pub(crate) const GRANT_LABEL: &str = "grant";
/// Bytes of a grant that are written down with a run; of a longer one the digest.
const RECORD_BYTES_MAX: usize = 4_000;

/// What a run may do: what the operator grants of what the agent asks for, as far as the workspace's
/// policy allows it.
///
/// **Invariant:** it never allows what one of the sides that speak of it does not.
#[derive(Clone, Debug)]
pub struct EffectiveGrant {
    sides: Vec<Side>,
    rules: PathRules,
    executes: PathRules,
    commit: bool,
    begin: BTreeSet<String>,
    env: BTreeSet<String>,
    any_names: bool,
    runs_on_open: RunsOnOpen,
    caps: Caps,
}

impl EffectiveGrant {
    /// What comes of these sides, in any order.
    ///
    /// # Errors
    ///
    /// `Invalid` for a glob that cannot be used.
    pub fn of(sides: Vec<Side>) -> Result<Self, vfs::Error> {
        let paths = |side: &Side| side.paths();
        let rules = meet(&sides, PathRules::guarded(), paths, |a, b| a.narrowed(&b))?;
        let nothing = PathRules::nothing();
        let executes = meet(&sides, nothing, Side::executes, |a, b| a.narrowed(&b))?;
        let commit = |side: &Side| Ok(side.said(&side.commit));
        let commit = meet(&sides, false, commit, |a, b| a && b)?;
        let set = |list: Option<Vec<String>>| Ok(list.map(BTreeSet::from_iter));
        let common = |a: BTreeSet<String>, b: BTreeSet<String>| &a & &b;
        let begin = |side: &Side| set(side.said(&side.begin));
        let begin = meet(&sides, BTreeSet::new(), begin, common)?;
        let env = |side: &Side| set(side.said(&side.env));
        let env = meet(&sides, BTreeSet::new(), env, common)?;
        let any_names = |side: &Side| Ok(side.said(&side.any_names));
        let any_names = meet(&sides, false, any_names, |a, b| a && b)?;
        let runs_on_open = runs_on_open(&sides)?;
        let mut caps = Caps::new();
        for cap in Cap::ALL {
            let said = |side: &Side| Ok(side.caps.get(&cap).copied());
            caps.insert(cap, meet(&sides, cap.default_max(), said, u64::min)?);
        }
        Ok(Self {
            sides,
            rules,
            executes,
            commit,
            begin,
            env,
            any_names,
            runs_on_open,
            caps,
        })
    }

    /// The sides that it came of.
    pub fn sides(&self) -> &[Side] {
        &self.sides
    }

    /// Which paths the session may read and write.
    pub fn rules(&self) -> &PathRules {
        &self.rules
    }

    /// What may be committed although it runs by itself, as what these rules let be read.
    pub fn executes(&self) -> &PathRules {
        &self.executes
    }

    /// Whether the agent may commit its session itself.
    pub fn may_commit(&self) -> bool {
        self.commit
    }

    /// The bases that it may begin sessions over, as `vfs://NAME`.
    pub fn begin(&self) -> &BTreeSet<String> {
        &self.begin
    }

    /// Names of the variables that it may be given.
    pub fn env(&self) -> &BTreeSet<String> {
        &self.env
    }

    /// The most that a run may take of something.
    pub fn max(&self, cap: Cap) -> u64 {
        self.caps.get(&cap).copied().unwrap_or(cap.default_max())
    }

    fn count(&self, cap: Cap) -> usize {
        usize::try_from(self.max(cap)).unwrap_or(usize::MAX)
    }

    /// What the run may take.
    pub fn run_limits(&self) -> RunLimits {
        RunLimits {
            timeout: Duration::from_millis(self.max(Cap::Timeout)),
            memory_bytes_max: self.max(Cap::Memory),
            output_bytes_max: self.max(Cap::Output),
            handles_max: self.count(Cap::Handles),
            sessions_max: self.count(Cap::Sessions),
            ..RunLimits::default()
        }
    }

    /// What its session may take.
    pub fn session_limits(&self) -> Limits {
        Limits {
            memory_bytes_max: self.max(Cap::SessionMemory),
            file_bytes_max: self.max(Cap::File),
            objects_max: self.count(Cap::Objects),
            ..Limits::default()
        }
    }

    /// The same for a job; `open` gives the base of a name.
    pub fn grants(&self, open: impl Fn(&str) -> Arc<BaseHandle>) -> Grants {
        let open = |name: &String| (name.clone(), open(name));
        Grants {
            commit: self.commit,
            bases: self.begin.iter().map(open).collect(),
            rules: self.rules.clone(),
            review: self.review(),
            record: Some(self.record()),
        }
    }

    /// What is looked at before a commit.
    pub fn review(&self) -> Review {
        Review {
            runs_on_open: self.runs_on_open.clone(),
            granted: Some(self.executes.clone()),
            any_names: self.any_names,
        }
    }

    /// The label of a session that says what it was granted.
    pub fn label(&self) -> (String, String) {
        (GRANT_LABEL.to_owned(), self.record())
    }

    /// Has the audit log of a session tell what it was granted.
    pub fn note(&self, session: &Session) {
        note(session, &self.record());
    }

    /// What is written down of it: one line, bounded.
    fn record(&self) -> String {
        let text = self.to_string();
        if text.len() <= RECORD_BYTES_MAX {
            return text;
        }
        let digest = Digest::of(text.as_bytes());
        let kept = &text[..text.floor_char_boundary(RECORD_BYTES_MAX)];
        format!("{kept}… blake3 of all: {digest}")
    }
}

/// Has the audit log of a session tell what it was granted.
pub(crate) fn note(session: &Session, record: &str) {
    session.report(&Operation::new(OperationKind::Grant).to(record));
}

/// What all sides allow of one word: of the operator's, or else what there is by default, and then of
/// every other side that speaks of it.
fn meet<T>(
    sides: &[Side],
    default: T,
    said: impl Fn(&Side) -> Result<Option<T>, vfs::Error>,
    both: impl Fn(T, T) -> T,
) -> Result<T, vfs::Error> {
    let (mut granted, mut narrowed) = (None, Vec::new());
    for side in sides {
        match (said(side)?, side.role) {
            (None, _) => {}
            (Some(value), Role::Operator) => {
                granted = Some(match granted {
                    None => value,
                    Some(before) => both(before, value),
                });
            }
            (Some(value), Role::Agent | Role::Workspace) => narrowed.push(value),
        }
    }
    Ok(narrowed.into_iter().fold(granted.unwrap_or(default), both))
}

/// What runs by itself: what operators list instead of what is known, and what anybody adds.
fn runs_on_open(sides: &[Side]) -> Result<RunsOnOpen, vfs::Error> {
    let operators = sides.iter().filter(|side| side.role == Role::Operator);
    let own = operators.filter_map(|side| side.runs_on_open.as_ref());
    let own: Vec<&Vec<String>> = own.collect();
    let added = sides.iter().flat_map(|side| &side.also_runs_on_open);
    let added: Vec<&String> = added.collect();
    let known = RunsOnOpen::default();
    if own.is_empty() && added.is_empty() {
        return Ok(known);
    }
    let listed: Vec<&String> = match own.is_empty() {
        true => known.globs().iter().collect(),
        false => own.into_iter().flatten().collect(),
    };
    let globs: BTreeSet<String> = listed.into_iter().chain(added).cloned().collect();
    RunsOnOpen::of(&Vec::from_iter(globs))
}

/// One line, as TOML would have it; files by their names alone.
impl fmt::Display for EffectiveGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "commit = {}; begin = {:?}", self.commit, self.begin)?;
        write!(f, "; env = {:?}; any-names = {}", self.env, self.any_names)?;
        for side in &self.sides {
            let file = side.file.as_deref().unwrap_or("the command line");
            let by = file.rsplit('/').next().unwrap_or(file);
            for (word, globs) in [
                ("read", &side.read),
                ("write", &side.write),
                ("execute", &side.execute),
            ] {
                if let Some(globs) = globs {
                    write!(f, "; {word} by {by:?} = {globs:?}")?;
                }
            }
        }
        if self.runs_on_open.globs() != RunsOnOpen::default().globs() {
            write!(f, "; runs-on-open = {:?}", self.runs_on_open)?;
        }
        for (cap, max) in &self.caps {
            write!(f, "; {} = {max}", cap.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
