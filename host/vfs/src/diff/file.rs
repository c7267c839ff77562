//! One file of a unified diff: its headers and hunks, for a session's diff and for whoever has two
//! versions at hand.

use super::{TEXT_BYTES_MAX, header, hunks, is_binary, put, quoted};
use crate::Kind;
use crate::path::VPath;

/// One version of a file or link, to be compared.
#[derive(Clone, Copy, Debug)]
pub struct DiffFile<'a> {
    /// Where it stands.
    pub path: &'a VPath,
    /// What it is; a directory is shown by its name only.
    pub kind: Kind,
    /// Whether it may be executed.
    pub executable: bool,
    /// Its content, or a link's target; `None` when it is not known, so that it is only named.
    pub bytes: Option<&'a [u8]>,
}

/// Shows how one version became another as a unified diff, in the form that `git apply` takes.
///
/// Content that is binary, not UTF-8, over 8 MiB or not known is named but not shown. The text is
/// empty when nothing differs.
pub fn unified_diff(before: Option<DiffFile<'_>>, after: Option<DiffFile<'_>>) -> String {
    let mut text = String::new();
    let (Some(source), Some(path)) = (before.or(after), after.or(before)) else {
        return text;
    };
    let (was, is) = (before.map(|side| side.bytes), after.map(|side| side.bytes));
    let known = was == is && was != Some(None);
    let same_mode = before.map(mode) == after.map(mode);
    if known && same_mode && source.path == path.path {
        return text;
    }
    let (old, new) = (before.map(shown), after.map(shown));
    let paths = (source.path, path.path);
    let is_directory = source.kind == Kind::Directory || path.kind == Kind::Directory;
    write(&mut text, paths, (old, new), !known && !is_directory);
    text
}

/// What is shown of one side.
pub(super) struct Shown<'a> {
    pub(super) mode: &'static str,
    /// `None` when it is not to be shown.
    pub(super) text: Option<&'a str>,
}

/// Writes one file; `changed` tells whether its content may differ.
pub(super) fn write(
    text: &mut String,
    (source, path): (&VPath, &VPath),
    (before, after): (Option<Shown<'_>>, Option<Shown<'_>>),
    changed: bool,
) {
    let (old, new) = (quoted("a/", source), quoted("b/", path));
    put(text, format_args!("diff --git {old} {new}\n"));
    match (&before, &after) {
        (None, Some(after)) => put(text, format_args!("new file mode {}\n", after.mode)),
        (Some(before), None) => {
            put(text, format_args!("deleted file mode {}\n", before.mode));
        }
        (Some(before), Some(after)) if before.mode != after.mode => {
            let (before, after) = (before.mode, after.mode);
            put(text, format_args!("old mode {before}\nnew mode {after}\n"));
        }
        _ => {}
    }
    if source != path {
        let (source, path) = (quoted("", source), quoted("", path));
        put(
            text,
            format_args!("rename from {source}\nrename to {path}\n"),
        );
    }
    if !changed {
        return;
    }
    let content = |side: &Option<Shown<'_>>| match side {
        Some(side) => side.text.map(str::to_owned),
        None => Some(String::new()),
    };
    match (content(&before), content(&after)) {
        (Some(was), Some(is)) if was != is => {
            header(text, "---", before.map(|_| &*old));
            header(text, "+++", after.map(|_| &*new));
            hunks::write(text, &was, &is);
        }
        (Some(_), Some(_)) => {}
        _ => put(text, format_args!("Binary files {old} and {new} differ\n")),
    }
}

fn shown(side: DiffFile<'_>) -> Shown<'_> {
    let bytes = side
        .bytes
        .filter(|bytes| bytes.len() as u64 <= TEXT_BYTES_MAX);
    let text = bytes.filter(|bytes| !is_binary(bytes));
    Shown {
        mode: mode(side),
        text: text.and_then(|bytes| std::str::from_utf8(bytes).ok()),
    }
}

fn mode(side: DiffFile<'_>) -> &'static str {
    super::mode_of(side.kind, side.executable)
}
