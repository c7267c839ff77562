//! Every Rust file is part of something: reachable by `mod` from the root of a crate.
//!
//! A file that no `mod` names is not compiled, so nothing else would ever complain about it.

use std::collections::BTreeSet;

use cargo_metadata::MetadataCommand;

use super::scan::{Token, tokens};
use super::{Source, assert_none, root, rust_sources, sources};

#[test]
fn every_file_is_reachable() {
    let offenders = unreachable(&rust_sources(), &crate_roots());
    assert_none("name it with `mod`, or delete it", &offenders);
}

/// The root files of all targets of all packages, inside the workspace and outside.
fn crate_roots() -> Vec<String> {
    let mut roots = Vec::new();
    for manifest in sources()
        .iter()
        .filter(|source| source.path.ends_with("Cargo.toml"))
    {
        let mut command = MetadataCommand::new();
        command.manifest_path(root().join(&manifest.path)).no_deps();
        let metadata = command
            .exec()
            .unwrap_or_else(|e| panic!("{}: {e}", manifest.path));
        let targets = metadata
            .packages
            .iter()
            .flat_map(|package| &package.targets);
        let inside = targets.filter_map(|target| target.src_path.strip_prefix(root()).ok());
        roots.extend(inside.map(ToString::to_string));
    }
    roots
}

/// The files that no chain of `mod` leads to from the roots.
fn unreachable(sources: &[Source], roots: &[String]) -> Vec<String> {
    let find = |path: &str| sources.iter().find(|source| source.path == path);
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<(String, bool)> = roots.iter().map(|r| (r.clone(), true)).collect();
    while let Some((path, is_root)) = waiting.pop() {
        let Some(source) = find(&path) else { continue };
        if reached.insert(path) {
            waiting.extend(
                declared(source, is_root)
                    .into_iter()
                    .map(|path| (path, false)),
            );
        }
    }
    let is_lost = |path: &&String| !reached.contains(*path);
    sources
        .iter()
        .map(|source| &source.path)
        .filter(is_lost)
        .cloned()
        .collect()
}

/// The files that the `mod` items and `include!`s of a file may mean, found or not.
fn declared(source: &Source, is_root: bool) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let own_folder = if is_root || file == "mod.rs" {
        folder.to_owned()
    } else {
        source.path.trim_end_matches(".rs").to_owned()
    };
    let tokens = tokens(&source.text);
    let mut paths = Vec::new();
    // inline modules that are open, each with the depth of its brace
    let mut inline: Vec<(&str, usize)> = Vec::new();
    let mut depth = 0;
    let mut named_path = None;
    for (index, token) in tokens.iter().enumerate() {
        match (token, &tokens[index + 1..]) {
            (Token::Ident("path"), [Token::Punct('='), Token::Text(path), ..]) => {
                named_path = Some(*path);
            }
            (Token::Ident("include"), [Token::Punct('!'), _, Token::Text(path), ..]) => {
                paths.push(join(folder, path));
            }
            (Token::Ident("mod"), [Token::Ident(name), Token::Punct('{'), ..]) => {
                inline.push((name, depth));
                named_path = None;
            }
            (Token::Ident("mod"), [Token::Ident(name), Token::Punct(';'), ..]) => {
                let parents = inline
                    .iter()
                    .fold(own_folder.clone(), |path, (n, _)| join(&path, n));
                match named_path.take() {
                    Some(path) if inline.is_empty() => paths.push(join(folder, path)),
                    Some(path) => paths.push(join(&parents, path)),
                    None => {
                        paths.push(join(&parents, &format!("{name}.rs")));
                        paths.push(join(&parents, &format!("{name}/mod.rs")));
                    }
                }
            }
            (Token::Punct('{'), _) => depth += 1,
            (Token::Punct('}'), _) => {
                depth = depth.saturating_sub(1);
                inline.pop_if(|(_, opened_at)| *opened_at == depth);
            }
            _ => {}
        }
    }
    paths
}

/// Joins and resolves `.` and `..`.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[track_caller]
fn check(files: &[(&str, &str)], lost: &[&str]) {
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, text)| Source::new(path, text))
        .collect();
    assert_eq!(unreachable(&sources, &["c/src/lib.rs".to_owned()]), lost);
}

#[test]
fn a_file_without_mod_is_lost_with_all_below_it() {
    check(
        &[
            ("c/src/lib.rs", "mod a;\n// mod b;"),
            ("c/src/a.rs", "pub mod x;"),
            ("c/src/a/x.rs", ""),
            ("c/src/b.rs", "mod y;"),
            ("c/src/b/y.rs", ""),
            ("c/src/x.rs", ""),
        ],
        &["c/src/b.rs", "c/src/b/y.rs", "c/src/x.rs"],
    );
}

#[test]
fn folders_inline_modules_and_named_paths_are_followed() {
    check(
        &[
            (
                "c/src/lib.rs",
                "mod a;\nmod i { fn f() { {} } mod j; }\nmod k;",
            ),
            ("c/src/a/mod.rs", "mod b;"),
            ("c/src/a/b.rs", "#[path = \"../other.rs\"] mod o; mod p;"),
            ("c/src/other.rs", ""),
            ("c/src/a/b/p.rs", ""),
            ("c/src/i/j.rs", "include!(\"data.rs\");"),
            ("c/src/i/data.rs", ""),
            ("c/src/k.rs", ""),
        ],
        &[],
    );
}

#[test]
fn an_inline_module_that_has_ended_lends_no_folder() {
    check(
        &[
            ("c/src/lib.rs", "mod i { } mod j;"),
            ("c/src/i/j.rs", ""),
            ("c/src/j.rs", ""),
        ],
        &["c/src/i/j.rs"],
    );
}
