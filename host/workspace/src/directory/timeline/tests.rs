//! What a timeline remembers, for how long, and what it says when that is not enough.

use vfs::{Metadata, Timestamp};

use super::super::transaction::Draft;
use super::*;
use crate::change::{Arrival, Version};

/// A transaction that makes a few directories, of names that depend on its number.
fn transaction(number: u64) -> Transaction {
    let arrival = |name: &str| Arrival {
        path: path(&format!("d{number}/{name}")),
        after: Version::Directory,
        moved_from: None,
    };
    let change = Change {
        base: "file:///x".to_owned(),
        base_generation: number,
        into_session: None,
        session: "s".to_owned(),
        metadata: Metadata::default(),
        message: Some("m".repeat(1_000)),
        is_part: false,
        committed_at: Timestamp::default(),
        departures: Vec::new(),
        arrivals: ["a", "b", "c"].map(arrival).into(),
        updates: Vec::new(),
    };
    Transaction::seal(Draft::default(), change)
}

fn path(text: &str) -> VPath {
    VPath::parse(text).expect("valid")
}

fn timeline(records_bytes_max: usize) -> Arc<Timeline> {
    let mut timeline = Timeline::new(0);
    let alone = Arc::get_mut(&mut timeline).expect("nobody else has it");
    alone.records_bytes_max = records_bytes_max;
    timeline
}

/// What comes first after a generation at a path or above.
fn next(
    timeline: &Timeline,
    generation: u64,
    path: &VPath,
) -> Result<Option<(u64, Arc<Moment>)>, Unreadable> {
    timeline.next(generation, generation, path, false)
}

/// Records transactions and says that they are in the directory.
fn commit(timeline: &Timeline, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        timeline.record(number, &transaction(number));
        timeline.apply(number, &[]);
    }
}

fn is_empty(timeline: &Timeline) -> bool {
    let state = timeline.state.lock();
    state.moments.is_empty()
        && state.by_path.is_empty()
        && state.by_parent.is_empty()
        && state.applying.is_empty()
        && state.records_bytes == 0
}

#[test]
fn what_a_commit_leaves_is_of_the_size_of_its_record_and_goes_with_the_last_reader() {
    const COUNT: u64 = 200;
    let timeline = timeline(RECORDS_BYTES_MAX);
    commit(&timeline, 1..=2);
    assert!(is_empty(&timeline), "nobody reads");
    let readers = [timeline.reader(), timeline.reader()];
    let again = readers[0].again();
    commit(&timeline, 3..=2 + COUNT);
    {
        let state = timeline.state.lock();
        let count = usize::try_from(COUNT).expect("small");
        assert_eq!(state.moments.len(), count);
        assert_eq!(
            (state.by_path.len(), state.by_parent.len()),
            (3 * count, count)
        );
        let record_bytes = transaction(100).change_bytes();
        assert!(state.records_bytes <= count * (record_bytes + 9));
    }
    drop(readers);
    assert!(!is_empty(&timeline), "a file of the session is open");
    drop(again);
    assert!(is_empty(&timeline));
}

#[test]
fn only_what_a_reader_may_ask_for_is_kept() {
    let timeline = timeline(RECORDS_BYTES_MAX);
    let old = timeline.reader();
    commit(&timeline, 1..=10);
    let young = timeline.reader();
    commit(&timeline, 11..=12);
    drop(old);
    assert_eq!(timeline.state.lock().moments.len(), 2);
    let first = next(&timeline, young.generation, &path("d11/a"));
    let (sequence, _) = first.expect("is read").expect("was committed");
    assert_eq!(sequence, 11);
}

#[test]
fn over_the_limit_the_oldest_are_forgotten_and_old_sessions_are_told() {
    let records_bytes_max = 11 * transaction(1).change_bytes();
    let timeline = timeline(records_bytes_max);
    let old = timeline.reader();
    commit(&timeline, 1..=10);
    assert!(next(&timeline, old.generation, &path("d1/a")).is_ok());
    commit(&timeline, 11..=300);
    assert!(timeline.state.lock().records_bytes <= records_bytes_max);
    for asked in ["d1/a", "elsewhere"] {
        let answer = next(&timeline, old.generation, &path(asked));
        assert_eq!(answer.expect_err("too old"), Unreadable::Forgotten);
    }
    let young = timeline.reader();
    commit(&timeline, 301..=302);
    let first = next(&timeline, young.generation, &path("d302/a"));
    assert_eq!(first.expect("is read").expect("was committed").0, 302);
    drop((old, young));
    assert!(is_empty(&timeline));
}

#[test]
fn what_is_on_its_way_is_never_forgotten() {
    let timeline = timeline(1);
    let _reader = timeline.reader();
    timeline.record(1, &transaction(1));
    commit(&timeline, 2..=5);
    let state = timeline.state.lock();
    assert!(state.moments.contains_key(&1));
}

#[test]
fn who_waits_too_long_is_told_and_others_do_not_wait() {
    let timeline = timeline(RECORDS_BYTES_MAX);
    let reader = timeline.reader();
    timeline.record(1, &transaction(1));
    let ask = |asked| next(&timeline, reader.generation, &path(asked));
    for related in ["d1/a", "d1/a/below"] {
        assert_eq!(ask(related).expect_err("is busy"), Unreadable::Busy(0));
    }
    for free in ["d2", "d1"] {
        assert!(ask(free).expect("is free").is_none());
    }
    timeline.apply(1, &[]);
    assert_eq!(ask("d1/a").expect("is free").expect("committed").0, 1);
    timeline.record(2, &transaction(2));
    timeline.break_off();
    assert_eq!(ask("d2/a").expect_err("is broken"), Unreadable::Broken);
    assert!(ask("d3").expect("nothing is on its way there").is_none());
}

/// What is newer than the first change after a generation is not waited for: under constant load
/// there is always something on its way.
#[test]
fn readers_wait_for_what_they_are_to_see_and_for_what_hides_it() {
    let timeline = timeline(RECORDS_BYTES_MAX);
    let reader = timeline.reader();
    let old = reader.generation;
    let again = |number| {
        let mut next = transaction(1);
        let change = Arc::make_mut(&mut next.change);
        change.base_generation = number;
        next
    };
    timeline.record(1, &transaction(1));
    let list = |seen| timeline.next(seen, seen, &path("d1"), true);
    let first = list(old).expect("its names are known").expect("is there");
    assert_eq!(first.0, 1);
    let late = timeline.reader();
    let young = late.generation;
    assert_eq!(list(young).expect_err("is to be seen"), Unreadable::Busy(0));
    timeline.apply(1, &[]);
    timeline.record(2, &again(2));
    assert_eq!(list(young).expect("is known").expect("is there").0, 2);
    let hidden = next(&timeline, old, &path("d1/a"));
    assert_eq!(hidden.expect("is kept").expect("is there").0, 1);
    let hidden = next(&timeline, young, &path("d1/a"));
    assert_eq!(hidden.expect_err("is not kept yet"), Unreadable::Busy(0));
    assert_eq!(timeline.inside(young, &path("d1")).len(), 1);
}
