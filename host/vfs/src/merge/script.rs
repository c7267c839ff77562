//! Which lines differ between two texts: Myers' algorithm in linear space, with the tie-breaks and
//! bounds that git has, so that a merge of ours falls into the hunks that git's does.

use std::ops::Range;

use super::slide::slide;

/// A stretch of lines of one text that became a stretch of another; one of the two may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// Which lines of a text have no counterpart in the other one.
#[derive(Clone, Debug)]
pub(super) struct Marks(Vec<bool>);

/// A search is cut short after this many steps, or the square root of the diagonals when larger.
const COST_MIN: i64 = 256;
/// A line that stands this often elsewhere tells little, however long the text is.
const COMMON_MAX: usize = 1024;
/// How far around a common line its neighbours are looked at.
const NEIGHBOURS: usize = 100;
/// How many matching diagonal steps make a path worth following early, and by how much it must be
/// ahead of its cost.
const SNAKE_LINES: i64 = 20;
const SNAKE_LEAD: i64 = 4;

/// The edits that turn `old` into `new`, in order and each separated from the next by equal lines.
pub(super) fn edits(old: &[u32], new: &[u32]) -> Vec<Edit> {
    let (mut gone, mut come) = (Marks::new(old.len()), Marks::new(new.len()));
    let (old_kept, new_kept) = set_aside(old, new, &mut gone, &mut come);
    let classes = |text: &[u32], kept: &[usize]| kept.iter().map(|line| text[*line]).collect();
    let (a, b): (Vec<u32>, Vec<u32>) = (classes(old, &old_kept), classes(new, &new_kept));
    let mut search = Search::new(&a, &b);
    search.compare(
        Area {
            a: 0..signed(a.len()),
            b: 0..signed(b.len()),
        },
        false,
    );
    for line in search.gone {
        gone.set(old_kept[line]);
    }
    for line in search.come {
        come.set(new_kept[line]);
    }
    slide(old, &mut gone, &come);
    slide(new, &mut come, &gone);
    pair(&gone, &come)
}

impl Marks {
    fn new(len: usize) -> Self {
        Self(vec![false; len])
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a line is marked; those outside of the text are not.
    pub(super) fn is_set(&self, line: usize) -> bool {
        self.0.get(line).copied().unwrap_or(false)
    }

    pub(super) fn set(&mut self, line: usize) {
        self.0[line] = true;
    }

    pub(super) fn clear(&mut self, line: usize) {
        self.0[line] = false;
    }
}

/// Joins the marks of both texts to edits.
fn pair(gone: &Marks, come: &Marks) -> Vec<Edit> {
    let mut edits = Vec::new();
    let (mut old, mut new) = (0, 0);
    while old < gone.len() || new < come.len() {
        let start = (old, new);
        while gone.is_set(old) {
            old += 1;
        }
        while come.is_set(new) {
            new += 1;
        }
        if start != (old, new) {
            edits.push(Edit {
                old: start.0..old,
                new: start.1..new,
            });
        }
        old += 1;
        new += 1;
    }
    edits
}

/// Marks the lines that need no search, and returns the others of each text.
///
/// Those are the lines between the equal beginning and end that the other text has too. One that
/// it has very often is searched for only where its neighbours are not mostly new.
fn set_aside(
    old: &[u32],
    new: &[u32],
    gone: &mut Marks,
    come: &mut Marks,
) -> (Vec<usize>, Vec<usize>) {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - prefix;
    let backwards = old.iter().rev().zip(new.iter().rev()).take(rest);
    let suffix = backwards.take_while(|(a, b)| a == b).count();
    let (old_counts, new_counts) = (counts(old), counts(new));
    let old_kept = keep(old, prefix..old.len() - suffix, &new_counts, gone);
    let new_kept = keep(new, prefix..new.len() - suffix, &old_counts, come);
    (old_kept, new_kept)
}

fn counts(text: &[u32]) -> std::collections::HashMap<u32, usize> {
    let mut counts = std::collections::HashMap::new();
    for class in text {
        *counts.entry(*class).or_insert(0) += 1;
    }
    counts
}

/// How often the other text has a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Never,
    Some,
    Often,
}

fn keep(
    text: &[u32],
    inner: Range<usize>,
    counts: &std::collections::HashMap<u32, usize>,
    marks: &mut Marks,
) -> Vec<usize> {
    let often = rough_root(text.len()).min(COMMON_MAX);
    let found = |line: usize| match counts.get(&text[line]) {
        None => Found::Never,
        Some(count) if *count >= often => Found::Often,
        Some(_) => Found::Some,
    };
    let found: Vec<Found> = inner.clone().map(found).collect();
    let mut kept = Vec::new();
    for (at, line) in inner.enumerate() {
        let wanted = match found[at] {
            Found::Never => false,
            Found::Some => true,
            Found::Often => !among_new(&found, at),
        };
        if wanted {
            kept.push(line);
        } else {
            marks.set(line);
        }
    }
    kept
}

/// Whether a common line stands between lines that the other text mostly does not have.
fn among_new(found: &[Found], at: usize) -> bool {
    let tally = |lines: &mut dyn Iterator<Item = &Found>| {
        let (mut never, mut often) = (0, 1);
        for found in lines.take(NEIGHBOURS) {
            match found {
                Found::Never => never += 1,
                Found::Often => often += 1,
                Found::Some => break,
            }
        }
        (never, often)
    };
    let before = tally(&mut found[..at].iter().rev());
    let after = tally(&mut found[at + 1..].iter());
    if before.0 == 0 || after.0 == 0 {
        return false;
    }
    let (never, often) = (before.0 + after.0, before.1 + after.1);
    often * 4 < often + never
}

/// A power of two near the square root.
fn rough_root(mut count: usize) -> usize {
    let mut root = 1;
    while count > 0 {
        root <<= 1;
        count >>= 2;
    }
    root
}

/// A rectangle of the table of lines against lines.
#[derive(Clone)]
struct Area {
    a: Range<i64>,
    b: Range<i64>,
}

/// Where a rectangle is cut in two, and whether the path in each part is a shortest one.
struct Cut {
    a: i64,
    b: i64,
    low_exact: bool,
    high_exact: bool,
}

/// The furthest that paths got on each diagonal, over all diagonals of the table.
struct Reach {
    rows: Vec<i64>,
    /// Index of diagonal 0.
    origin: i64,
}

/// A comparison under way.
struct Search<'t> {
    a: &'t [u32],
    b: &'t [u32],
    forward: Reach,
    backward: Reach,
    cost_max: i64,
    gone: Vec<usize>,
    come: Vec<usize>,
}

/// The diagonals that one direction has reached.
struct Band {
    low: i64,
    high: i64,
}

impl<'t> Search<'t> {
    fn new(a: &'t [u32], b: &'t [u32]) -> Self {
        let diagonals = a.len() + b.len() + 3;
        let reach = || Reach {
            rows: vec![0; diagonals + 1],
            origin: signed(b.len()) + 1,
        };
        Self {
            a,
            b,
            forward: reach(),
            backward: reach(),
            cost_max: signed(rough_root(diagonals)).max(COST_MIN),
            gone: Vec::new(),
            come: Vec::new(),
        }
    }

    /// Marks what differs in an area, without recursion: a text may be crafted.
    fn compare(&mut self, whole: Area, exact: bool) {
        let mut pending = vec![(whole, exact)];
        while let Some((area, exact)) = pending.pop() {
            let area = self.trim(area);
            if area.a.is_empty() {
                self.come.extend(area.b.map(unsigned));
            } else if area.b.is_empty() {
                self.gone.extend(area.a.map(unsigned));
            } else {
                let cut = self.cut(&area, exact);
                let low = Area {
                    a: area.a.start..cut.a,
                    b: area.b.start..cut.b,
                };
                let high = Area {
                    a: cut.a..area.a.end,
                    b: cut.b..area.b.end,
                };
                pending.push((high, cut.high_exact));
                pending.push((low, cut.low_exact));
            }
        }
    }

    fn equal(&self, a: i64, b: i64) -> bool {
        self.a[unsigned(a)] == self.b[unsigned(b)]
    }

    fn trim(&self, mut area: Area) -> Area {
        let is_open = |area: &Area| !area.a.is_empty() && !area.b.is_empty();
        while is_open(&area) && self.equal(area.a.start, area.b.start) {
            area.a.start += 1;
            area.b.start += 1;
        }
        while is_open(&area) && self.equal(area.a.end - 1, area.b.end - 1) {
            area.a.end -= 1;
            area.b.end -= 1;
        }
        area
    }

    /// Finds a point on a shortest path, or on a good one when that would cost too much.
    fn cut(&mut self, area: &Area, exact: bool) -> Cut {
        let (low, high) = (area.a.start - area.b.end, area.a.end - area.b.start);
        let (first, last) = (area.a.start - area.b.start, area.a.end - area.b.end);
        let odd = (first - last) & 1 != 0;
        let mut fore = Band {
            low: first,
            high: first,
        };
        let mut back = Band {
            low: last,
            high: last,
        };
        self.forward.put(first, area.a.start);
        self.backward.put(last, area.a.end);
        for cost in 1.. {
            fore.widen(low, high, &mut self.forward, -1);
            let (met, snaked) = self.advance(area, &fore, odd.then_some(&back));
            if let Some(cut) = met {
                return cut;
            }
            back.widen(low, high, &mut self.backward, i64::MAX);
            let (met, snaked_back) = self.retreat(area, &back, (!odd).then_some(&fore));
            if let Some(cut) = met {
                return cut;
            }
            if exact {
                continue;
            }
            if (snaked || snaked_back)
                && cost > COST_MIN
                && let Some(cut) = self.promising(area, (&fore, first), (&back, last), cost)
            {
                return cut;
            }
            if cost >= self.cost_max {
                return self.furthest(area, &fore, &back);
            }
        }
        unreachable!("the two directions meet")
    }

    /// One step of all forward paths; whether one met a backward path, or ran long.
    fn advance(&mut self, area: &Area, band: &Band, other: Option<&Band>) -> (Option<Cut>, bool) {
        let mut snaked = false;
        for diagonal in band.downwards() {
            let (left, right) = (self.forward.at(diagonal - 1), self.forward.at(diagonal + 1));
            let start = if left >= right { left + 1 } else { right };
            let mut a = start;
            while a < area.a.end && a - diagonal < area.b.end && self.equal(a, a - diagonal) {
                a += 1;
            }
            snaked |= a - start > SNAKE_LINES;
            self.forward.put(diagonal, a);
            if other.is_some_and(|other| other.holds(diagonal)) && self.backward.at(diagonal) <= a {
                return (Some(Cut::exact(a, a - diagonal)), snaked);
            }
        }
        (None, snaked)
    }

    /// The same for the backward paths.
    fn retreat(&mut self, area: &Area, band: &Band, other: Option<&Band>) -> (Option<Cut>, bool) {
        let mut snaked = false;
        for diagonal in band.downwards() {
            let (left, right) = (
                self.backward.at(diagonal - 1),
                self.backward.at(diagonal + 1),
            );
            let start = if left < right { left } else { right - 1 };
            let mut a = start;
            while a > area.a.start
                && a - diagonal > area.b.start
                && self.equal(a - 1, a - diagonal - 1)
            {
                a -= 1;
            }
            snaked |= start - a > SNAKE_LINES;
            self.backward.put(diagonal, a);
            if other.is_some_and(|other| other.holds(diagonal)) && a <= self.forward.at(diagonal) {
                return (Some(Cut::exact(a, a - diagonal)), snaked);
            }
        }
        (None, snaked)
    }

    /// A path far ahead of its cost that ends in a long run of equal lines.
    fn promising(
        &self,
        area: &Area,
        (fore, first): (&Band, i64),
        (back, last): (&Band, i64),
        cost: i64,
    ) -> Option<Cut> {
        let run = |a: i64, b: i64| (0..SNAKE_LINES).all(|step| self.equal(a + step, b + step));
        let mut best = (0, None);
        for diagonal in fore.downwards() {
            let a = self.forward.at(diagonal);
            let b = a - diagonal;
            let gain = (a - area.a.start) + (b - area.b.start) - (diagonal - first).abs();
            let inside = area.a.start + SNAKE_LINES <= a
                && a < area.a.end
                && area.b.start + SNAKE_LINES <= b
                && b < area.b.end;
            if gain > SNAKE_LEAD * cost
                && gain > best.0
                && inside
                && run(a - SNAKE_LINES, b - SNAKE_LINES)
            {
                best = (gain, Some(Cut::low(a, b)));
            }
        }
        if best.1.is_some() {
            return best.1;
        }
        for diagonal in back.downwards() {
            let a = self.backward.at(diagonal);
            let b = a - diagonal;
            let gain = (area.a.end - a) + (area.b.end - b) - (diagonal - last).abs();
            let inside = area.a.start < a
                && a <= area.a.end - SNAKE_LINES
                && area.b.start < b
                && b <= area.b.end - SNAKE_LINES;
            if gain > SNAKE_LEAD * cost && gain > best.0 && inside && run(a, b) {
                best = (gain, Some(Cut::high(a, b)));
            }
        }
        best.1
    }

    /// The point that is furthest from either corner.
    fn furthest(&self, area: &Area, fore: &Band, back: &Band) -> Cut {
        let forth = fore.downwards().map(|diagonal| {
            let a = self.forward.at(diagonal).min(area.a.end);
            let a = a.min(area.b.end + diagonal);
            (a, a - diagonal)
        });
        let rear = back.downwards().map(|diagonal| {
            let a = self.backward.at(diagonal).max(area.a.start);
            let a = a.max(area.b.start + diagonal);
            (a, a - diagonal)
        });
        let further = |best: (i64, i64), at: (i64, i64)| {
            if at.0 + at.1 > best.0 + best.1 {
                at
            } else {
                best
            }
        };
        let nearer = |best: (i64, i64), at: (i64, i64)| {
            if at.0 + at.1 < best.0 + best.1 {
                at
            } else {
                best
            }
        };
        let forth = forth
            .reduce(further)
            .unwrap_or((area.a.start, area.b.start));
        let rear = rear.reduce(nearer).unwrap_or((area.a.end, area.b.end));
        let left = (area.a.end + area.b.end) - (rear.0 + rear.1);
        let done = (forth.0 + forth.1) - (area.a.start + area.b.start);
        if left < done {
            Cut::low(forth.0, forth.1)
        } else {
            Cut::high(rear.0, rear.1)
        }
    }
}

impl Cut {
    fn exact(a: i64, b: i64) -> Self {
        Self {
            a,
            b,
            low_exact: true,
            high_exact: true,
        }
    }

    fn low(a: i64, b: i64) -> Self {
        Self {
            high_exact: false,
            ..Self::exact(a, b)
        }
    }

    fn high(a: i64, b: i64) -> Self {
        Self {
            low_exact: false,
            ..Self::exact(a, b)
        }
    }
}

impl Reach {
    fn at(&self, diagonal: i64) -> i64 {
        self.rows[unsigned(diagonal + self.origin)]
    }

    fn put(&mut self, diagonal: i64, row: i64) {
        self.rows[unsigned(diagonal + self.origin)] = row;
    }
}

impl Band {
    /// Takes in a diagonal more on each side, or one less at the border of the table.
    fn widen(&mut self, low: i64, high: i64, reach: &mut Reach, nowhere: i64) {
        if self.low > low {
            self.low -= 1;
            reach.put(self.low - 1, nowhere);
        } else {
            self.low += 1;
        }
        if self.high < high {
            self.high += 1;
            reach.put(self.high + 1, nowhere);
        } else {
            self.high -= 1;
        }
    }

    fn holds(&self, diagonal: i64) -> bool {
        self.low <= diagonal && diagonal <= self.high
    }

    /// Every second diagonal, the highest first.
    fn downwards(&self) -> impl Iterator<Item = i64> + use<> {
        (self.low..=self.high).rev().step_by(2)
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).expect("a count of lines fits")
}

fn unsigned(index: i64) -> usize {
    usize::try_from(index).expect("an index is not negative")
}
