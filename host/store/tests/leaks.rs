//! Handles of the process: none is left behind and none reaches a child process.
//!
//! A binary of its own, because other tests of the same process open handles too.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;

use cap_std::fs::{Dir as Folder, DirEntry};
use session_fs_store::Name;
use session_fs_store::disk::{Dir, RealDir};

/// The two tests must not see each other's handles.
static ALONE: Mutex<()> = Mutex::new(());
/// `O_CLOEXEC` as `/proc/self/fdinfo` prints it.
const CLOSE_ON_EXEC: u32 = 0o2_000_000;

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn process(path: &str) -> Folder {
    Folder::open_ambient_dir(path, cap_std::ambient_authority()).expect("Linux has /proc")
}

/// Numbers of the open handles, without those that this look itself opens.
fn open_handles() -> BTreeSet<String> {
    let folder = process("/proc/self/fd");
    let number = |entry: io::Result<DirEntry>| entry.expect("readable").file_name();
    let targets = folder
        .entries()
        .expect("readable")
        .map(number)
        .map(|number| {
            let target = rustix::fs::readlinkat(&folder, &number, Vec::new()).expect("still open");
            (number.into_string().expect("a number"), target)
        });
    let own = |target: &[u8]| target.starts_with(b"/proc/");
    targets
        .filter(|(_, target)| !own(target.to_bytes()))
        .map(|(number, _)| number)
        .collect()
}

/// Calls everything that opens a handle, in ways that succeed and in ways that fail.
fn exercise(root: &dyn Dir) {
    let sub = root.walk(&[name("d")]).expect("exists");
    sub.list(10).expect("readable");
    sub.sync().expect("flushes");
    assert!(root.list(0).is_err());
    assert!(root.walk(&[name("d"), name("missing")]).is_err());
    assert!(root.walk(&[name("d"), name("f")]).is_err());
    assert!(root.walk(&[name("l")]).is_err());
    sub.open(&name("f")).expect("regular").stat().expect("open");
    sub.open_writable(&name("f"))
        .expect("regular")
        .sync_data()
        .expect("flushes");
    assert!(root.open(&name("l")).is_err());
    assert!(root.open(&name("d")).is_err());
    assert!(root.create(&name("l"), 0o644).is_err());
    let guard = sub.try_lock().expect("lockable").expect("free");
    assert!(sub.try_lock().expect("lockable").is_none());
    drop(guard);
    assert!(sub.try_lock().expect("lockable").is_some());
}

fn fill(root: &dyn Dir) {
    root.mkdir(&name("d"), 0o755).expect("new");
    root.symlink("d", &name("l")).expect("new");
    root.walk(&[name("d")])
        .expect("exists")
        .create(&name("f"), 0o644)
        .expect("new");
}

#[test]
fn no_handle_is_left_behind() {
    let _alone = ALONE.lock().unwrap();
    for pin in [RealDir::open, RealDir::open_without_openat2] {
        let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority()).unwrap();
        let before = open_handles();
        let root = pin(folder.try_clone().unwrap()).unwrap();
        fill(&*root);
        for _ in 0..10 {
            exercise(&*root);
        }
        drop(root);
        assert_eq!(open_handles(), before);
    }
}

#[test]
fn every_handle_closes_on_exec() {
    let _alone = ALONE.lock().unwrap();
    for pin in [RealDir::open, RealDir::open_without_openat2] {
        let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority()).unwrap();
        let before = open_handles();
        let root = pin(folder.try_clone().unwrap()).unwrap();
        fill(&*root);
        let sub = root.walk(&[name("d")]).unwrap();
        sub.sync().unwrap();
        let _lock = sub.try_lock().unwrap().expect("free");
        let _files = (
            sub.open(&name("f")).unwrap(),
            sub.open_writable(&name("f")).unwrap(),
            sub.create(&name("g"), 0o644).unwrap(),
            root.walk(&[]).unwrap(),
        );
        let opened: Vec<_> = open_handles().difference(&before).cloned().collect();
        assert_eq!(
            opened.len(),
            8,
            "root, sub, its flushing handle, its lock, and four more"
        );
        for handle in opened {
            let info = process("/proc/self/fdinfo")
                .read_to_string(&handle)
                .unwrap();
            let flags = info
                .lines()
                .find_map(|line| line.strip_prefix("flags:"))
                .unwrap();
            let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
            assert_ne!(flags & CLOSE_ON_EXEC, 0, "handle {handle}: {info}");
        }
    }
}
