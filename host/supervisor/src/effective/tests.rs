//! What comes of several sides is never more than any of them.

use proptest::prelude::*;
use vfs::VPath;

use super::*;

const GLOBS: [&str; 7] = ["**", "a/**", "a/*", "*/b", "a/b", ".git/**", "**/Makefile"];
const PATHS: [&str; 8] = [
    "a",
    "a/b",
    "a/c",
    "b/b",
    "c",
    ".git/config",
    "Makefile",
    "a/Makefile",
];
const NAMES: [&str; 3] = ["vfs://one", "vfs://two", "TOKEN"];

fn path(text: &str) -> VPath {
    VPath::parse(text).expect("valid")
}

fn side(role: Role) -> Side {
    Side::new(role, None)
}

fn list(from: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<String>>> {
    let some = proptest::sample::subsequence(from, 0..=from.len());
    proptest::option::of(some.prop_map(|list| list.iter().map(ToString::to_string).collect()))
}

fn any_side() -> impl Strategy<Value = Side> {
    let role = prop_oneof![
        Just(Role::Agent),
        Just(Role::Operator),
        Just(Role::Workspace)
    ];
    let caps = proptest::collection::btree_map(
        proptest::sample::select(&Cap::ALL[..]),
        0..u64::MAX,
        0..Cap::ALL.len(),
    );
    let paths = (list(&GLOBS), list(&GLOBS), list(&GLOBS));
    let names = (list(&NAMES), list(&NAMES), any::<Option<bool>>());
    let review = (any::<Option<bool>>(), list(&GLOBS), list(&GLOBS));
    (role, paths, names, caps, review).prop_map(|(role, paths, names, caps, review)| Side {
        any_names: review.0,
        runs_on_open: review.1,
        also_runs_on_open: review.2.unwrap_or_default(),
        read: paths.0,
        write: paths.1,
        execute: paths.2,
        begin: names.0,
        env: names.1,
        commit: names.2,
        caps,
        ..side(role)
    })
}

proptest! {
    #[test]
    fn no_side_that_speaks_is_overruled(sides in proptest::collection::vec(any_side(), 0..5)) {
        let effective = EffectiveGrant::of(sides.clone()).expect("valid globs");
        for side in &sides {
            let (paths, executes) = (side.paths().expect("valid"), side.executes().expect("valid"));
            for text in PATHS {
                let path = path(text);
                if let Some(own) = &paths {
                    prop_assert!(!effective.rules().may_read(&path) || own.may_read(&path));
                    prop_assert!(!effective.rules().may_write(&path) || own.may_write(&path));
                }
                if let Some(own) = &executes {
                    prop_assert!(!effective.executes().may_read(&path) || own.may_read(&path));
                }
            }
            let within = |all: &BTreeSet<String>, own: &Option<Vec<String>>| {
                side.said(own).is_none_or(|own| all.iter().all(|name| own.contains(name)))
            };
            prop_assert!(within(effective.begin(), &side.begin));
            prop_assert!(within(effective.env(), &side.env));
            prop_assert!(!effective.may_commit() || side.said(&side.commit) != Some(false));
            let review = effective.review();
            prop_assert!(!review.any_names || side.said(&side.any_names) != Some(false));
            let listed = review.runs_on_open.globs();
            let own = side.also_runs_on_open.iter();
            let mut own = own.map(|glob| glob.to_lowercase());
            prop_assert!(own.all(|glob| listed.contains(&glob)));
            for (cap, max) in &side.caps {
                prop_assert!(effective.max(*cap) <= *max);
            }
        }
    }

    /// Whoever keeps the base, and the agent, are no operators: with their words alone a run has no
    /// more than without them.
    #[test]
    fn only_an_operator_grants(sides in proptest::collection::vec(any_side(), 0..5)) {
        let others: Vec<Side> = sides.into_iter().filter(|it| it.role != Role::Operator).collect();
        let effective = EffectiveGrant::of(others).expect("valid globs");
        prop_assert!(!effective.may_commit() && !effective.review().any_names);
        let listed = effective.review().runs_on_open;
        let known = RunsOnOpen::default();
        prop_assert!(known.globs().iter().all(|glob| listed.globs().contains(glob)));
        prop_assert!(effective.begin().is_empty() && effective.env().is_empty());
        prop_assert!(PATHS.iter().all(|text| !effective.executes().may_read(&path(text))));
        prop_assert!(!effective.rules().may_write(&path(".git/config")));
        for cap in Cap::ALL {
            prop_assert!(effective.max(cap) <= cap.default_max());
        }
    }

    /// The order in which they are given decides nothing.
    #[test]
    fn sides_have_no_order(sides in proptest::collection::vec(any_side(), 0..5)) {
        let one = EffectiveGrant::of(sides.clone()).expect("valid globs");
        let other = EffectiveGrant::of(sides.into_iter().rev().collect()).expect("valid globs");
        for text in PATHS {
            let path = path(text);
            prop_assert_eq!(one.rules().may_read(&path), other.rules().may_read(&path));
            prop_assert_eq!(one.rules().may_write(&path), other.rules().may_write(&path));
            prop_assert_eq!(one.executes().may_read(&path), other.executes().may_read(&path));
        }
        prop_assert_eq!(one.begin(), other.begin());
        prop_assert_eq!(one.env(), other.env());
        prop_assert_eq!(one.may_commit(), other.may_commit());
        let (listed, others) = (one.review().runs_on_open, other.review().runs_on_open);
        prop_assert_eq!(listed.globs(), others.globs());
        for cap in Cap::ALL {
            prop_assert_eq!(one.max(cap), other.max(cap));
        }
    }
}

#[test]
fn without_sides_it_is_the_whole_base_and_nothing_else() {
    let bare = EffectiveGrant::of(Vec::new()).expect("nothing to refuse");
    assert!(bare.rules().may_write(&path("any")) && bare.rules().may_read(&path(".git/config")));
    assert!(!bare.rules().may_write(&path(".git/config")));
    assert!(!bare.may_commit() && bare.env().is_empty() && bare.begin().is_empty());
    assert!(!bare.executes().may_read(&path("Makefile")));
    let limits = bare.run_limits();
    assert_eq!(limits, RunLimits::default());
    assert_eq!(bare.session_limits(), Limits::default());
}

#[test]
fn an_operator_grants_more_than_the_default_and_others_take_of_it() {
    let mut flags = side(Role::Operator);
    for grant in ["commit", "begin=vfs://one", "write=**", "write=.git/**"] {
        flags.add(grant.parse().expect("a grant"));
    }
    flags.caps.insert(Cap::Memory, 1 << 31);
    let file = Side {
        env: Some(vec!["TOKEN".to_owned()]),
        ..side(Role::Operator)
    };
    let both = |more: Side| EffectiveGrant::of(vec![flags.clone(), file.clone(), more]);
    let granted = both(side(Role::Workspace)).expect("valid");
    assert!(granted.may_commit() && granted.env().contains("TOKEN"));
    assert!(granted.rules().may_write(&path(".git/config")));
    assert_eq!(granted.max(Cap::Memory), 1 << 31);
    let policy = Side {
        commit: Some(false),
        write: Some(vec!["a/**".to_owned()]),
        caps: Caps::from([(Cap::Memory, 1 << 20)]),
        ..side(Role::Workspace)
    };
    let narrowed = both(policy).expect("valid");
    assert!(!narrowed.may_commit() && narrowed.env().contains("TOKEN"));
    assert!(narrowed.rules().may_write(&path("a/b")) && !narrowed.rules().may_read(&path("c")));
    assert!(!narrowed.rules().may_write(&path(".git/config")));
    assert_eq!(narrowed.max(Cap::Memory), 1 << 20);
    let asked = both(side(Role::Agent)).expect("valid");
    assert!(
        !asked.may_commit() && asked.env().is_empty(),
        "not asked for"
    );
    assert!(
        asked.rules().may_write(&path("a/b")),
        "it asks for the whole base"
    );
}

#[test]
fn what_is_written_down_is_one_line_and_bounded() {
    let mut flags = side(Role::Operator);
    flags.write = Some(vec!["docs/**".to_owned()]);
    let asks = Side {
        file: Some("/srv/agents/one.toml".to_owned()),
        read: Some(vec!["a\nb".to_owned()]),
        ..side(Role::Agent)
    };
    let grant = EffectiveGrant::of(vec![flags, asks.clone()]).expect("valid");
    let text = grant.record();
    assert!(!text.contains('\n') && !text.contains("/srv"), "{text}");
    assert!(
        text.contains(r#"write by "the command line" = ["docs/**"]"#),
        "{text}"
    );
    assert!(text.contains(r#"read by "one.toml""#), "{text}");
    let long = |end: &str| Side {
        read: Some(
            (0..255)
                .map(|n| format!("{}{n}{end}", "x".repeat(50)))
                .collect(),
        ),
        ..asks.clone()
    };
    let record = |side| EffectiveGrant::of(vec![side]).expect("valid").record();
    let (one, other) = (record(long("a")), record(long("b")));
    assert!(one.len() < RECORD_BYTES_MAX + 200);
    assert_ne!(one, other, "the digest tells them apart");
}
