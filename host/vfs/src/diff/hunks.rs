//! The hunks of one file in unified form.
//!
//! Lines end at `\n` alone, as git and patch have it, and every byte of both texts is kept.

use similar::{Algorithm, DiffOp, DiffTag};

use super::put;

/// Lines shown around a change.
const CONTEXT_LINES: usize = 3;
/// Lines that differ on one side, times those on the other, up to which the least difference is
/// looked for; beyond it the stretch is shown as replaced, so that no two texts cost minutes.
const LINE_PAIRS_MAX: usize = 64_000_000;

pub(super) fn write(text: &mut String, before: &str, after: &str) {
    let (old, new) = (lines(before), lines(after));
    for group in similar::group_diff_ops(operations(&old, &new), CONTEXT_LINES) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let span = |start: usize, end: usize| match end - start {
            0 => format!("{start},0"),
            1 => format!("{}", start + 1),
            count => format!("{},{count}", start + 1),
        };
        let was = span(first.old_range().start, last.old_range().end);
        let is = span(first.new_range().start, last.new_range().end);
        put(text, format_args!("@@ -{was} +{is} @@\n"));
        for operation in &group {
            if operation.tag() == DiffTag::Equal {
                mark(text, ' ', &old[operation.old_range()]);
            } else {
                mark(text, '-', &old[operation.old_range()]);
                mark(text, '+', &new[operation.new_range()]);
            }
        }
    }
}

fn mark(text: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        text.push(sign);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn operations(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let pairs = old.iter().zip(new);
    let prefix = pairs.take_while(|(old, new)| old == new).count();
    let pairs = old[prefix..].iter().rev().zip(new[prefix..].iter().rev());
    let suffix = pairs.take_while(|(old, new)| old == new).count();
    let (old_len, new_len) = (old.len() - prefix - suffix, new.len() - prefix - suffix);
    if old_len.saturating_mul(new_len) <= LINE_PAIRS_MAX {
        return similar::capture_diff_slices(Algorithm::Myers, old, new);
    }
    let equal = |old_index, new_index, len| DiffOp::Equal {
        old_index,
        new_index,
        len,
    };
    let replaced = DiffOp::Replace {
        old_index: prefix,
        old_len,
        new_index: prefix,
        new_len,
    };
    let mut operations = vec![equal(0, 0, prefix), replaced];
    operations.push(equal(prefix + old_len, prefix + new_len, suffix));
    operations
        .retain(|operation| !operation.old_range().is_empty() || !operation.new_range().is_empty());
    operations
}
