//! An attacker swaps directories, files and links while the disk resolves them: nothing outside is
//! ever read. Check-then-open implementations fail here within a few hundred rounds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use session_fs_store::disk::{Dir, RenameMode};

use crate::{PINS, SECRET, Sandbox, content, name, names, put};

const ROUNDS: u32 = 20_000;

#[test]
fn swaps_never_lead_outside() {
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
        let done = AtomicBool::new(false);
        let escapes = thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    swap(root, "dir", "dir-link");
                    swap(root, "file", "file-link");
                }
            });
            let escapes = (0..ROUNDS).filter(|_| escaped(root)).count();
            done.store(true, Ordering::Relaxed);
            escapes
        });
        assert_eq!(escapes, 0, "{way}");
    }
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
