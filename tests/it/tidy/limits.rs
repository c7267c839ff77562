//! The number of packages that have to be trusted and built stays in sight.

use super::{Source, assert_none, sources};

/// wasmtime and its kin are two thirds of the lock file; every package more is one more to build on
/// a cold machine and to trust with the host. Raise it in the commit that says what it is worth: the
/// last six read TOML.
const LOCKED_PACKAGES_MAX: usize = 356;

#[test]
fn the_lock_file_stays_small() {
    assert_none(
        "do without, or raise the limit and say why",
        &overgrown(&sources()),
    );
}

fn overgrown(sources: &[Source]) -> Vec<String> {
    let Some(lock) = sources.iter().find(|source| source.path == "Cargo.lock") else {
        return vec!["Cargo.lock is missing: builds are not repeatable without it".to_owned()];
    };
    let count = lock
        .text
        .lines()
        .filter(|line| *line == "[[package]]")
        .count();
    let is_over = count > LOCKED_PACKAGES_MAX;
    let offender = || format!("Cargo.lock: {count} packages, at most {LOCKED_PACKAGES_MAX}");
    is_over.then(offender).into_iter().collect()
}

#[test]
fn one_package_too_many_is_counted() {
    let lock = |count| {
        let text = "[[package]]\nname = \"a\"\n".repeat(count);
        overgrown(&[Source::new("Cargo.lock", &text)])
    };
    assert_eq!(lock(LOCKED_PACKAGES_MAX), Vec::<String>::new());
    assert_eq!(lock(LOCKED_PACKAGES_MAX + 1).len(), 1);
    assert_eq!(overgrown(&[]).len(), 1);
}
