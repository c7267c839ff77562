//! Conflicts for a person: each path with the reason, both sides, and how they differ.

use super::table::{CYAN, ENTRIES_SHOWN_MAX, GREEN, RED, put, put_more, put_rows};
use super::text::clean_line;
use crate::report::{ConflictedPath, Side};
use crate::units;

/// Lines of a difference that are shown of one path.
const LINES_SHOWN_MAX: usize = 20;

/// Lists conflicts; `ours` is what the side of the session is called.
pub(crate) fn conflicts(conflicts: &[ConflictedPath], ours: &str) -> String {
    let mut text = String::new();
    for conflict in conflicts.iter().take(ENTRIES_SHOWN_MAX) {
        let mut sides = vec![
            clean_line(&conflict.path).into_owned(),
            format!("before {},", side(conflict.before)),
            format!("{ours} {},", side(conflict.ours)),
            format!("base {}", side(conflict.theirs)),
        ];
        if let Some(reason) = conflict.reason {
            sides.push(format!("({})", in_words(reason)));
        }
        put_rows(
            &mut text,
            std::iter::once((format!(" {RED}C{RED:#}"), sides)),
        );
        put_difference(&mut text, conflict.diff.as_deref(), ours);
    }
    put_more(&mut text, conflicts.len(), ENTRIES_SHOWN_MAX);
    text
}

/// How the base's version becomes the session's, without the headers of the diff.
fn put_difference(text: &mut String, diff: Option<&str>, ours: &str) {
    let lines = diff.into_iter().flat_map(str::lines);
    let mut lines = lines.skip_while(|line| !line.starts_with("@@")).peekable();
    if lines.peek().is_none() {
        return;
    }
    put(
        text,
        format_args!("      {RED}- base{RED:#}  {GREEN}+ {ours}{GREEN:#}\n"),
    );
    for line in lines.by_ref().take(LINES_SHOWN_MAX) {
        let style = match line.as_bytes().first() {
            Some(b'+') => GREEN,
            Some(b'-') => RED,
            Some(b'@') => CYAN,
            _ => anstyle::Style::new(),
        };
        put(
            text,
            format_args!("      {style}{}{style:#}\n", clean_line(line)),
        );
    }
    let more = lines.count();
    if more > 0 {
        put(text, format_args!("      … and {more} more lines\n"));
    }
}

fn side(side: Option<Side>) -> String {
    match side {
        None => "nothing".to_owned(),
        Some(Side { kind: "file", size }) => units::bytes(size),
        Some(Side { kind, .. }) => kind.to_owned(),
    }
}

/// The reason in words; the word itself is for programs.
fn in_words(reason: &str) -> &str {
    match reason {
        "content" => "both changed it",
        "binary" => "both changed it, and it is not text",
        "both-created" => "both created it",
        "removed-here" => "removed in the session, changed in the base",
        "removed-there" => "changed in the session, removed in the base",
        "kind" => "a directory or link on one side only",
        "mode" => "one side made it executable, or no longer",
        "moved" => "moved by the one, moved or changed by the other",
        "not-empty" => "removed in the session, with something new in it in the base",
        "unreadable" => "what the base had before is gone",
        "read-moved" => "only read by the session, changed in the base",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_shown_and_nothing_acts_on_the_terminal() {
        let file = |size| Some(Side { kind: "file", size });
        let many: String = (0..LINES_SHOWN_MAX).map(|n| format!("+{n}\n")).collect();
        let conflict = ConflictedPath {
            path: "a\x1b[2J".to_owned(),
            reason: Some("content"),
            before: file(1),
            ours: file(2),
            theirs: None,
            diff: Some(format!(
                "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-\x1b[1mold\n{many}"
            )),
        };
        let text = anstream::adapter::strip_str(&conflicts(&[conflict], "session")).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "  C a\\u{1b}[2J before 1 B, session 2 B, base nothing (both changed it)"
        );
        assert_eq!(lines[1], "      - base  + session");
        assert_eq!(lines[3], "      -\\u{1b}[1mold");
        assert_eq!(lines.last(), Some(&"      … and 2 more lines"));
    }
}
