//! What is left of a tree: every path with its kind, content or target, names, and time if it was set.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use vfs::{Kind, Session};

/// Scripts set only times before this second of 2001; a later one is a clock's.
const SET_SECONDS_MAX: i64 = 1_000_000_000;

/// Bytes of a content that are shown as they are.
const SHOWN_BYTES: usize = 200;

const ENTRIES_MAX: usize = 1000;

/// The lines of a tree, and the first name of every object with several.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    first: BTreeMap<u64, String>,
}

/// What is known of one path.
struct Object<'a> {
    path: &'a str,
    ino: u64,
    names: u64,
    modified: Option<(i64, i64)>,
}

impl Lines {
    fn push(&mut self, object: &Object<'_>, what: &str) {
        let Object {
            path,
            ino,
            names,
            modified,
        } = object;
        let mut line = format!("{path}{what}");
        if let Some((seconds, nanoseconds)) = modified.filter(|time| time.0 < SET_SECONDS_MAX) {
            line.push_str(&format!(", of {seconds}.{nanoseconds}"));
        }
        if *names > 1 && what != "/" {
            let first = self.first.entry(*ino).or_insert_with(|| (*path).to_owned());
            line.push_str(&format!(", one of {names} names as {first}"));
        }
        self.lines.push(line);
    }
}

pub(crate) fn of_session(session: &Session) -> Vec<String> {
    let mut lines = Lines::default();
    walk_session(session, "", &mut lines);
    lines.lines
}

fn walk_session(session: &Session, directory: &str, lines: &mut Lines) {
    let page = session.list(directory, None, ENTRIES_MAX);
    for entry in page.expect("a directory").entries {
        let path = below(directory, entry.name.as_str());
        let stat = session.stat_link(&path).expect("it was listed");
        let modified = stat.modified;
        let object = Object {
            path: &path,
            ino: stat.ino,
            names: stat.link_count,
            modified: modified.map(|time| (time.seconds, i64::from(time.nanoseconds))),
        };
        match entry.kind {
            Kind::Directory => {
                lines.push(&object, "/");
                walk_session(session, &path, lines);
            }
            Kind::File => lines.push(&object, &shown(&session.read(&path).expect("a file"))),
            Kind::Symlink => {
                let target = session.read_link(&path);
                let target = target.unwrap_or_else(|_| "outside".to_owned());
                lines.push(&object, &format!(" -> {target}"));
            }
        }
    }
}

pub(crate) fn of_directory(root: &Path) -> Vec<String> {
    let mut lines = Lines::default();
    walk_directory(root, "", &mut lines);
    lines.lines
}

fn walk_directory(root: &Path, directory: &str, lines: &mut Lines) {
    let entries = std::fs::read_dir(root.join(directory)).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("names are UTF-8"))
        .collect();
    names.sort();
    for name in names {
        let path = below(directory, &name);
        let host_path = root.join(&path);
        let stat = std::fs::symlink_metadata(&host_path).expect("it was listed");
        let object = Object {
            path: &path,
            ino: stat.ino(),
            names: stat.nlink(),
            modified: Some((stat.mtime(), stat.mtime_nsec())),
        };
        if stat.is_dir() {
            lines.push(&object, "/");
            walk_directory(root, &path, lines);
        } else if stat.is_symlink() {
            let target = std::fs::read_link(&host_path).expect("a link");
            let target = target.to_str().expect("a link to UTF-8").to_owned();
            let is_outside = target.starts_with('/');
            let target = if is_outside { "outside" } else { &target };
            lines.push(&object, &format!(" -> {target}"));
        } else {
            lines.push(&object, &shown(&std::fs::read(&host_path).expect("a file")));
        }
    }
}

fn below(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        return name.to_owned();
    }
    format!("{directory}/{name}")
}

fn shown(content: &[u8]) -> String {
    let mix = |sum: u32, byte: &u8| sum.wrapping_mul(31).wrapping_add(u32::from(*byte));
    let digest = content.iter().fold(7, mix);
    let start = &content[..content.len().min(SHOWN_BYTES)];
    format!(
        ": {} bytes {digest:08x} {}",
        content.len(),
        start.escape_ascii()
    )
}
