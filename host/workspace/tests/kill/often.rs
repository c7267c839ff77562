//! Killing the process again and again, and looking at what it left.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use cap_std::fs::Dir as Folder;

use super::child;
use super::numbered::History;
use crate::scene;

/// What is large and says nothing here.
const BULK: [&str; 2] = [".session-fs/journal", ".session-fs/reserve"];
/// `SIGABRT` of a child that ended by itself, and `SIGKILL`.
const SIGNALS: [i32; 2] = [6, 9];

/// Kills so many children over one folder, and looks at it after each. Returns the commits. A seed
/// says when each is killed.
pub(crate) fn kill_often(folder: &Folder, kills: u64, seed: u64) -> u64 {
    use std::os::fd::AsRawFd;
    let own = folder.try_clone().expect("a handle");
    let path = format!("/proc/{}/fd/{}", std::process::id(), own.as_raw_fd());
    let (mut history, mut dice) = (History::new(), seed);
    for kill in 0..kills {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = dice >> 33;
        // Half of them end before a call that can be named, half at any moment.
        let end_at = if random & 1 == 0 {
            random % 400
        } else {
            u64::MAX
        };
        let mut child = spawn(&path, end_at);
        let acknowledged = kill_after(&mut child, random % 6);
        let (workspace, base) = child::open(&path, u64::MAX);
        let trouble = base.trouble().map(|error| format!("{error:?}"));
        assert_eq!(trouble, None, "kill {kill}");
        let found = base.generation();
        let last = acknowledged.unwrap_or(0);
        assert!(
            found >= last,
            "kill {kill}: {last} was acknowledged, {found} is there"
        );
        let mut tree = scene::tree_without(folder, &BULK);
        // One that was killed while it made the store leaves what the next commit begins with.
        if tree.contains_key(".session-fs/store") {
            let left = tree
                .keys()
                .filter(|path| path.starts_with(".session-fs/staging/"));
            let left: Vec<_> = left.collect();
            assert!(left.is_empty(), "kill {kill}: {left:?}");
        }
        assert!(!tree.contains_key(".session-fs/conflicts"), "kill {kill}");
        tree.retain(|path, _| !path.starts_with(".session-fs"));
        let expected = history.tree(found);
        assert_eq!(tree, expected, "kill {kill}: the tree after change {found}");
        drop((workspace, base));
    }
    history.len()
}

#[expect(clippy::disallowed_methods, reason = "only a process can be killed")]
fn spawn(folder: &str, end_at: u64) -> Child {
    let program = std::env::current_exe().expect("this program has a path");
    Command::new(program)
        .args(["commit", folder, &end_at.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts")
}

/// Kills the child after it has acknowledged so many commits; returns the last that it did.
fn kill_after(child: &mut Child, lines: u64) -> Option<u64> {
    let output = child.stdout.take().expect("a pipe");
    let mut numbers = BufReader::new(output).lines().map_while(Result::ok);
    let mut last = None;
    for _ in 0..lines {
        let Some(number) = numbers.next() else { break };
        last = Some(number);
    }
    // It may have ended by itself.
    drop(child.kill());
    let status = child.wait().expect("has ended");
    let signal = status.signal();
    assert!(
        signal.is_some_and(|signal| SIGNALS.contains(&signal)),
        "the child ended before it was killed: {status}"
    );
    let last = numbers.last().or(last);
    last.map(|number| number.parse().expect("a number"))
}
