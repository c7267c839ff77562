//! What an agent asks for: the file `NAME.toml` beside a component `NAME.wasm`.
//!
//! It can only take away from what the operator grants: a run has what both of them name.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use supervisor::{Grant, Grants};
use vfs::PathRules;

use crate::ambient;
use crate::exit::{Code, Failure};

/// Bytes of the file, so that no other is taken for one.
const ASKS_BYTES_MAX: u64 = 64 << 10;

/// What an agent asks for. What it leaves out it does not ask for; only without both `read` and
/// `write` it asks for the whole base.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Asks {
    /// Globs of what it reads.
    pub(crate) read: Vec<String>,
    /// Globs of what it writes.
    pub(crate) write: Vec<String>,
    /// Globs of what runs by itself and that it changes.
    pub(crate) execute: Vec<String>,
    /// Whether it commits its session itself.
    pub(crate) commit: bool,
    /// The bases that it begins sessions over.
    pub(crate) begin: Vec<String>,
    /// Names of variables of its environment.
    pub(crate) env: Vec<String>,
    /// Hosts that it connects to; always denied.
    pub(crate) hosts: Vec<String>,
}

impl Asks {
    /// Reads what the agent asks for; `None` when there is no file beside it.
    ///
    /// # Errors
    ///
    /// `Usage` for a file that is too large, is no TOML, or asks for what there is not.
    pub(crate) fn beside(agent: &Path) -> Result<Option<(PathBuf, Self)>, Failure> {
        let path = agent.with_extension("toml");
        let Some(text) = ambient::read_text(&path, ASKS_BYTES_MAX)? else {
            return Ok(None);
        };
        let asks = Self::parse(&text).map_err(|reason| {
            let message = format!("cannot use '{}': {}", path.display(), reason.trim_end());
            let hint = "it says what the agent beside it asks for: read, write, execute, commit, begin, env, hosts";
            Failure::new(Code::Usage, message).hint(hint)
        })?;
        Ok(Some((path, asks)))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let asks: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        asks.grants().map(|_| asks)
    }

    /// The same as an operator would grant it.
    fn grants(&self) -> Result<Vec<Grant>, String> {
        let of = |verb: &str, list: &[String]| -> Result<Vec<Grant>, String> {
            let parse = |text: &String| format!("{verb}={text}").parse();
            list.iter().map(parse).collect()
        };
        let mut grants = of("read", &self.read)?;
        grants.extend(of("write", &self.write)?);
        grants.extend(of("execute", &self.execute)?);
        grants.extend(of("begin", &self.begin)?);
        Ok(grants)
    }

    /// Takes away from grants what the agent did not ask for.
    ///
    /// # Errors
    ///
    /// `Usage` for more globs than rules may have.
    pub(crate) fn narrow(&self, grants: &mut Grants) -> Result<(), Failure> {
        let refuse = |error: vfs::Error| Failure::new(Code::Usage, error.to_string());
        if !self.read.is_empty() || !self.write.is_empty() {
            let asked = PathRules::allowing(&self.read, &self.write).map_err(refuse)?;
            grants.rules = grants.rules.narrowed(&asked);
        }
        let asked = PathRules::allowing(&self.execute, &[]).map_err(refuse)?;
        grants.executes = grants.executes.narrowed(&asked);
        grants.commit &= self.commit;
        grants.bases.retain(|base, _| self.begin.contains(base));
        Ok(())
    }

    /// Whether it asks for a variable.
    pub(crate) fn wants_env(&self, name: &str) -> bool {
        self.env.iter().any(|own| own == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_asks_for_what_it_names_and_nothing_else() {
        let asks = Asks::parse("read = ['src/**']\nenv = ['TOKEN']").expect("valid");
        assert_eq!(asks.read, ["src/**"]);
        assert!(asks.wants_env("TOKEN") && !asks.wants_env("PATH"));
        assert!(!asks.commit && asks.begin.is_empty());
        for (text, part) in [
            ("reads = []", "unknown field `reads`"),
            ("read = 'src'", "invalid type"),
            ("read = ['/etc']", "absolute"),
            ("write = ['a[']", "'a['"),
            ("begin = ['file:///']", "unknown grant"),
            ("read = [", "TOML"),
        ] {
            let error = Asks::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_run_has_what_was_asked_for_and_granted() {
        let path = |text| vfs::VPath::parse(text).expect("valid");
        let granted = |list: &[&str]| {
            let list: Vec<Grant> = list.iter().map(|it| it.parse().expect("valid")).collect();
            Grants {
                commit: true,
                rules: Grants::rules_of(&list).expect("valid"),
                executes: Grants::executes_of(&list).expect("valid"),
                ..Grants::default()
            }
        };
        let asks = |text| Asks::parse(text).expect("valid");
        let mut grants = granted(&["write=docs/**", "execute=**"]);
        let asked = asks("write = ['**/*.md']\nread = ['**']\nexecute = ['Makefile']");
        asked.narrow(&mut grants).expect("few");
        assert!(grants.rules.may_write(&path("docs/a.md")));
        assert!(!grants.rules.may_write(&path("docs/a.rs")), "not asked for");
        assert!(!grants.rules.may_write(&path("a.md")), "not granted");
        assert!(!grants.rules.may_read(&path("src")), "not granted");
        assert!(grants.executes.may_read(&path("Makefile")));
        assert!(
            !grants.executes.may_read(&path("build.rs")),
            "not asked for"
        );
        assert!(!grants.commit, "not asked for");

        let mut whole = granted(&[]);
        asks("commit = true").narrow(&mut whole).expect("few");
        assert!(whole.commit && whole.rules.may_write(&path("any")));
        assert!(!whole.rules.may_write(&path(".git/config")));
        asks("read = ['a']").narrow(&mut whole).expect("few");
        assert!(whole.rules.may_read(&path("a")) && !whole.rules.may_read(&path("b")));
    }
}
