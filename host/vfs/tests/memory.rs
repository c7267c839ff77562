//! What a session really takes of the heap, against what its account says. Alone in its binary:
//! it counts every allocation of the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use session_fs_vfs::{Base, DirectoryBase, Meter, Session, SessionOptions};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "only an allocator can count what is allocated")]
// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FILES: usize = 50;
const LINES: usize = 20;

fn lines(count: usize) -> String {
    let mut text = String::new();
    for line in 0..count {
        writeln!(text, "let value_{line} = compute(value, {line});").expect("a string");
    }
    text
}

/// The bar: a session with 50 files changed by 20 lines each takes 64 KiB and the changed bytes.
#[test]
fn fifty_edited_files() {
    let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority()).expect("tempdir");
    let text = lines(400);
    for number in 0..FILES {
        folder.write(format!("f{number}.rs"), &text).expect("fresh");
    }
    let root = store::disk::RealDir::open(folder.try_clone().expect("ours")).expect("opens");
    let base: Arc<dyn Base> = Arc::new(DirectoryBase::new(root, "file:///memory"));
    let host = Meter::new("host", u64::MAX);
    let mut reports = Vec::new();
    for (what, edit) in [
        ("appended", append as fn(&Session) -> usize),
        ("rewritten", rewrite),
    ] {
        let begin = || {
            let options = SessionOptions {
                meter: host.clone(),
                ..SessionOptions::default()
            };
            Session::begin(base.clone(), options)
        };
        edit(&begin());
        let before = HELD.load(Ordering::Relaxed);
        let session = begin();
        let changed = edit(&session);
        let heap = HELD.load(Ordering::Relaxed) - before;
        let metered = usize::try_from(host.used()).expect("small");
        reports.push(format!(
            "{what}: changed {changed}, heap {heap}, meter {metered}"
        ));
        assert!(heap <= (64 << 10) + changed, "{reports:?}");
        assert!(metered <= (64 << 10) + changed, "{reports:?}");
        assert!(
            heap <= metered + metered / 4,
            "the account says too little: {reports:?}"
        );
        drop(session);
        assert_eq!(host.used(), 0);
        assert!(
            HELD.load(Ordering::Relaxed) <= before + 256,
            "something stays"
        );
    }
}

fn append(session: &Session) -> usize {
    let added = lines(LINES);
    for number in 0..FILES {
        session
            .append(&format!("f{number}.rs"), added.as_bytes())
            .expect("fits");
    }
    FILES * added.len()
}

/// Every file is written anew as a whole, with a block of lines changed in its middle.
fn rewrite(session: &Session) -> usize {
    let mut changed = 0;
    for number in 0..FILES {
        let path = format!("f{number}.rs");
        let text = String::from_utf8(session.read(&path).expect("there")).expect("text");
        let block: String = text
            .lines()
            .skip(200)
            .take(LINES)
            .map(|l| format!("{l}\n"))
            .collect();
        let other = block.replace("compute", "derive");
        changed += other.len();
        session
            .write(&path, text.replace(&block, &other).as_bytes())
            .expect("fits");
    }
    changed
}
