//! One transaction applied, done again and taken back, from slots and a place that hold what a commit
//! without anybody beside it never finds there.

use std::collections::HashMap;
use std::sync::Arc;

use store::disk::crash::CrashOptions;
use store::disk::{CrashDisk, Dir, Fingerprint};
use vfs::{Digest, DirectoryBase, Metadata, Timestamp, VPath};

use super::apply::{Applied, Halt};
use super::engine::Engine;
use super::folder::name;
use super::plan::SlotOf;
use super::redo::{Known, Redo};
use super::store::Store;
use super::takeback::{Since, take_back};
use super::transaction::{Content, Contents, Draft, Mode, Transaction, slot_prefix};
use crate::change::{Arrival, Change, Update, Version};
use crate::ids::{CountingIds, IdSource};
use crate::workspace::WorkspaceOptions;

const ID: u64 = 0x50_0001;
const OLD: &str = "the old text";
const NEW: &str = "the new text, which is longer";
/// Two minutes of 1970: no clock says that.
const MODIFIED: Timestamp = Timestamp {
    seconds: 120,
    nanoseconds: 5,
};

/// A directory with a store, and nobody else.
struct Scene {
    root: Arc<dyn Dir>,
    store: Store,
}

/// What a transaction does to the file `f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Makes it.
    Arrive,
    /// Replaces the version that was seen.
    Update(Fingerprint),
}

impl Scene {
    fn new() -> Self {
        let root = CrashDisk::new(CrashOptions::default()).root();
        let store = Store::create(&root, &CountingIds::default(), None, 0).expect("is made");
        Self { root, store }
    }

    /// Makes the file `f`; tells what it is.
    fn put(&self, text: &str) -> Fingerprint {
        put(&*self.root, "f", text)
    }

    /// Makes a file in the slot of what the transaction brings.
    fn put_slot(&self, does: Does, text: &str) -> Fingerprint {
        put(&**self.staging(), &slot(does), text)
    }

    fn staging(&self) -> &Arc<dyn Dir> {
        &self.store.folder.staging
    }

    /// What stands at `f`.
    fn stat(&self) -> Option<Fingerprint> {
        self.root.stat(&name("f")).ok()
    }

    /// The text of `f`; `None` when it is not there.
    fn text(&self) -> Option<String> {
        let file = self.root.open(&name("f")).ok()?;
        let mut bytes = vec![0; 2 * NEW.len()];
        let count = file.read_at(&mut bytes, 0).expect("reads");
        bytes.truncate(count);
        Some(String::from_utf8(bytes).expect("text"))
    }

    /// The names of what is in slots.
    fn slots(&self) -> Vec<String> {
        let listing = self.staging().list(100).expect("lists");
        let names = listing.items.iter().map(|item| item.name.to_string());
        names.collect()
    }

    fn apply(&self, transaction: &Transaction) -> Applied {
        let mut applier = self.store.applier(&self.root, transaction);
        applier.run().expect("is applied");
        applier.applied
    }

    fn redo(&self, transaction: &Transaction) -> Applied {
        let mut redo = Redo {
            applier: self.store.applier(&self.root, transaction),
            known: &mut Known::default(),
            taken: HashMap::new(),
        };
        redo.run().expect("is done again");
        redo.applier.applied
    }

    fn take_back(&self, transaction: &Transaction) -> Applied {
        let applier = self.store.applier(&self.root, transaction);
        take_back(applier, Since::Made).expect("is taken back")
    }
}

fn put(dir: &dyn Dir, file: &str, text: &str) -> Fingerprint {
    let made = dir.create(&name(file), 0o644).expect("is free");
    made.write_at(text.as_bytes(), 0).expect("fits");
    made.stat().expect("is there")
}

/// The slot of the new `f`.
fn slot(does: Does) -> String {
    let kind = if does == Does::Arrive { 'n' } else { 'u' };
    format!("{}{kind}0", slot_prefix(ID))
}

/// A transaction that brings [`NEW`] to `f`, with these permissions.
fn transaction(does: Does, mode: Mode, modified: Option<Timestamp>) -> Transaction {
    let (path, after) = (VPath::parse("f").expect("valid"), version(NEW, modified));
    let range = 0..NEW.len();
    let mut draft = Draft {
        id: ID,
        contents: Contents::with_room(0, NEW.len()),
        ..Draft::default()
    };
    draft.contents.extend(NEW.as_bytes());
    let content = Content::Inline { mode, range };
    let (mut arrivals, mut updates) = (Vec::new(), Vec::new());
    match does {
        Does::Arrive => {
            draft.arrivals.push(content);
            let moved_from = None;
            arrivals.push(Arrival {
                path,
                after,
                moved_from,
            });
        }
        Does::Update(seen) => {
            draft.updates.push((Some(seen), content));
            let (source, before) = (path.clone(), version(OLD, None));
            updates.push(Update {
                path,
                source,
                before,
                after,
            });
        }
    }
    let change = Change {
        base: "file:///x".to_owned(),
        base_generation: 0,
        into_session: None,
        session: "s".to_owned(),
        is_part: false,
        metadata: Metadata::default(),
        message: None,
        committed_at: Timestamp::default(),
        departures: Vec::new(),
        arrivals,
        updates,
    };
    Transaction::seal(draft, change)
}

/// The same with the permissions that files have.
fn plain(does: Does) -> Transaction {
    let mode = Mode {
        bits: 0o644,
        exact: true,
    };
    transaction(does, mode, None)
}

fn version(text: &str, modified: Option<Timestamp>) -> Version {
    Version::File {
        size: text.len() as u64,
        digest: Some(Digest::of(text.as_bytes())),
        executable: false,
        modified,
    }
}

/// A process that was killed before its record made the same slot: its number was free again.
#[test]
fn a_slot_that_a_killed_process_left_is_made_again() {
    let scenes = [false, true].map(|is_there| {
        let scene = Scene::new();
        let does = match is_there {
            true => Does::Update(scene.put(OLD)),
            false => Does::Arrive,
        };
        (scene, does)
    });
    for (scene, does) in scenes {
        scene.put_slot(
            does,
            "what another process was about to bring, and longer than any",
        );
        let applied = scene.apply(&plain(does));
        assert_eq!(scene.text().as_deref(), Some(NEW), "{does:?}");
        assert!(applied.displaced.is_empty(), "{applied:?}");
        let left: Vec<_> = applied
            .leftovers
            .iter()
            .map(|left| left.taken.ino)
            .collect();
        match does {
            Does::Arrive => assert!(left.is_empty() && scene.slots().is_empty()),
            Does::Update(seen) => assert_eq!(left, [seen.ino], "the old version is kept"),
        }
    }
}

/// A crash came after the bytes and before the permissions and the time.
#[test]
fn what_is_done_again_has_its_permissions_and_time_whatever_a_slot_holds() {
    let mode = Mode {
        bits: 0o664,
        exact: true,
    };
    let check = |scene: &Scene, does: Does| {
        let made = scene.put_slot(does, NEW);
        let before = scene.staging().open_writable(&name(&slot(does)));
        before.expect("is ours").set_mode(0o600).expect("is ours");
        let applied = scene.redo(&transaction(does, mode, Some(MODIFIED)));
        let now = scene.stat().expect("was brought");
        assert_eq!(scene.text().as_deref(), Some(NEW), "{does:?}");
        let (bits, modified) = (0o664, MODIFIED.as_nanoseconds());
        assert_eq!(
            (now.mode, now.mtime_ns),
            (bits, modified),
            "{does:?}: {made:?}"
        );
        assert!(applied.displaced.is_empty(), "{applied:?}");
        let left = applied.leftovers.iter().map(|left| left.taken.ino);
        left.collect::<Vec<_>>()
    };
    let scene = Scene::new();
    assert!(check(&scene, Does::Arrive).is_empty());
    let scene = Scene::new();
    let seen = scene.put(OLD);
    assert_eq!(check(&scene, Does::Update(seen)), [seen.ino]);
}

/// Somebody removed the file, and the system gave its number to the new one in the slot.
#[test]
fn a_new_file_with_the_number_of_the_old_one_is_not_put_back() {
    let scene = Scene::new();
    let made = put(&**scene.staging(), &format!("{}u0", slot_prefix(ID)), NEW);
    let seen = Fingerprint {
        ctime_ns: made.ctime_ns - 1,
        mtime_ns: made.mtime_ns - 1,
        size: OLD.len() as u64,
        ..made
    };
    let transaction = plain(Does::Update(seen));
    let mut applier = scene.store.applier(&scene.root, &transaction);
    applier.strict = true;
    applier.made_ahead.insert(SlotOf::Update(0));
    let halted = applier.run();
    assert!(matches!(halted, Err(Halt::Raced(_))), "{halted:?}");
    let applied = scene.take_back(&transaction);
    assert_eq!(scene.text(), None, "nothing is committed");
    assert!(applied.displaced.is_empty(), "{applied:?}");
    assert_eq!(scene.slots(), Vec::<String>::new());
}

#[test]
fn an_old_file_with_the_same_bytes_is_put_back() {
    let scene = Scene::new();
    let seen = scene.put(NEW);
    let transaction = plain(Does::Update(seen));
    scene.apply(&transaction);
    let now = scene.stat().expect("was brought");
    assert_ne!(now.ino, seen.ino, "it was exchanged");
    let applied = scene.take_back(&transaction);
    let now = scene.stat().expect("was put back");
    assert_eq!((now.ino, now.mtime_ns), (seen.ino, seen.mtime_ns));
    assert!(applied.displaced.is_empty(), "{applied:?}");
    assert_eq!(scene.slots(), Vec::<String>::new());
}

/// Somebody wrote the beginning of the new text, which looks like a part of it, at the last moment.
#[test]
fn what_somebody_else_wrote_is_put_back_although_the_new_text_begins_so() {
    let scene = Scene::new();
    let seen = Fingerprint {
        ino: u64::MAX,
        ..scene.put(NEW)
    };
    let does = Does::Update(seen);
    let theirs = scene.put_slot(does, &NEW[..9]);
    let applied = scene.take_back(&plain(does));
    assert_eq!(scene.text().as_deref(), Some(&NEW[..9]));
    assert_eq!(scene.stat().map(|now| now.ino), Some(theirs.ino));
    assert!(applied.displaced.is_empty(), "{applied:?}");
    assert_eq!(scene.slots(), Vec::<String>::new());
}

/// What a killed process left in the slot was never visible: it is nobody's, and not kept.
#[test]
fn what_a_killed_process_left_does_not_outlive_what_is_taken_back() {
    let scene = Scene::new();
    scene.put_slot(Does::Arrive, "what another process was about to bring");
    let applied = scene.take_back(&plain(Does::Arrive));
    assert_eq!(scene.text(), None);
    assert!(applied.displaced.is_empty(), "{applied:?}");
    assert_eq!(scene.slots(), Vec::<String>::new());
}

/// What one of them left in a slot when it was killed is not in the way of the other.
#[test]
fn two_processes_number_their_transactions_differently() {
    let scene = Scene::new();
    let id = |given_before: u64| {
        let ids = CountingIds::default();
        for _ in 0..given_before {
            ids.number();
        }
        let options = WorkspaceOptions {
            ids: Arc::new(ids),
            ..WorkspaceOptions::default()
        };
        let base = Arc::new(DirectoryBase::new(scene.root.clone(), "file:///x"));
        let engine = Engine::open(base, "file:///x", &options, None);
        engine.transaction_id(&scene.store)
    };
    let (one, two) = (id(0), id(1_000));
    assert_ne!(one, two);
    assert_eq!(
        one >> 20,
        two >> 20,
        "both begin with the next record's number"
    );
}
