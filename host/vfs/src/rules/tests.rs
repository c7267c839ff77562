//! Globs against a plain model of them, and what the rules say of whole directories.

use proptest::prelude::*;

use super::*;

fn path(text: &str) -> VPath {
    VPath::parse(text).expect("a valid path")
}

/// Globs as one would explain them: by trying every length for a `**`.
fn model(glob: &[&str], path: &[&str]) -> bool {
    match (glob.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=path.len()).any(|skipped| model(rest, &path[skipped..])),
        (Some((part, rest)), Some((name, below))) => {
            let part: Vec<_> = part.chars().collect();
            let name: Vec<_> = name.chars().collect();
            component(&part, &name) && model(rest, below)
        }
        _ => false,
    }
}

fn component(part: &[char], name: &[char]) -> bool {
    match (part.split_first(), name.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => (0..=name.len()).any(|skipped| component(rest, &name[skipped..])),
        (Some(('?', rest)), Some((_, below))) => component(rest, below),
        (Some((own, rest)), Some((other, below))) => own == other && component(rest, below),
        _ => false,
    }
}

fn split(text: &str) -> Vec<&str> {
    text.split('/').filter(|part| !part.is_empty()).collect()
}

fn globs() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("**".to_owned()),
        Just("*".to_owned()),
        "[ab.]{1,2}",
        "[ab]?[*][ab]?",
        "[ab]?[?][ab]?",
    ];
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

fn paths() -> impl Strategy<Value = String> {
    let name = "[ab]{1,2}|[.]a";
    prop::collection::vec(name, 0..5).prop_map(|names| names.join("/"))
}

fn is_glob(glob: &str) -> bool {
    split(glob).iter().all(|part| !matches!(*part, "." | ".."))
}

proptest! {
    #[test]
    fn rules_match_as_the_model_does(
        first in prop::collection::vec(globs(), 0..4),
        second in prop::collection::vec(globs(), 0..4),
        write in prop::collection::vec(globs(), 0..3),
        text in paths(),
        more in paths(),
    ) {
        prop_assume!([&first, &second, &write].iter().all(|list| list.iter().all(|it| is_glob(it))));
        let none: [String; 0] = [];
        let first_rules = PathRules::allowing(&first, &write).expect("valid");
        let both = first_rules.narrowed(&PathRules::allowing(&second, &none).expect("valid"));
        let any = |globs: &[String], text: &str| {
            globs.iter().any(|glob| model(&split(glob), &split(text)))
        };
        let reads = |text: &str| any(&first, text) || any(&write, text);
        let at = path(&text);
        prop_assert_eq!(first_rules.may_read(&at), reads(&text), "{:?} {}", first, text);
        prop_assert_eq!(first_rules.may_write(&at), any(&write, &text), "{:?} {}", write, text);
        prop_assert_eq!(both.may_read(&at), reads(&text) && any(&second, &text));
        prop_assert!(!both.may_write(&at), "the second allows no writing");

        let standing = first_rules.standing(&at);
        let below = path(&format!("{text}/{more}"));
        if first_rules.may_read(&below) {
            prop_assert!(first_rules.leads_on(&standing), "{first:?} {text} {more}");
        }
        if first_rules.covers(&standing) {
            prop_assert!(first_rules.may_write(&below), "{write:?} {text} {more}");
        }

        // Written down and read again they are the same.
        let lists = both.lists();
        prop_assert_eq!((&lists[0].read, &lists[0].write), (&first, &write));
        prop_assert_eq!(&PathRules::of_lists(&lists).expect("valid"), &both);

        let exact = PathRules::glob_of(&at);
        prop_assert_eq!(PathRules::path_of(&exact), Some(at.clone()));
        let alone = PathRules::allowing(&[&exact], &[]).expect("valid");
        prop_assert!(alone.may_read(&at) && (at.is_root() || below == at || !alone.may_read(&below)));
    }
}

#[test]
fn what_allows_everything_but_the_named_is_the_same_when_it_is_read_again() {
    let guarded = PathRules::of_lists(&PathRules::guarded().lists()).expect("valid");
    assert!(guarded.may_read(&path(".git/x")) && guarded.may_write(&path("a")));
    assert!(!guarded.may_write(&path(".git/x")));
    assert!(PathRules::default().lists().is_empty());
    assert!(PathRules::nothing().is_nothing() && !guarded.is_nothing());
    assert!(PathRules::path_of("a/*").is_none() && PathRules::path_of("a\\").is_none());
}

#[test]
fn the_end_of_a_glob_is_what_it_covers() {
    let check = |glob: &str, text: &str, covered: bool| {
        let rules = PathRules::allowing(&[], &[glob]).expect("valid");
        let standing = rules.standing(&path(text));
        assert_eq!(rules.covers(&standing), covered, "{glob} {text}");
    };
    check("**", "", true);
    check("src/**", "src", true);
    check("src/**", "src/a/b", true);
    check("src/**", "", false);
    check("src/**/x", "src", false);
    check("src/*", "src", false);
    check("*/b/**", "a/b/c", true);
    check("**/**", "a", true);
}

#[test]
fn a_glob_that_cannot_be_meant_is_refused() {
    for (glob, part) in [
        ("", "empty"),
        ("/src", "absolute"),
        ("src/", "src/**"),
        ("a//b", "empty"),
        ("./a", "name nothing"),
        ("a/../b", "name nothing"),
        ("a**/b", "whole components"),
        ("{a/b,c}", "unclosed"),
        ("[a/b]", "unclosed"),
        ("a[", "unclosed"),
        (&"a/".repeat(63), "empty"),
        (&"a/".repeat(63).replace("a/", "a/b/"), "empty"),
        (&"x".repeat(4096), "longer than 4095"),
        (&vec!["a"; 64].join("/"), "63 components"),
    ] {
        let error = PathRules::allowing(&[], &[glob]).expect_err(glob);
        assert!(error.to_string().contains(part), "{glob}: {error}");
    }
    let many = vec!["a"; GLOBS_MAX + 1];
    PathRules::allowing(&many, &[]).expect_err("too many");
    PathRules::allowing(&[], &[vec!["a"; 63].join("/").as_str()]).expect("the longest");
}

/// The grant that a denial names must itself be a glob, and allow that path alone.
#[test]
fn the_grant_of_a_denial_allows_the_path() {
    for text in ["a", "a/b", "a*b/[c]", "{x}/y?", "back\\slash/!", "a,b"] {
        let denied = Right::Write.denied(text, &path(text));
        let Error::Denied {
            grant: Some(grant), ..
        } = denied
        else {
            panic!("{denied:?}");
        };
        let glob = grant.strip_prefix("write=").expect("of a write");
        let rules = PathRules::allowing(&[], &[glob]).expect(glob);
        assert!(rules.may_write(&path(text)), "{glob}");
        assert!(!rules.may_write(&path("axb/c")), "{glob}");
    }
}
