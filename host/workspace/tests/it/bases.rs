//! A base that goes away while sessions are open over it: nothing is written to what took its
//! place, nothing of the session is lost, and it commits when the directory is back.

mod journal;
mod sessions;

use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cap_tempfile::TempDir;
use session_fs_workspace::{
    BaseHandle, BeginOptions, CommitOptions, CommitOutcome, Locator, Workspace, WorkspaceError,
    WorkspaceOptions,
};
use store::disk::RealDir;
use vfs::{ConflictPolicy, ErrorKind, Session, Status};

use crate::scene::{populate, tree};

/// A folder with the directory `base` and another that is nobody's business here.
struct Yard {
    folder: TempDir,
    workspace: Workspace,
    base: Arc<BaseHandle>,
}

/// Looks for the directory where it was.
#[derive(Debug)]
struct ByName(Dir);

impl Locator for ByName {
    fn locate(&self) -> std::io::Result<Arc<dyn store::disk::Dir>> {
        RealDir::open(self.0.open_dir("base")?)
    }
}

/// A way for a directory to go, and what undoes it.
struct Way {
    name: &'static str,
    go: fn(&Dir),
    come_back: Option<fn(&Dir)>,
}

const WAYS: &[Way] = &[
    Way {
        name: "removed",
        go: |yard| yard.remove_dir_all("base").expect("removed"),
        come_back: None,
    },
    Way {
        name: "moved",
        go: |yard| yard.rename("base", yard, "moved").expect("moved"),
        come_back: Some(|yard| yard.rename("moved", yard, "base").expect("moved")),
    },
    Way {
        name: "replaced by a directory",
        go: |yard| {
            yard.rename("base", yard, "moved").expect("moved");
            yard.create_dir("base").expect("made");
        },
        come_back: Some(|yard| {
            yard.remove_dir("base").expect("nothing was written to it");
            yard.rename("moved", yard, "base").expect("moved");
        }),
    },
    Way {
        name: "replaced by a link to somebody else's",
        go: |yard| {
            yard.rename("base", yard, "moved").expect("moved");
            yard.symlink("other", "base").expect("linked");
        },
        come_back: Some(|yard| {
            yard.remove_file("base").expect("a link");
            yard.rename("moved", yard, "base").expect("moved");
        }),
    },
    Way {
        name: "replaced by a file",
        go: |yard| {
            yard.rename("base", yard, "moved").expect("moved");
            yard.write("base", "a file").expect("written");
        },
        come_back: Some(|yard| {
            yard.remove_file("base").expect("a file");
            yard.rename("moved", yard, "base").expect("moved");
        }),
    },
];

impl Yard {
    fn new(has_locator: bool) -> Self {
        let folder = TempDir::new(ambient_authority()).expect("a folder");
        let files = [("base/a", "1"), ("base/b", "1"), ("other/a", "theirs")];
        populate(&folder, &files);
        let workspace = Workspace::new(WorkspaceOptions::default());
        let root = RealDir::open(folder.open_dir("base").expect("there")).expect("a directory");
        let base = match has_locator {
            true => {
                let place = ByName(folder.try_clone().expect("a handle"));
                workspace.directory_at(root, "file:///yard/base", Arc::new(place))
            }
            false => workspace.directory(root, "file:///yard/base"),
        };
        Self {
            base: base.expect("a base"),
            folder,
            workspace,
        }
    }

    fn begin(&self) -> Session {
        let begun = self.workspace.begin(&self.base, BeginOptions::default());
        begun.expect("begins")
    }

    fn commit(&self, session: &Session) -> session_fs_workspace::Result<CommitOutcome> {
        self.workspace.commit(session, &CommitOptions::default())
    }

    fn commit_first(&self) {
        let session = self.begin();
        session.write("first", b"1").expect("written");
        assert!(matches!(
            self.commit(&session),
            Ok(CommitOutcome::Applied(_))
        ));
    }
}

fn change(session: &Session) {
    session.write("a", b"mine").expect("written");
    session.write("new", b"mine").expect("written");
}

#[test]
fn a_base_that_went_away_is_not_committed_to_until_it_is_back() {
    for way in WAYS {
        for has_store in [false, true] {
            let yard = Yard::new(true);
            if has_store {
                yard.commit_first();
            }
            let session = yard.begin();
            change(&session);
            (way.go)(&yard.folder);
            let before = tree(&yard.folder);
            for _attempt in 0..2 {
                let refused = yard.commit(&session).expect_err(way.name);
                assert!(
                    matches!(refused, WorkspaceError::Away { .. }),
                    "{}: {refused:?}",
                    way.name
                );
                assert_eq!(refused.kind(), ErrorKind::NotFound);
                let text = refused.to_string();
                for part in ["file:///yard/base", "directory", "put"] {
                    assert!(text.contains(part), "{text}");
                }
            }
            assert_eq!(tree(&yard.folder), before, "{}", way.name);
            assert_eq!(session.status(), Status::Open, "{}", way.name);
            assert_eq!(session.read("new").expect("its own"), b"mine");
            assert_eq!(session.changes().expect("known").len(), 2, "{}", way.name);
            let Some(come_back) = way.come_back else {
                continue;
            };
            come_back(&yard.folder);
            let outcome = yard.commit(&session);
            assert!(
                matches!(outcome, Ok(CommitOutcome::Applied(_))),
                "{}: {outcome:?}",
                way.name
            );
            assert_eq!(
                yard.folder.read_to_string("base/new").expect("there"),
                "mine"
            );
            assert_eq!(
                yard.folder.read_to_string("other/a").expect("there"),
                "theirs"
            );
        }
    }
}

/// Whoever gave no place to look at means the directory, wherever it is.
#[test]
fn without_a_place_the_handle_decides() {
    for way in WAYS {
        let yard = Yard::new(false);
        yard.commit_first();
        let session = yard.begin();
        change(&session);
        (way.go)(&yard.folder);
        let outcome = yard.commit(&session);
        if way.come_back.is_none() {
            assert!(
                matches!(outcome, Err(WorkspaceError::Away { .. })),
                "{outcome:?}"
            );
            assert_eq!(session.status(), Status::Open);
            assert!(!yard.folder.exists("base"), "it was made again");
            continue;
        }
        assert!(matches!(outcome, Ok(CommitOutcome::Applied(_))));
        let moved = yard.folder.read_to_string("moved/new").expect("there");
        assert_eq!(moved, "mine", "{}", way.name);
        assert!(!yard.folder.exists("base/new"), "{}", way.name);
        assert!(!yard.folder.exists("other/new"), "{}", way.name);
    }
}

/// What a session says of a base that was removed: its own is all there, the rest is an error.
#[test]
fn a_session_over_a_removed_base_keeps_what_is_its_own() {
    let yard = Yard::new(true);
    let session = yard.begin();
    session.read("b").expect("there");
    change(&session);
    yard.folder.remove_dir_all("base").expect("removed");
    assert_eq!(session.read("a").expect("its own"), b"mine");
    session.write("later", b"mine").expect("its own");
    session.savepoint("one").expect("its own");
    let gone = session.read("b").expect_err("it is not half old");
    assert!(matches!(gone, vfs::Error::Stale { .. }), "{gone}");
    let rebased = yard.workspace.rebase(&session, ConflictPolicy::Fail);
    assert!(
        !rebased.is_ok_and(|rebased| rebased.conflicts.is_empty()),
        "there is nothing to be moved onto"
    );
    let fork = yard.workspace.fork(&session, BeginOptions::default());
    assert_eq!(
        fork.expect("forked").read("later").expect("its own"),
        b"mine"
    );
    yard.workspace.rollback(&session).expect("rolled back");
    let left: Vec<String> = tree(&yard.folder).into_keys().collect();
    assert_eq!(left, ["other", "other/a"]);
}

/// Another process has the base open when its store is taken away: it is noticed, and made again.
#[test]
fn a_store_that_was_removed_is_made_again() {
    let yard = Yard::new(true);
    yard.commit_first();
    let session = yard.begin();
    change(&session);
    yard.folder
        .remove_dir_all("base/.session-fs")
        .expect("removed");
    let outcome = yard.commit(&session);
    assert!(
        matches!(outcome, Ok(CommitOutcome::Applied(_))),
        "{outcome:?}"
    );
    assert_eq!(yard.folder.read_to_string("base/a").expect("there"), "mine");
    assert!(yard.folder.exists("base/.session-fs/store"));
}
