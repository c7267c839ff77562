//! The command line as its users meet it: exit codes, what is printed where, what is left behind.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests play the operator: they start the binary and look at the disk"
)]

mod desk;

mod audit;
mod bases;
mod doctor;
mod errors;
mod every;
mod fs;
mod full_disk;
mod grants;
mod history;
mod hold;
mod inspect;
mod json;
mod outcomes;
mod registry;
mod reviews;
mod session;
mod signals;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Item, Scene};

/// The binary, built together with the tests.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_session-fs-under-test");

/// A base and the way to run agents over it.
struct Place {
    scene: Scene,
}

/// One call of the binary, not yet made.
struct Call(Command);

/// What the binary did.
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Place {
    /// A base of three files, one of them in a directory.
    fn new() -> Self {
        let items = [
            Item::File("a.txt", "one\ntwo\nthree\n"),
            Item::File("b.txt", "b\n"),
            Item::File("dir/c.txt", "c\n"),
        ];
        Self {
            scene: Scene::new(&items),
        }
    }

    fn path(&self) -> PathBuf {
        self.scene.path()
    }

    /// `session-fs run --base … OPTIONS GUEST -- STEPS`
    fn run(&self, options: &[&str], guest: &str, steps: &[&str]) -> Call {
        let call = Call::new(&["run"]).arg("--base").arg(self.path());
        call.args(options).arg(guest).arg("--").args(steps)
    }

    fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path().join(path)).ok()
    }

    /// The names at the root of the base, all of them.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("the base is there");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Call {
    fn new(args: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command
            .env_clear()
            .env("SESSION_FS_CACHE_DIR", cache())
            .stdin(Stdio::null())
            .args(args);
        Self(command)
    }

    fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.0.arg(arg);
        self
    }

    fn args(mut self, args: &[&str]) -> Self {
        self.0.args(args);
        self
    }

    fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    fn cwd(mut self, path: &Path) -> Self {
        self.0.current_dir(path);
        self
    }

    fn done(mut self) -> Done {
        self.0.output().expect("the binary starts").into()
    }

    /// Starts it with everything piped.
    fn start(mut self) -> Child {
        self.0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.0.spawn().expect("the binary starts")
    }

    /// Writes all of the input, then waits. One that ends before it has read all is no failure.
    fn with_input(self, input: &str) -> Done {
        use std::io::Write as _;
        let mut child = self.start();
        let mut stdin = child.stdin.take().expect("piped");
        match stdin.write_all(input.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written.expect("written"),
        }
        drop(stdin);
        child.wait_with_output().expect("it ends").into()
    }
}

impl Done {
    #[track_caller]
    fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.story());
        self
    }

    #[track_caller]
    fn assert_stdout(&self, text: &str) -> &Self {
        assert_eq!(self.stdout, text, "{}", self.story());
        self
    }

    /// Whether stderr has each of the parts.
    #[track_caller]
    fn assert_says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?}: {}", self.story());
        }
        self
    }

    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.story()))
    }

    fn story(&self) -> String {
        format!(
            "{:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("we print UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Compiled components that all tests share.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-cache")
}

#[test]
fn it_tells_its_version_and_completes() {
    let done = Call::new(&["--version"]).done();
    done.assert_code(0)
        .assert_stdout(concat!("session-fs ", env!("CARGO_PKG_VERSION"), "\n"));
    for shell in ["bash", "zsh", "fish"] {
        let done = Call::new(&["completions", shell]).done();
        assert!(done.assert_code(0).stdout.contains("dry-run"), "{shell}");
    }
    let help = Call::new(&["run", "--help"]).done();
    assert!(help.assert_code(0).stdout.contains("Examples:"));
}
