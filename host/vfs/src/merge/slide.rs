//! Where a hunk stands when it could stand in several places: as low as it goes, or beside a hunk
//! of the other text. Git puts hunks there too, and with it decides which ones touch.

use super::script::Marks;

/// A stretch of marked lines, which may be empty: the gap before each unmarked line is one.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    start: usize,
    end: usize,
}

/// Moves every group of marked lines of a text to its place; `other` marks the other text.
pub(super) fn slide(text: &[u32], marks: &mut Marks, other: &Marks) {
    let (mut group, mut beside) = (Group::first(marks), Group::first(other));
    loop {
        if !group.is_empty() {
            settle(text, marks, other, &mut group, &mut beside);
        }
        let more = group.forth(marks);
        if !more || !beside.forth(other) {
            return;
        }
    }
}

fn settle(text: &[u32], marks: &mut Marks, other: &Marks, group: &mut Group, beside: &mut Group) {
    let (highest, aligned) = loop {
        let len = group.end - group.start;
        while group.up(text, marks) {
            beside.back(other);
        }
        let highest = group.end;
        let mut aligned = !beside.is_empty();
        while group.down(text, marks) {
            beside.forth(other);
            aligned |= !beside.is_empty();
        }
        // It may have met another group on the way, and be free to go further with it.
        if len == group.end - group.start {
            break (highest, aligned);
        }
    };
    if group.end == highest || !aligned {
        return;
    }
    while beside.is_empty() && group.up(text, marks) {
        beside.back(other);
    }
}

impl Group {
    fn first(marks: &Marks) -> Self {
        let mut group = Self::default();
        group.extend(marks);
        group
    }

    fn is_empty(self) -> bool {
        self.start == self.end
    }

    fn extend(&mut self, marks: &Marks) {
        while marks.is_set(self.end) {
            self.end += 1;
        }
    }

    /// Goes to the next group; tells whether there was one.
    fn forth(&mut self, marks: &Marks) -> bool {
        if self.end >= marks.len() {
            return false;
        }
        self.start = self.end + 1;
        self.end = self.start;
        self.extend(marks);
        true
    }

    fn back(&mut self, marks: &Marks) {
        let Some(end) = self.start.checked_sub(1) else {
            return;
        };
        self.end = end;
        self.start = end;
        self.absorb(marks);
    }

    fn absorb(&mut self, marks: &Marks) {
        while self.start > 0 && marks.is_set(self.start - 1) {
            self.start -= 1;
        }
    }

    /// Moves up by one line when the text reads the same then.
    fn up(&mut self, text: &[u32], marks: &mut Marks) -> bool {
        if self.start == 0 || text[self.start - 1] != text[self.end - 1] {
            return false;
        }
        self.start -= 1;
        self.end -= 1;
        marks.set(self.start);
        marks.clear(self.end);
        self.absorb(marks);
        true
    }

    /// The same downwards.
    fn down(&mut self, text: &[u32], marks: &mut Marks) -> bool {
        if self.end >= text.len() || text[self.start] != text[self.end] {
            return false;
        }
        marks.clear(self.start);
        marks.set(self.end);
        self.start += 1;
        self.end += 1;
        self.extend(marks);
        true
    }
}
