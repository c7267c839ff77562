//! An operator's desk: a base, a home for what is remembered, and another directory to work from.

use std::path::PathBuf;
use std::process::Child;

use tempfile::TempDir;

use super::{Call, Done, Place};

pub(super) struct Desk {
    pub(super) place: Place,
    home: TempDir,
    elsewhere: TempDir,
}

impl Desk {
    pub(super) fn new() -> Self {
        let directory = || tempfile::tempdir().expect("a directory");
        Self {
            place: Place::new(),
            home: directory(),
            elsewhere: directory(),
        }
    }

    /// A call from a directory that has nothing to do with the base.
    pub(super) fn call(&self, args: &[&str]) -> Call {
        let call = Call::new(args).env("XDG_STATE_HOME", self.home.path());
        call.cwd(self.elsewhere.path())
    }

    /// What such a call does.
    #[track_caller]
    pub(super) fn ok(&self, args: &[&str]) -> Done {
        let done = self.call(args).done();
        done.assert_code(0);
        done
    }

    /// What such a call prints as JSON.
    #[track_caller]
    pub(super) fn json(&self, args: &[&str]) -> serde_json::Value {
        let done = self.call(args).args(&["--format", "json"]).done();
        done.assert_code(0).json()
    }

    /// `session begin` over the base; returns the id.
    #[track_caller]
    pub(super) fn begin(&self) -> String {
        let done = self.call(&["session", "begin", "--base"]);
        let done = done.arg(self.place.path()).done();
        done.assert_code(0).stdout.trim_end().to_owned()
    }

    #[track_caller]
    pub(super) fn write(&self, id: &str, path: &str, text: &str) {
        let done = self.call(&["fs", "write", id, path]).with_input(text);
        done.assert_code(0);
    }

    /// Starts an `fs write` that has taken its session and waits for the rest of its input.
    pub(super) fn start_write(&self, id: &str, path: &str) -> Child {
        use std::io::Write as _;
        let mut child = self.call(&["fs", "write", id, path]).start();
        let stdin = child.stdin.as_mut().expect("piped");
        // More than a pipe holds: all of it goes only when somebody reads it, which the command
        // does once the session is its own.
        stdin.write_all(&vec![b'x'; 3 << 20]).expect("taken");
        child
    }

    /// Commits a file's content, and returns the change's id.
    #[track_caller]
    pub(super) fn commit(&self, path: &str, text: &str) -> String {
        let id = self.begin();
        self.write(&id, path, text);
        let done = self.json(&["session", "commit", &id, "--message", "why"]);
        done["change"]["id"].as_str().expect("an id").to_owned()
    }

    /// `--base DIR` as one argument.
    pub(super) fn base(&self) -> String {
        format!("--base={}", self.place.path().display())
    }

    /// The folder of what is remembered of the bases.
    pub(super) fn records(&self) -> PathBuf {
        self.home.path().join("session-fs/bases")
    }
}
