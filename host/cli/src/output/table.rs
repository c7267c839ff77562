//! Reports for a person. Colours are always written; the stream takes them away where they do not
//! belong.

use std::borrow::Cow;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};

use super::conflicts::conflicts;
use super::text::{clean, clean_line};
use crate::report::{AgentResult, Entry, Event, Report, Settled};
use crate::units;

/// Paths that are listed before the rest is only counted.
pub(super) const ENTRIES_SHOWN_MAX: usize = 20;

/// Events that are listed before the rest is only counted.
const EVENTS_SHOWN_MAX: usize = 8;

pub(super) const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();

/// Rows under a title.
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
}

/// A name and what is said of it.
pub(crate) type Row = (String, String);

/// What goes to stdout: what the agent returned. A diff goes there by itself.
pub(super) fn result(report: &Report) -> String {
    report.result.as_ref().map(agent_result).unwrap_or_default()
}

/// What goes to stderr.
pub(super) fn summary(report: &Report) -> String {
    let mut text = String::new();
    if let (Some(_), Some(result)) = (&report.diff, &report.result) {
        text.push_str(&agent_result(result));
    }
    put_events(&mut text, report);
    if let Some(error) = &report.error {
        text.push_str(&problem(&error.message, None));
    }
    put_backtrace(&mut text, report);
    text.push_str(&conflicts(&report.conflicts, "agent"));
    put_settled(&mut text, report);
    if let Some(hint) = report
        .error
        .as_ref()
        .and_then(|error| error.hint.as_deref())
    {
        put_hint(&mut text, hint);
    }
    text
}

/// What a held session would commit.
pub(super) fn proposal(report: &Report) -> String {
    let mut text = String::new();
    put_events(&mut text, report);
    let entries = report
        .change
        .as_ref()
        .map_or(&[][..], |change| &change.entries);
    put(
        &mut text,
        format_args!(
            "{BOLD}to commit{BOLD:#}: {}\n",
            counted(entries.len(), "path")
        ),
    );
    put_entries(&mut text, entries);
    text
}

/// What went wrong, and what to do.
pub(crate) fn problem(message: &str, hint: Option<&str>) -> String {
    let bold_red = RED.bold();
    let mut text = String::new();
    let message = clean(message);
    put(
        &mut text,
        format_args!("{bold_red}error{bold_red:#}: {}\n", indented(&message)),
    );
    if let Some(hint) = hint {
        put_hint(&mut text, hint);
    }
    text
}

/// A diff in the colours of git, for a person: what a terminal would act on is made visible, so it
/// is no patch any more.
pub(super) fn diff(text: &str) -> String {
    let mut coloured = String::with_capacity(text.len() + text.len() / 4);
    for line in text.lines() {
        let style = match line.as_bytes() {
            [b'+', b'+', b'+', b' ', ..] | [b'-', b'-', b'-', b' ', ..] => BOLD,
            [b'd', b'i', b'f', b'f', b' ', ..] => BOLD,
            [b'@', b'@', ..] => CYAN,
            [b'+', ..] => GREEN,
            [b'-', ..] => RED,
            _ => Style::new(),
        };
        put(
            &mut coloured,
            format_args!("{style}{}{style:#}\n", clean(line)),
        );
    }
    coloured
}

/// Sections of aligned rows.
pub(crate) fn sections(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        put(
            &mut text,
            format_args!("{BOLD}{}{BOLD:#}\n", clean_line(&section.title)),
        );
        put_pairs(&mut text, &section.rows);
    }
    text
}

/// Rows of cells under their titles.
pub(crate) fn listing(titles: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(titles.iter().copied());
    table.add_rows(
        rows.iter()
            .map(|row| row.iter().map(|cell| clean_line(cell).into_owned())),
    );
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = String::new();
    for (index, line) in table.lines().enumerate() {
        let style = if index == 0 { BOLD } else { Style::new() };
        put(
            &mut text,
            format_args!("{style}{}{style:#}\n", line.trim_end()),
        );
    }
    text
}

/// What a change does, path by path.
pub(crate) fn change(entries: &[Entry]) -> String {
    let mut text = String::new();
    put_entries(&mut text, entries);
    text
}

fn agent_result(result: &AgentResult) -> String {
    let mut text = String::new();
    if !result.summary.is_empty() {
        put(&mut text, format_args!("{}\n", clean(&result.summary)));
    }
    put_pairs(&mut text, &result.details);
    if let Some(report) = &result.report {
        put(&mut text, format_args!("\n{}\n", clean(report).trim_end()));
    }
    text
}

fn put_settled(text: &mut String, report: &Report) {
    let entries = report
        .change
        .as_ref()
        .map_or(&[][..], |change| &change.entries);
    let base = clean_line(&report.base);
    match report.outcome {
        Settled::Committed => {
            let id = report
                .change
                .as_ref()
                .and_then(|change| change.id.as_deref());
            let id = id.unwrap_or_default();
            let paths = counted(entries.len(), "path");
            put(text, format_args!("{GREEN}committed{GREEN:#} {id}\n"));
            put_entries(text, entries);
            put(text, format_args!("{paths} in {base}"));
        }
        Settled::Unchanged => put(text, format_args!("nothing to commit: {base} is as it was")),
        Settled::DryRun => {
            let paths = counted(entries.len(), "path");
            put(
                text,
                format_args!("{YELLOW}dry run{YELLOW:#}: {paths} would change\n"),
            );
            put_entries(text, entries);
            put(text, format_args!("{base} is as it was"));
        }
        Settled::Conflicted => {
            put(
                text,
                format_args!("{YELLOW}not committed{YELLOW:#}: {base} was not touched"),
            );
        }
        Settled::InDoubt => {
            put(
                text,
                format_args!("{RED}in doubt{RED:#}: the error says what is where in {base}"),
            );
        }
        Settled::RolledBack => {
            put(
                text,
                format_args!("{YELLOW}rolled back{YELLOW:#}: {base} is as it was"),
            );
        }
    }
    put_usage(text, report);
    for file in report.change.iter().flat_map(|change| &change.displaced) {
        let (path, kept) = (clean_line(&file.path), clean_line(&file.kept));
        put(
            text,
            format_args!(
                "{YELLOW}note{YELLOW:#}: somebody wrote to '{path}' just then; \
            what they wrote is kept in '{kept}'\n"
            ),
        );
    }
}

fn put_usage(text: &mut String, report: &Report) {
    let usage = &report.usage;
    let duration = units::duration(std::time::Duration::from_millis(usage.duration_ms));
    let memory = units::bytes(usage.memory_bytes_peak);
    put(
        text,
        format_args!(" {DIM}({duration}, {memory} of memory){DIM:#}\n"),
    );
    if usage.output_bytes_dropped > 0 {
        let dropped = units::bytes(usage.output_bytes_dropped);
        put(
            text,
            format_args!("{YELLOW}note{YELLOW:#}: {dropped} of its output were dropped\n"),
        );
    }
}

fn put_entries(text: &mut String, entries: &[Entry]) {
    let rows = entries.iter().take(ENTRIES_SHOWN_MAX).map(|entry| {
        let (letter, style) = match entry.change {
            "created" => ('A', GREEN),
            "modified" => ('M', YELLOW),
            "removed" => ('D', RED),
            _ => ('R', CYAN),
        };
        let mark = format!(" {style}{letter}{style:#}");
        (mark, vec![entry_path(entry), entry_size(entry)])
    });
    put_rows(text, rows);
    put_more(text, entries.len(), ENTRIES_SHOWN_MAX);
    put_running(text, entries);
}

/// What a person should look at before it is in the tree.
fn put_running(text: &mut String, entries: &[Entry]) {
    let running = entries.iter().filter(|entry| entry.runs_on_open);
    for entry in running.take(ENTRIES_SHOWN_MAX) {
        let path = clean_line(&entry.path);
        put(
            text,
            format_args!(
                "{YELLOW}look at{YELLOW:#} {path}: it runs when the tree is opened or built\n"
            ),
        );
    }
}

fn entry_path(entry: &Entry) -> String {
    let slash = if entry.kind == "directory" { "/" } else { "" };
    let path = clean_line(&entry.path);
    match &entry.renamed_from {
        Some(from) => format!("{} → {path}{slash}", clean_line(from)),
        None => format!("{path}{slash}"),
    }
}

fn entry_size(entry: &Entry) -> String {
    if entry.kind == "directory" {
        return String::new();
    }
    match (entry.size_before, entry.size_after) {
        (Some(before), Some(after)) if before != after => {
            format!("{} → {}", units::bytes(before), units::bytes(after))
        }
        (Some(size), _) | (None, Some(size)) => units::bytes(size),
        (None, None) => String::new(),
    }
}

fn put_events(text: &mut String, report: &Report) {
    for event in report.events.iter().take(EVENTS_SHOWN_MAX) {
        let times = if event.count > 1 {
            format!(" ({} times)", event.count)
        } else {
            String::new()
        };
        // The detail of a session's error names the path already.
        let path = event
            .path
            .as_deref()
            .filter(|path| !event.detail.contains(path));
        let path = path
            .map(|path| format!("'{}': ", clean_line(path)))
            .unwrap_or_default();
        let (kind, detail) = (event.kind, with_remedies(event));
        let detail = clean_line(&detail);
        put(
            text,
            format_args!("{YELLOW}{kind}{YELLOW:#}: {path}{detail}{times}\n"),
        );
    }
    let more = report.events.len().saturating_sub(EVENTS_SHOWN_MAX) as u64;
    let more = more.saturating_add(report.events_dropped_count);
    if more > 0 {
        put(text, format_args!("  … and {more} more\n"));
    }
}

/// The detail with the places where it would have been allowed, as they are typed.
fn with_remedies(event: &Event) -> Cow<'_, str> {
    let named = event.grant.as_deref().and_then(|grant| {
        let said = format!("; the grant '{grant}' would allow it");
        let detail = event.detail.strip_suffix(&said)?;
        let places = event.allowed_by.join(" and ");
        (!places.is_empty()).then(|| format!("{detail}; {places} would allow it"))
    });
    named.map_or(Cow::Borrowed(event.detail.as_str()), Cow::Owned)
}

fn put_backtrace(text: &mut String, report: &Report) {
    if let Some(backtrace) = &report.run.backtrace {
        for line in clean(backtrace).lines().take(EVENTS_SHOWN_MAX) {
            put(text, format_args!("{DIM}  {line}{DIM:#}\n"));
        }
    }
}

fn put_hint(text: &mut String, hint: &str) {
    let hint = clean(hint).trim_end().replace('\n', "\n      ");
    put(text, format_args!("{CYAN}hint{CYAN:#}: {hint}\n"));
}

pub(super) fn put_more(text: &mut String, count: usize, shown_max: usize) {
    if count > shown_max {
        put(text, format_args!("  … and {} more\n", count - shown_max));
    }
}

/// Puts aligned rows, each after its mark. No cell has a line end, so a row is a line.
pub(super) fn put_rows(text: &mut String, rows: impl Iterator<Item = (String, Vec<String>)>) {
    let (marks, rows): (Vec<String>, Vec<Vec<String>>) = rows.unzip();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((1, 0));
    }
    for (mark, line) in marks.iter().zip(table.lines()) {
        put(text, format_args!(" {mark}{}\n", line.trim_end()));
    }
}

fn put_pairs(text: &mut String, pairs: &[(String, String)]) {
    let row = |(name, value): &(String, String)| {
        vec![
            clean_line(name).into_owned(),
            clean_line(value).into_owned(),
        ]
    };
    put_rows(text, pairs.iter().map(|pair| (String::new(), row(pair))));
}

/// The lines after the first under the first.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n       ")
}

pub(super) fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _written = text.write_fmt(args);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_diff_is_coloured_and_harmless() {
        let text = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+\x1b[2Jb\n c\n";
        let expected = text.replace('\x1b', "\\u{1b}");
        assert_eq!(plain(&diff(text)), expected);
        assert!(diff(text).contains("\x1b[31m-a"), "{:?}", diff(text));
    }

    #[test]
    fn many_paths_are_cut_and_counted() {
        let entry = |number: usize| Entry {
            path: format!("dir/file-{number}\x1b[2J"),
            change: "created",
            kind: "file",
            renamed_from: None,
            size_before: None,
            size_after: Some(1_536),
            runs_on_open: false,
        };
        let entries: Vec<Entry> = (0..ENTRIES_SHOWN_MAX + 3).map(entry).collect();
        let mut text = String::new();
        put_entries(&mut text, &entries);
        let text = plain(&text);
        assert_eq!(text.lines().count(), ENTRIES_SHOWN_MAX + 1);
        assert!(text.starts_with("  A dir/file-0\\u{1b}[2J"), "{text}");
        assert!(
            text.lines()
                .next()
                .is_some_and(|line| line.ends_with("1.5 KiB")),
            "{text}"
        );
        assert!(text.ends_with("  … and 3 more\n"), "{text}");
    }

    #[test]
    fn an_entry_says_what_happened() {
        let check = |change, from: Option<&str>, before, after, expected: &str| {
            let entry = Entry {
                path: "b".to_owned(),
                change,
                kind: "file",
                renamed_from: from.map(str::to_owned),
                size_before: before,
                size_after: after,
                runs_on_open: false,
            };
            let mut text = String::new();
            put_entries(&mut text, &[entry]);
            assert_eq!(plain(&text), format!("  {expected}\n"));
        };
        check("created", None, None, Some(3), "A b 3 B");
        check("modified", None, Some(3), Some(4), "M b 3 B → 4 B");
        check("removed", None, Some(3), None, "D b 3 B");
        check("renamed", Some("a"), Some(3), Some(3), "R a → b 3 B");
    }
}
