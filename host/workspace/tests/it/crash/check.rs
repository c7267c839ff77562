//! What must hold of a base that is opened after a crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use session_fs_workspace::CommitOutcome;
use session_fs_workspace::change::{ChangeFile, Version};
use store::disk::crash::Node;
use store::disk::{CrashDisk, Dir};
use store::{Digest, JournalLimits, JournalPair};

use super::workload::Reached;
use crate::rig::{self, Host, Nodes, below, visible};

/// Whether the machine was started anew, and with it what a commit notes about its progress void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// The power was lost.
    Machine,
    /// The process died.
    Process,
}

/// What is known of the base at the moment of the crash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// The trees before the first commit and after each.
    pub(crate) trees: &'a [Nodes],
    pub(crate) reached: Reached,
    pub(crate) restart: Restart,
    /// Whether the disk keeps names as file systems do. One that reorders them at will lets a file
    /// arrive in a folder that never does, or under two names: only the tree itself is judged then.
    pub(crate) is_orderly: bool,
}

impl Expected<'_> {
    pub(crate) fn boot(&self) -> [u8; 16] {
        match self.restart {
            Restart::Machine => [2; 16],
            Restart::Process => [1; 16],
        }
    }

    /// Opens the base of a crashed disk and holds everything about it against what is known.
    pub(crate) fn check(&self, disk: &CrashDisk, context: &dyn Fn() -> String) {
        let host = Host::open(disk.root(), "heir", Some(self.boot()));
        assert_eq!(host.trouble(), None, "{}", context());
        let Reached {
            acknowledged,
            begun,
        } = self.reached;
        let generation = usize::try_from(host.base.generation()).expect("small");
        assert!(
            (acknowledged..=begun).contains(&generation),
            "{acknowledged} were acknowledged and {begun} begun, {generation} are there: {}",
            context()
        );
        let nodes = rig::nodes(disk);
        let expected = &self.trees[generation];
        assert!(
            visible(&nodes) == *expected,
            "neither before nor after: {}\n{}",
            difference(expected, &visible(&nodes)),
            context()
        );
        if !nodes.contains_key(".session-fs/store") {
            assert_eq!(generation, 0, "{}", context());
            return;
        }
        self.check_store(disk, &nodes, generation, context);
        drop(host);
        let again = disk.fork();
        let host = Host::open(again.root(), "second heir", Some(self.boot()));
        assert_eq!(host.trouble(), None, "{}", context());
        let twice = rig::nodes(&again);
        assert!(
            nodes == twice,
            "recovered twice is not recovered once: {}\n{}",
            difference(&nodes, &twice),
            context()
        );
    }

    /// Commits something to a base that was recovered.
    pub(crate) fn check_goes_on(&self, disk: &CrashDisk, context: &dyn Fn() -> String) {
        let host = Host::open(disk.root(), "successor", Some(self.boot()));
        let before = host.base.generation();
        let session = host.begin();
        session.write("afterwards", b"later").expect("writes");
        session.remove_all("a").ok();
        let outcome = host.commit(&session);
        assert!(
            matches!(&outcome, Ok(CommitOutcome::Applied(info)) if info.generation == before + 1),
            "{outcome:?}: {}",
            context()
        );
        assert!(rig::nodes(disk).contains_key("afterwards"), "{}", context());
        assert!(!rig::nodes(disk).contains_key("a"), "{}", context());
    }

    fn check_store(
        &self,
        disk: &CrashDisk,
        nodes: &Nodes,
        generation: usize,
        context: &dyn Fn() -> String,
    ) {
        let folders = ["staging/", "conflicts"];
        for left in &folders[..1 + usize::from(self.is_orderly)] {
            let left = below(nodes, &format!(".session-fs/{left}"));
            let what: Vec<_> = left.iter().map(|path| short(nodes.get(path))).collect();
            assert!(
                left.is_empty(),
                "left behind: {left:?} {what:?}: {}",
                context()
            );
        }
        let copy = disk.fork();
        let store = copy.root().walk(&[rig::name(".session-fs")]);
        let store = store.expect("a store");
        let limits = JournalLimits {
            bytes_initial: 64 << 20,
            bytes_max: 64 << 20,
            record_bytes_max: 48 << 20,
        };
        let opened = JournalPair::open(&store, &rig::identity(&store), &limits);
        let (_, records) = opened.expect("journals");
        assert!(records.is_empty(), "the journals are empty: {}", context());
        let history = History::read(&store, nodes, context);
        history.check(self, generation, context);
        if self.is_orderly {
            history.check_complete(context);
        }
    }
}

/// The change files of a store, by generation.
struct History<'a> {
    files: BTreeMap<u64, ChangeFile>,
    nodes: &'a Nodes,
}

impl<'a> History<'a> {
    fn read(store: &Arc<dyn Dir>, nodes: &'a Nodes, context: &dyn Fn() -> String) -> Self {
        let changes = store.walk(&[rig::name("changes")]).expect("a folder");
        let mut files = BTreeMap::new();
        for item in changes.list(1_000).expect("lists").items {
            let bytes = rig::read(&*changes.open(&item.name).expect("a change file"));
            let file = ChangeFile::decode(&bytes);
            let file = file.unwrap_or_else(|error| panic!("{}: {error}: {}", item.name, context()));
            assert_eq!(file.change.id().to_string(), *item.name, "{}", context());
            files.insert(file.generation, file);
        }
        Self { files, nodes }
    }

    fn check(&self, of: &Expected<'_>, generation: usize, context: &dyn Fn() -> String) {
        let numbers: Vec<u64> = self.files.keys().copied().collect();
        let expected: Vec<u64> = (1..=generation as u64).collect();
        assert_eq!(numbers, expected, "one file per change: {}", context());
        let mut previous = None;
        for file in self.files.values() {
            assert_eq!(file.previous, previous, "the chain: {}", context());
            let nobody = !of.is_orderly || file.displaced.is_empty();
            assert!(nobody, "nobody else was here: {}", context());
            previous = Some(file.change.id());
            let before = usize::try_from(file.generation - 1).expect("small");
            self.check_preimages(of, file, &of.trees[before], context);
        }
    }

    /// Everything that the change replaced or removed is kept, and as it was.
    fn check_preimages(
        &self,
        of: &Expected<'_>,
        file: &ChangeFile,
        before: &Nodes,
        context: &dyn Fn() -> String,
    ) {
        for preimage in &file.preimages {
            let Some(Node::File { content, .. }) = before.get(&preimage.path.to_string()) else {
                panic!("{} was no file: {}", preimage.path, context())
            };
            assert_eq!(
                Digest::of(content),
                preimage.digest,
                "{} before generation {}: {}",
                preimage.path,
                file.generation,
                context()
            );
            let digest = preimage.digest.to_string();
            let object = format!(".session-fs/objects/{}/{}", &digest[..2], &digest[2..]);
            let kept = self.nodes.get(&object);
            if kept.is_none() && !of.is_orderly {
                continue;
            }
            assert!(
                matches!(kept, Some(Node::File { content: kept, .. }) if kept == content),
                "the object of {}: {kept:?}: {}",
                preimage.path,
                context()
            );
        }
    }

    fn check_complete(&self, context: &dyn Fn() -> String) {
        for file in self.files.values() {
            let is_kept = |path: &vfs::VPath| file.preimages.iter().any(|one| one.path == *path);
            let is_file = |version: &Version| matches!(version, Version::File { .. });
            let removed = file.change.departures.iter();
            let removed = removed.filter(|gone| gone.moved_to.is_none() && is_file(&gone.before));
            let updated = file.change.updates.iter().map(|update| &update.source);
            for path in removed.map(|gone| &gone.path).chain(updated) {
                assert!(
                    is_kept(path),
                    "{path} is not in history: {}\n{file:?}",
                    context()
                );
            }
        }
    }
}

/// Where two trees differ.
pub(crate) fn difference(expected: &Nodes, found: &Nodes) -> String {
    let paths: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let lines = paths.into_iter().filter_map(|path| {
        let (one, two) = (expected.get(path), found.get(path));
        (one != two).then(|| format!("  {path}: expected {}, found {}", short(one), short(two)))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn short(node: Option<&Node>) -> String {
    match node {
        Some(Node::File { content, mode }) => {
            let digest = Digest::of(content).to_string();
            let head: Vec<u8> = content.iter().copied().take(12).collect();
            let head = String::from_utf8_lossy(&head).into_owned();
            format!("{mode:o} {} bytes {head:?} {}", content.len(), &digest[..6])
        }
        other => format!("{other:?}"),
    }
}
