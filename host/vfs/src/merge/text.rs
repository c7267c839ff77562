//! Merging three texts by lines, as `git merge-file` does: what one side alone changed is taken,
//! and what both changed, or what touches, is a conflict unless they say the same.

use std::ops::Range;

use super::lines::{Classes, Lines};
use super::script::{Edit, edits};
use crate::diff::is_binary;

/// Texts over this size are not merged by lines.
pub const MERGE_BYTES_MAX: usize = 8 << 20;
/// Texts of more lines are not merged by lines.
pub const MERGE_LINES_MAX: usize = 200_000;

/// What came of merging three texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMerge {
    /// All changes of both sides.
    Clean(Vec<u8>),
    /// The two sides changed the same lines, or lines that touch.
    Conflicted {
        /// Where, in order.
        hunks: Vec<Hunk>,
        /// The text with each such place between markers, what stood there before included.
        marked: Vec<u8>,
    },
    /// A side is binary, as git has it (a NUL in its first 8,000 bytes), or over
    /// [`MERGE_BYTES_MAX`] or [`MERGE_LINES_MAX`].
    NotText,
}

/// Lines of each side, counted from 0, that a merge could not join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// Lines of the text before.
    pub before: Range<usize>,
    /// Lines of the session's text.
    pub ours: Range<usize>,
    /// Lines of the base's text.
    pub theirs: Range<usize>,
}

/// Merges two texts that were made from `before`: the session's and the base's.
pub fn merge_text(before: &[u8], ours: &[u8], theirs: &[u8]) -> TextMerge {
    let sides = [before, ours, theirs];
    if sides
        .iter()
        .any(|side| side.len() > MERGE_BYTES_MAX || is_binary(side))
    {
        return TextMerge::NotText;
    }
    if ours == theirs || theirs == before {
        return TextMerge::Clean(ours.to_vec());
    }
    if ours == before {
        return TextMerge::Clean(theirs.to_vec());
    }
    let mut classes = Classes::default();
    let mut split = |text| classes.split(text, MERGE_LINES_MAX);
    match (split(before), split(ours), split(theirs)) {
        (Some(before), Some(ours), Some(theirs)) => Sides {
            before,
            ours,
            theirs,
        }
        .merge(),
        _ => TextMerge::NotText,
    }
}

struct Sides<'t> {
    before: Lines<'t>,
    ours: Lines<'t>,
    theirs: Lines<'t>,
}

/// Who changed a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Author {
    Ours,
    Theirs,
    Both,
}

#[derive(Debug)]
struct Stretch {
    author: Author,
    hunk: Hunk,
}

impl Sides<'_> {
    fn merge(&self) -> TextMerge {
        let ours = edits(&self.before.classes, &self.ours.classes);
        let theirs = edits(&self.before.classes, &self.theirs.classes);
        let mut stretches = self.stretches(&ours, &theirs);
        // Hunks that fell differently can still say the same.
        stretches.retain(|stretch| {
            let Hunk { ours, theirs, .. } = &stretch.hunk;
            let same = self.ours.classes[ours.clone()] == self.theirs.classes[theirs.clone()];
            stretch.author != Author::Both || !same || ours.is_empty()
        });
        let text = self.render(&stretches);
        let hunks: Vec<Hunk> = stretches
            .into_iter()
            .filter(|stretch| stretch.author == Author::Both)
            .map(|stretch| stretch.hunk)
            .collect();
        match hunks.is_empty() {
            true => TextMerge::Clean(text),
            false => TextMerge::Conflicted {
                hunks,
                marked: text,
            },
        }
    }

    /// Walks the edits of both sides in step. What both did alike is in neither's way.
    fn stretches(&self, ours: &[Edit], theirs: &[Edit]) -> Vec<Stretch> {
        let mut found = Found::default();
        let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
        // By how much a line's number on each side is ahead of its number before.
        let mut shift = (0, 0);
        loop {
            let (author, hunk) = match (ours.peek(), theirs.peek()) {
                (None, None) => return found.stretches,
                (Some(mine), None) => (Author::Ours, alone(mine, shift.1)),
                (None, Some(yours)) => (Author::Theirs, alone(yours, shift.0).swapped()),
                (Some(mine), Some(yours)) if mine.old.end < yours.old.start => {
                    (Author::Ours, alone(mine, shift.1))
                }
                (Some(mine), Some(yours)) if yours.old.end < mine.old.start => {
                    (Author::Theirs, alone(yours, shift.0).swapped())
                }
                (Some(mine), Some(yours)) => {
                    if !self.alike(mine, yours) {
                        found.add(Author::Both, together(mine, yours));
                    }
                    let ends = (mine.old.end, yours.old.end);
                    if ends.0 >= ends.1 {
                        shift.1 = ahead(yours);
                        theirs.next();
                    }
                    if ends.1 >= ends.0 {
                        shift.0 = ahead(mine);
                        ours.next();
                    }
                    continue;
                }
            };
            found.add(author, hunk);
            if author == Author::Ours {
                shift.0 = ours.next().map_or(0, ahead);
            } else {
                shift.1 = theirs.next().map_or(0, ahead);
            }
        }
    }

    fn alike(&self, mine: &Edit, yours: &Edit) -> bool {
        let ours = &self.ours.classes[mine.new.clone()];
        mine.old == yours.old && ours == &self.theirs.classes[yours.new.clone()]
    }

    /// The text of ours with every stretch put in.
    fn render(&self, stretches: &[Stretch]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut at = 0;
        for Stretch { author, hunk } in stretches {
            text.extend_from_slice(self.ours.bytes(at..hunk.ours.start));
            match author {
                Author::Ours => text.extend_from_slice(self.ours.bytes(hunk.ours.clone())),
                Author::Theirs => text.extend_from_slice(self.theirs.bytes(hunk.theirs.clone())),
                Author::Both => self.mark(&mut text, hunk),
            }
            at = hunk.ours.end;
        }
        text.extend_from_slice(self.ours.bytes(at..self.ours.len()));
        text
    }

    fn mark(&self, text: &mut Vec<u8>, hunk: &Hunk) {
        let end: &[u8] = if self.ends_with_return(hunk) {
            b"\r\n"
        } else {
            b"\n"
        };
        let parts: [(&[u8], &[u8]); 3] = [
            (b"<<<<<<< session", self.ours.bytes(hunk.ours.clone())),
            (b"||||||| before", self.before.bytes(hunk.before.clone())),
            (b"=======", self.theirs.bytes(hunk.theirs.clone())),
        ];
        for (marker, lines) in parts {
            text.extend_from_slice(marker);
            text.extend_from_slice(end);
            text.extend_from_slice(lines);
            if !lines.is_empty() && !lines.ends_with(b"\n") {
                text.extend_from_slice(end);
            }
        }
        text.extend_from_slice(b">>>>>>> base");
        text.extend_from_slice(end);
    }

    /// Whether the markers of a hunk end as on Windows: as the line before it does on both sides,
    /// and as the first line did.
    fn ends_with_return(&self, hunk: &Hunk) -> bool {
        let above = |lines: &Lines<'_>, range: &Range<usize>| {
            lines.ends_with_return(range.start.saturating_sub(1)) != Some(false)
        };
        above(&self.ours, &hunk.ours)
            && above(&self.theirs, &hunk.theirs)
            && self.before.ends_with_return(0) == Some(true)
    }
}

/// The stretches found so far; one that reaches into the last is joined with it.
#[derive(Default)]
struct Found {
    stretches: Vec<Stretch>,
}

impl Found {
    fn add(&mut self, author: Author, hunk: Hunk) {
        match self.stretches.last_mut() {
            Some(last)
                if hunk.ours.start <= last.hunk.ours.end
                    || hunk.theirs.start <= last.hunk.theirs.end =>
            {
                if last.author != author {
                    last.author = Author::Both;
                }
                last.hunk.before.end = hunk.before.end;
                last.hunk.ours.end = hunk.ours.end;
                last.hunk.theirs.end = hunk.theirs.end;
            }
            _ => self.stretches.push(Stretch { author, hunk }),
        }
    }
}

impl Hunk {
    fn swapped(self) -> Self {
        Self {
            ours: self.theirs,
            theirs: self.ours,
            ..self
        }
    }
}

/// The hunk of an edit that only ours made; the other side is `shift` lines ahead. Where the edit
/// is the rest of one that met an earlier edit of theirs, only the ends of the hunk count.
fn alone(edit: &Edit, shift: isize) -> Hunk {
    Hunk {
        before: edit.old.clone(),
        ours: edit.new.clone(),
        theirs: moved(edit.old.start, shift)..moved(edit.old.end, shift),
    }
}

/// The hunk of two edits that touch: each reaches as far as both do.
fn together(mine: &Edit, yours: &Edit) -> Hunk {
    let before = mine.old.start.min(yours.old.start)..mine.old.end.max(yours.old.end);
    let reach = |edit: &Edit| {
        // Less than nothing only where an earlier edit reaches into this hunk, which then begins it.
        let start = edit.new.start.saturating_sub(edit.old.start - before.start);
        start..edit.new.end + (before.end - edit.old.end)
    };
    Hunk {
        ours: reach(mine),
        theirs: reach(yours),
        before,
    }
}

/// By how many lines an edit leaves the numbers after it ahead.
fn ahead(edit: &Edit) -> isize {
    edit.new.end.cast_signed() - edit.old.end.cast_signed()
}

fn moved(line: usize, shift: isize) -> usize {
    line.saturating_add_signed(shift)
}
