//! A process that commits is killed again and again, at random moments and before named calls, on a
//! real file system: what it acknowledged is there, and the tree is whole.
//!
//! The process is this very program: `kill commit <folder> <call>`. It ends by itself before that
//! call, or is killed. `kill --kills <n> <folder>` is the long run.
#![expect(
    dead_code,
    reason = "the modules belong to the tests, which use all of them"
)]

#[path = "it"]
mod it {
    pub(crate) mod acting;
    pub(crate) mod scene;
}
#[path = "kill/numbered.rs"]
mod numbered;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir as Folder;
use it::{acting, scene};
use numbered::{History, change};
use session_fs_workspace::{
    BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions,
};
use store::disk::RealDir;

/// Kills when nobody asks for more.
const KILLS: u64 = 200;
const NAME: &str = "a_killed_process_loses_nothing";

#[expect(
    clippy::print_stdout,
    reason = "a test program tells its runner, and a child its parent"
)]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["commit", folder, call] => commit(folder, call.parse().expect("a number")),
        ["--kills", count, folder] => {
            let folder = Folder::open_ambient_dir(folder, ambient_authority());
            let inside = cap_tempfile::TempDir::new_in(&folder.expect("a folder"));
            let count = count.parse().expect("a number");
            let commits = kill_often(&inside.expect("a folder"), count);
            println!("{count} kills, {commits} commits, 0 lost, 0 mixed");
        }
        arguments if arguments.contains(&"--list") => {
            if !arguments.contains(&"--ignored") {
                println!("{NAME}: test");
            }
        }
        arguments if arguments.contains(&"--ignored") => {}
        arguments => {
            let is_filter = |argument: &&&str| !argument.starts_with('-');
            if arguments
                .iter()
                .find(is_filter)
                .is_none_or(|filter| NAME.contains(*filter))
            {
                let folder = cap_tempfile::TempDir::new(ambient_authority()).expect("a folder");
                let commits = kill_often(&folder, KILLS);
                assert!(commits > KILLS / 4, "only {commits} commits");
                println!("test {NAME} ... ok");
            }
        }
    }
}

fn open(folder: &str, end_at: u64) -> Workspace_ {
    let folder = Folder::open_ambient_dir(folder, ambient_authority()).expect("a folder");
    let root = RealDir::open(folder).expect("a directory");
    let root = acting::ActingDir::wrap(
        root,
        Arc::new(move |call, _| {
            if call == end_at {
                std::process::abort();
            }
        }),
    );
    let workspace = Workspace::new(WorkspaceOptions {
        boot: Some([1; 16]),
        ..WorkspaceOptions::default()
    });
    let base = workspace.directory(root, "file:///kill").expect("a base");
    (workspace, base)
}

type Workspace_ = (Workspace, Arc<session_fs_workspace::BaseHandle>);

/// What the child does: commits one numbered change after the other, and says so after each.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn commit(folder: &str, end_at: u64) {
    let (workspace, base) = open(folder, end_at);
    assert!(base.trouble().is_none(), "{:?}", base.trouble());
    let mut number = base.generation();
    loop {
        number += 1;
        let session = workspace
            .begin(&base, BeginOptions::default())
            .expect("begins");
        change(&session, number).expect("the session takes it");
        let outcome = workspace.commit(&session, &CommitOptions::default());
        match outcome.expect("commits") {
            CommitOutcome::Applied(info) => assert_eq!(info.generation, number),
            other => panic!("nobody else is here: {other:?}"),
        }
        println!("{number}");
        if number % 16 == 0 {
            base.checkpoint().expect("checkpoints");
        }
    }
}

/// Kills so many children over one folder, and looks at it after each. Returns the commits.
fn kill_often(folder: &Folder, kills: u64) -> u64 {
    use std::os::fd::AsRawFd;
    let own = folder.try_clone().expect("a handle");
    let path = format!("/proc/{}/fd/{}", std::process::id(), own.as_raw_fd());
    let (mut history, mut dice) = (History::new(), kills);
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
        let (workspace, base) = open(&path, u64::MAX);
        let trouble = base.trouble().map(|error| format!("{error:?}"));
        assert_eq!(trouble, None, "kill {kill}");
        let found = base.generation();
        let last = acknowledged.unwrap_or(0);
        assert!(
            found >= last,
            "kill {kill}: {last} was acknowledged, {found} is there"
        );
        let mut tree = scene::tree(folder);
        let left = tree
            .keys()
            .filter(|path| path.starts_with(".session-fs/staging/"));
        assert_eq!(left.count(), 0, "kill {kill}");
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
        .stderr(Stdio::null())
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
    child.wait().expect("has ended");
    let last = numbers.last().or(last);
    last.map(|number| number.parse().expect("a number"))
}
