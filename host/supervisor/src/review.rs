//! What runs by itself when somebody opens, builds or tests a tree: hooks of editors, build scripts,
//! instructions of agents. An agent that plants one runs on its user's machine tomorrow.

use std::sync::LazyLock;

use vfs::{ChangeEntry, ChangeKind, DenialReason, Kind, PathRules, Session, SessionOptions, VPath};

/// The globs of such paths, as file systems that fold names compare them.
pub const RUNS_ON_OPEN: [&str; 35] = [
    "**/.gitmodules",
    "**/.gitattributes",
    "**/.envrc",
    "**/.vscode/**",
    "**/.idea/**",
    "**/.cursor/**",
    "**/.claude/**",
    "**/.mcp.json",
    "**/.devcontainer/**",
    "**/.devcontainer.json",
    "**/.github/workflows/**",
    "**/.github/actions/**",
    "**/.gitlab-ci.yml",
    "**/.husky/**",
    "**/.pre-commit-config.yaml",
    "**/.npmrc",
    "**/.yarnrc*",
    "**/.pnpmfile.cjs",
    "**/.cargo/config.toml",
    "**/.cargo/config",
    "**/build.rs",
    "**/rust-toolchain.toml",
    "**/rust-toolchain",
    "**/.bazelrc",
    "**/.mvn/**",
    "**/gradlew",
    "**/gradlew.bat",
    "**/gradle/wrapper/**",
    "**/conftest.py",
    "**/sitecustomize.py",
    "**/*.pth",
    "**/makefile",
    "**/gnumakefile",
    "**/agents.md",
    "**/claude.md",
];

static CLASS: LazyLock<PathRules> =
    LazyLock::new(|| PathRules::allowing(&RUNS_ON_OPEN, &[]).expect("valid globs"));

/// Whether what stands at the path runs by itself when somebody opens, builds or tests the tree.
pub fn runs_on_open(path: &VPath) -> bool {
    CLASS.may_read(&path.folded())
}

/// Denies the changes of a session that plant something of that kind and were not granted.
///
/// # Errors
///
/// `Denied` with the first such path; those of listing the session's changes and directories.
pub(crate) fn check(session: &Session, granted: &PathRules) -> Result<(), vfs::Error> {
    // Beside the session: what is looked at here, the agent did neither read nor ask for.
    let session = &session.fork_unobserved(SessionOptions {
        limits: session.limits().clone(),
        ..SessionOptions::default()
    })?;
    let mut planted = Vec::new();
    for entry in session.changes()? {
        if runs_on_open(&entry.path) {
            planted.push(entry.path);
        } else if entry.change == ChangeKind::Renamed && entry.kind == Kind::Directory {
            planted.extend(moved_along(session, &entry)?);
        }
    }
    planted.retain(|path| !granted.may_read(path));
    let Some(first) = planted.first() else {
        return Ok(());
    };
    let others = match planted.len() - 1 {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    Err(vfs::Error::Denied {
        path: Some(first.to_string()),
        reason: DenialReason::Capability,
        detail: format!(
            "it runs by itself when somebody opens or builds the tree{others}, and is committed only \
            when that is granted or by a person"
        ),
        grant: Some(format!("execute={}", PathRules::glob_of(first))),
    })
}

/// What became something of that kind because a directory above it got another name.
fn moved_along(session: &Session, entry: &ChangeEntry) -> Result<Vec<VPath>, vfs::Error> {
    let Some(from) = &entry.renamed_from else {
        return Ok(Vec::new());
    };
    let mut planted = Vec::new();
    let mut left = session.limits().visited_max;
    let mut pending = vec![entry.path.clone()];
    while let Some(dir) = pending.pop() {
        let mut after = None;
        loop {
            let page = session.list(&dir.to_string(), after.as_deref(), usize::MAX)?;
            left = left
                .checked_sub(page.entries.len())
                .ok_or(vfs::Error::Quota {
                    which: "visited-objects",
                    used: session.limits().visited_max as u64,
                    limit: session.limits().visited_max as u64,
                })?;
            for below in page.entries {
                let path = dir.join(&below.name);
                let was = path.rebase(&entry.path, from);
                let is_new = !was.is_some_and(|was| runs_on_open(&was));
                if runs_on_open(&path) && is_new {
                    planted.push(path);
                } else if below.kind == Kind::Directory {
                    pending.push(path);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(planted)
}

#[cfg(test)]
mod tests {
    use workspace::{BeginOptions, Workspace, WorkspaceOptions};

    use super::*;

    fn path(text: &str) -> VPath {
        VPath::parse(text).expect("a valid path")
    }

    #[test]
    fn what_runs_by_itself_is_known_in_every_spelling_and_depth() {
        for text in [
            "Makefile",
            "GNUmakefile",
            "sub/makefile",
            "a/b/build.rs",
            ".vscode",
            ".VSCode/tasks.json",
            "x/.github/workflows/ci.yml",
            ".yarnrc.yml",
            "lib/evil.pth",
            "AGENTS.md",
            ".claude\u{200c}/settings.json",
            "CLAUDE.md. ",
        ] {
            assert!(runs_on_open(&path(text)), "{text}");
        }
        for text in [
            "src/main.rs",
            "Makefile.txt",
            ".github",
            ".github/CODEOWNERS",
            "build.rs.md",
        ] {
            assert!(!runs_on_open(&path(text)), "{text}");
        }
    }

    #[test]
    fn it_is_committed_only_when_it_was_granted() {
        let workspace = Workspace::new(WorkspaceOptions::default());
        let check_after = |granted: &[&str], change: fn(&Session) -> vfs::Result<()>| {
            let base = workspace.memory("base");
            let session = workspace.begin(&base, BeginOptions::default());
            let session = session.expect("begun");
            change(&session).expect("allowed");
            let granted = PathRules::allowing(granted, &[]).expect("valid");
            check(&session, &granted).map_err(|error| error.to_string())
        };
        let plain: fn(&Session) -> vfs::Result<()> = |s| s.write("a", b"x");
        assert_eq!(check_after(&[], plain), Ok(()));
        let two: fn(&Session) -> vfs::Result<()> = |s| {
            s.mkdir("sub/.vscode")?;
            s.write("sub/.vscode/tasks.json", b"{}")?;
            s.write("Makefile", b"all:\n")
        };
        let error = check_after(&["sub/**"], two).expect_err("not the Makefile");
        assert!(error.contains("'execute=Makefile'"), "{error}");
        let error = check_after(&["Makefile"], two).expect_err("not the folder");
        assert!(error.contains("(and 1 more)"), "{error}");
        assert_eq!(check_after(&["Makefile", "sub/**"], two), Ok(()));
    }

    /// The listing of changes has the directory alone.
    #[test]
    fn a_renamed_directory_takes_along_what_then_runs() {
        let workspace = Workspace::new(WorkspaceOptions::default());
        let base = workspace.memory("base");
        let begin = || {
            workspace
                .begin(&base, BeginOptions::default())
                .expect("begun")
        };
        let first = begin();
        first.mkdir("x/workflows").expect("fresh");
        first
            .write("x/workflows/ci.yml", b"on: push")
            .expect("fresh");
        first.write("x/Makefile", b"all:").expect("fresh");
        let committed = workspace.commit(&first, &workspace::CommitOptions::default());
        assert!(matches!(
            committed,
            Ok(workspace::CommitOutcome::Applied(_))
        ));
        let nothing = PathRules::allowing(&[""; 0], &[]).expect("valid");
        let second = begin();
        second.rename("x", "y").expect("free");
        check(&second, &nothing).expect("the Makefile was one before");
        second.rename("y", ".github").expect("free");
        let error = check(&second, &nothing).expect_err("a workflow now");
        assert_eq!(error.path(), Some(".github/workflows"));
    }
}
