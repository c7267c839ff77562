//! The simulated disk: what each flush promises, what a crash keeps and what it loses.

mod choices;
mod twin;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use session_fs_store::disk::crash::{CrashOptions, EntryOrder, Node, PendingItem, PendingKind};
use session_fs_store::disk::{CrashDisk, Durability, RealDir, RenameMode};

use crate::{Sandbox, content, name, names, outcome, put};

const EIO: Option<i32> = Some(5);

/// A disk whose sectors have 4 bytes.
fn disk(entry_order: EntryOrder) -> CrashDisk {
    CrashDisk::new(CrashOptions {
        sector_bytes: 4,
        entry_order,
    })
}

/// A tree in short: `f=text`, `d/`, `l->target`.
fn short(tree: &BTreeMap<String, Node>) -> String {
    let describe = |(path, node): (&String, &Node)| match node {
        Node::File { content, .. } => format!("{path}={}", String::from_utf8_lossy(content)),
        Node::Directory { .. } => format!("{path}/"),
        Node::Symlink { target } => format!("{path}->{target}"),
    };
    tree.iter().map(describe).collect::<Vec<_>>().join(" ")
}

/// Every tree that a crash now can leave.
fn outcomes(disk: &CrashDisk) -> BTreeSet<String> {
    let mut every = disk.every_crash(100_000);
    let found = every.by_ref().map(|after| short(&after.tree())).collect();
    assert!(every.is_complete());
    found
}

fn set<const N: usize>(trees: [&str; N]) -> BTreeSet<String> {
    trees.map(str::to_owned).into()
}

fn keep_all(item: &PendingItem) -> usize {
    item.alternatives() - 1
}

/// A disk on which these files are durable.
fn durable(order: EntryOrder, files: &[(&str, &str)]) -> CrashDisk {
    let disk = disk(order);
    for (file, text) in files {
        put(&*disk.root(), file, text);
    }
    disk.root().sync_fs().expect("flushes");
    assert_eq!(disk.pending_count(), 0);
    disk
}

fn rename(disk: &CrashDisk, from: &str, to: &str, mode: RenameMode) {
    let root = disk.root();
    root.rename(&name(from), &*root, &name(to), mode)
        .expect("may be renamed");
}

#[test]
fn nothing_is_durable_by_itself() {
    let disk = disk(EntryOrder::Any);
    let root = disk.root();
    put(&*root, "f", "abc");
    root.mkdir(&name("d"), 0o755).expect("new");
    root.symlink("x", &name("l")).expect("new");
    assert_eq!(short(&disk.tree()), "d/ f=abc l->x");
    assert_eq!(short(&disk.durable_tree()), "");
    assert_eq!(disk.pending_count(), 5);
    assert_eq!(short(&disk.crash(&mut |_| 0).tree()), "");
    assert_eq!(short(&disk.crash(&mut keep_all).tree()), "d/ f=abc l->x");
}

#[test]
fn a_flushed_file_has_its_content_but_not_its_name() {
    let disk = disk(EntryOrder::Any);
    let root = disk.root();
    let file = root.create(&name("f"), 0o644).expect("new");
    file.write_at(b"abcdefgh", 0).expect("room");
    file.set_mode(0o600).expect("own file");
    file.sync_data().expect("flushes");
    assert_eq!(disk.pending_count(), 1, "its name");
    assert_eq!(outcomes(&disk.fork()), set(["", "f=abcdefgh"]));
    root.sync().expect("flushes");
    let after = disk.crash(&mut |_| 0);
    let expected = Node::File {
        content: b"abcdefgh".to_vec(),
        mode: 0o600,
    };
    assert_eq!(after.tree().get("f"), Some(&expected));
}

#[test]
fn a_flushed_name_has_no_content() {
    let disk = disk(EntryOrder::Any);
    put(&*disk.root(), "f", "abcdef");
    disk.root().sync().expect("flushes");
    let expected = [
        "f=",
        "f=\0\0\0\0\0\0",
        "f=abcd\0\0",
        "f=\0\0\0\0ef",
        "f=abcdef",
    ];
    assert_eq!(outcomes(&disk), set(expected));
}

#[test]
fn a_flush_of_a_directory_is_of_that_one_only() {
    let disk = disk(EntryOrder::Any);
    let root = disk.root();
    root.mkdir(&name("d"), 0o755).expect("new");
    let sub = root.walk(&names("d")).expect("exists");
    sub.symlink("x", &name("l")).expect("new");
    sub.sync().expect("flushes");
    assert_eq!(outcomes(&disk.fork()), set(["", "d/ d/l->x"]));
    root.symlink("y", &name("m")).expect("new");
    assert_eq!(outcomes(&disk.fork()).len(), 4);
    root.sync().expect("flushes");
    assert_eq!(outcomes(&disk), set(["d/ d/l->x m->y"]));
}

#[test]
fn a_rename_is_whole_or_absent() {
    let disk = durable(EntryOrder::Any, &[("a", "new"), ("b", "old")]);
    let replaced = disk.fork();
    rename(&replaced, "a", "b", RenameMode::Replace);
    assert_eq!(outcomes(&replaced), set(["a=new b=old", "b=new"]));
    let exchanged = disk.fork();
    rename(&exchanged, "a", "b", RenameMode::Exchange);
    assert_eq!(outcomes(&exchanged), set(["a=new b=old", "a=old b=new"]));
}

#[test]
fn a_rename_between_directories_is_flushed_by_either() {
    for flushed in ["", "d"] {
        let disk = disk(EntryOrder::Any);
        let root = disk.root();
        root.mkdir(&name("d"), 0o755).expect("new");
        put(&*root, "f", "x");
        root.sync_fs().expect("flushes");
        let sub = root.walk(&names("d")).expect("exists");
        root.rename(&name("f"), &*sub, &name("f"), RenameMode::NoReplace)
            .expect("free");
        assert_eq!(outcomes(&disk.fork()), set(["d/ d/f=x", "d/ f=x"]));
        root.walk(&names(flushed))
            .expect("exists")
            .sync()
            .expect("flushes");
        assert_eq!(outcomes(&disk), set(["d/ d/f=x"]), "{flushed:?}");
    }
}

/// What an older change that still waits wanted of a name must not come back over a newer one.
#[test]
fn a_flushed_rename_is_not_undone_by_an_older_one() {
    let disk = disk(EntryOrder::Any);
    let root = disk.root();
    root.mkdir(&name("d"), 0o755).expect("new");
    root.sync_fs().expect("flushes");
    let sub = root.walk(&names("d")).expect("exists");
    put(&*sub, "t", "x");
    sub.open(&name("t"))
        .expect("exists")
        .sync_data()
        .expect("flushes");
    sub.rename(&name("t"), &*root, &name("f"), RenameMode::Replace)
        .expect("exists");
    root.sync().expect("flushes");
    assert_eq!(outcomes(&disk), set(["d/ f=x"]));
}

#[test]
fn orders_of_names_differ_in_what_they_lose() {
    let cases: [(EntryOrder, &[&str]); 3] = [
        (
            EntryOrder::Any,
            &[
                "a=1 l->x",
                "a=1",
                "b=1 l->x",
                "b=1",
                "a=1 c=1 l->x",
                "a=1 c=1",
                "c=1 l->x",
                "c=1",
            ],
        ),
        (
            EntryOrder::Dependent,
            &["a=1 l->x", "a=1", "b=1 l->x", "b=1", "c=1 l->x", "c=1"],
        ),
        (
            EntryOrder::Sequential,
            &["a=1", "b=1", "b=1 l->x", "c=1 l->x"],
        ),
    ];
    for (order, expected) in cases {
        let disk = durable(order, &[("a", "1")]);
        rename(&disk, "a", "b", RenameMode::Replace);
        disk.root().symlink("x", &name("l")).expect("new");
        rename(&disk, "b", "c", RenameMode::Replace);
        let expected = expected.iter().map(ToString::to_string).collect();
        assert_eq!(outcomes(&disk), expected, "{order:?}");
    }
}

/// A flush of one directory takes along what the order of the file system does not allow to miss.
#[test]
fn a_flush_takes_along_what_it_needs() {
    let cases = [
        (
            EntryOrder::Any,
            set([
                "d/ d/x=1 e/ f=1",
                "d/ d/x=1 e/",
                "d/ d/x=1 e/ f=1 l->x",
                "d/ d/x=1 e/ l->x",
            ]),
        ),
        (
            EntryOrder::Dependent,
            set(["d/ d/x=1 e/", "d/ d/x=1 e/ l->x"]),
        ),
        (EntryOrder::Sequential, set(["d/ d/x=1 e/ l->x"])),
    ];
    for (order, expected) in cases {
        let disk = disk(order);
        let root = disk.root();
        root.mkdir(&name("d"), 0o755).expect("new");
        root.mkdir(&name("e"), 0o755).expect("new");
        put(&*root, "f", "1");
        root.sync_fs().expect("flushes");
        let [d, e] = ["d", "e"].map(|path| root.walk(&names(path)).expect("exists"));
        root.symlink("x", &name("l")).expect("new");
        root.rename(&name("f"), &*e, &name("f"), RenameMode::Replace)
            .expect("exists");
        e.rename(&name("f"), &*d, &name("x"), RenameMode::Replace)
            .expect("exists");
        d.sync().expect("flushes");
        assert_eq!(outcomes(&disk), expected, "{order:?}");
    }
}

#[test]
fn versions_of_a_sector_are_found_one_at_a_time() {
    let disk = durable(EntryOrder::Any, &[("f", "....")]).fork();
    let file = disk.root().open_writable(&name("f")).expect("exists");
    file.write_at(b"a", 0).expect("room");
    file.write_at(b"b", 1).expect("room");
    let is_data = |item: &PendingItem| matches!(item.kind, PendingKind::Data { .. });
    let data = disk.pending().into_iter().find(is_data).expect("written");
    assert_eq!(
        (data.calls.as_slice(), data.alternatives()),
        (&[0, 1][..], 3)
    );
    assert_eq!(outcomes(&disk.fork()), set(["f=....", "f=a...", "f=ab.."]));
    let count = disk.crash_states_count();
    file.write_at(b"ab", 0).expect("room");
    assert_eq!(
        disk.crash_states_count(),
        count,
        "the same bytes are nothing new"
    );
}

#[test]
fn a_cut_file_does_not_get_its_old_bytes_back() {
    let disk = durable(EntryOrder::Any, &[("f", "secret")]);
    let file = disk.root().open_writable(&name("f")).expect("exists");
    file.set_len(2).expect("may be cut");
    file.set_len(6).expect("may grow");
    assert_eq!(
        outcomes(&disk.fork()),
        set(["f=secret", "f=se", "f=se\0\0\0\0"])
    );
    file.write_at(b"SE", 0).expect("room");
    let full = disk.crash(&mut keep_all);
    assert_eq!(short(&full.tree()), "f=SE\0\0\0\0");
    // Data that lies beyond the end on the platter is not there when the file grows later.
    let grown = disk.fork();
    let file = grown.root().open_writable(&name("f")).expect("exists");
    file.write_at(b"beyond", 6).expect("room");
    let is_data = |item: &PendingItem| matches!(item.kind, PendingKind::Data { .. });
    let after = grown.crash(&mut |item| if is_data(item) { keep_all(item) } else { 0 });
    let file = after.root().open_writable(&name("f")).expect("exists");
    assert_eq!(file.stat().expect("open").size, 6);
    file.set_len(12).expect("may grow");
    let text = content(&*after.root(), "f").expect("exists");
    assert_eq!(text[6..], *"\0\0\0\0\0\0");
}

#[test]
fn mode_and_time_are_kept_apart() {
    let disk = durable(EntryOrder::Any, &[("f", "x")]);
    let before = disk.root().stat(&name("f")).expect("exists");
    let file = disk.root().open_writable(&name("f")).expect("exists");
    file.set_mode(0o755).expect("own file");
    file.set_mtime(5).expect("own file");
    let found: BTreeSet<(u32, bool)> = disk
        .every_crash(9)
        .map(|after| after.root().stat(&name("f")).expect("durable"))
        .map(|found| (found.mode, found.mtime_ns == 5))
        .collect();
    assert_eq!(
        found,
        [(0o644, false), (0o644, true), (0o755, false), (0o755, true)].into()
    );
    let after = disk
        .crash(&mut |_| 0)
        .root()
        .stat(&name("f"))
        .expect("durable");
    assert_eq!(after, before, "what was not touched keeps its fingerprint");
}

#[test]
fn handles_die_and_locks_are_free_after_a_crash() {
    let disk = durable(EntryOrder::Any, &[("f", "x")]);
    let root = disk.root();
    let file = root.open_writable(&name("f")).expect("exists");
    let guard = root.try_lock().expect("lockable").expect("free");
    assert!(disk.root().try_lock().expect("lockable").is_none());
    let after = disk.crash(&mut |_| 0);
    assert!(disk.is_dead() && !after.is_dead());
    let errors = [
        file.read_at(&mut [0], 0).err(),
        file.stat().err(),
        file.write_at(b"x", 0).err(),
        file.write_at(b"x", u64::MAX).err(),
        file.set_len(u64::MAX).err(),
        file.sync_data().err(),
        root.list(9).err(),
        root.walk(&[]).err(),
        root.sync_fs().err(),
        root.durability().err(),
        root.check_writable().err(),
        root.try_lock().err(),
    ];
    for (index, error) in errors.into_iter().enumerate() {
        assert_eq!(
            error.and_then(|error| error.raw_os_error()),
            EIO,
            "call {index}"
        );
    }
    let again = after.root().try_lock().expect("lockable");
    assert!(again.is_some(), "a crash frees the lock");
    drop(guard);
    assert!(after.root().try_lock().expect("lockable").is_none());
    drop(again);
    assert!(after.root().try_lock().expect("lockable").is_some());
}

#[test]
fn the_planned_crash_ends_every_call() {
    let workload = |disk: &CrashDisk| -> std::io::Result<()> {
        let root = disk.root();
        let file = root.create(&name("f"), 0o644)?;
        file.write_at(b"abcdefgh", 0)?;
        root.stat(&name("f"))?;
        file.sync_data()?;
        root.sync()
    };
    let quiet = disk(EntryOrder::Any);
    workload(&quiet).expect("nothing is planned");
    let log: Vec<String> = quiet.log().iter().map(ToString::to_string).collect();
    assert_eq!(
        log,
        ["create f", "file.write_at f", "file.sync_data f", "sync "]
    );
    assert_eq!((quiet.calls_count(), quiet.flushes_count()), (4, 2));
    let torn = [
        "",
        "f=",
        "f=\0\0\0\0\0\0\0\0",
        "f=abcd\0\0\0\0",
        "f=\0\0\0\0efgh",
        "f=abcdefgh",
    ];
    let expected = [
        set(["", "f="]),
        set(torn),
        set(torn),
        set(["", "f=abcdefgh"]),
    ];
    for (call, expected) in expected.into_iter().enumerate() {
        let disk = disk(EntryOrder::Any);
        disk.crash_at(call as u64);
        let error = workload(&disk).expect_err("the process has ended");
        assert_eq!(error.raw_os_error(), EIO);
        assert!(disk.is_dead());
        assert_eq!(disk.calls_count(), call as u64 + 1);
        assert_eq!(disk.root().list(9).expect_err("ended").raw_os_error(), EIO);
        assert_eq!(outcomes(&disk), expected, "call {call}");
    }
}

/// As on Linux, where the pages of a failed write are clean: asking again succeeds and writes nothing.
#[test]
fn a_failed_flush_loses_what_it_should_have_written() {
    let disk = durable(EntryOrder::Any, &[("f", "old!more")]);
    let disk = disk.fork();
    let file = disk.root().open_writable(&name("f")).expect("exists");
    file.write_at(b"new!", 0).expect("room");
    disk.fail_flush_at(0);
    assert_eq!(file.sync_data().expect_err("planned").raw_os_error(), EIO);
    file.sync_data().expect("nothing is left to write");
    disk.root().sync_fs().expect("nothing is left to write");
    assert_eq!(content(&*disk.root(), "f").expect("exists"), "new!more");
    assert_eq!(outcomes(&disk.fork()), set(["f=old!more"]));
    // Other sectors are not concerned, and writing again is.
    file.write_at(b"MORE", 4).expect("room");
    file.sync_data().expect("flushes");
    assert_eq!(short(&disk.durable_tree()), "f=old!MORE");
    file.write_at(b"new!", 0).expect("room");
    file.sync_data().expect("flushes");
    assert_eq!(short(&disk.durable_tree()), "f=new!MORE");
    rename(&disk, "f", "g", RenameMode::Replace);
    disk.fail_flush_at(disk.flushes_count());
    assert_eq!(disk.root().sync().expect_err("planned").raw_os_error(), EIO);
    disk.root().sync().expect("nothing is left to write");
    assert_eq!(outcomes(&disk), set(["f=new!MORE"]));
}

#[test]
fn a_fork_goes_its_own_way() {
    let disk = durable(EntryOrder::Any, &[("f", "x")]);
    put(&*disk.root(), "g", "y");
    let fork = disk.fork();
    assert_eq!(
        (fork.calls_count(), fork.pending_count()),
        (0, disk.pending_count())
    );
    fork.root().unlink(&name("f")).expect("exists");
    fork.root().sync_fs().expect("flushes");
    assert_eq!(short(&disk.tree()), "f=x g=y");
    assert_eq!(short(&disk.durable_tree()), "f=x");
    assert_eq!(short(&fork.durable_tree()), "g=y");
    let _lost = disk.crash(&mut |_| 0);
    assert!(fork.root().list(9).is_ok(), "it has handles of its own");
    // The process dies, the machine stays up.
    assert_eq!(short(&disk.fork().tree()), "f=x g=y");
}

/// Which files matter to a crash: those that a name leads to, or may lead to.
#[test]
fn what_no_name_can_lead_to_is_no_choice() {
    let disk = durable(EntryOrder::Any, &[("f", "x")]);
    let root = disk.root();
    let file = root.open_writable(&name("f")).expect("exists");
    root.unlink(&name("f")).expect("exists");
    file.write_at(b"y", 0).expect("still open");
    assert_eq!(disk.pending_count(), 3);
    assert_eq!(outcomes(&disk.fork()), set(["", "f=x", "f=y"]));
    root.sync().expect("flushes");
    file.write_at(b"z", 0).expect("still open");
    assert_eq!(disk.pending_count(), 0);
    let mut buf = [0; 2];
    assert_eq!(file.read_at(&mut buf, 0).expect("still open"), 1);
    assert_eq!(buf[0], b'z');
}

/// Names that were kept without the removal of another name of the same object.
#[test]
fn a_second_name_after_a_crash_is_seen() {
    let disk = durable(EntryOrder::Any, &[("a", "1")]);
    rename(&disk, "a", "b", RenameMode::Replace);
    rename(&disk, "b", "c", RenameMode::Replace);
    let after = disk.crash(&mut |item| usize::from(item.index == 1));
    assert_eq!(
        (short(&after.tree()), after.answers()),
        ("a=1 c=1".to_owned(), &[0, 1][..])
    );
    let root = after.root();
    assert_eq!(outcome(&root.open_writable(&name("a"))), "PermissionDenied");
    root.unlink(&name("a")).expect("exists");
    assert_eq!(outcome(&root.open_writable(&name("c"))), "ok");
    // A name in a directory that was lost does not count.
    let disk = durable(EntryOrder::Any, &[("a", "1")]);
    rename(&disk, "a", "b", RenameMode::Replace);
    disk.root().mkdir(&name("d"), 0o755).expect("new");
    let sub = disk.root().walk(&names("d")).expect("exists");
    let root = disk.root();
    root.rename(&name("b"), &*sub, &name("x"), RenameMode::Replace)
        .expect("exists");
    let after = disk.crash(&mut |item| usize::from(item.index == 2));
    assert_eq!(short(&after.tree()), "a=1");
    assert_eq!(outcome(&after.root().open_writable(&name("a"))), "ok");
    // A directory never has two: the check of the file system removes one.
    let disk = durable(EntryOrder::Any, &[]);
    disk.root().mkdir(&name("a"), 0o755).expect("new");
    disk.root().sync_fs().expect("flushes");
    rename(&disk, "a", "b", RenameMode::Replace);
    rename(&disk, "b", "c", RenameMode::Replace);
    assert_eq!(outcomes(&disk), set(["a/", "b/", "c/"]));
}

#[test]
fn removed_directories_take_nothing() {
    let disk = disk(EntryOrder::Any);
    let root = disk.root();
    root.mkdir(&name("d"), 0o755).expect("new");
    let sub = root.walk(&names("d")).expect("exists");
    root.rmdir(&name("d")).expect("empty");
    assert_eq!(outcome(&sub.create(&name("f"), 0o644)), "NotFound");
    put(&*root, "f", "");
    let moved = root.rename(&name("f"), &*sub, &name("f"), RenameMode::Replace);
    assert_eq!(outcome(&moved), "NotFound");
}

#[test]
fn it_is_a_disk_of_its_own() {
    let [disk, other] = [CrashDisk::default(), CrashDisk::default()];
    let root = disk.root();
    put(&*root, "f", "x");
    assert_eq!(root.durability().expect("known"), Durability::PowerLoss);
    assert_eq!(root.os_path(), None);
    assert_eq!(
        root.stat_movable(&name("f")).ok(),
        root.stat(&name("f")).ok()
    );
    let to = other.root();
    let moved = root.rename(&name("f"), &*to, &name("f"), RenameMode::Replace);
    assert_eq!(
        moved.map_err(|error| error.kind()),
        Err(ErrorKind::CrossesDevices)
    );
    let file = root.open_writable(&name("f")).expect("exists");
    assert_eq!(outcome(&file.set_len((1 << 30) + 1)), "FileTooLarge");
    assert_eq!(outcome(&file.write_at(b"x", 1 << 30)), "FileTooLarge");
    let real = Sandbox::new(RealDir::open).root;
    let moved = root.rename(&name("f"), &*real, &name("f"), RenameMode::Replace);
    assert_eq!(outcome(&moved), "InvalidInput");
    assert_eq!(root.stat(&name("f")).expect("exists").size, 1);
}

#[test]
fn long_paths_are_refused_as_by_the_kernel() {
    let disk = disk(EntryOrder::Any);
    let long = ["d".repeat(255), "/".to_owned()].concat().repeat(16);
    assert_eq!(outcome(&disk.root().walk(&names(&long))), "NotFound");
    assert_eq!(
        outcome(&disk.root().walk(&names(&format!("{long}d")))),
        "InvalidFilename"
    );
    let longest = "x".repeat(4095);
    disk.root()
        .symlink(&longest, &name("l"))
        .expect("4,095 bytes");
    let longer = disk.root().symlink(&(longest + "y"), &name("m"));
    assert_eq!(outcome(&longer), "InvalidFilename");
}
