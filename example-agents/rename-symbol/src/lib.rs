//! An agent that renames an identifier in the Rust sources of a tree.
//!
//! Parameters: `from`, `to`, and `glob` for the files to look at (`**/*.rs` unless given). It goes
//! by the compiler's own tokens and changes nothing else: comments, literals and lifetimes keep
//! their bytes. It knows names and not scopes, so it says where the new name was in use already.

mod rename;

use rename::{Name, Rename};
use session_fs_sdk::prelude::*;

const GLOB: &str = "**/*.rs";

#[derive(Debug, Default)]
struct Counts {
    scanned: usize,
    changed: usize,
    occurrences: usize,
    /// Files left alone as they are not text, or not Rust.
    skipped: Vec<String>,
    /// Changed files that had the new name already.
    collisions: Vec<String>,
}

#[agent]
fn run(task: Task) -> Result<Outcome> {
    let from = Name::parse(task.required("from")?)?;
    let to = Name::parse(task.required("to")?)?;
    let rename = Rename { from, to };
    let glob = task.parameter("glob").unwrap_or(GLOB);

    let session = Session::current()?;
    let savepoint = session.savepoint("before the rename")?;
    match rename_all(&session, glob, &rename) {
        Ok(counts) if counts.occurrences > 0 => Ok(outcome(&rename, &counts)),
        Ok(counts) => {
            savepoint.restore()?;
            Ok(outcome(&rename, &counts))
        }
        Err(error) => {
            savepoint.restore()?;
            Err(error.context(format!("renaming {} to {}", rename.from, rename.to)))
        }
    }
}

fn rename_all(session: &Session, glob: &str, rename: &Rename) -> Result<Counts> {
    let mut counts = Counts::default();
    for found in session.search(SearchQuery::paths(glob)) {
        let path = found?.path;
        // What cargo builds is made again from what is renamed here.
        if path.starts_with("target/") {
            continue;
        }
        counts.scanned += 1;
        let renamed = match session.read_to_string(&path) {
            Ok(source) => rename.apply(&source),
            Err(Error::NotUtf8 { .. }) => None,
            Err(error) => return Err(error),
        };
        let Some(renamed) = renamed else {
            counts.skipped.push(path);
            continue;
        };
        if renamed.occurrences > 0 {
            session.write(&path, renamed.source)?;
            counts.changed += 1;
            counts.occurrences += renamed.occurrences;
            if renamed.collides {
                counts.collisions.push(path);
            }
        }
    }
    Ok(counts)
}

fn outcome(rename: &Rename, counts: &Counts) -> Outcome {
    let Rename { from, to } = rename;
    let occurrences = counted(counts.occurrences, "occurrence");
    let summary = match counts.occurrences {
        0 => format!(
            "{from} does not occur in {}",
            counted(counts.scanned, "file")
        ),
        _ => format!(
            "renamed {from} to {to}: {occurrences} in {}",
            counted(counts.changed, "file")
        ),
    };
    let outcome = Outcome::new(summary)
        .detail("files-scanned", counts.scanned)
        .detail("files-changed", counts.changed)
        .detail("files-skipped", counts.skipped.len())
        .detail("files-colliding", counts.collisions.len())
        .detail("occurrences", counts.occurrences);
    let mut report = String::new();
    list(
        &mut report,
        &format!("Already used the name {to}, look at them"),
        &counts.collisions,
    );
    list(&mut report, "Left alone, not Rust", &counts.skipped);
    if report.is_empty() {
        outcome
    } else {
        outcome.report(report)
    }
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn list(report: &mut String, title: &str, paths: &[String]) {
    if !paths.is_empty() {
        report.push_str(&format!("## {title}\n\n- {}\n\n", paths.join("\n- ")));
    }
}

#[cfg(test)]
mod tests;
