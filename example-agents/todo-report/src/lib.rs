//! An agent that reports what the comments of a project say is left to do. It changes nothing.
//!
//! Parameters: `markers`, words separated by commas (`FIXME,HACK,TODO` unless given), and `glob`
//! for the files to look at (all unless given). The host does the searching.

use session_fs_sdk::prelude::*;
use std::collections::BTreeMap;

const MARKERS: &str = "FIXME,HACK,TODO";
/// What begins a comment in the languages that are common in a project.
const COMMENT: &str = r"(?://|/\*|#|--|<!--|;|%|^\s*\*)";
const NOTES_MAX: usize = 10_000;
const NOTE_CHARS_MAX: usize = 200;

/// One line that is marked.
struct Note {
    path: String,
    line: u64,
    text: String,
}

#[agent]
fn run(task: Task) -> Result<Outcome> {
    let markers = markers(task.parameter("markers").unwrap_or(MARKERS))?;
    let mut query = SearchQuery::lines(format!(r"{COMMENT}.*\b(?:{})\b", markers.join("|")));
    if let Some(glob) = task.parameter("glob") {
        query = query.within(glob);
    }
    let notes = collect(&Session::current()?, query, &markers)?;

    let count: usize = notes.values().map(Vec::len).sum();
    let mut paths: Vec<_> = notes.values().flatten().map(|note| &note.path).collect();
    paths.sort_unstable();
    paths.dedup();
    let summary = format!(
        "{} in {}",
        counted(count, "note"),
        counted(paths.len(), "file")
    );
    let outcome = Outcome::new(&summary)
        .detail("notes", count)
        .detail("files", paths.len());
    let outcome = markers.iter().fold(outcome, |outcome, marker| {
        outcome.detail(marker.to_lowercase(), notes.get(marker).map_or(0, Vec::len))
    });
    Ok(outcome.report(report(&summary, &notes)))
}

fn markers(list: &str) -> Result<Vec<String>> {
    let markers: Vec<_> = list.split(',').map(|word| word.trim().to_owned()).collect();
    let is_word = |text: &String| {
        !text.is_empty()
            && text
                .chars()
                .all(|char| char.is_alphanumeric() || char == '_')
    };
    match markers.iter().find(|marker| !is_word(marker)) {
        Some(marker) => Err(Error::Invalid(format!("marker `{marker}` is not a word"))),
        None => Ok(markers),
    }
}

/// Finds the notes by their marker, each in the order of paths and lines.
fn collect(
    session: &Session,
    query: SearchQuery,
    markers: &[String],
) -> Result<BTreeMap<String, Vec<Note>>> {
    let mut notes = BTreeMap::<_, Vec<_>>::new();
    for found in session.search(query).take(NOTES_MAX) {
        let found = found?;
        if let Some((marker, at)) = first_marker(&found.text, markers) {
            let text = without_closer(&found.text[at..]);
            let text = text.chars().take(NOTE_CHARS_MAX).collect();
            let note = Note {
                path: found.path,
                line: found.line,
                text,
            };
            notes.entry(marker.to_owned()).or_default().push(note);
        }
    }
    Ok(notes)
}

/// The marker that comes first in a line as a word of its own, and where.
fn first_marker<'a>(line: &str, markers: &'a [String]) -> Option<(&'a str, usize)> {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let alone = |at: usize, marker: &str| {
        !line[..at].ends_with(is_word) && !line[at + marker.len()..].starts_with(is_word)
    };
    let places = markers.iter().flat_map(|marker| {
        let mut places = line.match_indices(marker.as_str());
        places
            .find(|(at, _)| alone(*at, marker))
            .map(|(at, _)| (marker.as_str(), at))
    });
    places.min_by_key(|(_, at)| *at)
}

fn report(summary: &str, notes: &BTreeMap<String, Vec<Note>>) -> String {
    let mut report = format!("# Left to do: {summary}\n");
    for (marker, notes) in notes {
        report.push_str(&format!("\n## {marker} ({})\n\n", notes.len()));
        for Note { path, line, text } in notes {
            report.push_str(&format!("- {}:{line} {}\n", escape(path), escape(text)));
        }
    }
    report
}

/// A comment without what ends it.
fn without_closer(comment: &str) -> &str {
    let comment = comment.trim_end();
    let open = comment
        .strip_suffix("*/")
        .or_else(|| comment.strip_suffix("-->"));
    open.unwrap_or(comment).trim_end()
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Keeps what stands in a file from being Markdown of the report.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(
            char,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '&'
        ) {
            escaped.push('\\');
        }
        escaped.push(if char.is_control() { ' ' } else { char });
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use session_fs_sdk::testing::Sandbox;

    #[test]
    fn comments_are_grouped_by_marker_with_file_and_line() {
        let sandbox = Sandbox::new()
            .file(
                "src/a.rs",
                "fn a() {}\n// TODO(ann): split *this*\n/* FIXME: leaks */\n",
            )
            .file("b.py", "x = 1  # TODO later\n")
            .file("c.rs", "let todo = TODO;\n// TODOS are no notes\n");
        let outcome = sandbox.run(|| run(Task::new("report"))).expect("it reads");
        assert_eq!(outcome.summary, "3 notes in 2 files");
        let report = "# Left to do: 3 notes in 2 files\n\
            \n## FIXME (1)\n\n- src/a.rs:3 FIXME: leaks\n\
            \n## TODO (2)\n\n- b.py:1 TODO later\n- src/a.rs:2 TODO(ann): split \\*this\\*\n";
        assert_eq!(outcome.report.as_deref(), Some(report));
        assert!(
            outcome
                .details
                .contains(&("hack".to_owned(), "0".to_owned()))
        );
        assert_eq!(sandbox.changes(), []);
    }

    #[test]
    fn markers_and_files_can_be_chosen() {
        let sandbox = Sandbox::new()
            .file("a.rs", "// XXX\n// TODO\n")
            .file("b.rs", "// XXX\n");
        let task = Task::new("report").with_parameter("markers", "XXX");
        let outcome = sandbox
            .run(|| run(task.with_parameter("glob", "a.*")))
            .expect("it reads");
        assert_eq!(outcome.summary, "1 note in 1 file");
    }

    #[test]
    fn a_marker_is_no_pattern() {
        let task = Task::new("report").with_parameter("markers", "TODO,.*");
        let error = Sandbox::new()
            .run(|| run(task))
            .expect_err("it is not a word");
        assert!(error.to_string().contains("`.*`"), "{error}");
    }
}
