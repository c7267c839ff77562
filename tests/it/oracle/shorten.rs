//! From a script that fails to the shortest that still does.

use proptest::strategy::ValueTree;

/// Scripts that are played to find a shorter one.
const TRIES_MAX: usize = 3000;

/// The shortest script that fails: first with simpler steps, then with fewer.
pub(super) fn shortest(
    mut tree: impl ValueTree<Value = Vec<String>>,
    fails: impl Fn(&[String]) -> bool,
) -> Vec<String> {
    let mut script = tree.current();
    let mut tries = 0;
    let mut may_go_on = tree.simplify();
    while may_go_on && tries < TRIES_MAX {
        tries += 1;
        may_go_on = if fails(&tree.current()) {
            script = tree.current();
            tree.simplify()
        } else {
            tree.complicate()
        };
    }
    without_idle_steps(script, fails)
}

/// Leaves out one step after the other for as long as it still fails.
fn without_idle_steps(mut script: Vec<String>, fails: impl Fn(&[String]) -> bool) -> Vec<String> {
    let mut length = script.len() + 1;
    while script.len() < length {
        length = script.len();
        for index in (0..script.len()).rev() {
            let mut shorter = script.clone();
            shorter.remove(index);
            if fails(&shorter) {
                script = shorter;
            }
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy as _;

    use super::super::{scripts, seeded};
    use super::*;

    #[test]
    fn what_a_failure_needs_is_all_that_is_left() {
        let fails = |script: &[String]| {
            let has = |part: &str| script.iter().position(|step| step.starts_with(part));
            has("read-directory ")
                .zip(has("rename-at "))
                .is_some_and(|(a, b)| a < b)
        };
        let mut found = 0;
        for seed in 0..50 {
            let tree = scripts::script()
                .new_tree(&mut seeded(seed))
                .expect("a script");
            if fails(&tree.current()) {
                found += 1;
                let script = shortest(tree, fails);
                assert_eq!(script.len(), 2, "{script:?}");
                assert!(fails(&script));
            }
        }
        assert!(found > 0, "no script has both steps");
    }
}
