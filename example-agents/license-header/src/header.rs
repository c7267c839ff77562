//! The header of one file: where it belongs, what it looks like there and whether it is up to date.

use std::path::Path;

/// What makes a comment line a header that a new one replaces.
const TAG: &str = "SPDX-License-Identifier:";

/// What some editors put in front of everything.
const BOM: char = '\u{feff}';

/// How a language begins a comment that ends with its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style(&'static str);

/// The text that every file is to carry, without the marks of a comment.
#[derive(Debug)]
pub(crate) struct Header {
    lines: Vec<String>,
}

/// What becomes of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has the header.
    None,
    /// It had none; this is its new content.
    Added(String),
    /// It had another; this is its new content.
    Replaced(String),
}

/// The beginning of a file, and the rest of it.
struct Top<'a> {
    /// What has to stay first.
    first: &'a str,
    /// Empty lines below it.
    blank: &'a str,
    /// The lines of the first block of comments, with their ends.
    block: Vec<&'a str>,
    rest: &'a str,
}

impl Style {
    /// The style for a file's extension; `None` for what is no source file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "rs" | "c" | "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" | "m" | "java"
            | "kt" | "swift" | "scala" | "go" | "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx"
            | "mts" | "cs" | "dart" | "proto" | "wit" | "zig" => Some(Self("//")),
            "py" | "pyi" | "sh" | "bash" | "zsh" | "rb" | "pl" | "r" | "toml" | "yml" | "yaml"
            | "tf" | "cmake" | "nix" | "ex" | "exs" | "jl" => Some(Self("#")),
            "lua" | "sql" | "hs" | "elm" => Some(Self("--")),
            _ => None,
        }
    }

    /// A line of the header in this style.
    fn comment(self, line: &str) -> String {
        format!("{} {line}", self.0).trim_end().to_owned()
    }

    /// Whether a line is a plain comment: documentation such as `//!` is none.
    fn is_comment(self, line: &str) -> bool {
        let is_boxed = self.0 == "//" && line.starts_with("/*") && line.ends_with("*/");
        let after = line.strip_prefix(self.0);
        is_boxed || after.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    }

    /// Whether a line has to stay above the header: an interpreter's line or an encoding.
    fn stays_first(self, line: &str) -> bool {
        let is_encoding = self.0 == "#" && line.starts_with('#') && line.contains("coding");
        // `#![…]` is an attribute of Rust.
        (line.starts_with("#!") && !line.starts_with("#![")) || is_encoding
    }
}

impl Header {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            lines: text
                .trim()
                .lines()
                .map(|line| line.trim_end().to_owned())
                .collect(),
        }
    }

    /// Gives a file the header. Doing it twice is doing it once; other bytes stay as they are.
    pub(crate) fn apply(&self, text: &str, style: Style) -> Change {
        let wanted: Vec<String> = self.lines.iter().map(|line| style.comment(line)).collect();
        let is_wanted = |line: &&str| wanted.iter().any(|wanted| wanted == bare(line));
        let is_outdated = |line: &&str| line.contains(TAG) && !is_wanted(line);
        let top = Top::of(text, style);
        let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let header: String = wanted
            .iter()
            .flat_map(|line| [line.as_str(), ending])
            .collect();
        if let Some(at) = top.block.iter().position(is_outdated) {
            let keep = |lines: &[&str]| -> String {
                lines
                    .iter()
                    .filter(|line| !is_wanted(line) && !is_outdated(line))
                    .copied()
                    .collect()
            };
            let (before, after) = (keep(&top.block[..at]), keep(&top.block[at..]));
            let Top {
                first, blank, rest, ..
            } = top;
            return Change::Replaced(format!("{first}{blank}{before}{header}{after}{rest}"));
        }
        let block: Vec<&str> = top.block.iter().map(|line| bare(line)).collect();
        if block.windows(wanted.len()).any(|window| window == wanted) {
            return Change::None;
        }
        let Top {
            first,
            blank,
            block,
            rest,
        } = top;
        let body = format!("{blank}{}{rest}", block.concat());
        let needs_ending = !first.trim_start_matches(BOM).is_empty() && !first.ends_with('\n');
        let above = if needs_ending { ending } else { "" };
        let below = if blank.is_empty() && !body.is_empty() {
            ending
        } else {
            ""
        };
        Change::Added(format!("{first}{above}{header}{below}{body}"))
    }
}

impl<'a> Top<'a> {
    fn of(text: &'a str, style: Style) -> Self {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let is_first = |line: &&&str| style.stays_first(line.trim_start_matches(BOM));
        let first = lines.iter().take(2).take_while(is_first).count();
        let mark = text.len() - text.trim_start_matches(BOM).len();
        let first: usize = lines[..first]
            .iter()
            .map(|line| line.len())
            .sum::<usize>()
            .max(mark);
        let (first, rest) = text.split_at(first);
        let is_blank = |line: &&str| line.trim().is_empty();
        let blank: usize = rest
            .split_inclusive('\n')
            .take_while(is_blank)
            .map(str::len)
            .sum();
        let (blank, rest) = rest.split_at(blank);
        let is_comment = |line: &&str| style.is_comment(bare(line));
        let block: Vec<&str> = rest.split_inclusive('\n').take_while(is_comment).collect();
        let rest = &rest[block.iter().map(|line| line.len()).sum()..];
        Self {
            first,
            blank,
            block,
            rest,
        }
    }
}

/// A line without its end.
fn bare(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLASHES: Style = Style("//");
    const HASH: Style = Style("#");
    const APACHE: &str = "SPDX-License-Identifier: Apache-2.0";
    const TWO: &str = "Copyright 2026 The Authors\n\nSPDX-License-Identifier: Apache-2.0\n";

    /// Applies a header and once more, which must change nothing.
    #[track_caller]
    fn check(header: &str, style: Style, before: &str, after: &str) {
        let header = Header::new(header);
        let changed = match header.apply(before, style) {
            Change::None => before.to_owned(),
            Change::Added(text) | Change::Replaced(text) => text,
        };
        assert_eq!(changed, after);
        assert_eq!(header.apply(&changed, style), Change::None, "twice is once");
    }

    #[test]
    fn a_header_is_added_at_the_top() {
        check(
            APACHE,
            SLASHES,
            "fn a() {}\n",
            &format!("// {APACHE}\n\nfn a() {{}}\n"),
        );
        check(APACHE, SLASHES, "", &format!("// {APACHE}\n"));
        check(APACHE, SLASHES, "\nx", &format!("// {APACHE}\n\nx"));
        check(
            APACHE,
            SLASHES,
            "//! Doc.\n",
            &format!("// {APACHE}\n\n//! Doc.\n"),
        );
        check(
            APACHE,
            SLASHES,
            "// A note.\nx\n",
            &format!("// {APACHE}\n\n// A note.\nx\n"),
        );
        check(
            APACHE,
            HASH,
            "[package]\n",
            &format!("# {APACHE}\n\n[package]\n"),
        );
        let two = "# Copyright 2026 The Authors\n#\n# SPDX-License-Identifier: Apache-2.0\n\nx\n";
        check(TWO, HASH, "x\n", two);
    }

    #[test]
    fn what_has_to_be_first_stays_first() {
        check(
            APACHE,
            HASH,
            "#!/bin/sh\nls\n",
            &format!("#!/bin/sh\n# {APACHE}\n\nls\n"),
        );
        let python = "#!/usr/bin/python\n# -*- coding: utf-8 -*-\n";
        check(
            APACHE,
            HASH,
            &format!("{python}x\n"),
            &format!("{python}# {APACHE}\n\nx\n"),
        );
        check(
            APACHE,
            SLASHES,
            "#![no_std]\n",
            &format!("// {APACHE}\n\n#![no_std]\n"),
        );
        check(
            APACHE,
            SLASHES,
            "#!/usr/bin/env x\n",
            &format!("#!/usr/bin/env x\n// {APACHE}\n"),
        );
        check(
            APACHE,
            SLASHES,
            "\u{feff}x\n",
            &format!("\u{feff}// {APACHE}\n\nx\n"),
        );
    }

    #[test]
    fn an_outdated_header_is_replaced_and_the_rest_of_its_block_kept() {
        let old = "// SPDX-License-Identifier: MIT\n";
        check(
            APACHE,
            SLASHES,
            &format!("{old}x\n"),
            &format!("// {APACHE}\nx\n"),
        );
        check(
            APACHE,
            SLASHES,
            "/* SPDX-License-Identifier: MIT */\nx\n",
            &format!("// {APACHE}\nx\n"),
        );
        let noted = |line: &str| format!("// Copyright 1999 A\n{line}// Note.\n\nx\n");
        check(
            APACHE,
            SLASHES,
            &noted(old),
            &noted(&format!("// {APACHE}\n")),
        );
        check(
            TWO,
            HASH,
            "#!/bin/sh\n\n# Copyright 2026 The Authors\n# SPDX-License-Identifier: MIT\nx\n",
            "#!/bin/sh\n\n# Copyright 2026 The Authors\n#\n# SPDX-License-Identifier: Apache-2.0\nx\n",
        );
        check(
            APACHE,
            SLASHES,
            &format!("{old}{old}x\n"),
            &format!("// {APACHE}\nx\n"),
        );
    }

    #[test]
    fn only_the_first_block_is_looked_at() {
        let late = "x\n// SPDX-License-Identifier: MIT\n";
        check(APACHE, SLASHES, late, &format!("// {APACHE}\n\n{late}"));
    }

    #[test]
    fn line_endings_are_kept() {
        check(
            APACHE,
            SLASHES,
            "x\r\ny\r\n",
            &format!("// {APACHE}\r\n\r\nx\r\ny\r\n"),
        );
    }

    #[test]
    fn styles_go_by_the_extension() {
        for (path, style) in [
            ("a.rs", Some("//")),
            ("a/b.TS", Some("//")),
            ("a.py", Some("#")),
            ("Cargo.toml", Some("#")),
            ("a.lua", Some("--")),
            ("README.md", None),
            ("Makefile", None),
            ("rs", None),
        ] {
            assert_eq!(Style::of(Path::new(path)), style.map(Style), "{path}");
        }
    }
}
