//! A preview says what the commit with the same options then does, and does nothing.

use std::sync::Arc;

use proptest::prelude::*;
use session_fs_workspace::audit::{AuditFilter, AuditPageRequest};
use session_fs_workspace::{
    BaseHandle, BeginOptions, CommitOptions, CommitOutcome, Preview, Workspace,
};
use vfs::{Access, ConflictPolicy, Isolation, Session, VPath};

use crate::acting::ActingDir;
use crate::scene::Scene;

const FILES: &[(&str, &str)] = &[
    ("both", "one\ntwo\nthree\n"),
    ("lines", "1\n2\n3\n4\n5\n6\n7\n8\n"),
    ("read", "read"),
    ("d/removed", "there"),
    ("d/only", "ours"),
];

/// What somebody else does meanwhile, each behind one bit.
const MEANWHILE: [fn(&Session); 5] = [
    |s| s.write("both", b"one\nTHEIRS\nthree\n").expect("written"),
    |s| s.edit("lines", "8\n", "eight\n", 1).expect("edited"),
    |s| s.write("read", b"moved").expect("written"),
    |s| s.remove("d/removed").expect("removed"),
    |s| s.write("new", b"theirs").expect("written"),
];

fn ours(session: &Session) {
    session.edit("both", "two", "OURS", 1).expect("edited");
    session.edit("lines", "1\n", "one\n", 1).expect("edited");
    session.write("d/removed", b"changed").expect("written");
    session.write("d/only", b"changed").expect("written");
    session.write("new", b"ours").expect("written");
    session.read("read").expect("there");
}

fn begin(workspace: &Workspace, base: &Arc<BaseHandle>) -> Session {
    let begun = workspace.begin(base, BeginOptions::default());
    begun.expect("begins")
}

fn apply(workspace: &Workspace, session: &Session) {
    let outcome = workspace.commit(session, &CommitOptions::default());
    assert!(
        matches!(outcome, Ok(CommitOutcome::Applied(_))),
        "{outcome:?}"
    );
}

/// Foretells a commit, makes it, and compares the two.
#[track_caller]
fn foretold(workspace: &Workspace, session: &Session, options: &CommitOptions) {
    let changes = session.changes().expect("open");
    let count = workspace.sessions_count();
    let preview = workspace.preview(session, options);
    assert_eq!(session.changes().expect("open"), changes);
    assert_eq!(workspace.sessions_count(), count);
    let outcome = workspace.commit(session, options);
    match (preview, outcome) {
        (Ok(preview), Ok(CommitOutcome::Applied(info))) => {
            assert_eq!(preview.rebased.conflicts, []);
            assert_eq!(preview.entries, info.entries);
            let diff = preview.diff.expect("short");
            let is_shown = |path: &VPath| diff.contains(&path.to_string());
            assert!(
                info.entries.iter().all(|entry| is_shown(&entry.path)),
                "{diff}"
            );
        }
        (Ok(preview), Ok(CommitOutcome::Conflicted(conflicts))) => {
            assert_eq!(preview.rebased.conflicts, conflicts);
        }
        (Ok(preview), Ok(CommitOutcome::Unchanged)) => {
            let Preview {
                rebased, entries, ..
            } = preview;
            assert_eq!((rebased.conflicts, entries), (Vec::new(), Vec::new()));
        }
        (Err(foretold), Err(found)) => assert_eq!(foretold.to_string(), found.to_string()),
        (preview, outcome) => panic!("foretold {preview:?}, and it came to {outcome:?}"),
    }
}

fn options() -> impl Strategy<Value = CommitOptions> {
    let policies = prop_oneof![
        Just(ConflictPolicy::Fail),
        Just(ConflictPolicy::Merge),
        Just(ConflictPolicy::Ours),
        Just(ConflictPolicy::Theirs),
    ];
    let isolations = prop_oneof![Just(Isolation::Snapshot), Just(Isolation::Serializable)];
    let paths = prop_oneof![
        Just(Vec::new()),
        Just(vec!["d"]),
        Just(vec!["both", "new"]),
        Just(vec!["lines"]),
        Just(vec!["not/there"]),
    ];
    (policies, isolations, paths).prop_map(|(on_conflict, isolation, paths)| CommitOptions {
        on_conflict,
        isolation,
        paths: paths
            .into_iter()
            .map(|path| VPath::parse(path).expect("valid"))
            .collect(),
        ..CommitOptions::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_commit_does_what_was_foretold(options in options(), mask in 0_usize..32, in_memory: bool) {
        let scene = Scene::on(if in_memory { &[] } else { FILES }, ActingDir::quiet);
        let (workspace, base) = match in_memory {
            true => (&scene.workspace, scene.workspace.memory("scratch")),
            false => (&scene.workspace, scene.base.clone()),
        };
        if in_memory {
            let first = begin(workspace, &base);
            for (path, text) in FILES {
                let path = VPath::parse(path).expect("valid");
                let above = path.parent().expect("not the root");
                first.mkdir(&above.to_string()).expect("made");
                first.write(&path.to_string(), text.as_bytes()).expect("written");
            }
            apply(workspace, &first);
        }
        let session = begin(workspace, &base);
        ours(&session);
        let theirs = begin(workspace, &base);
        let acts = MEANWHILE.iter().enumerate();
        acts.filter(|(bit, _)| mask >> bit & 1 == 1).for_each(|(_, act)| act(&theirs));
        let outcome = workspace.commit(&theirs, &CommitOptions::default());
        prop_assert!(outcome.is_ok());
        let before = scene.tree();
        let foretelling = workspace.preview(&session, &options);
        prop_assert!(foretelling.is_ok() || !options.paths.is_empty());
        prop_assert_eq!(scene.tree(), before);
        foretold(workspace, &session, &options);
    }
}

#[test]
fn a_session_that_may_or_did_change_nothing_has_nothing_to_commit() {
    let scene = Scene::new(FILES);
    let read_only = BeginOptions {
        access: Access::ReadOnly,
        ..BeginOptions::default()
    };
    let session = scene.workspace.begin(&scene.base, read_only);
    foretold(
        &scene.workspace,
        &session.expect("begins"),
        &CommitOptions::default(),
    );
    foretold(&scene.workspace, &scene.begin(), &CommitOptions::default());
}

#[test]
fn a_limit_is_foretold_and_so_is_what_the_system_refuses() {
    let scene = Scene::new(FILES);
    let session = scene.begin();
    session.write("both", b"changed").expect("written");
    let options = CommitOptions {
        message: Some("long ".repeat(100_000)),
        ..CommitOptions::default()
    };
    let refused = scene.workspace.preview(&session, &options);
    assert!(refused.is_err(), "{refused:?}");
    foretold(&scene.workspace, &session, &options);
}

#[test]
fn no_audit_is_told_of_a_preview() {
    let scene = Scene::new(FILES);
    let (first, session) = (scene.begin(), scene.begin());
    first.write("d/only", b"1").expect("written");
    scene.applied(&first);
    session.write("both", b"changed").expect("written");
    let log = scene.base.audit().expect("a directory has one");
    let lines = || {
        let request = AuditPageRequest {
            after: 0,
            entries_max: 1_000,
        };
        let page = log.read(&AuditFilter::default(), request);
        page.expect("read").entries.len()
    };
    let before = lines();
    let options = CommitOptions {
        on_conflict: ConflictPolicy::Merge,
        ..CommitOptions::default()
    };
    let preview = scene.workspace.preview(&session, &options);
    assert_eq!(preview.expect("foretold").entries.len(), 1);
    let look = scene.workspace.look(&scene.base).expect("begins");
    assert_eq!(look.read("d/only").expect("there"), b"1");
    look.write("d/only", b"2").expect_err("only to look at");
    drop(look);
    assert_eq!(lines(), before);
}
