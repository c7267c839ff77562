//! Values of the command line that are more than a text, and the parsers that name what is wrong.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};

use supervisor::Grant;
use vfs::{OperationKind, VPath};
use workspace::history::VersionSelector;

use super::{EnvArg, VersionOf};
use crate::units;

/// Bytes that a 32-bit guest can address.
const GUEST_MEMORY_BYTES_MAX: u64 = 4 << 30;

/// What an operation can come to, as the audit log has it.
const OUTCOMES: [&str; 8] = [
    "ok",
    "retry",
    "conflict",
    "invalid",
    "limit",
    "not-found",
    "denied",
    "internal",
];

/// A base as it is written on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BaseName {
    /// A directory of the host.
    Directory(PathBuf),
    /// A tree in memory, by the name after `vfs://`.
    Memory(String),
}

/// A name and a value, written `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A text for the guest. WebAssembly hands texts over as UTF-8.
pub(super) fn text() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().try_map(to_text)
}

/// A pair for the guest.
pub(super) fn pair() -> impl TypedValueParser<Value = Pair> {
    OsStringValueParser::new().try_map(|value| parse_pair(&to_text(value)?))
}

/// A variable for the guest, with its value or by its name alone.
pub(super) fn env() -> impl TypedValueParser<Value = EnvArg> {
    OsStringValueParser::new().try_map(|value| {
        let text = to_some_text(value)?;
        if text.contains('=') {
            return parse_pair(&text).map(EnvArg::Value);
        }
        Ok(EnvArg::Pass(text))
    })
}

/// A base.
pub(super) fn base() -> impl TypedValueParser<Value = BaseName> {
    OsStringValueParser::new().try_map(parse_base)
}

/// A directory of the host, which may be written as a base.
pub(super) fn directory() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|value| match parse_base(value)? {
        BaseName::Directory(path) => Ok(path),
        BaseName::Memory(_) => {
            let reason = "name a directory: what is in memory ends with its process";
            Err(reason.to_owned())
        }
    })
}

/// A path below the base.
pub(super) fn path() -> impl TypedValueParser<Value = VPath> {
    OsStringValueParser::new().try_map(|value| to_path(&to_text(value)?))
}

/// A path below the base that is not left out: an empty one would stand for everything.
pub(super) fn some_path() -> impl TypedValueParser<Value = VPath> {
    OsStringValueParser::new().try_map(|value| to_path(&to_some_text(value)?))
}

/// A text that is not empty.
pub(super) fn some_text() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().try_map(to_some_text)
}

/// How many, from 1 on.
pub(super) fn count() -> impl TypedValueParser<Value = usize> {
    OsStringValueParser::new().try_map(|value| match to_text(value)?.parse() {
        Ok(0) => Err("it has to be 1 or more".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("a number is needed".to_owned()),
    })
}

/// The word of an operation, or of what the audit log says of itself.
pub(super) fn operation(text: &str) -> Result<String, String> {
    let is_known = OperationKind::from_word(text).is_some() || text.starts_with("log-");
    let words = OperationKind::ALL.iter().map(|kind| kind.as_str());
    known(text, is_known, &words.collect::<Vec<_>>())
}

/// The word of an outcome.
pub(super) fn outcome(text: &str) -> Result<String, String> {
    known(text, OUTCOMES.contains(&text), &OUTCOMES)
}

fn known(text: &str, is_known: bool, words: &[&str]) -> Result<String, String> {
    match is_known {
        true => Ok(text.to_owned()),
        false => Err(format!("it is one of {}", words.join(", "))),
    }
}

/// A version of a file.
pub(super) fn version(text: &str) -> Result<VersionSelector, String> {
    text.parse()
        .map_err(|error: workspace::HistoryError| error.to_string())
}

/// A file and its version, written `PATH@VERSION`.
pub(super) fn version_of(text: &str) -> Result<VersionOf, String> {
    // A path may hold the sign, a version cannot.
    let Some((path, selector)) = text.rsplit_once('@') else {
        return Err("a file and its version are needed, as in src/main.rs@12".to_owned());
    };
    Ok(VersionOf {
        path: to_path(path)?,
        selector: version(selector)?,
    })
}

/// Bytes of memory of a guest.
pub(crate) fn guest_memory(text: &str) -> Result<u64, String> {
    let bytes = units::parse_bytes(text)?;
    if bytes > GUEST_MEMORY_BYTES_MAX {
        return Err(format!(
            "a guest can have {} at most",
            units::bytes(GUEST_MEMORY_BYTES_MAX)
        ));
    }
    Ok(bytes)
}

/// A glob of what may be read.
pub(super) fn read_grant(glob: &str) -> Result<Grant, String> {
    format!("read={glob}").parse()
}

/// A glob of what may be written.
pub(super) fn write_grant(glob: &str) -> Result<Grant, String> {
    format!("write={glob}").parse()
}

/// What lets something be committed.
pub(super) fn review_grant(text: &str) -> Result<Grant, String> {
    match text.parse()? {
        grant @ (Grant::Execute(_) | Grant::AnyNames) => Ok(grant),
        _ => Err("it is 'execute=GLOB' or 'any-names'".to_owned()),
    }
}

fn to_text(value: OsString) -> Result<String, String> {
    value.into_string().map_err(|value| {
        format!(
            "'{}' is not UTF-8, which is all that a guest can be handed",
            value.display()
        )
    })
}

fn to_some_text(value: OsString) -> Result<String, String> {
    match to_text(value)? {
        text if text.is_empty() => Err("it is empty".to_owned()),
        text => Ok(text),
    }
}

fn to_path(text: &str) -> Result<VPath, String> {
    VPath::parse(text.trim_start_matches('/')).map_err(|error| error.to_string())
}

fn parse_pair(text: &str) -> Result<Pair, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Pair {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("a name and a value are needed, as in K=V".to_owned()),
    }
}

fn parse_base(value: OsString) -> Result<BaseName, String> {
    let bytes = value.as_bytes();
    if bytes.is_empty() {
        return Err("it is empty; name a directory or vfs://NAME".to_owned());
    }
    if let Some(path) = bytes.strip_prefix(b"file://") {
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(path));
        return if path.is_absolute() {
            Ok(BaseName::Directory(path))
        } else {
            Err("a file:// base is absolute, as in file:///home/me/project".to_owned())
        };
    }
    let Some((scheme, name)) = value.to_str().and_then(|text| text.split_once("://")) else {
        return Ok(BaseName::Directory(value.into()));
    };
    match scheme {
        "vfs" if is_memory_name(name) => Ok(BaseName::Memory(name.to_owned())),
        "vfs" => Err(
            "a name in memory is letters, digits, '-', '_' and '.', as in vfs://scratch".to_owned(),
        ),
        _ => Err(format!(
            "there is no '{scheme}://' base; name a directory or vfs://NAME"
        )),
    }
}

fn is_memory_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn bases_are_told_apart() {
        let check = |text: &str, expected: Option<BaseName>| {
            assert_eq!(parse_base(text.into()).ok(), expected, "{text}");
        };
        check(
            "vfs://scratch",
            Some(BaseName::Memory("scratch".to_owned())),
        );
        check("dir", Some(BaseName::Directory("dir".into())));
        check("./vfs:x", Some(BaseName::Directory("./vfs:x".into())));
        check("file:///a/b", Some(BaseName::Directory("/a/b".into())));
        for text in [
            "",
            "vfs://",
            "vfs://a/b",
            "vfs://..//",
            "file://a",
            "git://x",
            "store://x",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_directory_may_have_any_name_and_a_text_may_not() {
        let value = OsString::from_vec(b"a\xff".to_vec());
        assert_eq!(
            parse_base(value.clone()),
            Ok(BaseName::Directory(value.clone().into()))
        );
        assert!(
            to_text(value)
                .expect_err("not a text")
                .starts_with("'a\u{fffd}' is not UTF-8")
        );
    }

    #[test]
    fn a_value_may_hold_the_sign_and_be_empty() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let pair = parse_pair(text).ok();
            let pair = pair
                .as_ref()
                .map(|pair| (pair.name.as_str(), pair.value.as_str()));
            assert_eq!(pair, expected, "{text}");
        };
        check("a=b=c", Some(("a", "b=c")));
        check("a=", Some(("a", "")));
        check("=b", None);
        check("a", None);
    }
}
