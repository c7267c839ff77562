//! The journal: what it promises when all goes well. Damage, failing disks and a model are in modules.

mod crashes;
mod damage;
mod failures;
mod model;
mod pair;
mod shared;

use std::sync::Arc;

use session_fs_store::disk::fault::{Fault, FaultPlan};
use session_fs_store::disk::{Dir, FaultDir, RealDir};
use session_fs_store::{Journal, JournalError, JournalLimits, StoreIdentity};

use crate::{Sandbox, name};

/// Start of the record area.
pub(crate) const AREA: u64 = 8192;

pub(crate) const IDENTITY: StoreIdentity = StoreIdentity {
    id: *b"store of a test.",
    key: [7; 32],
};

/// Two or three small records fill it; it doubles twice.
pub(crate) const LIMITS: JournalLimits = JournalLimits {
    bytes_initial: 1024,
    bytes_max: 4096,
    record_bytes_max: 2048,
};

/// What was in the journal when it was opened: sequence and payload.
pub(crate) type Records = Vec<(u64, Vec<u8>)>;

pub(crate) fn create(root: &Arc<dyn Dir>) -> Journal {
    Journal::create(root, &name("journal"), &IDENTITY, &LIMITS).expect("a new journal")
}

pub(crate) fn try_open(root: &Arc<dyn Dir>) -> Result<(Journal, Records), JournalError> {
    let (journal, records) = Journal::open(root, &name("journal"), &IDENTITY, &LIMITS)?;
    let records = records
        .into_iter()
        .map(|record| (record.sequence, record.payload))
        .collect();
    Ok((journal, records))
}

pub(crate) fn open(root: &Arc<dyn Dir>) -> (Journal, Records) {
    try_open(root).expect("an intact journal")
}

/// Numbers payloads as a new journal does.
pub(crate) fn numbered<P: AsRef<[u8]>>(payloads: &[P]) -> Records {
    (1..)
        .zip(payloads.iter().map(|payload| payload.as_ref().to_vec()))
        .collect()
}

/// All bytes of the journal's file.
pub(crate) fn bytes(root: &dyn Dir) -> Vec<u8> {
    let file = root.open(&name("journal")).expect("the journal exists");
    let len = file.stat().expect("readable").size;
    let mut bytes = vec![0; usize::try_from(len).expect("small")];
    let count = file.read_at(&mut bytes, 0).expect("readable");
    assert_eq!(count, bytes.len());
    bytes
}

/// Puts `bytes` in place of the journal's file.
pub(crate) fn set_bytes(root: &dyn Dir, bytes: &[u8]) {
    let file = root.open_writable(&name("journal")).expect("exists");
    file.write_at(bytes, 0).expect("room");
    file.set_len(bytes.len() as u64).expect("room");
}

#[test]
fn records_come_back_in_order_across_epochs_and_growth() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    assert!(journal.is_empty());
    assert_eq!(journal.append(&[b"a", b""]).expect("room"), [1, 2]);
    assert_eq!(journal.append(&[&[9; 300]]).expect("room"), [3]);
    let records = numbered(&[b"a" as &[u8], b"", &[9; 300]]);
    let (mut journal, found) = open(&sandbox.root);
    assert_eq!(found, records);
    assert_eq!(journal.next_sequence(), 4);
    let head = journal.head();

    journal.recycle().expect("a working disk");
    assert!(journal.is_empty());
    assert_eq!(
        journal.head().last_digest,
        head.last_digest,
        "the chain goes on"
    );
    assert_eq!(journal.head().epoch, head.epoch + 1);
    let (mut journal, found) = open(&sandbox.root);
    assert_eq!(found, []);
    assert_eq!(journal.next_sequence(), 4, "numbers go on");

    journal.grow_for(&[1500]).expect("below the limit");
    journal.append(&[&[5; 1500]]).expect("it has grown");
    let (journal, found) = open(&sandbox.root);
    assert_eq!(found, [(4, vec![5; 1500])]);
    assert_eq!(journal.bytes(), 2048);
    assert!(journal.used_bytes() >= 1500);
}

#[test]
fn an_append_is_one_write_and_one_flush() {
    let sandbox = Sandbox::new(RealDir::open);
    let plan = FaultPlan::new(Fault::NEVER);
    let root = FaultDir::wrap(sandbox.root.clone(), plan.clone());
    let mut journal = create(&root);
    let calls = |run: &mut dyn FnMut()| {
        plan.arm(Fault::NEVER);
        run();
        plan.log()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let durable = ["file.write_at journal.new", "file.sync_data journal.new"];
    assert_eq!(calls(&mut || drop(journal.append(&[b"a"]))), durable);
    assert_eq!(
        calls(&mut || drop(journal.append(&[b"b", b"c", b"d"]))),
        durable
    );
    assert_eq!(calls(&mut || drop(journal.append(&[]))), [""; 0]);
    let recycle = calls(&mut || journal.recycle().expect("works"));
    assert_eq!(recycle[1..], durable, "after one read: {recycle:?}");
    assert_eq!(calls(&mut || journal.recycle().expect("works")), [""; 0]);
    let asked = calls(&mut || assert!(!journal.moved_on().expect("readable")));
    assert_eq!(asked, ["file.read_at journal.new"; 2]);
    let grown = calls(&mut || journal.grow_for(&[1500]).expect("works"));
    assert_eq!(grown, [durable, durable].concat(), "zeros, then the header");
}

#[test]
fn creating_flushes_the_file_before_its_name_and_then_the_directory() {
    let sandbox = Sandbox::new(RealDir::open);
    let plan = FaultPlan::new(Fault::NEVER);
    create(&FaultDir::wrap(sandbox.root.clone(), plan.clone()));
    let methods: Vec<_> = plan.log().iter().map(|call| call.method).collect();
    let end = ["file.sync_data", "rename", "sync"];
    assert!(methods.ends_with(&end), "{methods:?}");
}

#[test]
fn what_does_not_fit_touches_nothing() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    journal.append(&[b"kept"]).expect("room");
    let before = bytes(&*sandbox.root);
    let large = [0; 2048];
    assert!(matches!(
        journal.append(&[b"x", &large[..900]]),
        Err(JournalError::Full {
            bytes_max: 4096,
            ..
        })
    ));
    let too_long = [&large[..], b"x"].concat();
    let refused = journal.append(&[&too_long]);
    assert!(matches!(
        refused,
        Err(JournalError::RecordTooLong {
            bytes: 2049,
            bytes_max: 2048
        })
    ));
    let refused = journal.grow_for(&[u64::MAX]);
    assert!(matches!(refused, Err(JournalError::RecordTooLong { .. })));
    assert!(matches!(
        journal.grow_for(&[2048, 2048]),
        Err(JournalError::Full { .. })
    ));
    assert_eq!(bytes(&*sandbox.root), before);
    assert!(!journal.fits(&[900]) && journal.fits(&[500]) && !journal.fits(&[u64::MAX; 3]));
    journal
        .append(&[b"still usable"])
        .expect("nothing happened");
    assert_eq!(open(&sandbox.root).1, numbered(&["kept", "still usable"]));
}

#[test]
fn a_journal_fills_to_its_last_byte() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    journal.grow_for(&[2048, 1700]).expect("at the limit");
    assert_eq!(journal.bytes(), 4096);
    let mut payloads = Vec::new();
    while journal.fits(&[20]) {
        payloads.push([7; 20]);
        journal.append(&[&[7; 20]]).expect("it fits");
    }
    assert!(!journal.moved_on().expect("readable"));
    let rest = journal.bytes() - journal.used_bytes();
    assert!(rest < 192, "{rest}");
    assert!(matches!(
        journal.grow_for(&[20]),
        Err(JournalError::Full { .. })
    ));
    assert_eq!(open(&sandbox.root).1, numbered(&payloads));
    journal.recycle().expect("always possible");
    journal.append(&[b"again"]).expect("room");
}

#[test]
fn a_journal_is_never_created_over_another() {
    let sandbox = Sandbox::new(RealDir::open);
    assert!(matches!(
        try_open(&sandbox.root),
        Err(JournalError::Missing)
    ));
    crate::put(&*sandbox.root, "journal.new", "a draft that a crash left");
    create(&sandbox.root).append(&[b"kept"]).expect("room");
    let again = Journal::create(&sandbox.root, &name("journal"), &IDENTITY, &LIMITS);
    assert!(matches!(again, Err(JournalError::Exists)));
    assert_eq!(open(&sandbox.root).1, numbered(&["kept"]));
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let sandbox = Sandbox::new(RealDir::open);
    for limits in [
        JournalLimits {
            bytes_initial: u64::MAX,
            ..LIMITS
        },
        JournalLimits {
            bytes_initial: 4097,
            ..LIMITS
        },
        JournalLimits {
            bytes_max: u64::MAX,
            ..LIMITS
        },
        JournalLimits {
            record_bytes_max: 4096,
            ..LIMITS
        },
        JournalLimits {
            record_bytes_max: u64::MAX,
            ..LIMITS
        },
    ] {
        let refused = Journal::create(&sandbox.root, &name("journal"), &IDENTITY, &limits);
        assert!(
            matches!(refused, Err(JournalError::Limits { .. })),
            "{limits:?}"
        );
    }
    assert_eq!(sandbox.root.list(9).expect("readable").items, []);
}

#[test]
fn lower_limits_are_refused_and_lose_nothing() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    journal.grow_for(&[1500]).expect("below the limit");
    journal.append(&[&[1; 1500]]).expect("room");
    let lower = JournalLimits {
        record_bytes_max: 1499,
        ..LIMITS
    };
    let refused = Journal::open(&sandbox.root, &name("journal"), &IDENTITY, &lower);
    assert!(matches!(
        refused,
        Err(JournalError::RecordTooLong { bytes: 1500, .. })
    ));
    let lower = JournalLimits {
        bytes_max: 1984,
        record_bytes_max: 1500,
        ..LIMITS
    };
    let refused = Journal::open(&sandbox.root, &name("journal"), &IDENTITY, &lower);
    assert!(matches!(
        refused,
        Err(JournalError::TooLong { bytes: 2048, .. })
    ));
    assert_eq!(open(&sandbox.root).1, numbered(&[[1; 1500]]));
}
