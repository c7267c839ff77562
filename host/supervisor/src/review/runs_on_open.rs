//! What runs by itself when somebody opens, builds or tests a tree: hooks of editors, build scripts,
//! instructions of agents. An agent that plants one runs on its user's machine tomorrow.

use std::fmt;
use std::sync::{Arc, LazyLock};

use vfs::{PathRules, VPath};

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

static BUILT_IN: LazyLock<RunsOnOpen> = LazyLock::new(|| {
    let class = PathRules::allowing(&RUNS_ON_OPEN, &[]).expect("valid globs");
    let globs = RUNS_ON_OPEN.iter().map(ToString::to_string).collect();
    RunsOnOpen { globs, class }
});

/// Whether what stands at the path runs by itself when somebody opens, builds or tests the tree, as far
/// as is known when nobody says otherwise.
pub fn runs_on_open(path: &VPath) -> bool {
    BUILT_IN.has(path)
}

/// A list of what runs by itself; by default [`RUNS_ON_OPEN`].
#[derive(Clone)]
pub struct RunsOnOpen {
    globs: Arc<[String]>,
    class: PathRules,
}

impl RunsOnOpen {
    /// The list of these globs, in any case, and of nothing else.
    ///
    /// # Errors
    ///
    /// As [`PathRules::allowing`].
    pub fn of(globs: &[String]) -> Result<Self, vfs::Error> {
        // They are matched on folded paths.
        let globs: Arc<[String]> = globs.iter().map(|glob| glob.to_lowercase()).collect();
        let class = PathRules::allowing(&globs, &[])?;
        Ok(Self { globs, class })
    }

    /// A list of nothing.
    pub fn nothing() -> Self {
        Self {
            globs: Arc::from([]),
            class: PathRules::nothing(),
        }
    }

    /// The globs.
    pub fn globs(&self) -> &[String] {
        &self.globs
    }

    /// Whether the path is on it, in any spelling.
    pub fn has(&self, path: &VPath) -> bool {
        self.class.may_read(&path.folded())
    }
}

impl Default for RunsOnOpen {
    fn default() -> Self {
        BUILT_IN.clone()
    }
}

impl fmt::Debug for RunsOnOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.globs.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
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
    fn a_list_of_ones_own_takes_the_place_of_the_other() {
        let list = RunsOnOpen::of(&["**/Justfile".to_owned()]).expect("a glob");
        assert!(list.has(&path("JUSTFILE")) && list.has(&path("a/justfile")));
        assert!(!list.has(&path("Makefile")));
        assert!(RunsOnOpen::of(&["/etc".to_owned()]).is_err());
    }
}
