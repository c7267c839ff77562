//! An attacker swaps directories, files and links while the disk resolves them: nothing outside is
//! ever read, and no FIFO is opened. Check-then-open implementations fail here within a few hundred rounds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{FileType, Mode};
use session_fs_store::disk::{Dir, FileKind, RenameMode};

use crate::{PINS, SECRET, Sandbox, content, name, names, put};

const ROUNDS: u32 = 20_000;

#[test]
fn swapped_links_never_lead_outside() {
    for (way, pin) in PINS {
        let sandbox = Sandbox::new(pin);
        let root = &*sandbox.root;
        root.mkdir(&name("dir"), 0o755).expect("new");
        put(
            &*root.walk(&names("dir")).expect("exists"),
            "secret",
            "inside",
        );
        put(root, "file", "inside");
        root.symlink("../outside", &name("dir-link")).expect("new");
        root.symlink("../outside/secret", &name("file-link"))
            .expect("new");
        let swaps = [("dir", "dir-link"), ("file", "file-link")];
        assert_eq!(count_under_attack(root, &swaps, escaped), 0, "{way}");
    }
}

/// The kind is checked before and after opening; only the second look is safe from this attacker.
#[test]
fn a_fifo_swapped_in_is_never_handed_out() {
    for (way, pin) in PINS {
        let sandbox = Sandbox::new(pin);
        put(&*sandbox.root, "file", "inside");
        let raw = sandbox.folder.open_dir("root").expect("exists");
        let mode = Mode::from_raw_mode(0o666);
        rustix::fs::mknodat(&raw, "fifo", FileType::Fifo, mode, 0).expect("new");
        let swaps = [("file", "fifo")];
        assert_eq!(
            count_under_attack(&*sandbox.root, &swaps, opened_a_fifo),
            0,
            "{way}"
        );
    }
}

/// How many of the rounds ended in `broken`, while another thread swapped without a pause.
fn count_under_attack(
    root: &dyn Dir,
    swaps: &[(&str, &str)],
    broken: fn(&dyn Dir) -> bool,
) -> usize {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                swaps
                    .iter()
                    .for_each(|(left, right)| swap(root, left, right));
            }
        });
        let count = (0..ROUNDS).filter(|_| broken(root)).count();
        done.store(true, Ordering::Relaxed);
        count
    })
}

fn swap(root: &dyn Dir, left: &str, right: &str) {
    root.rename(&name(left), root, &name(right), RenameMode::Exchange)
        .expect("both always exist");
}

/// Tries each way in; a refusal is as good as the right content.
fn escaped(root: &dyn Dir) -> bool {
    let through_dir = root
        .walk(&names("dir"))
        .and_then(|dir| content(&*dir, "secret"));
    let through_file = content(root, "file");
    [through_dir, through_file]
        .into_iter()
        .flatten()
        .any(|found| found == SECRET)
}

fn opened_a_fifo(root: &dyn Dir) -> bool {
    let opened = root.open(&name("file")).and_then(|file| file.stat());
    opened.is_ok_and(|found| found.kind != FileKind::File)
}
