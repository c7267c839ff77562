//! Globs of a grant, and paths that are held against them.

use vfs::{PathRules, VPath};

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "globs",
    run,
    seeds,
};

/// The first line is what may be read, the second what may be written, each with globs between
/// commas' places; every other line is a path.
fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.lines();
    let mut globs = || -> Vec<&str> {
        let line = lines.next().unwrap_or_default();
        line.split('\t').filter(|glob| !glob.is_empty()).collect()
    };
    let (read, write) = (globs(), globs());
    let Ok(rules) = PathRules::allowing(&read, &write) else {
        return;
    };
    let both = PathRules::guarded().narrowed(&rules);
    for path in lines.filter_map(|line| VPath::parse(line).ok()) {
        let (may_read, may_write) = (rules.may_read(&path), rules.may_write(&path));
        assert!(may_read || !may_write, "{path} is written and not read");
        assert!(
            may_write || !both.may_write(&path),
            "{path}: wider together"
        );
        assert!(may_read || !both.may_read(&path), "{path}: wider together");
        assert!(!PathRules::nothing().narrowed(&rules).may_read(&path));
        assert_of_itself(&path);
        for glob in read.iter().chain(&write) {
            assert_only_one(glob, &path, may_read);
        }
    }
}

/// The glob of a path matches it, and nothing beside it.
fn assert_of_itself(path: &VPath) {
    let glob = PathRules::glob_of(path);
    let Ok(rules) = PathRules::allowing(&[], &[glob.as_str()]) else {
        return;
    };
    assert!(rules.may_write(path), "{glob} is not {path}");
    if let Some(parent) = path.parent().filter(|parent| !parent.is_root()) {
        assert!(!rules.may_write(&parent), "{glob} is {parent} as well");
    }
}

/// What one glob of several allows, all of them allow.
fn assert_only_one(glob: &str, path: &VPath, may_read: bool) {
    let rules = PathRules::allowing(&[glob], &[]).expect("one of those that can be used");
    assert!(may_read || !rules.may_read(path), "{glob} lets {path}");
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "src/**\tdocs/*.md\nsrc/*.rs\nsrc/a.rs\nsrc/b/c.rs\ndocs/x.md\n",
        "**\n**/*.{rs,toml}\na/b/c.rs\nCargo.toml\n",
        "[a-z]?*\n\\*/[!x]\n*/y\nab\n",
        "**/.git\n**/.git/**\n.git/config\na/.GIT/hooks\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
