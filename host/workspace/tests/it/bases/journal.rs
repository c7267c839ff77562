//! A journal that is not as it was written: what can be told is told, nothing is lost that is in the
//! directory, the damaged file is left as it is, and with the old one back everything goes on.

use std::error::Error;
use std::sync::Arc;

use session_fs_workspace::{CommitOutcome, WorkspaceError};
use store::disk::CrashDisk;
use store::disk::Dir;
use store::disk::crash::CrashOptions;
use store::{Journal, JournalLimits, StoreIdentity};

use crate::rig::{Host, Nodes, name, nodes, prepared, read, visible};

const FILES: &[(&str, &str)] = &[("a", "1"), ("kept", "kept")];

/// Where the record area of the journal begins.
const AREA_START: usize = 8192;

/// A disk with commits in its journal, as a process that was killed leaves it.
struct Left {
    disk: CrashDisk,
    journal: Vec<u8>,
    tree: Nodes,
}

impl Left {
    fn new() -> Self {
        let disk = prepared(FILES, CrashOptions::default());
        let host = Host::open(disk.root(), "first", None);
        for content in ["2", "3"] {
            let session = host.begin();
            session.write("a", content.as_bytes()).expect("written");
            session.write(content, b"new").expect("written");
            assert!(matches!(
                host.commit(&session),
                Ok(CommitOutcome::Applied(_))
            ));
        }
        disk.root().sync_fs().expect("flushed");
        let left = disk.fork();
        let journal = journal_of(&left);
        let tree = visible(&nodes(&left));
        Self {
            disk: left,
            journal,
            tree,
        }
    }

    /// Where the last record ends.
    fn end(&self) -> usize {
        let used = self.journal.iter().rposition(|byte| *byte != 0);
        used.expect("it has a header") + 1
    }

    /// Bytes that say something, and some of the zeros between them.
    fn places(&self) -> impl Iterator<Item = usize> {
        const HEADER_BYTES: usize = 160;
        let says = |at: &usize| *at >= AREA_START || at % (AREA_START / 2) < HEADER_BYTES;
        (0..self.end()).filter(move |at| says(at) || at % 307 == 0)
    }

    /// Opens the base with another journal; tells whether that was taken.
    fn open_with(&self, journal: &[u8], context: &str) -> bool {
        let disk = self.disk.fork();
        put_journal(&disk, journal);
        let host = Host::open(disk.root(), "second", None);
        let trouble = host.base.trouble();
        let session = host.begin();
        assert_eq!(
            session.read("kept").expect("readable"),
            b"kept",
            "{context}"
        );
        assert_eq!(session.read("a").expect("readable"), b"3", "{context}");
        session.write("later", b"x").expect("written");
        let outcome = host.commit(&session);
        let Some(trouble) = trouble else {
            assert!(
                matches!(outcome, Ok(CommitOutcome::Applied(_))),
                "{context}: {outcome:?}"
            );
            drop((session, host));
            let mut tree = visible(&nodes(&disk));
            assert!(tree.remove("later").is_some(), "{context}");
            assert_eq!(tree, self.tree, "{context}: a commit was undone");
            return true;
        };
        let refused = outcome.expect_err(context);
        assert!(
            matches!(refused, WorkspaceError::Store { .. }),
            "{context}: {refused:?}"
        );
        assert!(text(&trouble).contains("journal"), "{}", text(&trouble));
        drop((session, host));
        assert_eq!(visible(&nodes(&disk)), self.tree, "{context}");
        assert_eq!(journal_of(&disk), journal, "{context}: it was written to");
        self.mend(&disk, context);
        false
    }

    /// Puts the journal back, after which everything goes on.
    fn mend(&self, disk: &CrashDisk, context: &str) {
        put_journal(disk, &self.journal);
        let host = Host::open(disk.root(), "third", None);
        assert_eq!(host.trouble(), None, "{context}");
        let session = host.begin();
        session.write("later", b"x").expect("written");
        let outcome = host.commit(&session).expect(context);
        let CommitOutcome::Applied(change) = outcome else {
            panic!("{context}: {outcome:?}")
        };
        assert_eq!(change.generation, 3, "{context}: what was committed counts");
    }
}

fn text(error: &WorkspaceError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn store_of(disk: &CrashDisk) -> Arc<dyn Dir> {
    disk.root().walk(&[name(".session-fs")]).expect("a store")
}

fn journal_of(disk: &CrashDisk) -> Vec<u8> {
    read(&*store_of(disk).open(&name("journal")).expect("a journal"))
}

fn put_journal(disk: &CrashDisk, bytes: &[u8]) {
    let store = store_of(disk);
    let file = store.open_writable(&name("journal")).expect("a journal");
    file.set_len(0).expect("cut");
    file.write_at(bytes, 0).expect("written");
    disk.root().sync_fs().expect("flushed");
}

#[test]
fn a_journal_that_was_cut_is_said_so_wherever_that_was() {
    let left = Left::new();
    let rest = (left.end()..left.journal.len()).step_by(1000);
    for len in left.places().chain(rest) {
        let was_taken = left.open_with(&left.journal[..len], &format!("cut at {len}"));
        assert!(!was_taken, "cut at {len}");
    }
}

#[test]
fn a_journal_with_one_byte_changed_is_refused_or_means_the_same() {
    let left = Left::new();
    let (mut taken, mut refused) = (0, 0);
    for at in left.places() {
        let mut journal = left.journal.clone();
        journal[at] ^= 1 << (at % 8);
        match left.open_with(&journal, &format!("byte {at}")) {
            true => taken += 1,
            false => refused += 1,
        }
    }
    assert!(taken > 0 && refused > 0, "{taken} {refused}");
}

#[test]
fn a_journal_of_another_store_or_version_is_named_as_that() {
    let left = Left::new();
    let refused = |journal: &[u8], part: &str| {
        let disk = left.disk.fork();
        put_journal(&disk, journal);
        let host = Host::open(disk.root(), "second", None);
        let trouble = text(&host.base.trouble().expect("it is refused"));
        assert!(trouble.contains(part), "{trouble}");
        assert!(!left.open_with(journal, part));
    };
    let mut newer = left.journal.clone();
    for slot in [0, AREA_START / 2] {
        newer[slot + 8] = 9;
    }
    refused(&newer, "version 9");

    let scratch = CrashDisk::new(CrashOptions::default());
    let other = StoreIdentity {
        id: [1; 16],
        key: [2; 32],
    };
    let limits = JournalLimits {
        bytes_initial: 16 << 10,
        bytes_max: 64 << 20,
        record_bytes_max: 48 << 20,
    };
    drop(Journal::create(&scratch.root(), &name("journal"), &other, &limits).expect("a journal"));
    let foreign = scratch.root().open(&name("journal")).expect("a journal");
    refused(&read(&*foreign), "another store");
    refused(&vec![0xa5; left.journal.len()], "journal");
}

#[test]
fn a_journal_that_is_missing_is_said_so() {
    let left = Left::new();
    let disk = left.disk.fork();
    store_of(&disk).unlink(&name("journal")).expect("removed");
    let host = Host::open(disk.root(), "second", None);
    let trouble = text(&host.base.trouble().expect("it is refused"));
    assert!(trouble.contains("there is no journal"), "{trouble}");
    let session = host.begin();
    session.write("later", b"x").expect("written");
    host.commit(&session)
        .expect_err("the store is not made anew");
    drop((session, host));
    assert_eq!(visible(&nodes(&disk)), left.tree);
    let store = store_of(&disk);
    drop(store.create(&name("journal"), 0o600).expect("created"));
    left.mend(&disk, "put back");
}
