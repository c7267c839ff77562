//! Random appends, recycles, growth, torn tails and reopenings, against a plain list.

use proptest::prelude::*;
use session_fs_store::disk::RealDir;
use session_fs_store::{Journal, JournalError};

use super::{Records, bytes, create, open, set_bytes};
use crate::Sandbox;

#[derive(Debug, Clone)]
enum Operation {
    Append(Vec<Vec<u8>>),
    Grow(u64),
    Recycle,
    Reopen,
    /// An append of which only a part was written before the power went.
    Torn(Vec<Vec<u8>>, prop::sample::Index, bool),
}

fn batch() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let payload = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..200),
        1 => prop::collection::vec(any::<u8>(), 900..2100),
    ];
    prop::collection::vec(payload, 0..4)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => batch().prop_map(Operation::Append),
        1 => (0_u64..2100).prop_map(Operation::Grow),
        2 => Just(Operation::Recycle),
        2 => Just(Operation::Reopen),
        2 => (batch(), any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(batch, at, front)| Operation::Torn(batch, at, front)),
    ]
}

struct Run {
    sandbox: Sandbox,
    journal: Journal,
    records: Records,
    next_sequence: u64,
}

impl Run {
    fn append(&mut self, batch: &[Vec<u8>]) -> Option<Records> {
        let payloads: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
        let lens: Vec<u64> = batch.iter().map(|payload| payload.len() as u64).collect();
        let fits = self.journal.fits(&lens);
        match self.journal.append(&payloads) {
            Ok(sequences) => {
                assert!(fits);
                Some(sequences.into_iter().zip(batch.iter().cloned()).collect())
            }
            Err(JournalError::Full { .. } | JournalError::RecordTooLong { .. }) if !fits => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn reopen(&mut self) {
        let (journal, found) = open(&self.sandbox.root);
        assert_eq!(found, self.records);
        assert_eq!(journal.next_sequence(), self.next_sequence);
        self.journal = journal;
    }

    /// Appends, then takes a part of the written bytes away again.
    fn tear(&mut self, batch: &[Vec<u8>], at: prop::sample::Index, keep_front: bool) {
        let before = bytes(&*self.sandbox.root);
        let Some(attempted) = self.append(batch) else {
            return;
        };
        let mut torn = bytes(&*self.sandbox.root);
        let changed: Vec<usize> = (0..torn.len()).filter(|&i| torn[i] != before[i]).collect();
        if changed.is_empty() {
            return;
        }
        let cut = changed[at.index(changed.len())];
        let lost = if keep_front {
            cut..torn.len()
        } else {
            0..cut + 1
        };
        torn[lost.clone()].copy_from_slice(&before[lost]);
        set_bytes(&*self.sandbox.root, &torn);
        let (journal, found) = open(&self.sandbox.root);
        let known = self.records.len();
        assert_eq!(found[..known], self.records);
        assert!(attempted.starts_with(&found[known..]) && found.len() - known < attempted.len());
        self.next_sequence += (found.len() - known) as u64;
        self.records = found;
        self.journal = journal;
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Append(batch) => {
                let added = self.append(batch).unwrap_or_default();
                self.next_sequence += added.len() as u64;
                self.records.extend(added);
            }
            Operation::Grow(len) => match self.journal.grow_for(&[*len]) {
                Ok(()) => assert!(self.journal.fits(&[*len])),
                Err(JournalError::Full { .. } | JournalError::RecordTooLong { .. }) => {}
                Err(error) => panic!("{error}"),
            },
            Operation::Recycle => {
                self.journal.recycle().expect("a working disk");
                self.records.clear();
            }
            Operation::Reopen => self.reopen(),
            Operation::Torn(batch, at, keep_front) => self.tear(batch, *at, *keep_front),
        }
        assert_eq!(self.journal.next_sequence(), self.next_sequence);
        assert_eq!(self.journal.is_empty(), self.records.is_empty());
        assert!(!self.journal.moved_on().expect("readable"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_journal_is_a_list_that_is_emptied(operations in prop::collection::vec(operation(), 1..24)) {
        let sandbox = Sandbox::new(RealDir::open);
        let journal = create(&sandbox.root);
        let mut run = Run { sandbox, journal, records: Vec::new(), next_sequence: 1 };
        for operation in &operations {
            run.apply(operation);
        }
        run.reopen();
    }
}
