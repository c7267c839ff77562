//! Merging by lines: git is the judge of what is clean, what it reads then, and what is a conflict.

mod cases;
mod git;

use session_fs_vfs::{Hunk, MERGE_LINES_MAX, TextMerge, merge_text};

use self::cases::{Case, cases};
use self::git::{Judge, Verdict};

/// Cases that one run compares with git, each by a process of its own.
const CASES: u64 = 10_400;
/// Of how many conflicted cases one has its markers compared too.
const MARKED_EVERY: u64 = 10;
/// How many threads share them.
const THREADS: u64 = 4;

/// How many cases came out which way.
#[derive(Debug, Default)]
struct Tally {
    clean: usize,
    conflicted: usize,
    marked: usize,
}

/// Holds one case against git: clean or not, and what it reads. No disagreement is allowed for.
fn judge(judge: &Judge, case: &Case, tally: &mut Tally) {
    let git = judge.merge(case);
    match merge_text(&case.before, &case.ours, &case.theirs) {
        TextMerge::Clean(text) if git.conflicts == 0 => {
            tally.clean += 1;
            assert!(text == git.text, "{}", shown(case, &text, &git));
        }
        TextMerge::Conflicted { hunks, marked } if git.conflicts > 0 => {
            tally.conflicted += 1;
            if !case.seed.is_multiple_of(MARKED_EVERY) {
                return;
            }
            // Showing what stood before, git counts what both did alike in other hunks as well.
            let git = judge.merge_showing_before(case);
            assert!(git.conflicts >= hunks.len().min(127), "seed {}", case.seed);
            if git.conflicts == hunks.len() {
                tally.marked += 1;
                assert!(marked == git.text, "{}", shown(case, &marked, &git));
            }
        }
        other => panic!("{}", shown(case, format!("{other:?}").as_bytes(), &git)),
    }
}

fn shown(case: &Case, merged: &[u8], git: &Verdict) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let [before, ours, theirs] = [&case.before, &case.ours, &case.theirs].map(|side| text(side));
    let (merged, by_git) = (text(merged), text(&git.text));
    format!(
        "seed {}\n-- before\n{before}\n-- ours\n{ours}\n-- theirs\n{theirs}\n\
         -- merged\n{merged}\n-- by git, {} conflicts\n{by_git}",
        case.seed, git.conflicts,
    )
}

/// Every case is decided as git decides it, reads as git's where it is clean, and is marked as
/// git marks it where it is not.
#[test]
fn git_agrees_on_every_case() {
    let share = CASES / THREADS;
    let work = |number: u64| {
        let (git, mut tally) = (Judge::new(), Tally::default());
        for case in cases(number * share..(number + 1) * share) {
            judge(&git, &case, &mut tally);
        }
        tally
    };
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        let ended = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.map(|tally| tally.expect("git agrees")).collect()
    });
    let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum::<usize>();
    let (clean, conflicted) = (sum(|tally| tally.clean), sum(|tally| tally.conflicted));
    assert!(clean + conflicted >= 10_000);
    // Cases that were all of one kind would compare nothing.
    let marked = sum(|tally| tally.marked);
    assert!(
        clean > 2_000 && conflicted > 2_000 && marked > 100,
        "{tallies:?}"
    );
}

fn check(before: &str, ours: &str, theirs: &str, expected: &str) {
    let case = Case {
        seed: 0,
        before: before.into(),
        ours: ours.into(),
        theirs: theirs.into(),
    };
    match merge_text(&case.before, &case.ours, &case.theirs) {
        TextMerge::Clean(text) => assert_eq!(String::from_utf8_lossy(&text), expected),
        other => panic!("expected a clean merge, got {other:?}"),
    }
}

fn conflict(before: &str, ours: &str, theirs: &str) -> (Vec<Hunk>, String) {
    match merge_text(before.as_bytes(), ours.as_bytes(), theirs.as_bytes()) {
        TextMerge::Conflicted { hunks, marked } => {
            (hunks, String::from_utf8(marked).expect("text"))
        }
        other => panic!("expected a conflict, got {other:?}"),
    }
}

#[test]
fn what_one_side_changed_is_taken() {
    check(
        "1\n2\n3\n",
        "one\n2\n3\n",
        "1\n2\nthree\n",
        "one\n2\nthree\n",
    );
    check("1\n2\n3\n", "1\n2\n3\n", "1\n3\n", "1\n3\n");
    check("1\n2\n3", "0\n1\n2\n3", "1\n2\n3\n", "0\n1\n2\n3\n");
    check(
        "1\r\n2\r\n3\r\n",
        "1\n2\r\n3\r\n",
        "1\r\n2\r\n4\r\n",
        "1\n2\r\n4\r\n",
    );
}

#[test]
fn what_both_did_alike_is_clean() {
    check("1\n2\n3\n", "1\nx\n3\n", "1\nx\n3\n", "1\nx\n3\n");
    check("", "x\n", "x\n", "x\n");
    check("1\n2\n", "", "", "");
}

#[test]
fn hunks_that_touch_are_a_conflict() {
    let (hunks, marked) = conflict("1\n2\n3\n", "1\nx\n3\n", "1\n2\nthree");
    assert_eq!(
        hunks,
        [Hunk {
            before: 1..3,
            ours: 1..3,
            theirs: 1..3
        }]
    );
    assert_eq!(
        marked,
        "1\n<<<<<<< session\nx\n3\n||||||| before\n2\n3\n=======\n2\nthree\n>>>>>>> base\n"
    );
}

#[test]
fn markers_end_as_the_lines_around_them() {
    let (_, marked) = conflict("1\r\n2\r\n", "1\r\na\r\n", "1\r\nb\r\n");
    assert!(
        marked.starts_with("1\r\n<<<<<<< session\r\na\r\n"),
        "{marked}"
    );
    assert!(marked.ends_with("b\r\n>>>>>>> base\r\n"), "{marked}");
}

#[test]
fn what_is_no_text_is_not_merged() {
    let long = vec![b'\n'; MERGE_LINES_MAX + 1];
    let large = vec![b'x'; session_fs_vfs::MERGE_BYTES_MAX + 1];
    for side in [&b"a\0b"[..], &long, &large] {
        assert_eq!(merge_text(b"1\n", side, b"2\n"), TextMerge::NotText);
        assert_eq!(merge_text(b"1\n", b"2\n", side), TextMerge::NotText);
        assert_eq!(merge_text(side, b"1\n", b"2\n"), TextMerge::NotText);
    }
}

/// Two texts without a common line, crafted to be as slow as can be: the search gives up early.
#[test]
fn texts_that_have_nothing_in_common_are_compared_in_bounded_steps() {
    let numbered = |step: usize| -> Vec<u8> {
        let lines = (0..60_000).map(|line| format!("{}\n", line * step % 60_013));
        lines.collect::<String>().into_bytes()
    };
    let (before, ours, theirs) = (numbered(1), numbered(7), numbered(31));
    let merged = merge_text(&before, &ours, &theirs);
    assert!(matches!(merged, TextMerge::Conflicted { .. }));
}
