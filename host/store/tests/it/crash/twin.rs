//! Until it crashes, the simulated disk does what the real one does.

use std::io;
use std::sync::Arc;

use proptest::prelude::*;
use session_fs_store::disk::{CrashDisk, Dir, File, FileKind, RealDir, RenameMode};

use crate::{name, names, outcome};

/// Directories that operations are made in; each is opened once, and kept when it is moved or gone.
const DIRS: [&str; 4] = ["", "p", "q", "p/r"];
const NAMES: [&str; 5] = ["p", "q", "r", "a", "b"];
const PATHS: [&str; 7] = ["", "p", "a", "p/r", "p/a", "a/b", "q/r/a"];
/// Room for every name.
const ENTRIES_MAX: usize = 5;

type Place = (usize, &'static str);

#[derive(Debug, Clone)]
enum Operation {
    Create(Place, u32),
    Mkdir(Place, u32),
    Symlink(Place, &'static str),
    Unlink(Place),
    Rmdir(Place),
    Rename(Place, Place, RenameMode),
    Open(Place),
    OpenWritable(Place),
    Walk(usize, &'static str),
    List(usize, usize),
    OnFile(usize, FileOperation),
    Flush(usize),
}

#[derive(Debug, Clone)]
enum FileOperation {
    Write(Vec<u8>, u64),
    Read(usize, u64),
    SetLen(u64),
    Allocate(u64),
    SetMode(u32),
    SetMtime(i64),
    Sync,
}

fn place() -> impl Strategy<Value = Place> {
    (0..DIRS.len(), prop::sample::select(NAMES.to_vec()))
}

fn operation() -> impl Strategy<Value = Operation> {
    let mode = || prop::sample::select(vec![0o644, 0o600, 0o7777, 0o755]);
    let rename = prop::sample::select(vec![
        RenameMode::Replace,
        RenameMode::NoReplace,
        RenameMode::Exchange,
    ]);
    let target = prop::sample::select(vec!["", "a", "../x", "p/q", "nul\0"]);
    let dir = || 0..DIRS.len();
    prop_oneof![
        3 => (place(), mode()).prop_map(|(place, mode)| Operation::Create(place, mode)),
        3 => (place(), mode()).prop_map(|(place, mode)| Operation::Mkdir(place, mode)),
        2 => (place(), target).prop_map(|(place, target)| Operation::Symlink(place, target)),
        2 => place().prop_map(Operation::Unlink),
        2 => place().prop_map(Operation::Rmdir),
        8 => (place(), place(), rename).prop_map(|(from, to, mode)| Operation::Rename(from, to, mode)),
        2 => place().prop_map(Operation::Open),
        2 => place().prop_map(Operation::OpenWritable),
        2 => (dir(), prop::sample::select(PATHS.to_vec())).prop_map(|(d, path)| Operation::Walk(d, path)),
        1 => (dir(), 0..4_usize).prop_map(|(dir, max)| Operation::List(dir, max)),
        8 => (0..9_usize, file_operation()).prop_map(|(file, op)| Operation::OnFile(file, op)),
        1 => dir().prop_map(Operation::Flush),
    ]
}

fn file_operation() -> impl Strategy<Value = FileOperation> {
    let offset = || prop_oneof![6 => 0..1500_u64, 1 => Just(u64::MAX), 1 => Just(u64::MAX / 2)];
    let len = prop_oneof![6 => 0..2000_u64, 1 => Just(u64::MAX)];
    let bytes = (1..=u8::MAX, 0..900_usize).prop_map(|(byte, len)| vec![byte; len]);
    prop_oneof![
        5 => (bytes, offset()).prop_map(|(bytes, offset)| FileOperation::Write(bytes, offset)),
        2 => (0..900_usize, offset()).prop_map(|(len, offset)| FileOperation::Read(len, offset)),
        2 => len.prop_map(FileOperation::SetLen),
        1 => (0..2000_u64).prop_map(FileOperation::Allocate),
        1 => prop::sample::select(vec![0o644, 0o600, 0o7777]).prop_map(FileOperation::SetMode),
        1 => prop::sample::select(vec![0, -1, 1_000_000_000]).prop_map(FileOperation::SetMtime),
        1 => Just(FileOperation::Sync),
    ]
}

/// One of the two disks under test, with every handle that was opened on it.
struct Side {
    dirs: Vec<Arc<dyn Dir>>,
    files: Vec<Arc<dyn File>>,
}

impl Side {
    fn new(root: &Arc<dyn Dir>) -> Self {
        for path in &DIRS[1..] {
            let path = names(path);
            let (last, parent) = path.split_last().expect("not the root");
            let parent = root.walk(parent).expect("made before");
            parent.mkdir(last, 0o755).expect("new");
        }
        let open = |path: &&str| root.walk(&names(path)).expect("just made");
        Self {
            dirs: DIRS.iter().map(open).collect(),
            files: Vec::new(),
        }
    }

    /// Does it; returns what a program could tell from it.
    fn perform(&mut self, operation: &Operation) -> String {
        use Operation as O;
        let dir = |index: usize| &*self.dirs[index];
        match operation {
            O::Create((d, n), mode) => {
                let made = dir(*d).create(&name(n), *mode);
                self.keep(made)
            }
            O::Open((d, n)) => {
                let opened = dir(*d).open(&name(n));
                self.keep(opened)
            }
            O::OpenWritable((d, n)) => {
                let opened = dir(*d).open_writable(&name(n));
                self.keep(opened)
            }
            O::Mkdir((d, n), mode) => outcome(&dir(*d).mkdir(&name(n), *mode)),
            O::Symlink((d, n), target) => outcome(&dir(*d).symlink(target, &name(n))),
            O::Unlink((d, n)) => outcome(&dir(*d).unlink(&name(n))),
            O::Rmdir((d, n)) => outcome(&dir(*d).rmdir(&name(n))),
            O::Rename((d, n), (to, to_name), mode) => {
                let renamed = dir(*d).rename(&name(n), dir(*to), &name(to_name), *mode);
                outcome(&renamed)
            }
            O::Walk(d, path) => outcome(&dir(*d).walk(&names(path))),
            O::List(d, max) => outcome(&dir(*d).list(*max)),
            O::Flush(d) => outcome(&dir(*d).sync()),
            O::OnFile(index, operation) => match self.files.as_slice() {
                [] => String::new(),
                files => on_file(&*files[index % files.len()], operation),
            },
        }
    }

    fn keep(&mut self, file: io::Result<Arc<dyn File>>) -> String {
        let outcome = outcome(&file);
        self.files.extend(file);
        outcome
    }

    /// Everything that can be seen from the kept handles.
    fn observe(&self) -> Vec<String> {
        let dirs = self.dirs.iter().map(|dir| observe_dir(&**dir));
        let files = self.files.iter().map(|file| observe_file(&**file));
        dirs.chain(files).collect()
    }
}

fn on_file(file: &dyn File, operation: &FileOperation) -> String {
    match operation {
        FileOperation::Write(bytes, offset) => outcome(&file.write_at(bytes, *offset)),
        FileOperation::Read(len, offset) => {
            let mut buf = vec![0; *len];
            let read = file
                .read_at(&mut buf, *offset)
                .map_err(|error| error.kind());
            format!("{read:?} {buf:?}")
        }
        FileOperation::SetLen(len) => outcome(&file.set_len(*len)),
        FileOperation::Allocate(len) => outcome(&file.allocate(*len)),
        FileOperation::SetMode(mode) => outcome(&file.set_mode(*mode)),
        FileOperation::SetMtime(seconds) => {
            let set = file.set_mtime(i128::from(*seconds) * 1_000_000_000);
            let stated = file.stat().expect("open").mtime_ns;
            format!("{} {stated}", outcome(&set))
        }
        FileOperation::Sync => outcome(&file.sync_data()),
    }
}

fn observe_file(file: &dyn File) -> String {
    let found = file.stat().expect("open");
    let mut bytes = vec![0; usize::try_from(found.size).expect("small") + 1];
    let len = file.read_at(&mut bytes, 0).expect("readable");
    bytes.truncate(len);
    format!("{:?} {:o} {} {bytes:?}", found.kind, found.mode, found.size)
}

fn observe_dir(dir: &dyn Dir) -> String {
    let mut text = String::new();
    let listing = dir.list(ENTRIES_MAX).expect("room for every name");
    for item in &listing.items {
        let found = dir.stat(&item.name).expect("listed");
        let size = if found.kind == FileKind::Directory {
            0
        } else {
            found.size
        };
        let target = dir.read_link(&item.name).map_err(|error| error.kind());
        let opened = outcome(&dir.open(&item.name));
        text += &format!(
            "{:?} {:?} {:?} {:o} {size} {target:?} {opened}\n",
            item.name, item.kind, found.kind, found.mode
        );
    }
    text
}

/// A folder in memory where the machine has one: many small operations are made there.
fn folder() -> cap_tempfile::TempDir {
    let authority = cap_tempfile::ambient_authority();
    let memory = cap_std::fs::Dir::open_ambient_dir("/dev/shm", authority);
    let folder = memory.and_then(|memory| cap_tempfile::TempDir::new_in(&memory));
    folder
        .or_else(|_| cap_tempfile::tempdir(authority))
        .expect("a folder for tests")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn both_disks_do_the_same(operations in prop::collection::vec(operation(), 1..60)) {
        let folder = folder();
        let real = RealDir::open(folder.try_clone().expect("open")).expect("opens");
        let disk = CrashDisk::default();
        let mut sides = [Side::new(&real), Side::new(&disk.root())];
        for operation in &operations {
            let [real, simulated] = sides.each_mut().map(|side| side.perform(operation));
            prop_assert_eq!(real, simulated, "{:?}", operation);
            let [real, simulated] = sides.each_ref().map(Side::observe);
            prop_assert_eq!(real, simulated, "{:?}", operation);
        }
        // The same tree, by handles and by the map for tests.
        let all_durable = {
            disk.root().sync_fs().expect("flushes");
            disk.durable_tree()
        };
        prop_assert_eq!(disk.tree(), all_durable);
    }
}

/// Which times each operation moves, as stated by Linux; on the real disk ticks are too coarse to see.
#[test]
fn times_move_as_on_linux() {
    let disk = CrashDisk::default();
    let root = disk.root();
    root.mkdir(&name("d"), 0o755).expect("new");
    let sub = root.walk(&names("d")).expect("exists");
    let file = root.create(&name("f"), 0o644).expect("new");
    let other = root.create(&name("g"), 0o644).expect("new");
    let times = || {
        let found = [file.stat(), other.stat(), root.stat_self(), sub.stat_self()];
        found.map(|found| found.map(|f| [f.ctime_ns, f.mtime_ns]).expect("open"))
    };
    let moved = |operation: &dyn Fn() -> io::Result<()>| {
        let before = times();
        operation().expect("succeeds");
        let after = times();
        let mut letters = String::new();
        for (object, letter) in ["f", "g", "root", "d"].into_iter().enumerate() {
            for (time, kind) in ["c", "m"].into_iter().enumerate() {
                if before[object][time] != after[object][time] {
                    letters += &format!("{kind}:{letter} ");
                }
            }
        }
        letters
    };
    let rename = |mode| root.rename(&name("f"), &*sub, &name("x"), mode);
    let back = |mode| sub.rename(&name("x"), &*root, &name("f"), mode);
    let cases: [(&dyn Fn() -> io::Result<()>, &str); 12] = [
        (&|| file.write_at(b"x", 0), "c:f m:f "),
        (&|| file.write_at(b"x", 0), "c:f m:f "),
        (&|| file.write_at(b"", 0), ""),
        (&|| file.set_len(1), "c:f m:f "),
        (&|| file.set_mode(0o600), "c:f "),
        (&|| file.set_mtime(5), "c:f m:f "),
        (&|| file.sync_data(), ""),
        (
            &|| rename(RenameMode::NoReplace),
            "c:f c:root m:root c:d m:d ",
        ),
        (&|| back(RenameMode::Replace), "c:f c:root m:root c:d m:d "),
        (
            &|| root.rename(&name("f"), &*root, &name("g"), RenameMode::Exchange),
            "c:f c:g c:root m:root ",
        ),
        (
            &|| root.rename(&name("f"), &*root, &name("g"), RenameMode::Replace),
            "c:f c:g c:root m:root ",
        ),
        (&|| root.unlink(&name("g")), "c:g c:root m:root "),
    ];
    for (index, (operation, expected)) in cases.into_iter().enumerate() {
        assert_eq!(moved(operation), expected, "case {index}");
    }
}
