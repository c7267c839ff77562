//! The crates depend on each other as ARCHITECTURE.md draws it, and in no other way.
//!
//! Above all, `runtime`, the crate that hostile code talks to, never reaches `workspace`, the crate
//! that commits: not directly, not through another crate, not in its tests.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata};

use super::{Source, assert_none, root, sources, workspace};

/// What a package may name of the workspace. What must be used is listed plainly; what may also be
/// left out ends in `?`.
const EDGES: [(&str, &[&str]); 12] = [
    ("session-fs-store", &[]),
    ("session-fs-vfs", &["session-fs-store"]),
    (
        "session-fs-workspace",
        &["session-fs-store", "session-fs-vfs"],
    ),
    (
        "session-fs-runtime",
        &["session-fs-store", "session-fs-vfs"],
    ),
    (
        "session-fs-supervisor",
        &[
            "session-fs-vfs",
            "session-fs-workspace",
            "session-fs-runtime",
        ],
    ),
    (
        "session-fs-cli",
        &[
            "session-fs-store",
            "session-fs-vfs",
            "session-fs-workspace",
            "session-fs-runtime",
            "session-fs-supervisor",
        ],
    ),
    (
        "session-fs-sdk",
        &["session-fs-sdk-macros", "session-fs-vfs?"],
    ),
    ("session-fs-sdk-macros", &[]),
    (
        "session-fs-fuzz",
        &["session-fs-store", "session-fs-vfs", "session-fs-workspace"],
    ),
    ("session-fs-test-guests", &["session-fs-sdk?"]),
    (
        "session-fs-tests",
        &[
            "session-fs-store?",
            "session-fs-vfs?",
            "session-fs-workspace?",
            "session-fs-runtime?",
            "session-fs-supervisor?",
            "session-fs-cli?",
            "session-fs-sdk?",
        ],
    ),
    ("xtask", &[]),
];

/// What an example agent may name: what any author has.
const AGENT_EDGES: &[&str] = &["session-fs-sdk?"];

/// The lines of ARCHITECTURE.md between two of these are the table that is compared.
const MARK: &str = "<!-- edges -->";

/// What a package names of the workspace.
#[derive(Default)]
struct Package {
    is_agent: bool,
    /// In what it builds.
    normal: BTreeSet<String>,
    /// In its tests only.
    dev: BTreeSet<String>,
}

type Packages = BTreeMap<String, Package>;

#[test]
fn crates_depend_on_each_other_as_drawn() {
    assert_none(
        "not as drawn in ARCHITECTURE.md",
        &stray_edges(&packages(&workspace())),
    );
}

#[test]
fn runtime_never_reaches_workspace() {
    let reached = reachable(&packages(&workspace()), "session-fs-runtime");
    assert!(
        !reached.contains("session-fs-workspace"),
        "runtime reaches workspace: {reached:?}"
    );
}

#[test]
fn the_page_shows_the_same_edges() {
    let page = sources()
        .into_iter()
        .find(|source| source.path == "ARCHITECTURE.md");
    let offenders = page.map(|page| differing_rows(&page)).unwrap_or_default();
    assert_none("ARCHITECTURE.md and EDGES differ", &offenders);
}

fn packages(metadata: &Metadata) -> Packages {
    let mut packages = Packages::new();
    for package in &metadata.packages {
        let mut edges = Package {
            is_agent: package
                .manifest_path
                .starts_with(root().join("example-agents")),
            ..Package::default()
        };
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()) {
            let is_dev = dependency.kind == DependencyKind::Development;
            let kind = if is_dev {
                &mut edges.dev
            } else {
                &mut edges.normal
            };
            kind.insert(dependency.name.clone());
        }
        packages.insert(package.name.to_string(), edges);
    }
    packages
}

fn stray_edges(packages: &Packages) -> Vec<String> {
    let mut offenders = Vec::new();
    for (name, package) in packages {
        let Some(drawn) = drawn(name, package.is_agent) else {
            offenders.push(format!("{name} is in no row: draw it and add it to EDGES"));
            continue;
        };
        let allowed: BTreeSet<&str> = drawn
            .iter()
            .map(|edge| edge.trim_end_matches('?'))
            .collect();
        let stray = package
            .normal
            .iter()
            .filter(|edge| !allowed.contains(edge.as_str()));
        offenders.extend(stray.map(|edge| format!("{name} must not depend on {edge}")));
        let unused = drawn
            .iter()
            .filter(|edge| !edge.ends_with('?') && !package.normal.contains(**edge));
        offenders.extend(unused.map(|edge| format!("{name} is drawn to use {edge} and does not")));
        let below = drawn_below(name);
        let stray = package.dev.iter().filter(|edge| {
            // a test may use what is anywhere below, never what is beside or above
            !allowed.contains(edge.as_str()) && !below.contains(edge.as_str())
        });
        offenders.extend(stray.map(|edge| format!("{name} must not test with {edge}")));
    }
    offenders
}

fn drawn(name: &str, is_agent: bool) -> Option<&'static [&'static str]> {
    if is_agent {
        return Some(AGENT_EDGES);
    }
    EDGES
        .iter()
        .find(|(package, _)| *package == name)
        .map(|(_, edges)| *edges)
}

/// Everything that the drawing lets a package reach.
fn drawn_below(name: &str) -> BTreeSet<&'static str> {
    let mut below = BTreeSet::new();
    let mut waiting: Vec<&str> = vec![name];
    while let Some(name) = waiting.pop() {
        for edge in drawn(name, false).unwrap_or_default() {
            let edge = edge.trim_end_matches('?');
            if below.insert(edge) {
                waiting.push(edge);
            }
        }
    }
    below
}

/// Everything that a package does reach, in any way.
fn reachable(packages: &Packages, name: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![name.to_owned()];
    while let Some(package) = waiting.pop().and_then(|name| packages.get(&name)) {
        for edge in package.normal.union(&package.dev) {
            if reached.insert(edge.clone()) {
                waiting.push(edge.clone());
            }
        }
    }
    reached
}

/// The rows of the page that say something else than `EDGES`; rows are `| vfs | store |`, with or
/// without the `session-fs-` of the package's name, and `-` for no edge.
fn differing_rows(page: &Source) -> Vec<String> {
    let mut parts = page.text.split(MARK);
    let (Some(_), Some(table), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        return Vec::new();
    };
    let rows: BTreeMap<String, BTreeSet<String>> = table.lines().filter_map(row).collect();
    let mut offenders = Vec::new();
    for (package, edges) in EDGES {
        let package = short(package);
        let drawn: BTreeSet<String> = edges
            .iter()
            .map(|edge| short(edge.trim_end_matches('?')).to_owned())
            .collect();
        match rows.get(package) {
            Some(row) if *row == drawn => {}
            Some(row) => offenders.push(format!("{package}: {row:?} there, {drawn:?} here")),
            // only the crates of the product have to be on the page
            None if matches!(package, "tests" | "test-guests" | "fuzz" | "xtask") => {}
            None => offenders.push(format!("{package} has no row")),
        }
    }
    let is_known = |name: &str| EDGES.iter().any(|(package, _)| short(package) == name);
    offenders.extend(
        rows.keys()
            .filter(|n| !is_known(n))
            .map(|n| format!("{n} is no crate")),
    );
    offenders
}

/// A row of the table; none for its head, its rule and what is no row.
fn row(line: &str) -> Option<(String, BTreeSet<String>)> {
    let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
    let name = cells.next()?;
    if name == "crate" || name.contains("--") {
        return None;
    }
    let clean = |text: &str| short(text.trim().trim_matches('`')).to_owned();
    let edges = cells.next()?.split(',').map(clean);
    Some((
        clean(name),
        edges
            .filter(|edge| !matches!(edge.as_str(), "" | "-" | "–"))
            .collect(),
    ))
}

fn short(package: &str) -> &str {
    package.strip_prefix("session-fs-").unwrap_or(package)
}

/// The packages as drawn, to be spoiled by a test.
fn as_drawn() -> Packages {
    let normal = |edges: &[&str]| {
        let required = edges.iter().filter(|edge| !edge.ends_with('?'));
        required.map(|edge| (*edge).to_owned()).collect()
    };
    let package = |edges| Package {
        normal: normal(edges),
        ..Package::default()
    };
    EDGES
        .iter()
        .map(|(name, edges)| ((*name).to_owned(), package(edges)))
        .collect()
}

/// Adds an edge of one kind, or takes all away.
fn spoil(packages: &mut Packages, name: &str, dependency: Option<&str>, is_dev: bool) {
    let package = packages.entry(name.to_owned()).or_default();
    let edges = if is_dev {
        &mut package.dev
    } else {
        &mut package.normal
    };
    match dependency {
        Some(dependency) => edges.extend([dependency.to_owned()]),
        None => edges.clear(),
    }
}

#[test]
fn each_kind_of_stray_edge_is_named() {
    assert_eq!(stray_edges(&as_drawn()), Vec::<String>::new());
    let (vfs, runtime, workspace) = (
        "session-fs-vfs",
        "session-fs-runtime",
        "session-fs-workspace",
    );
    for (name, dependency, is_dev, expected) in [
        (
            vfs,
            Some(runtime),
            false,
            "session-fs-vfs must not depend on session-fs-runtime",
        ),
        (
            vfs,
            None,
            false,
            "session-fs-vfs is drawn to use session-fs-store and does not",
        ),
        (
            runtime,
            Some(workspace),
            true,
            "session-fs-runtime must not test with session-fs-workspace",
        ),
        (
            "new",
            None,
            false,
            "new is in no row: draw it and add it to EDGES",
        ),
        (
            "xtask",
            Some(vfs),
            false,
            "xtask must not depend on session-fs-vfs",
        ),
        (
            "agent",
            Some(vfs),
            false,
            "agent must not depend on session-fs-vfs",
        ),
    ] {
        let mut packages = as_drawn();
        spoil(&mut packages, name, dependency, is_dev);
        packages.entry("agent".to_owned()).or_default().is_agent = true;
        assert_eq!(stray_edges(&packages), [expected]);
    }
}

#[test]
fn a_test_may_use_what_is_anywhere_below() {
    let mut packages = as_drawn();
    spoil(
        &mut packages,
        "session-fs-supervisor",
        Some("session-fs-store"),
        true,
    );
    assert_eq!(stray_edges(&packages), Vec::<String>::new());
}

#[test]
fn a_detour_is_followed() {
    let mut packages = as_drawn();
    assert!(!reachable(&packages, "session-fs-runtime").contains("session-fs-workspace"));
    spoil(
        &mut packages,
        "session-fs-vfs",
        Some("session-fs-workspace"),
        true,
    );
    assert!(reachable(&packages, "session-fs-runtime").contains("session-fs-workspace"));
}

#[test]
fn a_page_that_draws_something_else_is_seen() {
    let table = "| crate | uses |\n| --- | --- |\n| store | - |\n| `vfs` | store |\n\
                 | workspace | store, vfs |\n| runtime | store, vfs |\n\
                 | supervisor | `vfs`, workspace, runtime |\n\
                 | cli | store, vfs, workspace, runtime, supervisor |\n\
                 | session-fs-sdk | sdk-macros, vfs |\n| sdk-macros | |\n";
    let differing = |table: &str| {
        differing_rows(&Source::new(
            "ARCHITECTURE.md",
            &format!("x\n{MARK}\n{table}\n{MARK}\ny"),
        ))
    };
    assert_eq!(differing(table), Vec::<String>::new());
    let spoiled = table.replace("| runtime | store, vfs |", "| runtime | vfs, workspace |");
    assert_eq!(differing(&spoiled).len(), 1);
    assert_eq!(
        differing(&table.replace("| runtime | store, vfs |\n", "")),
        ["runtime has no row"]
    );
    assert_eq!(
        differing(&format!("{table}| daemon | cli |\n")),
        ["daemon is no crate"]
    );
}
