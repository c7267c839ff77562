//! Commits that are made while a checkpoint runs, and a crash at any call of either.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use session_fs_workspace::{CommitOutcome, WorkspaceError, WorkspaceLimits, WorkspaceOptions};
use store::disk::CrashDisk;
use store::disk::crash::{CrashOptions, EntryOrder};

use super::check::{Expected, Restart};
use super::workload::{self, Operation, Reached, START, act};
use crate::acting::{ActingDir, Hook};
use crate::rig::{self, Dice, Host, Nodes};

/// Calls by which a checkpoint takes its turn and looks whether the store is still the same one:
/// nobody commits meanwhile.
const ENTERING_CALLS: u64 = 4;

/// Calls of a random scene's checkpoint at which somebody commits, and disks for each crash.
const WAYS: u64 = 3;
const STATES_PER_CALL: u64 = 2;
const CONTENT_BYTES_MAX: usize = 300;

/// Done by whoever makes a call of the checkpoint.
type Interlude = Box<dyn FnOnce() + Send>;

/// What is committed before a checkpoint, and what while it runs.
struct Scene {
    before: Vec<Vec<Operation>>,
    during: Vec<Vec<Operation>>,
}

/// How a run went.
#[derive(Default)]
struct Progress {
    reached: Reached,
    /// The tree before the first commit and after each, where it was asked for.
    trees: Vec<Nodes>,
}

impl Scene {
    /// Commits, checkpoints, and at the call `at` of the checkpoint commits what comes during it.
    /// Returns how many calls on directories the checkpoint made.
    fn run(&self, disk: &Arc<CrashDisk>, at: u64, record: bool) -> (Progress, u64) {
        let progress = Arc::new(Mutex::new(Progress::default()));
        let interlude: Arc<Mutex<Option<Interlude>>> = Arc::default();
        let calls = Arc::new(AtomicU64::new(0));
        let hook: Hook = {
            let (interlude, calls) = (interlude.clone(), calls.clone());
            Arc::new(move |_, _| {
                let is_due = calls.fetch_add(1, Ordering::Relaxed) == at;
                let due = interlude.lock().take_if(|_| is_due);
                if let Some(act) = due {
                    act();
                }
            })
        };
        let root = ActingDir::flushing(disk.root(), hook);
        // A commit that moves what is being checkpointed waits for that, and here it would for itself.
        let options = WorkspaceOptions {
            boot: Some([1; 16]),
            limits: WorkspaceLimits {
                lock_wait_ms_max: 0,
                ..WorkspaceLimits::default()
            },
            ..WorkspaceOptions::default()
        };
        let host = Host::with(root, "worker", options);
        let Some(host) = host else {
            return (std::mem::take(&mut progress.lock()), 0);
        };
        let host = Arc::new(host);
        let tree = |disk: &CrashDisk| rig::visible(&rig::nodes(disk));
        if record {
            progress.lock().trees.push(tree(disk));
        }
        let commit = {
            let (host, progress, disk) = (host.clone(), progress.clone(), disk.clone());
            move |operations: &[Operation]| {
                let session = host.begin();
                operations.iter().for_each(|one| act(&session, one));
                let outcome = host.commit(&session);
                if matches!(outcome, Err(WorkspaceError::Busy { .. })) {
                    return true;
                }
                let mut progress = progress.lock();
                let is_applied = matches!(outcome, Ok(CommitOutcome::Applied(_)));
                progress.reached.begun += usize::from(is_applied || outcome.is_err());
                if is_applied {
                    progress.reached.acknowledged += 1;
                    if record {
                        let tree = tree(&disk);
                        progress.trees.push(tree);
                    }
                }
                outcome.is_ok()
            }
        };
        if self.before.iter().all(|operations| commit(operations)) {
            let during = self.during.clone();
            let act = move || {
                // After the first failure nothing more is asked for.
                let _ = during.iter().all(|operations| commit(operations));
            };
            *interlude.lock() = Some(Box::new(act));
            calls.store(0, Ordering::Relaxed);
            drop(host.base.checkpoint());
        }
        // What was not due any more is not done.
        drop(interlude.lock().take());
        let count = calls.load(Ordering::Relaxed);
        (std::mem::take(&mut progress.lock()), count)
    }

    /// Crashes at every call of every way to interleave them; returns the count of disks.
    fn sweep(&self, label: &str, options: CrashOptions, random_count: u64) -> u64 {
        let disk = rig::prepared(START, options);
        let ways = ENTERING_CALLS..self.checkpoint_calls(&disk);
        assert!(ways.end > 10, "{ways:?}");
        let states = ways.map(|at| self.crash_all(&disk, at, label, options, random_count));
        states.sum()
    }

    /// How many calls the checkpoint makes when nobody commits meanwhile.
    fn checkpoint_calls(&self, disk: &CrashDisk) -> u64 {
        self.run(&Arc::new(disk.fork()), u64::MAX, false).1
    }

    /// Crashes at every call, with commits at the call `at` of the checkpoint.
    fn crash_all(
        &self,
        disk: &CrashDisk,
        at: u64,
        label: &str,
        options: CrashOptions,
        random_count: u64,
    ) -> u64 {
        let rehearsal = Arc::new(disk.fork());
        let (Progress { trees, reached }, _) = self.run(&rehearsal, at, true);
        assert_eq!(reached.acknowledged, reached.begun, "{label}, at {at}");
        let mut states_count = 0;
        for call in 0..rehearsal.calls_count() {
            let crashing = Arc::new(disk.fork());
            crashing.crash_at(call);
            let (Progress { reached, .. }, _) = self.run(&crashing, at, false);
            let expected = Expected {
                trees: &trees,
                reached,
                restart: Restart::Machine,
                is_orderly: options.entry_order != EntryOrder::Any,
            };
            for number in 0..random_count {
                let (choices, found) = crashing.random_crash(call * 1_000 + number);
                expected.check(&found, &|| {
                    let last = crashing.log();
                    let last = last.last();
                    format!("{label}, at {at}, call {call} {last:?}, {choices}")
                });
                states_count += 1;
            }
        }
        states_count
    }
}

/// A random scene of a seed, with commits at some calls of the checkpoint; returns the count of disks.
pub(crate) fn random(seed: u64) -> u64 {
    let mut dice = Dice::new(seed);
    let entry_order = match dice.below(3) {
        0 => EntryOrder::Sequential,
        _ => EntryOrder::Dependent,
    };
    let scene = Scene {
        before: sessions(&mut dice),
        during: sessions(&mut dice),
    };
    let disk = rig::prepared(START, options(entry_order));
    let calls = scene.checkpoint_calls(&disk);
    let label = format!("scene {seed}");
    let ways = calls.saturating_sub(ENTERING_CALLS);
    let count = WAYS.min(ways);
    let ats = (0..count).map(|_| ENTERING_CALLS + dice.next() % ways);
    ats.map(|at| scene.crash_all(&disk, at, &label, options(entry_order), STATES_PER_CALL))
        .sum()
}

/// Some small sessions, which the journal has room for.
fn sessions(dice: &mut Dice) -> Vec<Vec<Operation>> {
    let count = 1 + dice.below(3);
    let small = |mut operation| {
        if let Operation::Write(_, bytes) | Operation::Append(_, bytes) = &mut operation {
            bytes.truncate(CONTENT_BYTES_MAX);
        }
        operation
    };
    let sessions = (0..count).map(|_| workload::commit(dice, false).operations);
    sessions
        .map(|session| session.into_iter().map(small).collect())
        .collect()
}

fn options(entry_order: EntryOrder) -> CrashOptions {
    CrashOptions {
        entry_order,
        ..CrashOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &str, content: &str) -> Operation {
        Operation::Write(path.to_owned(), content.as_bytes().to_vec())
    }

    fn remove(path: &str) -> Operation {
        Operation::Remove(path.to_owned())
    }

    #[test]
    fn what_is_checkpointed_changes_again() {
        let scene = Scene {
            before: vec![
                vec![write("f", "one"), write("a/n", "new")],
                vec![remove("b/f")],
            ],
            during: vec![
                vec![write("f", "two"), write("a/n", "newer"), write("b/f", "f")],
                vec![write("f", "f before"), remove("a/n")],
            ],
        };
        for order in [EntryOrder::Dependent, EntryOrder::Any] {
            let states_count = scene.sweep("again", options(order), 1);
            assert!(states_count > 1_500, "{order:?}: {states_count}");
        }
    }

    #[test]
    fn directories_come_and_go_while_others_are_checkpointed() {
        let scene = Scene {
            before: vec![vec![
                remove("a/c"),
                Operation::MakeDirectory("new".to_owned()),
                write("new/g", "g"),
            ]],
            during: vec![vec![
                Operation::MakeDirectory("a/c".to_owned()),
                write("a/c/h", "back"),
                remove("new"),
            ]],
        };
        let states_count = scene.sweep("directories", options(EntryOrder::Dependent), 2);
        assert!(states_count > 1_500, "{states_count}");
    }

    #[test]
    fn names_move_while_others_are_checkpointed() {
        let rename =
            |source: &str, target: &str| Operation::Rename(source.to_owned(), target.to_owned());
        let scene = Scene {
            before: vec![vec![write("f", "one"), remove("a/c")]],
            during: vec![
                vec![rename("b", "new"), write("new/g", "g")],
                // What is being checkpointed waits, and here is refused.
                vec![rename("f", "b")],
                vec![rename("new/f", "a/c"), write("f", "two")],
            ],
        };
        let options = options(EntryOrder::Dependent);
        let disk = Arc::new(rig::prepared(START, options));
        let (progress, _) = scene.run(&disk, ENTERING_CALLS, true);
        assert_eq!(progress.reached.begun, 3, "all but the refused one");
        let states_count = scene.sweep("moves", options, 1);
        assert!(states_count > 1_500, "{states_count}");
    }

    #[test]
    fn random_scenes() {
        // The last one lost the bytes of a file in a directory that was removed and made again.
        let states_count: u64 = (0..6).chain([2_000_014]).map(random).sum();
        assert!(states_count > 1_500, "{states_count}");
    }
}
