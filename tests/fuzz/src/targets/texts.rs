//! Three texts that are merged.

use vfs::{Hunk, TextMerge, merge_text};

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "texts",
    run,
    seeds,
};

/// Ends a text; no text in UTF-8 has it.
const END: u8 = 0xFF;

/// Whoever comes first, the outcome is one, and a conflict is about lines that there are.
fn run(data: &[u8]) {
    let mut texts = data.splitn(3, |byte| *byte == END);
    let mut text = || texts.next().unwrap_or_default();
    let (before, ours, theirs) = (text(), text(), text());
    let one = merge_text(before, ours, theirs);
    let other = merge_text(before, theirs, ours);
    match (&one, &other) {
        (TextMerge::Clean(one), TextMerge::Clean(other)) => {
            assert_eq!(one, other);
            // An end of line may be added where two texts meet.
            assert!(one.len() <= before.len() + ours.len() + theirs.len() + 3);
        }
        (TextMerge::Conflicted { hunks, .. }, TextMerge::Conflicted { hunks: others, .. }) => {
            assert!(!hunks.is_empty());
            let places = |hunks: &[Hunk]| hunks.iter().map(|hunk| hunk.before.clone()).collect();
            let (here, there): (Vec<_>, Vec<_>) = (places(hunks), places(others));
            assert_eq!(here, there);
            assert_in_order(hunks, [before, ours, theirs]);
        }
        (TextMerge::NotText, TextMerge::NotText) => {}
        _ => panic!("{one:?} and {other:?}"),
    }
}

fn assert_in_order(hunks: &[Hunk], [before, ours, theirs]: [&[u8]; 3]) {
    let lines = |text: &[u8]| text.split_inclusive(|byte| *byte == b'\n').count();
    let mut ends = [0; 3];
    for hunk in hunks {
        let sides = [
            (&hunk.before, lines(before)),
            (&hunk.ours, lines(ours)),
            (&hunk.theirs, lines(theirs)),
        ];
        for (end, (range, count)) in ends.iter_mut().zip(sides) {
            assert!(*end <= range.start && range.start <= range.end && range.end <= count);
            *end = range.end;
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let of = |texts: [&str; 3]| texts.map(str::as_bytes).join(&END);
    vec![
        of(["a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n"]),
        of(["a\nb\nc\n", "a\nx\nc\n", "a\ny\nc\n"]),
        of(["", "a\n", "b"]),
        of(["a\r\nb\r\n", "a\nb\n", "a\r\nb\r\nc"]),
        of([
            "1\n2\n3\n4\n5\n6\n",
            "1\n3\n4\n5\n6\n7\n",
            "0\n1\n2\n4\n6\n",
        ]),
    ]
}
