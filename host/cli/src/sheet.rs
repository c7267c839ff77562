//! A TOML file that says what a run may do, whoever wrote it: the agent's own, or a policy.
//!
//! The words are those of the command line; each remembers on which line it stands.

use serde::Deserialize;
use supervisor::{Cap, Caps, Grant, Role, RunsOnOpen, Side};
use toml::Spanned;

use crate::args::guest_memory;
use crate::units;

/// Bytes of the file, so that no other is taken for one.
pub(crate) const SHEET_BYTES_MAX: u64 = 64 << 10;

/// The words that there are.
pub(crate) const WORDS: &str = "read, write, execute, commit, begin, env, any-names, hosts, history, artifacts, in a \
    policy runs-on-open and also-runs-on-open, and [limits] with timeout, memory, session-memory, file, objects, output, handles, sessions";

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Raw {
    read: Option<Spanned<Vec<String>>>,
    write: Option<Spanned<Vec<String>>>,
    execute: Option<Spanned<Vec<String>>>,
    commit: Option<Spanned<bool>>,
    begin: Option<Spanned<Vec<String>>>,
    env: Option<Spanned<Vec<String>>>,
    any_names: Option<Spanned<bool>>,
    runs_on_open: Option<Spanned<Vec<String>>>,
    also_runs_on_open: Option<Spanned<Vec<String>>>,
    hosts: Vec<String>,
    history: bool,
    artifacts: bool,
    limits: RawLimits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct RawLimits {
    timeout: Option<Spanned<String>>,
    memory: Option<Spanned<String>>,
    session_memory: Option<Spanned<String>>,
    file: Option<Spanned<String>>,
    output: Option<Spanned<String>>,
    objects: Option<Spanned<u64>>,
    handles: Option<Spanned<u64>>,
    sessions: Option<Spanned<u64>>,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) side: Side,
    pub(crate) unserved: Unserved,
}

/// What can be named and is nowhere to be had: every use is denied, whoever granted it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unserved {
    pub(crate) hosts: Vec<String>,
    pub(crate) history: bool,
    pub(crate) artifacts: bool,
}

impl Sheet {
    /// Reads the text of a file that a person knows by a name.
    ///
    /// # Errors
    ///
    /// What is wrong, and where.
    pub(crate) fn parse(text: &str, role: Role, file: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut reader = Reader {
            text,
            side: Side::new(role, Some(file.to_owned())),
        };
        reader.side.read = reader.list("read", raw.read)?;
        reader.side.write = reader.list("write", raw.write)?;
        reader.side.execute = reader.list("execute", raw.execute)?;
        reader.side.begin = reader.list("begin", raw.begin)?;
        reader.side.env = reader.take("env", raw.env);
        reader.side.commit = reader.take("commit", raw.commit);
        reader.side.any_names = reader.take("any-names", raw.any_names);
        reader.side.runs_on_open =
            reader.class("runs-on-open", raw.runs_on_open, &[Role::Operator])?;
        let also = &[Role::Operator, Role::Workspace];
        let also = reader.class("also-runs-on-open", raw.also_runs_on_open, also)?;
        reader.side.also_runs_on_open = also.unwrap_or_default();
        reader.side.caps = reader.caps(raw.limits)?;
        let side = reader.side;
        // More globs than rules may have are refused here as well.
        let usable = side.paths().and(side.executes());
        usable.map_err(|error| error.to_string())?;
        Ok(Self {
            side,
            unserved: Unserved {
                hosts: raw.hosts,
                history: raw.history,
                artifacts: raw.artifacts,
            },
        })
    }
}

/// Reads an amount as a person writes it.
type Parse = fn(&str) -> Result<u64, String>;

/// Takes values over, with their lines.
struct Reader<'a> {
    text: &'a str,
    side: Side,
}

impl Reader<'_> {
    fn take<T>(&mut self, word: &str, value: Option<Spanned<T>>) -> Option<T> {
        let value = value?;
        let before = self.text.get(..value.span().start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        self.side.lines.insert(word.to_owned(), line);
        Some(value.into_inner())
    }

    /// A list of what the command line calls by the same word.
    fn list(
        &mut self,
        word: &str,
        value: Option<Spanned<Vec<String>>>,
    ) -> Result<Option<Vec<String>>, String> {
        let list = self.take(word, value);
        for text in list.iter().flatten() {
            let checked: Result<Grant, String> = format!("{word}={text}").parse();
            checked.map_err(|reason| self.at(word, &reason))?;
        }
        Ok(list)
    }

    /// A list of what runs by itself, which only some may write.
    fn class(
        &mut self,
        word: &str,
        value: Option<Spanned<Vec<String>>>,
        roles: &[Role],
    ) -> Result<Option<Vec<String>>, String> {
        let globs = self.take(word, value);
        let Some(globs) = globs else { return Ok(None) };
        if !roles.contains(&self.side.role) {
            let reason = "an operator's policy says this, and that of a base only adds to it";
            return Err(self.at(word, reason));
        }
        RunsOnOpen::of(&globs).map_err(|error| self.at(word, &error.to_string()))?;
        Ok(Some(globs))
    }

    fn caps(&mut self, raw: RawLimits) -> Result<Caps, String> {
        let milliseconds = |text: &str| {
            let span = units::parse_duration(text)?;
            u64::try_from(span.as_millis()).map_err(|_| "it is too long".to_owned())
        };
        let mut caps = Caps::new();
        let texts: [(Cap, _, Parse); 5] = [
            (Cap::Timeout, raw.timeout, milliseconds),
            (Cap::Memory, raw.memory, guest_memory),
            (Cap::SessionMemory, raw.session_memory, units::parse_bytes),
            (Cap::File, raw.file, units::parse_bytes),
            (Cap::Output, raw.output, units::parse_bytes),
        ];
        for (cap, value, parse) in texts {
            if let Some(text) = self.take(cap.as_str(), value) {
                let value = parse(&text).map_err(|reason| self.at(cap.as_str(), &reason))?;
                caps.insert(cap, value);
            }
        }
        for (cap, value) in [
            (Cap::Objects, raw.objects),
            (Cap::Handles, raw.handles),
            (Cap::Sessions, raw.sessions),
        ] {
            caps.extend(self.take(cap.as_str(), value).map(|value| (cap, value)));
        }
        Ok(caps)
    }

    fn at(&self, word: &str, reason: &str) -> String {
        let line = self.side.lines.get(word).copied().unwrap_or_default();
        format!("line {line}: {word}: {reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Sheet, String> {
        Sheet::parse(text, Role::Agent, "asking.toml")
    }

    #[test]
    fn a_file_says_what_it_names_and_nothing_else() {
        let text = "read = ['src/**']\n\nenv = [\n  'TOKEN',\n]\nhosts = ['example.com']\n\
            [limits]\ntimeout = '1m'\nhandles = 7";
        let sheet = parse(text).expect("valid");
        let side = &sheet.side;
        assert_eq!(side.read.as_deref(), Some(&["src/**".to_owned()][..]));
        assert_eq!(side.env.as_deref(), Some(&["TOKEN".to_owned()][..]));
        assert_eq!((&side.write, side.commit), (&None, None));
        let caps = Caps::from([(Cap::Timeout, 60_000), (Cap::Handles, 7)]);
        assert_eq!(side.caps, caps);
        let lines = ["read", "env", "timeout", "handles"].map(|word| side.lines[word]);
        assert_eq!(lines, [1, 3, 8, 9]);
        assert_eq!(sheet.unserved.hosts, ["example.com"]);
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_line() {
        for (text, part) in [
            ("reads = []", "unknown field `reads`"),
            ("read = 'src'", "invalid type"),
            ("\nread = ['/etc']", "line 2: read: "),
            ("write = ['a[']", "'a['"),
            ("begin = ['file:///']", "unknown grant"),
            ("read = [", "TOML"),
            ("[limits]\nmemory = '8G'", "line 2: memory: "),
            ("[limits]\ntimeout = 5", "invalid type"),
            ("runs-on-open = []", "line 1: runs-on-open: "),
            ("also-runs-on-open = []", "line 1: also-runs-on-open: "),
            ("[limits]\ncpu = 1", "unknown field `cpu`"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        let kept = |text| Sheet::parse(text, Role::Workspace, "policy.toml");
        assert!(kept("runs-on-open = []").is_err());
        let added = kept("also-runs-on-open = ['**/justfile']").expect("only added");
        assert_eq!(added.side.also_runs_on_open, ["**/justfile"]);
        let many = (0..257).map(|n| format!("'{n}',")).collect::<String>();
        let error = parse(&format!("read = [{many}]")).expect_err("too many");
        assert!(error.contains("257"), "{error}");
    }
}
