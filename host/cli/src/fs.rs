//! `session-fs fs`: one operation on the files of a durable session, saved before the process ends.

mod input;
mod listing;

use std::sync::Arc;

use serde::Serialize;
use vfs::{Kind, READ_BYTES_MAX, SearchQuery, Session, Stat};

use crate::args::{FileArgs, FsCommand, GrepArgs, SessionArgs};
use crate::base::{OpenBase, OpenSession};
use crate::exit::{Code, Failure};
use crate::output::{Answer, Output, clean_line, sections};
use crate::registry::Registry;
use crate::units;

/// A path that something was done to.
#[derive(Debug, Serialize)]
struct PathDocument {
    session: String,
    path: String,
}

/// A file that was written.
#[derive(Debug, Serialize)]
struct WriteDocument {
    session: String,
    path: String,
    bytes: u64,
}

/// What stands at a path.
#[derive(Debug, Serialize)]
struct StatDocument {
    path: String,
    kind: &'static str,
    size: u64,
    executable: bool,
    link_count: u64,
    modified: Option<String>,
    target: Option<String>,
}

/// The content of a file, for a program that asked for JSON.
#[derive(Debug, Serialize)]
struct ContentDocument {
    path: String,
    size: u64,
    /// Absent when it is not UTF-8.
    text: Option<String>,
}

/// A line that matched.
#[derive(Debug, Serialize)]
struct MatchDocument {
    path: String,
    line: u64,
    text: String,
}

/// Does what a command asks for.
pub(crate) fn fs(command: &FsCommand, output: &Arc<Output>) -> Result<Answer, Failure> {
    match command {
        FsCommand::Read(args) => read(args, output),
        FsCommand::Write(args) => input::put(args, input::Mode::Write, output),
        FsCommand::Append(args) => input::put(args, input::Mode::Append, output),
        FsCommand::Edit(args) => {
            let path = &args.file.path;
            change(&args.file.session, path, "fs edit", |session| {
                session.edit(path, &args.search, &args.replace, args.count)
            })
        }
        FsCommand::Ls(args) => listing::ls(args),
        FsCommand::Stat(args) => stat(args),
        FsCommand::Mkdir(args) => change(&args.session, &args.path, "fs mkdir", |session| {
            session.mkdir(&args.path)
        }),
        FsCommand::Rm(args) => {
            let path = &args.file.path;
            change(&args.file.session, path, "fs rm", |session| {
                // Unlike the operation, the command names what is not there.
                session.stat_link(path)?;
                match args.recursive {
                    true => session.remove_all(path),
                    false => session.remove(path),
                }
            })
        }
        FsCommand::Mv(args) => change(&args.session, &args.target, "fs mv", |session| {
            session.rename(&args.source, &place(session, &args.source, &args.target))
        }),
        FsCommand::Cp(args) => change(&args.session, &args.target, "fs cp", |session| {
            session.copy(&args.source, &place(session, &args.source, &args.target))
        }),
        FsCommand::Grep(args) => grep(args),
    }
}

/// Does one thing to a session and saves it.
fn change(
    args: &SessionArgs,
    path: &str,
    command: &str,
    act: impl FnOnce(&Session) -> vfs::Result<()>,
) -> Result<Answer, Failure> {
    let opened = OpenSession::open(args, command)?;
    act(&opened.session).map_err(|error| Failure::file(&error))?;
    opened.save()?;
    Ok(Answer::quiet(&PathDocument {
        session: opened.id(),
        path: path.to_owned(),
    }))
}

/// Looks at something of a session, and saves what it has seen of its base, found or not: from then
/// on it stays as it was seen, and a serializable commit checks it. Where nothing can be written, the
/// session is looked at as it stands; what a person has to know of that comes with what was seen.
fn look<T>(
    args: &SessionArgs,
    command: &str,
    act: impl FnOnce(&Session) -> Result<T, Failure>,
) -> Result<(T, String), Failure> {
    let found = Registry::open().find(&args.session, args.base.as_deref())?;
    let base = OpenBase::open(&found.base, command)?;
    let kept = base.kept_files(&found.id)?;
    let seen = act(kept.value.session());
    kept.value.save()?;
    Ok((seen?, kept.note))
}

/// Where something goes that is moved or copied to `target`: below it when that is a directory.
fn place(session: &Session, source: &str, target: &str) -> String {
    let is_directory = session
        .stat(target)
        .is_ok_and(|stat| stat.kind == Kind::Directory);
    let name = source.trim_end_matches('/').rsplit('/').next();
    match name.filter(|name| is_directory && !name.is_empty()) {
        Some(name) => format!("{}/{name}", target.trim_end_matches('/')),
        None => target.to_owned(),
    }
}

fn read(args: &FileArgs, output: &Arc<Output>) -> Result<Answer, Failure> {
    let (answer, note) = look(&args.session, "fs read", |session| {
        match output.format().is_json() {
            true => read_whole(session, &args.path),
            false => read_pieces(session, &args.path, output),
        }
    })?;
    Ok(answer.note(note))
}

fn read_whole(session: &Session, path: &str) -> Result<Answer, Failure> {
    let bytes = session.read(path).map_err(|error| Failure::file(&error))?;
    Ok(Answer::quiet(&ContentDocument {
        path: path.to_owned(),
        size: bytes.len() as u64,
        text: String::from_utf8(bytes).ok(),
    }))
}

fn read_pieces(session: &Session, path: &str, output: &Output) -> Result<Answer, Failure> {
    let step = u32::try_from(READ_BYTES_MAX).expect("a piece is small");
    let mut offset = 0;
    loop {
        let piece = session.read_range(path, offset, step);
        let piece = piece.map_err(|error| Failure::file(&error))?;
        if piece.is_empty() {
            return Ok(Answer::printed());
        }
        offset += piece.len() as u64;
        match output.raw(&piece) {
            // Whoever stopped reading has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                return Ok(Answer::printed());
            }
            printed => printed.map_err(|error| unprinted(&error))?,
        }
    }
}

/// The content could not be printed.
fn unprinted(error: &std::io::Error) -> Failure {
    Failure::new(
        Code::Failed,
        format!("the content cannot be printed: {error}"),
    )
}

fn stat(args: &FileArgs) -> Result<Answer, Failure> {
    let failure = |error: vfs::Error| Failure::file(&error);
    let ((stat, target), note) = look(&args.session, "fs stat", |session| {
        let stat = session.stat_link(&args.path).map_err(failure)?;
        let target = match stat.kind {
            Kind::Symlink => Some(session.read_link(&args.path).map_err(failure)?),
            _ => None,
        };
        Ok((stat, target))
    })?;
    let document = describe(args.path.clone(), &stat, target);
    let rows = [
        ("kind", document.kind.to_owned()),
        ("size", units::bytes(document.size)),
        ("executable", document.executable.to_string()),
        ("modified", document.modified.clone().unwrap_or_default()),
        ("target", document.target.clone().unwrap_or_default()),
    ];
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    let section = crate::output::Section {
        title: document.path.clone(),
        rows: rows.map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    Ok(Answer::object(sections(&[section]), &document).note(note))
}

fn describe(path: String, stat: &Stat, target: Option<String>) -> StatDocument {
    StatDocument {
        path,
        kind: stat.kind.as_str(),
        size: stat.size,
        executable: stat.executable,
        link_count: stat.link_count,
        modified: stat.modified.map(units::time),
        target,
    }
}

/// Prints the lines that match; 1 when there is none, as grep does.
fn grep(args: &GrepArgs) -> Result<Answer, Failure> {
    let (matches, note) = look(&args.session, "fs grep", |session| {
        search(session, args).map_err(|error| Failure::file(&error))
    })?;
    let mut text = String::new();
    for found in &matches {
        let (path, line) = (clean_line(&found.path), clean_line(&found.text));
        text.push_str(&format!("{path}:{}:{line}\n", found.line));
    }
    let code = if matches.is_empty() {
        Code::Failed
    } else {
        Code::Ok
    };
    Ok(Answer::listing(text, &matches).code(code).note(note))
}

fn search(session: &Session, args: &GrepArgs) -> vfs::Result<Vec<MatchDocument>> {
    let below = args.path.as_deref().map(|path| path.trim_matches('/'));
    if let Some(path) = &args.path {
        session.stat(path)?;
    }
    let mut query = SearchQuery {
        glob: args.glob.clone(),
        pattern: Some(args.pattern.clone()),
        ignore_case: args.ignore_case,
        ..SearchQuery::default()
    };
    let mut matches = Vec::new();
    loop {
        let page = session.search(&query)?;
        let found = page.matches.into_iter().map(|found| MatchDocument {
            path: found.path.to_string(),
            line: found.line,
            text: found.text,
        });
        matches
            .extend(found.filter(|found| below.is_none_or(|below| is_below(&found.path, below))));
        match page.next {
            None => return Ok(matches),
            after => query.after = after,
        }
    }
}

fn is_below(path: &str, dir: &str) -> bool {
    let rest = path.trim_start_matches('/').strip_prefix(dir);
    rest.is_some_and(|rest| dir.is_empty() || rest.is_empty() || rest.starts_with('/'))
}
