//! `session-fs fs ls`.

use serde::Serialize;
use vfs::{Kind, Session};

use super::{describe, look};
use crate::args::LsArgs;
use crate::exit::{Code, Failure};
use crate::output::{Answer, clean_line, listing};
use crate::units;

/// Entries that are listed; a tree may have more than fit into memory.
const ENTRIES_MAX: usize = 1_000_000;
const PAGE_ENTRIES: usize = 1_000;
const TITLES: [&str; 4] = ["KIND", "SIZE", "MODIFIED", "PATH"];

/// One entry.
#[derive(Debug, Serialize)]
struct EntryDocument {
    path: String,
    kind: &'static str,
    /// With `--long` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

pub(super) fn ls(args: &LsArgs) -> Result<Answer, Failure> {
    let (entries, note) = look(&args.session, "fs ls", |session| entries(session, args))?;
    let text = match args.long {
        true => listing(&TITLES, &entries.iter().map(row).collect::<Vec<_>>()),
        false => entries
            .iter()
            .map(|entry| format!("{}{}\n", clean_line(&entry.path), slash(entry)))
            .collect(),
    };
    Ok(Answer::listing(text, &entries).note(note))
}

fn entries(session: &Session, args: &LsArgs) -> Result<Vec<EntryDocument>, Failure> {
    let failure = |error: vfs::Error| Failure::file(&error);
    let root = args.path.trim_end_matches('/').to_owned();
    let is_directory =
        root.is_empty() || session.stat(&root).map_err(failure)?.kind == Kind::Directory;
    let mut found = match is_directory {
        true => walk(session, &root, args.recursive)?,
        false => vec![(root.clone(), session.stat(&root).map_err(failure)?.kind)],
    };
    found.sort_by(|one, two| one.0.cmp(&two.0));
    let at = |path: &str| match is_directory {
        true => joined(&root, path),
        false => path.to_owned(),
    };
    let entries = found.into_iter().map(|(path, kind)| match args.long {
        true => long(session, &at(&path), path),
        false => Ok(short(path, kind)),
    });
    entries.collect::<vfs::Result<_>>().map_err(failure)
}

/// The entries of a directory, or of all below it, by their paths below it.
fn walk(session: &Session, root: &str, is_recursive: bool) -> Result<Vec<(String, Kind)>, Failure> {
    let mut found: Vec<(String, Kind)> = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(below) = waiting.pop() {
        let before = found.len();
        let listed = list(session, root, &below, &mut found);
        listed.map_err(|error| Failure::file(&error))?;
        if is_recursive {
            let directories = found[before..].iter().rev();
            let directories = directories.filter(|(_, kind)| *kind == Kind::Directory);
            waiting.extend(directories.map(|(path, _)| path.clone()));
        }
        if found.len() > ENTRIES_MAX {
            let message = format!("there are more than {ENTRIES_MAX} entries");
            return Err(Failure::new(Code::Limit, message));
        }
    }
    Ok(found)
}

/// Adds the entries of one directory, by their paths below the one that is listed.
fn list(
    session: &Session,
    root: &str,
    below: &str,
    found: &mut Vec<(String, Kind)>,
) -> vfs::Result<()> {
    let mut after: Option<String> = None;
    loop {
        let page = session.list(&joined(root, below), after.as_deref(), PAGE_ENTRIES)?;
        let entries = page.entries.into_iter();
        found.extend(entries.map(|entry| (joined(below, &entry.name), entry.kind)));
        match page.next {
            None => return Ok(()),
            Some(next) => after = Some(next),
        }
    }
}

fn joined(dir: &str, name: &str) -> String {
    match (dir, name) {
        ("", name) => name.to_owned(),
        (dir, "") => dir.to_owned(),
        (dir, name) => format!("{dir}/{name}"),
    }
}

fn short(path: String, kind: Kind) -> EntryDocument {
    EntryDocument {
        path,
        kind: kind.as_str(),
        size: None,
        executable: None,
        modified: None,
        target: None,
    }
}

fn long(session: &Session, at: &str, path: String) -> vfs::Result<EntryDocument> {
    let stat = session.stat_link(at)?;
    let target = match stat.kind {
        Kind::Symlink => session.read_link(at).ok(),
        _ => None,
    };
    let described = describe(path, &stat, target);
    Ok(EntryDocument {
        path: described.path,
        kind: described.kind,
        size: Some(described.size),
        executable: Some(described.executable),
        modified: described.modified,
        target: described.target,
    })
}

fn slash(entry: &EntryDocument) -> &'static str {
    if entry.kind == "directory" { "/" } else { "" }
}

fn row(entry: &EntryDocument) -> Vec<String> {
    let target = entry.target.iter().map(|target| format!(" → {target}"));
    let path = format!("{}{}", entry.path, slash(entry));
    vec![
        entry.kind.to_owned(),
        entry.size.map(units::bytes).unwrap_or_default(),
        entry.modified.clone().unwrap_or_default(),
        target.fold(path, |path, target| path + &target),
    ]
}
