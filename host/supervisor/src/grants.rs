//! What a task may do beyond its own session.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use vfs::PathRules;
use workspace::BaseHandle;

use crate::review::Review;

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
    /// What is looked at before a commit, and what of that may be committed without a person.
    pub review: Review,
    /// What is written down of it with the run: a label of its session, and a line of the audit log.
    pub record: Option<String>,
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
    /// `any-names`
    AnyNames,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            commit: false,
            bases: BTreeMap::new(),
            rules: PathRules::guarded(),
            review: Review::default(),
            record: None,
        }
    }
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "commit" => Ok(Self::Commit),
            None if text == "any-names" => Ok(Self::AnyNames),
            Some(("begin", base)) if base.starts_with("vfs://") && base.len() > "vfs://".len() => {
                Ok(Self::Begin(base.to_owned()))
            }
            Some(("read", glob)) => checked(glob).map(Self::Read),
            Some(("write", glob)) => checked(glob).map(Self::Write),
            Some(("execute", glob)) => checked(glob).map(Self::Execute),
            _ => Err(format!(
                "unknown grant '{text}'; there are 'commit', 'begin=vfs://NAME', 'read=GLOB', 'write=GLOB', 'execute=GLOB' and 'any-names'"
            )),
        }
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
        check("any-names", Some(Grant::AnyNames));
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
}
