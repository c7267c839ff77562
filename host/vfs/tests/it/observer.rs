//! Every operation is told to the observer exactly once, with its paths, bytes and outcome.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use session_fs_vfs::{
    Access, DenialReason, Descriptor, DescriptorFlags, ErrorKind, Failure, Limits, MergeOptions,
    NewTime, Observer, OpenFlags, Operation, OperationKind, Result, SearchQuery, Session,
    SessionOptions,
};

use crate::support::MapBase;
use OperationKind as K;

/// Remembers what it was told, as text without what is usual.
#[derive(Debug, Default)]
struct Recorder {
    told: Mutex<Vec<String>>,
}

impl Observer for Recorder {
    fn note(&self, operation: &Operation<'_>) {
        self.told.lock().push(shown(operation));
    }
}

fn shown(operation: &Operation<'_>) -> String {
    let mut text = operation.kind.as_str().to_owned();
    if let Some(path) = operation.path {
        text += &format!(" '{path}'");
    }
    if let Some(target) = operation.target {
        text += &format!(" -> '{target}'");
    }
    if let Some((open, rights)) = operation.flags {
        let letters = [
            (rights.read, 'r'),
            (rights.write, 'w'),
            (open.create, 'c'),
            (open.truncate, 't'),
        ];
        text.push(' ');
        text.extend(letters.iter().filter(|(set, _)| *set).map(|(_, c)| c));
    }
    if operation.bytes > 0 {
        text += &format!(" {} bytes", operation.bytes);
    }
    if operation.calls != 1 {
        text += &format!(" in {} calls", operation.calls);
    }
    if let Err(Failure {
        kind,
        denial,
        limit,
    }) = operation.outcome
    {
        text += &format!(": {kind:?}");
        text += &denial.map_or(String::new(), |reason| format!(" {reason:?}"));
        text += &limit.map_or(String::new(), |limit| format!(" {limit}"));
    }
    text
}

struct Watched {
    recorder: Arc<Recorder>,
    session: Session,
}

impl Watched {
    fn begin(limits: Limits, access: Access) -> Self {
        let base = MapBase::files(&[("a.txt", "one two"), ("d/b.txt", "three"), ("e/c", "x")]);
        let recorder = Arc::new(Recorder::default());
        let session = Session::begin(
            Arc::new(base),
            SessionOptions {
                limits,
                access,
                observer: Some(recorder.clone()),
                ..SessionOptions::default()
            },
        );
        let watched = Self { recorder, session };
        watched.expect(&["begin"]);
        watched
    }

    /// What was told since the last time is exactly this.
    #[track_caller]
    fn expect(&self, expected: &[&str]) {
        let told = std::mem::take(&mut *self.recorder.told.lock());
        assert_eq!(told, expected);
    }

    /// Runs one operation, which is told once.
    #[track_caller]
    fn once<R>(&self, expected: &str, run: impl FnOnce(&Session) -> Result<R>) {
        drop(run(&self.session));
        self.expect(&[expected]);
    }

    fn open(&self, path: &str, write: bool) -> Descriptor {
        let root = self.session.root().expect("open");
        let flags = DescriptorFlags {
            read: true,
            write,
            mutate_directory: true,
        };
        let opened = root.open_at(path, true, OpenFlags::default(), flags);
        drop(root);
        self.recorder.told.lock().clear();
        opened.expect("there")
    }
}

fn watched() -> Watched {
    Watched::begin(Limits::default(), Access::ReadWrite)
}

#[test]
fn operations_by_path_are_told_once_each() {
    let w = watched();
    w.once("read 'a.txt' 7 bytes", |s| s.read("a.txt"));
    w.once("read 'a.txt' 3 bytes", |s| s.read_range("a.txt", 4, 9));
    w.once("read 'nope': NotFound", |s| s.read("nope"));
    w.once("read '../x': Denied Confinement", |s| s.read("../x"));
    w.once("write 'new' 4 bytes", |s| s.write("new", b"1234"));
    w.once("write 'd' 1 bytes: Invalid", |s| s.write("d", b"1"));
    w.once("write 'new' 2 bytes", |s| s.write_range("new", 1, b"ab"));
    w.once("append 'new' 5 bytes", |s| s.append("new", b"fghij"));
    w.once("truncate 'new' 3 bytes", |s| s.truncate("new", 3));
    w.once("edit 'a.txt' 9 bytes", |s| {
        s.edit("a.txt", "two", "three", 1)
    });
    w.once("edit 'a.txt': Invalid", |s| {
        s.edit("a.txt", "two", "three", 1)
    });
    w.once("list ''", |s| s.list("", None, 10));
    w.once("stat 'a.txt'", |s| s.stat("a.txt"));
    w.once("stat 'a.txt'", |s| s.stat_link("a.txt"));
    w.once("exists 'nope'", |s| s.exists("nope"));
    w.once("exists '/../..': Denied Confinement", |s| {
        s.exists("/../..")
    });
    w.once("mkdir 'x/y/z'", |s| s.mkdir("x/y/z"));
    w.once("rename 'new' -> 'x/old'", |s| s.rename("new", "x/old"));
    w.once("rename 'new' -> 'x': NotFound", |s| s.rename("new", "x"));
    w.once("copy 'x' -> 'x2'", |s| s.copy("x", "x2"));
    w.once("symlink 'l' -> 'a.txt'", |s| s.symlink("a.txt", "l"));
    w.once("symlink 'm' -> '/etc/passwd': Denied Confinement", |s| {
        s.symlink("/etc/passwd", "m")
    });
    w.once("read-link 'l'", |s| s.read_link("l"));
    w.once("remove 'l'", |s| s.remove("l"));
    w.once("remove 'x': Invalid", |s| s.remove("x"));
    w.once("remove-all 'x'", |s| s.remove_all("x"));
    w.once("search", |s| s.search(&SearchQuery::default()));
    w.once("search '**/*.txt'", |s| {
        s.search(&SearchQuery {
            glob: Some("**/*.txt".to_owned()),
            pattern: Some("not to be told".to_owned()),
            ..SearchQuery::default()
        })
    });
    w.once("changes", Session::changes);
    w.once("diff", Session::diff);
    w.once("savepoint -> 's'", |s| s.savepoint("s"));
    w.once("restore -> 's'", |s| s.restore("s"));
    w.once("restore -> 'no': NotFound", |s| s.restore("no"));
}

#[test]
fn denials_and_limits_are_told_with_their_reason() {
    let limits = Limits {
        file_bytes_max: 10,
        read_bytes_max: 3,
        nesting_depth_max: 0,
        ..Limits::default()
    };
    let w = Watched::begin(limits, Access::ReadWrite);
    w.once("write 'f' 11 bytes: Limit file-bytes", |s| {
        s.write("f", &[0; 11])
    });
    w.once("read 'a.txt': Limit read-bytes", |s| s.read("a.txt"));
    w.once("nest -> 'session': Limit nesting-depth", |s| {
        s.begin_nested(SessionOptions::default())
    });
    let w = Watched::begin(Limits::default(), Access::ReadOnly);
    w.once("write 'f' 1 bytes: Denied ReadOnly", |s| s.write("f", b"x"));
    w.once("remove 'a.txt': Denied ReadOnly", |s| s.remove("a.txt"));
    w.once("seal: Denied ReadOnly", Session::seal);
    w.once("rollback", Session::rollback);
    w.once("rollback: Invalid", Session::rollback);
    assert_eq!(
        Failure::from(&w.session.write("f", b"x").expect_err("read-only")),
        Failure {
            kind: ErrorKind::Denied,
            denial: Some(DenialReason::ReadOnly),
            limit: None
        }
    );
}

#[test]
fn the_end_of_a_session_is_told_once_whichever_it_is() {
    let w = watched();
    drop(w.session.seal().expect("open"));
    w.expect(&["seal", "reopen"]);
    w.session.seal().expect("open").finish("c1");
    w.expect(&["seal", "commit -> 'c1'"]);
    let recorder = w.recorder.clone();
    drop(w);
    assert_eq!(*recorder.told.lock(), Vec::<String>::new());

    let w = watched();
    let recorder = w.recorder.clone();
    drop(w);
    assert_eq!(*recorder.told.lock(), ["discard"]);
}

#[test]
fn a_session_begun_from_another_is_told_to_both() {
    let w = watched();
    let own = Arc::new(Recorder::default());
    let options = |id: &str| SessionOptions {
        id: id.to_owned(),
        observer: Some(own.clone()),
        ..SessionOptions::default()
    };
    let fork = w.session.fork(options("f")).expect("open");
    w.expect(&["fork -> 'f'"]);
    fork.rollback().expect("open");
    let nested = w.session.begin_nested(options("n")).expect("open");
    w.expect(&["nest -> 'n'"]);
    nested.write("made", b"x").expect("free");
    let merged = nested
        .seal()
        .expect("open")
        .merge_into_parent("c", &MergeOptions::default());
    drop(merged.expect("merges"));
    w.expect(&["merge -> 'n'"]);
    let told = own.told.lock().join("; ");
    assert_eq!(
        told,
        "begin; rollback; begin; write 'made' 1 bytes; seal; commit -> 'c'"
    );
    let second = w.session.begin_nested(SessionOptions::default());
    let second = second.expect("open");
    second.write("made", b"theirs").expect("there");
    w.session.write("made", b"ours").expect("there");
    w.recorder.told.lock().clear();
    let merged = second
        .seal()
        .expect("open")
        .merge_into_parent("c2", &MergeOptions::default());
    drop(merged.expect("a conflict is no error"));
    w.expect(&["merge -> 'session': Conflict"]);
}

#[test]
fn a_handle_tells_its_first_call_at_once_and_the_others_when_it_closes() {
    let w = watched();
    let file = w.open("d/b.txt", true);
    file.read_at(0, 2).expect("there");
    w.expect(&["read 'd/b.txt' 2 bytes"]);
    for _ in 0..10 {
        file.read_at(1, 3).expect("there");
    }
    file.write_at(0, b"T").expect("fits");
    file.append(b"--").expect("fits");
    file.append(b"+").expect("fits");
    w.expect(&["write 'd/b.txt' 1 bytes", "append 'd/b.txt' 2 bytes"]);
    file.sync().expect("open");
    w.expect(&[
        "read 'd/b.txt' 30 bytes in 10 calls",
        "append 'd/b.txt' 1 bytes",
        "sync 'd/b.txt'",
    ]);
    file.read_at(u64::MAX, 1).expect_err("past the largest");
    w.expect(&["read 'd/b.txt': Invalid"]);
    file.write_at(0, b"t").expect("fits");
    let twin = file.clone();
    drop(file);
    w.expect(&[]);
    drop(twin);
    w.expect(&["write 'd/b.txt' 1 bytes", "close 'd/b.txt'"]);
}

#[test]
fn a_long_series_of_calls_is_told_in_parts() {
    let w = watched();
    let file = w.open("a.txt", false);
    for _ in 0..1_025 {
        file.read_at(0, 7).expect("there");
    }
    w.expect(&[
        "read 'a.txt' 7 bytes",
        "read 'a.txt' 7168 bytes in 1024 calls",
    ]);
    drop(file);
    w.expect(&["close 'a.txt'"]);
}

#[test]
fn operations_on_a_handle_are_told_once_each() {
    let w = watched();
    let file = w.open("a.txt", true);
    w.once("stat 'a.txt'", |_| file.stat());
    w.once("truncate 'a.txt' 3 bytes", |_| file.set_size(3));
    w.once("set-times 'a.txt'", |_| {
        file.set_times(NewTime::Now, NewTime::Keep)
    });
    w.once("list 'a.txt': Invalid", |_| file.read_dir());
    let reader = w.open("a.txt", false);
    w.once("write 'a.txt' 4 bytes: Invalid", |_| {
        reader.write_at(0, b"1234")
    });
    w.once("truncate 'a.txt' 9 bytes: Invalid", |_| reader.set_size(9));
}

#[test]
fn operations_below_a_directory_are_told_by_the_path_from_the_root() {
    let w = watched();
    drop(w.session.root().expect("open"));
    w.expect(&["open '' r", "close ''"]);
    let d = w.open("d", false);
    let e = w.open("e", false);
    let rights = DescriptorFlags {
        write: true,
        ..DescriptorFlags::default()
    };
    let create = OpenFlags {
        create: true,
        truncate: true,
        ..OpenFlags::default()
    };
    w.once("stat 'd/b.txt'", |_| d.stat_at("b.txt", true));
    w.once("stat 'd/b.txt'", |_| d.metadata_hash_at("b.txt", true));
    w.once("stat 'd/../a.txt': Denied Confinement", |_| {
        d.stat_at("../a.txt", true)
    });
    w.once("stat '/a.txt': Denied Confinement", |_| {
        d.stat_at("/a.txt", true)
    });
    w.once("set-times 'd/b.txt'", |_| {
        d.set_times_at("b.txt", true, NewTime::Now, NewTime::Now)
    });
    w.once("mkdir 'd/s'", |_| d.create_directory_at("s"));
    w.once("remove 'd/s'", |_| d.remove_directory_at("s"));
    w.once("link 'd/b.txt' -> 'e/b'", |_| {
        d.link_at(false, "b.txt", &e, "b")
    });
    w.once("link 'd/b.txt' -> 'e/b': Invalid", |_| {
        d.link_at(true, "b.txt", &e, "b")
    });
    w.once("rename 'd/b.txt' -> 'e/m'", |_| {
        d.rename_at("b.txt", &e, "m")
    });
    w.once("remove 'e/m'", |_| e.unlink_file_at("m"));
    w.once("symlink 'e/l' -> 'c'", |_| e.symlink_at("c", "l"));
    w.once("read-link 'e/l'", |_| e.read_link_at("l"));
    w.once("list 'e'", |_| e.read_dir());
    w.once("open 'e/no' : NotFound", |_| {
        e.open_at("no", true, OpenFlags::default(), DescriptorFlags::default())
    });
    let made = e.open_at("made", true, create, rights).expect("free");
    w.expect(&["open 'e/made' wct"]);
    drop(made);
    w.expect(&["close 'e/made'"]);
}

#[test]
fn every_kind_has_a_word_of_its_own() {
    let words: BTreeSet<_> = K::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), K::ALL.len());
    for kind in K::ALL {
        assert_eq!(K::from_word(kind.as_str()), Some(*kind));
    }
    assert_eq!(K::from_word("none"), None);
}
