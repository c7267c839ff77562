//! Every call fails once and for ever: what was acknowledged is there, the rest is whole or absent.

use std::sync::Arc;

use session_fs_store::JournalError;
use session_fs_store::disk::fault::{Fault, FaultError, FaultPlan};
use session_fs_store::disk::{Dir, FaultDir, RealDir};

use super::{Records, create, numbered, open, try_open};
use crate::{Sandbox, name};

/// What a run asked for, and what it was told.
#[derive(Default)]
pub(super) struct Told {
    /// Every payload in the order of the attempts that the journal took on.
    attempted: Vec<Vec<u8>>,
    acknowledged_count: usize,
    /// Attempted records that a recycle called done.
    done_count_min: usize,
    done_count_max: usize,
}

impl Told {
    fn append(
        &mut self,
        journal: &mut session_fs_store::Journal,
        batch: &[&[u8]],
    ) -> Result<(), JournalError> {
        self.attempted
            .extend(batch.iter().map(|payload| payload.to_vec()));
        let result = journal.append(batch);
        if let Err(error) = result {
            assert!(matches!(error, JournalError::Io { .. }), "{error}");
            assert!(matches!(
                journal.append(&[b"x"]),
                Err(JournalError::Poisoned)
            ));
            assert!(matches!(journal.recycle(), Err(JournalError::Poisoned)));
            assert!(matches!(
                journal.grow_for(&[1]),
                Err(JournalError::Poisoned)
            ));
            assert!(matches!(journal.moved_on(), Err(JournalError::Poisoned)));
            return Err(error);
        }
        self.acknowledged_count = self.attempted.len();
        Ok(())
    }

    /// Checks what a working disk shows afterwards.
    pub(super) fn check(&self, found: &Records, context: &str) {
        let all = numbered(&self.attempted);
        let is_expected = (self.done_count_min..=self.done_count_max).any(|first| {
            (self.acknowledged_count..=all.len())
                .any(|end| first <= end && found[..] == all[first..end])
        });
        assert!(is_expected, "{context}: {found:?}");
    }
}

/// Appends, recycles, grows and reopens until something fails.
pub(super) fn workload(root: &Arc<dyn Dir>, told: &mut Told) -> Result<(), JournalError> {
    let (mut journal, _) = try_open(root)?;
    told.append(&mut journal, &[b"one"])?;
    told.append(&mut journal, &[b"two", b"three"])?;
    journal.grow_for(&[1200])?;
    told.append(&mut journal, &[&[4; 1200]])?;
    told.done_count_max = told.attempted.len();
    journal.recycle()?;
    told.done_count_min = told.done_count_max;
    told.append(&mut journal, &[b"five"])?;
    drop(journal);
    let (mut journal, _) = try_open(root)?;
    told.append(&mut journal, &[b"six", b"seven"])
}

fn run(fault: Fault) -> (Arc<FaultPlan>, Result<(), JournalError>) {
    let sandbox = Sandbox::new(RealDir::open);
    drop(create(&sandbox.root));
    let plan = FaultPlan::new(fault);
    let root = FaultDir::wrap(sandbox.root.clone(), plan.clone());
    let mut told = Told::default();
    let result = workload(&root, &mut told);
    let context = format!("{fault:?} {:?}", plan.log().last());
    let (mut journal, found) = open(&sandbox.root);
    told.check(&found, &context);
    // The journal works again, with the numbers that the records on the disk leave.
    let next = journal.next_sequence();
    assert_eq!(
        next,
        found.last().map_or(next, |(sequence, _)| sequence + 1),
        "{context}"
    );
    journal.grow_for(&[5]).expect("below the limit");
    journal.append(&[b"again"]).expect("room");
    let after = open(&sandbox.root).1;
    assert_eq!(after[..found.len()], found, "{context}");
    assert_eq!(
        after[found.len()..],
        [(next, b"again".to_vec())],
        "{context}"
    );
    (plan, result)
}

#[test]
fn any_failing_call_loses_nothing_that_was_acknowledged() {
    let (plan, result) = run(Fault::NEVER);
    result.expect("nothing is planned");
    let calls = plan.log();
    for (index, call) in (0..).zip(&calls) {
        let (eio, enospc) = (FaultError::Errno(5), FaultError::Errno(28));
        for fault in [Fault::once(index, eio), Fault::forever(index, enospc)] {
            for write_prefix_bytes in [0, 1, 100, 250, 5000] {
                if write_prefix_bytes > 0 && call.method != "file.write_at" {
                    continue;
                }
                let (plan, result) = run(Fault {
                    write_prefix_bytes,
                    ..fault
                });
                assert!(plan.fired_count() > 0, "{call}");
                assert!(
                    matches!(result, Err(JournalError::Io { .. })),
                    "{call}: {result:?}"
                );
            }
        }
    }
}

#[test]
fn a_failed_create_leaves_a_whole_journal_or_none() {
    for index in 0.. {
        let sandbox = Sandbox::new(RealDir::open);
        let plan = FaultPlan::new(Fault::forever(index, FaultError::Errno(28)));
        let root = FaultDir::wrap(sandbox.root.clone(), plan.clone());
        let result = session_fs_store::Journal::create(
            &root,
            &name("journal"),
            &super::IDENTITY,
            &super::LIMITS,
        );
        if plan.fired_count() == 0 {
            result.expect("nothing failed");
            assert!(index > 5, "create, write twice, flush twice, rename");
            break;
        }
        assert!(matches!(result, Err(JournalError::Io { .. })), "{result:?}");
        match try_open(&sandbox.root) {
            Ok((_, records)) => assert_eq!(records, []),
            Err(JournalError::Missing) => drop(create(&sandbox.root)),
            Err(error) => panic!("{index}: {error}"),
        }
        let names = sandbox.root.list(9).expect("readable").items;
        assert_eq!(names.len(), 1, "no draft is left: {names:?}");
    }
}

#[test]
fn a_full_disk_while_growing_leaves_the_journal_usable() {
    let sandbox = Sandbox::new(RealDir::open);
    let plan = FaultPlan::new(Fault::NEVER);
    let root = FaultDir::wrap(sandbox.root.clone(), plan.clone());
    let mut journal = create(&root);
    journal.append(&[b"one"]).expect("room");
    let before = super::bytes(&*sandbox.root);
    plan.arm(Fault {
        write_prefix_bytes: 500,
        ..Fault::once(0, FaultError::Errno(28))
    });
    assert!(matches!(
        journal.grow_for(&[1500]),
        Err(JournalError::Io { .. })
    ));
    assert_eq!(
        super::bytes(&*sandbox.root),
        before,
        "the room is given back"
    );
    journal.append(&[b"two"]).expect("it goes on");
    journal.grow_for(&[1500]).expect("there is room now");
    journal.append(&[&[3; 1500]]).expect("it has grown");
    assert_eq!(
        open(&sandbox.root).1,
        numbered(&[b"one" as &[u8], b"two", &[3; 1500]])
    );
}
