//! Git as the judge: `git merge-file` over three files in a folder of its own.

use std::os::fd::AsRawFd;
use std::process::Command;

use cap_tempfile::TempDir;

use super::cases::Case;

/// A folder for the three files.
pub(super) struct Judge {
    folder: TempDir,
}

/// What git made of a case.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// How many conflicts it found; 0 is clean.
    pub(super) conflicts: usize,
    /// What it wrote.
    pub(super) text: Vec<u8>,
}

impl Judge {
    pub(super) fn new() -> Self {
        let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority()).expect("tempdir");
        Self { folder }
    }

    /// Merges by git's defaults: Myers' algorithm, no indentation heuristic.
    pub(super) fn merge(&self, case: &Case) -> Verdict {
        self.merge_with(case, &[])
    }

    /// The same, with what stood there before shown in every conflict.
    pub(super) fn merge_showing_before(&self, case: &Case) -> Verdict {
        self.merge_with(case, &["--diff3"])
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "git itself is the judge of its merges"
    )]
    fn merge_with(&self, case: &Case, options: &[&str]) -> Verdict {
        let sides = [("b", &case.before), ("o", &case.ours), ("t", &case.theirs)];
        for (name, content) in sides {
            self.folder.write(name, content).expect("writes");
        }
        let folder = self.folder.as_raw_fd();
        let output = Command::new("git")
            .arg("-C")
            .arg(format!("/proc/{}/fd/{folder}", std::process::id()))
            .args(["merge-file", "-p", "-L", "session", "-L", "before"])
            .args(["-L", "base"])
            .args(options)
            .args(["o", "b", "t"])
            .env("GIT_CEILING_DIRECTORIES", "/")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git is installed");
        let conflicts = output.status.code().expect("git ends by itself");
        // 127 conflicts and more are told as 127; from there on it is an error.
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(conflicts <= 127, "{error}");
        Verdict {
            conflicts: usize::try_from(conflicts).expect("an exit code"),
            text: output.stdout,
        }
    }
}
