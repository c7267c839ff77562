//! What a task may do beyond its own session.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use vfs::PathRules;
use workspace::BaseHandle;

/// What a task was granted. The default is its own session over the whole base, with nothing of
/// version control to be written, and nothing else.
#[derive(Clone, Debug)]
pub struct Grants {
    /// Whether the guest may itself commit the session of its run; only under `Policy::Commit`.
    pub commit: bool,
    /// The bases, by the name a guest uses, over which it may begin sessions and commit them.
    pub bases: BTreeMap<String, Arc<BaseHandle>>,
    /// The paths of its own base that it may read and write.
    pub rules: PathRules,
    /// What may be committed without a person of what [runs by itself](crate::runs_on_open), as
    /// what these rules let be read.
    pub executes: PathRules,
}

/// One grant as an operator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// `commit`
    Commit,
    /// `begin=vfs://NAME`
    Begin(String),
    /// `read=GLOB`
    Read(String),
    /// `write=GLOB`
    Write(String),
    /// `execute=GLOB`
    Execute(String),
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            commit: false,
            bases: BTreeMap::new(),
            rules: PathRules::guarded(),
            executes: PathRules::nothing(),
        }
    }
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "commit" => Ok(Self::Commit),
            Some(("begin", base)) if base.starts_with("vfs://") && base.len() > "vfs://".len() => {
                Ok(Self::Begin(base.to_owned()))
            }
            Some(("read", glob)) => checked(glob).map(Self::Read),
            Some(("write", glob)) => checked(glob).map(Self::Write),
            Some(("execute", glob)) => checked(glob).map(Self::Execute),
            _ => Err(format!(
                "unknown grant '{text}'; there are 'commit', 'begin=vfs://NAME', 'read=GLOB', 'write=GLOB' and 'execute=GLOB'"
            )),
        }
    }
}

impl Grants {
    /// The rules of a list of grants: those of the default where it has none for paths.
    ///
    /// # Errors
    ///
    /// As [`PathRules::allowing`].
    pub fn rules_of(grants: &[Grant]) -> Result<PathRules, vfs::Error> {
        let (mut read, mut write) = (Vec::new(), Vec::new());
        for grant in grants {
            match grant {
                Grant::Read(glob) => read.push(glob),
                Grant::Write(glob) => write.push(glob),
                _ => {}
            }
        }
        if read.is_empty() && write.is_empty() {
            return Ok(PathRules::guarded());
        }
        PathRules::allowing(&read, &write)
    }
}

impl Grants {
    /// What a list of grants lets be committed of what runs by itself.
    ///
    /// # Errors
    ///
    /// As [`PathRules::allowing`].
    pub fn executes_of(grants: &[Grant]) -> Result<PathRules, vfs::Error> {
        let globs = grants.iter().filter_map(|grant| match grant {
            Grant::Execute(glob) => Some(glob.as_str()),
            _ => None,
        });
        PathRules::allowing(&globs.collect::<Vec<_>>(), &[])
    }
}

fn checked(glob: &str) -> Result<String, String> {
    let rules = PathRules::allowing(&[glob], &[]);
    rules.map_err(|error| error.to_string())?;
    Ok(glob.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_as_an_operator_writes_them() {
        let check = |text: &str, expected: Option<Grant>| {
            assert_eq!(text.parse::<Grant>().ok(), expected, "{text}");
        };
        check("commit", Some(Grant::Commit));
        check(
            "begin=vfs://scratch",
            Some(Grant::Begin("vfs://scratch".to_owned())),
        );
        check("read=src/**", Some(Grant::Read("src/**".to_owned())));
        check("write=a=b", Some(Grant::Write("a=b".to_owned())));
        for text in [
            "",
            "commit=yes",
            "begin",
            "begin=",
            "begin=vfs://",
            "begin=file:///",
            "all",
            "read",
            "read=",
            "write=/etc",
            "write=../x",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn without_grants_for_paths_all_but_version_control_is_granted() {
        let rules = |grants: &[Grant]| Grants::rules_of(grants).expect("valid");
        let path = |text| vfs::VPath::parse(text).expect("valid");
        for whole in [rules(&[Grant::Commit]), Grants::default().rules] {
            assert!(whole.may_write(&path("a")) && whole.may_read(&path(".git/config")));
            assert!(!whole.may_write(&path(".git/config")));
        }
        let one = rules(&[
            Grant::Commit,
            Grant::Read("a".to_owned()),
            Grant::Write("b".to_owned()),
        ]);
        assert!(one.may_read(&path("a")) && !one.may_write(&path("a")));
        assert!(one.may_read(&path("b")) && one.may_write(&path("b")));
        assert!(!one.may_read(&path("c")));
    }
}
