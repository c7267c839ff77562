//! Lines of a text as small numbers, equal for equal lines, so that texts compare fast.

use std::collections::HashMap;

/// The lines of one text, each with its newline; only the last may lack one.
#[derive(Clone, Debug)]
pub(super) struct Lines<'t> {
    text: &'t [u8],
    /// Where each line begins, and the end of the text.
    bounds: Vec<usize>,
    /// What each line says.
    pub(super) classes: Vec<u32>,
}

/// Gives equal lines equal numbers, over several texts.
#[derive(Debug, Default)]
pub(super) struct Classes<'t>(HashMap<&'t [u8], u32>);

impl<'t> Classes<'t> {
    /// Splits a text; `None` when it has more than `lines_max` lines.
    pub(super) fn split(&mut self, text: &'t [u8], lines_max: usize) -> Option<Lines<'t>> {
        let mut lines = Lines {
            text,
            bounds: vec![0],
            classes: Vec::new(),
        };
        let mut start = 0;
        let newlines = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
        let unended = (!text.is_empty() && !text.ends_with(b"\n")).then_some(text.len());
        for end in newlines.chain(unended) {
            if lines.classes.len() == lines_max {
                return None;
            }
            let next = u32::try_from(self.0.len()).expect("three texts have fewer lines");
            let class = *self.0.entry(&text[start..end]).or_insert(next);
            lines.classes.push(class);
            lines.bounds.push(end);
            start = end;
        }
        Some(lines)
    }
}

impl<'t> Lines<'t> {
    pub(super) fn len(&self) -> usize {
        self.classes.len()
    }

    /// The bytes of a stretch of lines.
    pub(super) fn bytes(&self, lines: std::ops::Range<usize>) -> &'t [u8] {
        &self.text[self.bounds[lines.start]..self.bounds[lines.end]]
    }

    /// Whether a line ends as on Windows; `None` when nothing tells. The last line may have no
    /// end, and then the one before it tells.
    pub(super) fn ends_with_return(&self, line: usize) -> Option<bool> {
        let ended = |line: usize| {
            let bytes = self.bytes(line..line + 1);
            bytes.ends_with(b"\n").then(|| bytes.ends_with(b"\r\n"))
        };
        if line >= self.len() {
            return None;
        }
        ended(line).or_else(|| line.checked_sub(1).and_then(ended))
    }
}
