//! The log against a plain model: cut, changed and failing at every place.

use cap_std::ambient_authority;
use cap_std::fs::Dir as HostDir;
use cap_tempfile::TempDir;
use proptest::prelude::*;
use store::disk::fault::{Fault, FaultError, FaultPlan};
use store::disk::{FaultDir, RealDir};
use vfs::FixedClock;

use super::super::id::SessionId;
use super::*;

const FLUSHED: [&str; 3] = ["file.write_at", "file.set_mtime", "file.sync_data"];

/// A folder in memory where the system has one.
struct Disk {
    folder: TempDir,
}

/// What a log holds: the states, and the bytes by their offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    records: Vec<Vec<u8>>,
    data: Vec<(u64, Vec<u8>)>,
}

impl Disk {
    fn new() -> Self {
        let memory = HostDir::open_ambient_dir("/dev/shm", ambient_authority());
        let folder = memory.and_then(|memory| TempDir::new_in(&memory));
        let folder = folder.or_else(|_| TempDir::new(ambient_authority()));
        Self {
            folder: folder.expect("a folder"),
        }
    }

    fn dir(&self) -> Arc<dyn Dir> {
        RealDir::open(self.folder.try_clone().expect("a handle")).expect("a directory")
    }

    fn bytes(&self) -> Vec<u8> {
        self.folder.read("log").expect("a log")
    }

    fn write(&self, bytes: &[u8]) {
        self.folder.write("log", bytes).expect("written");
    }

    fn create(&self) -> Log {
        Log::create(&*self.dir(), keys(), clock()).expect("made")
    }

    fn open(&self) -> Result<Opened, LogError> {
        Log::open(&*self.dir(), keys(), clock())
    }

    /// Opens it without a fault and compares it.
    #[track_caller]
    fn check(&self, expected: &Model) -> Log {
        let opened = self.open().expect("opens");
        assert_eq!(opened.records, expected.records);
        check_data(&opened.log, &expected.data);
        opened.log
    }
}

fn keys() -> FrameKeys {
    FrameKeys::new(&[3; 32], &SessionId::new("0189").expect("valid"))
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(FixedClock::default())
}

#[track_caller]
fn check_data(log: &Log, data: &[(u64, Vec<u8>)]) {
    for (offset, bytes) in data {
        let mut read = vec![0; bytes.len()];
        log.read_at(&mut read, *offset).expect("it is kept");
        assert!(read == *bytes, "other bytes at offset {offset}");
    }
}

/// Three saves with some data each; the lengths and the models after each of them.
fn three_saves(disk: &Disk, data_bytes: usize) -> Vec<(u64, Model)> {
    let log = disk.create();
    let mut model = Model::default();
    let mut saves = Vec::new();
    for number in 1..=3_u8 {
        for part in [data_bytes, 3] {
            let bytes = vec![number; part];
            let offset = log.append(&bytes).expect("kept");
            model.data.push((offset, bytes));
        }
        let record = vec![0x80 + number; 20];
        log.save(&record).expect("saved");
        model.records.push(record);
        saves.push((log.bytes(), model.clone()));
    }
    saves
}

#[test]
fn one_save_is_one_write_and_one_flush() {
    let disk = Disk::new();
    let plan = FaultPlan::new(Fault::NEVER);
    let dir = FaultDir::wrap(disk.dir(), plan.clone());
    let log = Log::create(&*dir, keys(), clock()).expect("made");
    plan.arm(Fault::NEVER);
    for _ in 0..10 {
        log.append(&[1; 1000]).expect("kept");
    }
    log.save(b"state").expect("saved");
    let methods: Vec<_> = plan.log().iter().map(|call| call.method).collect();
    assert_eq!(methods, FLUSHED);
}

#[test]
fn bytes_are_read_back_across_frames_before_and_after_the_write() {
    let disk = Disk::new();
    let log = disk.create();
    let bytes: Vec<u8> = (0..3 * PENDING_BYTES_MAX)
        .map(|at| u8::try_from(at / 7 % 251).expect("small"))
        .collect();
    let offset = log.append(&bytes).expect("kept");
    let check = |log: &Log| {
        for (from, len) in [(0, 1), (DATA_BYTES_MAX - 1, 2), (5, bytes.len() - 5)] {
            let mut read = vec![0; len];
            log.read_at(&mut read, offset + from as u64).expect("read");
            assert!(read == bytes[from..from + len]);
        }
        let mut beyond = [0; 2];
        assert!(log.read_at(&mut beyond, bytes.len() as u64 - 1).is_err());
    };
    check(&log);
    log.save(b"state").expect("saved");
    check(&log);
    drop(log);
    check(&disk.open().expect("opens").log);
}

#[test]
fn a_log_cut_at_any_byte_has_every_save_before() {
    let disk = Disk::new();
    let saves = three_saves(&disk, 700);
    let whole = disk.bytes();
    for cut in 0..whole.len() {
        disk.write(&whole[..cut]);
        let done = saves.iter().rfind(|(end, _)| *end <= cut as u64);
        let Some((end, model)) = done else {
            assert!(matches!(disk.open(), Err(LogError::Corrupt(_))), "at {cut}");
            continue;
        };
        let opened = disk.open().expect("opens");
        assert_eq!(opened.torn_bytes, cut as u64 - end);
        drop(opened);
        let mut model = model.clone();
        let log = disk.check(&model);
        // What was dropped is not in the way of what comes.
        model
            .data
            .push((log.append(b"more").expect("kept"), b"more".to_vec()));
        log.save(b"next").expect("saved");
        model.records.push(b"next".to_vec());
        drop(log);
        disk.check(&model);
    }
}

#[test]
fn a_changed_byte_anywhere_is_never_taken_for_what_was_written() {
    let disk = Disk::new();
    let saves = three_saves(&disk, 700);
    let (_, model) = saves.last().expect("three");
    let whole = disk.bytes();
    let (mut refused_count, mut unread_count) = (0, 0);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        disk.write(&changed);
        match disk.open() {
            Err(LogError::Corrupt(_)) => refused_count += 1,
            Err(LogError::Io(error)) => panic!("at {at}: {error}"),
            Ok(opened) => {
                assert_eq!(opened.records, model.records, "at {at}: a save was lost");
                let wrong = model.data.iter().filter(|(offset, bytes)| {
                    let mut read = vec![0; bytes.len()];
                    let outcome = opened.log.read_at(&mut read, *offset);
                    assert!(outcome.is_err() || read == *bytes, "at {at}: wrong bytes");
                    outcome.is_err()
                });
                assert_eq!(wrong.count(), 1, "at {at}");
                unread_count += 1;
            }
        }
        assert_eq!(
            disk.bytes().len(),
            whole.len(),
            "at {at}: something was cut off"
        );
    }
    // The payloads of all saves but the last are checked when they are read.
    assert_eq!(unread_count, 2 * 703);
    assert_eq!(refused_count, whole.len() - unread_count);
}

#[test]
fn a_block_that_a_crash_kept_from_the_last_save_drops_that_save_only() {
    let disk = Disk::new();
    let saves = three_saves(&disk, 3000);
    let whole = disk.bytes();
    let ends: Vec<_> = saves
        .iter()
        .map(|(end, _)| usize::try_from(*end).expect("small"))
        .collect();
    let mut dropped_count = 0;
    for block in (0..whole.len()).step_by(512) {
        let block_end = (block + 512).min(whole.len());
        let mut torn = whole.clone();
        torn[block.max(ends[1])..block_end.max(ends[1])].fill(0);
        if torn == whole {
            continue;
        }
        disk.write(&torn);
        drop(disk.check(&saves[1].1));
        dropped_count += 1;
        // The same within a save that another one follows is damage.
        let mut damaged = whole.clone();
        let (from, to) = (block - (ends[1] - ends[0]), block_end - (ends[1] - ends[0]));
        damaged[from.max(ends[0])..to.max(ends[0])].fill(0);
        disk.write(&damaged);
        match disk.open() {
            Err(LogError::Corrupt(_)) => {}
            Err(LogError::Io(error)) => panic!("{error}"),
            Ok(opened) => assert_eq!(opened.records, saves[2].1.records),
        }
    }
    assert!(dropped_count > 5);
}

#[test]
fn frames_of_another_session_or_place_are_none() {
    let disk = Disk::new();
    three_saves(&disk, 10);
    let other = FrameKeys::new(&[3; 32], &SessionId::new("0190").expect("valid"));
    let opened = Log::open(&*disk.dir(), other, clock());
    assert!(matches!(opened, Err(LogError::Corrupt(_))));
    // A save that is repeated behind itself is not one more.
    let whole = disk.bytes();
    disk.write(&[&whole[..], &whole[whole.len() - 117..]].concat());
    assert!(matches!(disk.open(), Err(LogError::Corrupt(_))));
}

#[test]
fn a_compacted_log_keeps_offsets_and_drops_the_rest() {
    let disk = Disk::new();
    let log = disk.create();
    let dead = log.append(&[1; 200_000]).expect("kept");
    let live = log.append(&[2; 200_000]).expect("kept");
    log.save(b"old").expect("saved");
    log.compact(
        &*disk.dir(),
        &Live::At(std::iter::once(live..live + 200_000).collect()),
        b"whole",
    )
    .expect("compacted");
    assert!(log.bytes() < 300_000);
    let model = Model {
        records: vec![b"whole".to_vec()],
        data: vec![(live, vec![2; 200_000])],
    };
    check_data(&log, &model.data);
    let more = log.append(b"more").expect("kept");
    assert_eq!(more, live + 200_000);
    log.save(b"later").expect("saved");
    drop(log);
    let log = disk.check(&Model {
        records: vec![b"whole".to_vec(), b"later".to_vec()],
        data: model.data,
    });
    assert!(log.read_at(&mut [0], dead).is_err());
}

/// Runs [`exercise`] with a fault; `false` when it ended before the fault came.
fn round(fault: Fault) -> bool {
    let disk = Disk::new();
    let plan = FaultPlan::new(Fault::NEVER);
    let dir = FaultDir::wrap(disk.dir(), plan.clone());
    let log = Log::create(&*dir, keys(), clock()).expect("made");
    log.save(b"first").expect("saved");
    plan.arm(fault);
    let (acknowledged, tried) = exercise(&log, &*dir);
    let fired = plan.fired_count() > 0;
    let context = format!("{fault:?}: {:?}", plan.log().last());
    drop(log);
    let opened = disk.open().unwrap_or_else(|e| panic!("{context}: {e}"));
    let last = opened.records.last().expect("a first save");
    match acknowledged.records.last() {
        Some(record) => {
            let at = |record| tried.iter().position(|tried| tried == record);
            assert!(at(last) >= at(record), "{context}: a save was lost");
        }
        None => assert!(last == b"first" || tried.contains(last), "{context}"),
    }
    check_data(&opened.log, &acknowledged.data);
    fired
}

/// Does a bit of everything and stops at nothing; returns what was acknowledged, and the records of
/// all saves that were tried.
fn exercise(log: &Log, dir: &dyn Dir) -> (Model, Vec<Vec<u8>>) {
    let mut acknowledged = Model::default();
    let mut kept = Vec::new();
    let mut tried = Vec::new();
    for number in 0..6_u8 {
        let bytes = vec![number; 300_000 * usize::from(number % 2) + 10];
        if let Ok(offset) = log.append(&bytes) {
            kept.push((offset, bytes));
        }
        let record = vec![number; 30];
        tried.push(record.clone());
        let saved = match number {
            3 => log.compact(dir, &Live::All, &record),
            _ => log.save(&record),
        };
        if saved.is_ok() {
            acknowledged.records.push(record);
            acknowledged.data.clone_from(&kept);
        }
    }
    (acknowledged, tried)
}

#[test]
fn a_failure_of_any_call_loses_nothing_that_was_acknowledged() {
    for error in [FaultError::Errno(5), FaultError::Errno(28)] {
        for write_prefix_bytes in [0, 1, 150, 200_000] {
            for make in [Fault::once, Fault::forever] {
                let fault = |at| Fault {
                    write_prefix_bytes,
                    ..make(at, error)
                };
                let rounds = (0..).take_while(|at| round(fault(*at))).count();
                assert!(rounds > 15, "{rounds} calls");
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(u8, usize),
    Save,
    Compact,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (any::<u8>(), 0..5_000_usize).prop_map(|(byte, len)| Step::Append(byte, len)),
        1 => (any::<u8>(), 60_000..400_000_usize).prop_map(|(b, len)| Step::Append(b, len)),
        3 => Just(Step::Save),
        1 => Just(Step::Compact),
        2 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_order_of_steps_is_like_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let disk = Disk::new();
        let mut log = disk.create();
        log.save(b"first").expect("saved");
        let mut saved = Model { records: vec![b"first".to_vec()], data: Vec::new() };
        let mut now = saved.clone();
        for (number, step) in steps.into_iter().enumerate() {
            let record = format!("state {number}").into_bytes();
            match step {
                Step::Append(byte, len) => {
                    let bytes = vec![byte; len];
                    now.data.push((log.append(&bytes).expect("kept"), bytes));
                }
                Step::Save => {
                    log.save(&record).expect("saved");
                    now.records.push(record);
                    saved = now.clone();
                }
                Step::Compact => {
                    log.compact(&*disk.dir(), &Live::All, &record).expect("compacted");
                    now.records = vec![record];
                    saved = now.clone();
                }
                Step::Crash => {
                    drop(log);
                    log = disk.check(&saved);
                    now = saved.clone();
                }
            }
            check_data(&log, &now.data);
        }
        drop(log);
        disk.check(&saved);
    }
}
