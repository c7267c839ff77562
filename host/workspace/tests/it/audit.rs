//! The audit log from outside: what it tells of a session, by which rules it is read, kept and let go.

mod faults;
mod pace;
mod tampering;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cap_std::ambient_authority;
use cap_tempfile::TempDir;
use session_fs_workspace::audit::{
    AuditEntry, AuditError, AuditFilter, AuditLimits, AuditLog, AuditObserver, AuditPageRequest,
    AuditRetention, AuditSubject, AuditVerdict, ExportFormat, Verified, verify_folder,
};
use store::disk::{Dir, RealDir};
use vfs::{
    Clock, EmptyBase, Metadata, Observer, Operation, OperationKind, Session, SessionOptions,
    Timestamp,
};

const KEY: [u8; 32] = [7; 32];
const ALL: AuditPageRequest = AuditPageRequest {
    after: 0,
    entries_max: 10_000,
};

/// A clock that is a second later at each look.
#[derive(Debug, Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp {
            seconds: self.0.fetch_add(1, Ordering::Relaxed),
            nanoseconds: 0,
        }
    }
}

/// A folder with a log.
struct Desk {
    folder: TempDir,
    clock: Arc<Ticking>,
}

impl Desk {
    fn new() -> Self {
        let memory = cap_std::fs::Dir::open_ambient_dir("/dev/shm", ambient_authority());
        let folder = memory.and_then(|memory| TempDir::new_in(&memory));
        let folder = folder.or_else(|_| TempDir::new(ambient_authority()));
        Self {
            folder: folder.expect("a folder"),
            clock: Arc::default(),
        }
    }

    fn dir(&self) -> Arc<dyn Dir> {
        RealDir::open(self.folder.try_clone().expect("ours")).expect("opens")
    }

    fn log(&self, limits: AuditLimits) -> Arc<AuditLog> {
        AuditLog::open(self.dir(), &KEY, limits, self.clock.clone()).expect("opens")
    }

    fn verify(&self) -> Verified {
        verify_folder(&*self.dir(), &KEY).expect("readable")
    }

    fn intact(&self) -> Verified {
        let verified = self.verify();
        assert_eq!(verified.verdict, AuditVerdict::Intact, "{verified:?}");
        verified
    }
}

/// Segments of a few lines.
fn small() -> AuditLimits {
    AuditLimits {
        segment_bytes_max: 900,
        ..AuditLimits::default()
    }
}

fn observer(log: &Arc<AuditLog>, session: &str) -> Arc<AuditObserver> {
    let metadata = Metadata {
        agent: Some("tidy".to_owned()),
        task_id: Some("t-1".to_owned()),
        ..Metadata::default()
    };
    let subject = AuditSubject {
        session,
        metadata: &metadata,
        base: "file:///base",
    };
    AuditObserver::new(log, &subject)
}

fn note(log: &Arc<AuditLog>, path: &str) {
    observer(log, "s1").note(&Operation::at(OperationKind::Write, path).of(3));
}

fn entries(log: &AuditLog) -> Vec<AuditEntry> {
    log.read(&AuditFilter::default(), ALL)
        .expect("reads")
        .entries
}

/// The paths of the operations, without the lines that the log writes of itself.
fn paths(log: &AuditLog) -> Vec<String> {
    let entries = entries(log).into_iter();
    let entries = entries.filter(|entry| entry.session.is_some());
    entries.filter_map(|entry| entry.path).collect()
}

#[test]
fn a_session_s_operations_are_told_with_who_what_where_and_what_came_of_it() {
    let desk = Desk::new();
    let log = desk.log(AuditLimits::default());
    let options = SessionOptions {
        observer: Some(observer(&log, "s1")),
        ..SessionOptions::default()
    };
    let session = Session::begin(Arc::new(EmptyBase::new("vfs://x")), options);
    session.write("a", b"secret").expect("free");
    session.rename("a", "b").expect("free");
    session.read("../up").expect_err("denied");
    session.rollback().expect("open");
    let told = entries(&log);
    let shown: Vec<_> = told
        .iter()
        .map(|e| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            format!(
                "{} {} {} {} {} {} {} {}",
                e.number,
                text(&e.session),
                e.operation,
                text(&e.path),
                text(&e.target),
                e.bytes,
                e.outcome,
                text(&e.reason)
            )
        })
        .collect();
    let zeros = "0".repeat(32);
    assert_eq!(
        shown,
        [
            format!("1  log-segment 00000001.log {zeros} 0 ok "),
            "2 s1 begin  file:///base 0 ok ".to_owned(),
            "3 s1 write a  6 ok ".to_owned(),
            "4 s1 rename a b 0 ok ".to_owned(),
            "5 s1 read ../up  0 denied confinement".to_owned(),
            "6 s1 rollback   0 ok ".to_owned(),
        ]
    );
    assert!(told[1..].windows(2).all(|pair| pair[0].time < pair[1].time));
    assert_eq!(told[2].agent.as_deref(), Some("tidy"));
    assert_eq!(told[2].task.as_deref(), Some("t-1"));
    let file = desk.folder.read_to_string("00000001.log").expect("text");
    assert!(!file.contains("secret"));
    assert_eq!(desk.intact().last_number, 6);
}

#[test]
fn the_lines_of_a_first_run_wait_for_the_folder() {
    let desk = Desk::new();
    let log = AuditLog::detached(AuditLimits::default(), desk.clock.clone());
    note(&log, "a");
    assert!(matches!(log.flush(), Err(AuditError::Detached)));
    log.ready().expect("nothing is lost");
    assert_eq!(desk.folder.entries().expect("ours").count(), 0);
    log.attach(desk.dir(), &KEY).expect("writes");
    assert_eq!(paths(&log), ["a"]);
    assert_eq!(log.health().pending_bytes, 0);
    desk.intact();
}

#[test]
fn what_does_not_fit_in_memory_is_counted_and_the_count_is_a_line() {
    let desk = Desk::new();
    let limits = AuditLimits {
        buffer_bytes_max: 1_000,
        ..AuditLimits::default()
    };
    let log = AuditLog::detached(limits, desk.clock.clone());
    for number in 0..100 {
        note(&log, &format!("p{number}"));
    }
    let kept = 100 - log.health().lost_count;
    assert!((1..20).contains(&kept), "{kept}");
    assert!(log.health().pending_bytes < 1_300);
    assert!(matches!(log.ready(), Err(AuditError::Lost { .. })));
    log.attach(desk.dir(), &KEY).expect("writes");
    log.ready().expect("the loss is told");
    let told = entries(&log);
    let last = told.last().expect("lines");
    assert_eq!(last.operation, "log-lost");
    assert_eq!(last.calls, 100 - kept);
    assert_eq!(desk.intact().losses_count, 1);
}

#[test]
fn a_session_has_no_more_lines_than_it_may() {
    let desk = Desk::new();
    let limits = AuditLimits {
        session_lines_max: 3,
        ..AuditLimits::default()
    };
    let log = desk.log(limits);
    let watched = observer(&log, "s1");
    for _ in 0..10 {
        watched.note(&Operation::at(OperationKind::Stat, "a"));
    }
    watched.note(&Operation::new(OperationKind::Rollback));
    let words: Vec<_> = entries(&log)
        .into_iter()
        .map(|e| (e.operation, e.calls))
        .collect();
    let words: Vec<_> = words
        .iter()
        .map(|(word, calls)| (&**word, *calls))
        .collect();
    let expected = [
        ("log-segment", 1),
        ("stat", 1),
        ("stat", 1),
        ("stat", 1),
        ("log-capped", 1),
        ("log-lost", 7),
        ("rollback", 1),
    ];
    assert_eq!(words, expected);
}

#[test]
fn reading_by_pages_gives_every_line_once() {
    let desk = Desk::new();
    let log = desk.log(small());
    for number in 0..40 {
        note(&log, &format!("d{}/f{number}", number % 2));
        log.flush().expect("writes");
    }
    let filter = AuditFilter {
        path: Some("d1".to_owned()),
        operation: Some("write".to_owned()),
        ..AuditFilter::default()
    };
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let request = AuditPageRequest {
            after,
            entries_max: 3,
        };
        let page = log.read(&filter, request).expect("reads");
        assert!(page.entries.len() <= 3);
        found.extend(page.entries.into_iter().filter_map(|entry| entry.path));
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    let expected: Vec<_> = (0..40)
        .filter(|n| n % 2 == 1)
        .map(|n| format!("d1/f{n}"))
        .collect();
    assert_eq!(found, expected);
    let none = AuditFilter {
        path: Some("d".to_owned()),
        ..AuditFilter::default()
    };
    assert_eq!(log.read(&none, ALL).expect("reads").entries, []);
}

#[test]
fn hostile_names_stay_one_line_and_are_read_back() {
    let desk = Desk::new();
    let log = desk.log(AuditLimits::default());
    let names = [
        "a\nb",
        "\"},{\"n\":1",
        "\\u0041",
        "\u{1b}[2J",
        "\u{202e}gnp.exe",
        "\u{7f}\u{85}\u{2028}",
        "=1+1",
        "ünïcode/日本",
        "",
    ];
    for name in names {
        note(&log, name);
    }
    assert_eq!(paths(&log), names);
    let exported = |format| {
        let mut text = Vec::new();
        let mut sink = |part: &[u8]| {
            text.extend_from_slice(part);
            Ok(())
        };
        let count = log.export(&AuditFilter::default(), format, &mut sink);
        assert_eq!(count.expect("exports"), names.len() as u64 + 1);
        String::from_utf8(text).expect("UTF-8")
    };
    let json = exported(ExportFormat::Jsonl);
    assert_eq!(
        json,
        desk.folder.read_to_string("00000001.log").expect("text")
    );
    for (line, name) in json.lines().skip(1).zip(names) {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(value["path"], name);
        assert!(!line.contains(['\u{1b}', '\u{202e}', '\u{2028}', '\u{85}']));
    }
    let table = exported(ExportFormat::Csv);
    assert_eq!(table.lines().count(), names.len() + 2);
    assert!(table.contains("\"'=1+1\""), "{table}");
    assert!(table.contains(r#""\""},{\""n\"":1""#), "{table}");
}

#[test]
fn what_is_retained_verifies_and_nobody_else_removes_a_segment() {
    let desk = Desk::new();
    let log = desk.log(small());
    for number in 0..60 {
        note(&log, &format!("f{number}"));
        log.flush().expect("writes");
    }
    let before = desk.intact();
    let retention = AuditRetention {
        segments_max: Some(3),
        since: None,
    };
    let removed = log.retain(&retention).expect("removes");
    let after = desk.intact();
    assert!(removed > 10, "{removed}");
    assert_eq!(after.first_number, removed + 1);
    assert_eq!(after.last_number, before.last_number + 1);
    assert_eq!(after.losses_count, 0);
    assert_eq!(log.retain(&retention).expect("nothing to do"), 0);
    note(&log, "more");
    drop(log);
    let log = desk.log(small());
    assert_eq!(paths(&log).last().map(String::as_str), Some("more"));
    let oldest = entries(&log).first().expect("lines").path.clone();
    let since = entries(&log).last().map(|last| last.time);
    let by_age = AuditRetention {
        segments_max: None,
        since,
    };
    assert!(log.retain(&by_age).expect("removes") > 0);
    assert!(!desk.folder.exists(oldest.expect("a name")));
    desk.intact();
}

#[test]
fn another_key_verifies_nothing() {
    let desk = Desk::new();
    let log = desk.log(AuditLimits::default());
    note(&log, "a");
    drop(log);
    let verified = verify_folder(&*desk.dir(), &[8; 32]).expect("readable");
    assert_ne!(verified.verdict, AuditVerdict::Intact);
}
