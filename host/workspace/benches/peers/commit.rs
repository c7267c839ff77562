//! Making 50 edits of 10 KB last: once with a pause around each, and once without any.

use std::time::Duration;

use session_fs_workspace::{Acknowledge, CommitOptions};

use crate::Arena;
use crate::common::samples::{Samples, ratio, show};
use crate::common::scratch::Desk;
use crate::common::table::Table;
use crate::common::timed;
use crate::rivals;

/// Rounds in which everyone has a turn, one after the other.
const QUIET_ROUNDS: usize = 100;
/// Commits in a row without a pause. Enough for several checkpoints.
const LOAD_COMMITS: usize = 200;
/// Git starts two processes for each.
const GIT_EVERY: usize = 4;

/// One way to make a change last.
struct Contestant<'a> {
    name: &'static str,
    durable: &'static str,
    visible: &'static str,
    /// It takes part in one round of so many.
    every: usize,
    /// Does it; what is to be prepared is not in the time.
    turn: Box<dyn FnMut(usize) -> Duration + 'a>,
    samples: Samples,
}

/// Everyone in turn, with the disk at rest before each: what a commit costs by itself.
pub(crate) fn quiet(arena: &Arena) -> Table {
    let mut contestants = contestants(arena);
    let mut round = 0;
    for lap in 0..QUIET_ROUNDS {
        let count = contestants.len();
        for position in 0..count {
            // Nobody always comes behind the same one.
            let contestant = &mut contestants[(lap + position) % count];
            if lap % contestant.every != 0 {
                continue;
            }
            round += 1;
            arena.desk.settle();
            contestant.samples.push((contestant.turn)(round));
        }
    }
    table("at rest", &contestants)
}

/// Everyone for a while without a pause: what a commit costs when the one before is still being
/// tidied up. The rate has the preparation and the tidying in it.
pub(crate) fn load(arena: &Arena) -> Table {
    let mut contestants = contestants(arena);
    let mut rates = Vec::new();
    let mut round = 1_000_000;
    for contestant in &mut contestants {
        arena.desk.settle();
        let commits = LOAD_COMMITS / contestant.every;
        let (total, ()) = timed(|| {
            for _ in 0..commits {
                round += 1;
                contestant.samples.push((contestant.turn)(round));
            }
            arena.desk.settle();
        });
        rates.push(format!(
            "{:.0}",
            f64::from(u32::try_from(commits).expect("few")) / total.as_secs_f64()
        ));
    }
    let mut table = table("without a pause", &contestants);
    table.column("commits/s", rates);
    table
}

fn contestants(arena: &Arena) -> Vec<Contestant<'_>> {
    let (desk, tree) = (&arena.desk, &*arena.desk.tree);
    let database = rivals::database(arena.scratch.path());
    let plain = rivals::plain_file(arena.scratch.path());
    let durable = CommitOptions {
        acknowledge: Acknowledge::Durable,
        ..CommitOptions::default()
    };
    vec![
        contestant("**session-fs**, told when durable", "all", "soon after", {
            move |round| ours(desk, round, &durable)
        }),
        contestant("**session-fs**, told when visible", "all", "all", {
            move |round| ours(desk, round, &CommitOptions::default())
        }),
        contestant("SQLite, WAL, `synchronous=FULL`", "all", "no files", {
            move |round| timed(|| rivals::replace_rows(&database, round)).0
        }),
        contestant("one write and one flush of as much", "all", "no files", {
            move |round| timed(|| rivals::write_once(&plain, round)).0
        }),
        contestant("stage all, `syncfs`, rename each", "each", "each", {
            move |round| timed(|| rivals::flush_once(tree, round)).0
        }),
        contestant("`fsync` and rename each", "each", "each", {
            move |round| timed(|| rivals::fsync_each(tree, round)).0
        }),
        Contestant {
            every: GIT_EVERY,
            ..contestant("`git add` and `git commit`", "not the objects", "each", {
                move |round| {
                    rivals::edit_in_place(tree, round);
                    timed(|| rivals::add_and_commit(tree)).0
                }
            })
        },
    ]
}

fn contestant<'a>(
    name: &'static str,
    durable: &'static str,
    visible: &'static str,
    turn: impl FnMut(usize) -> Duration + 'a,
) -> Contestant<'a> {
    Contestant {
        name,
        durable,
        visible,
        every: 1,
        turn: Box::new(turn),
        samples: Samples::default(),
    }
}

fn ours(desk: &Desk, round: usize, options: &CommitOptions) -> Duration {
    let session = desk.edited(round);
    timed(|| desk.commit(&session, options)).0
}

fn table(how: &str, contestants: &[Contestant<'_>]) -> Table {
    let title = format!("50 files of 10 KB in a tree of 10,000, {how}");
    let columns = [
        "50 files of 10 KB",
        "durable",
        "in the tree",
        "n",
        "p50",
        "p99",
        "× told when durable",
        "× told when visible",
    ];
    let mut table = Table::new(title, &columns);
    let (durable, visible) = (
        contestants[0].samples.median(),
        contestants[1].samples.median(),
    );
    for Contestant {
        name,
        durable: lasts,
        visible: seen,
        samples,
        ..
    } in contestants
    {
        table.row([
            (*name).to_owned(),
            (*lasts).to_owned(),
            (*seen).to_owned(),
            samples.count().to_string(),
            show(samples.median()),
            show(samples.percentile(99)),
            ratio(durable, samples.median()),
            ratio(visible, samples.median()),
        ]);
    }
    table
}
