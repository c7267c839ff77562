//! What the root manifest offers to the members is used by one of them.

use super::{Source, assert_none, sources};

#[test]
fn every_workspace_dependency_is_used() {
    assert_none("no member uses it: delete the line", &unused(&sources()));
}

/// The entries of `[workspace.dependencies]` that no other manifest inherits.
fn unused(sources: &[Source]) -> Vec<String> {
    let is_manifest = |source: &&Source| source.path.ends_with("/Cargo.toml");
    let Some(root) = sources.iter().find(|source| source.path == "Cargo.toml") else {
        return vec!["Cargo.toml is missing".to_owned()];
    };
    let used: Vec<String> = sources
        .iter()
        .filter(is_manifest)
        .flat_map(|source| inherited(&source.text))
        .collect();
    let offered = entries(&root.text, |section| section == "workspace.dependencies");
    offered
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !used.contains(name))
        .collect()
}

/// The dependencies that a manifest takes from the workspace, of every kind.
fn inherited(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in entries(manifest, |section| section.ends_with("dependencies")) {
        let flat: String = value.split_whitespace().collect();
        if let Some(name) = key.strip_suffix(".workspace").filter(|_| flat == "true") {
            names.push(name.to_owned());
        } else if flat.contains("workspace=true") {
            names.push(key);
        }
    }
    names
}

/// The `key = value` lines of the sections that are wanted.
fn entries(manifest: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let mut is_inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            is_inside = is_wanted(section);
        } else if let Some((key, value)) = line.split_once('=')
            && is_inside
            && !line.starts_with('#')
        {
            entries.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    entries
}

#[test]
fn each_way_to_inherit_counts_and_nothing_else_does() {
    let root = "[workspace.dependencies]\n# z = \"1\"\na = \"1\"\nb = { version = \"1\" }\n\
                c = \"1\"\nd = \"1\"\ne = \"1\"\n[workspace.lints]\nx = \"1\"\n";
    let member = "[package]\nd.workspace = true\n[dependencies]\na.workspace = true\n\
                  [target.'cfg(unix)'.dev-dependencies]\nb = { workspace = true, optional = true }\n\
                  [build-dependencies]\nc = { features = [\"x\"], workspace = true }\ne = \"1\"\n";
    let sources = [
        Source::new("Cargo.toml", root),
        Source::new("a/Cargo.toml", member),
    ];
    assert_eq!(unused(&sources), ["d", "e"]);
}
