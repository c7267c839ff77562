//! What a task may do beyond its own session.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use workspace::BaseHandle;

/// What a task was granted. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Whether the guest may itself commit the session of its run; only under `Policy::Commit`.
    pub commit: bool,
    /// The bases, by the name a guest uses, over which it may begin sessions and commit them.
    pub bases: BTreeMap<String, Arc<BaseHandle>>,
}

/// One grant as an operator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// `commit`
    Commit,
    /// `begin=vfs://NAME`
    Begin(String),
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "commit" => Ok(Self::Commit),
            Some(("begin", base)) if base.starts_with("vfs://") && base.len() > "vfs://".len() => {
                Ok(Self::Begin(base.to_owned()))
            }
            _ => Err(format!(
                "unknown grant '{text}'; there are 'commit' and 'begin=vfs://NAME'"
            )),
        }
    }
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
        for text in [
            "",
            "commit=yes",
            "begin",
            "begin=",
            "begin=vfs://",
            "begin=file:///",
            "all",
        ] {
            check(text, None);
        }
    }
}
