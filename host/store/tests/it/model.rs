//! Random operations on two directories, against a plain map.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

use proptest::prelude::*;
use session_fs_store::disk::{Dir, FileKind, RealDir, RenameMode};

use crate::{Sandbox, content, name, names};

/// Directory (0 or 1) and entry name.
type Place = (usize, &'static str);
type Model = BTreeMap<Place, Node>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(String),
    Directory,
    Link(String),
}

#[derive(Debug, Clone)]
enum Operation {
    Make(Place, Node),
    Unlink(Place),
    Rmdir(Place),
    Rename(Place, Place, RenameMode),
}

fn place() -> impl Strategy<Value = Place> {
    (0..2_usize, prop::sample::select(vec!["a", "b", "c"]))
}

fn operation() -> impl Strategy<Value = Operation> {
    let node = prop_oneof![
        "[a-z]{1,4}".prop_map(Node::File),
        Just(Node::Directory),
        "[a-z./]{1,9}".prop_map(Node::Link),
    ];
    let mode = prop::sample::select(vec![
        RenameMode::Replace,
        RenameMode::NoReplace,
        RenameMode::Exchange,
    ]);
    prop_oneof![
        3 => (place(), node).prop_map(|(place, node)| Operation::Make(place, node)),
        1 => place().prop_map(Operation::Unlink),
        1 => place().prop_map(Operation::Rmdir),
        4 => (place(), place(), mode).prop_map(|(from, to, mode)| Operation::Rename(from, to, mode)),
    ]
}

fn expect(model: &mut Model, operation: &Operation) -> Result<(), ErrorKind> {
    match operation {
        Operation::Make(place, _) if model.contains_key(place) => {
            return Err(ErrorKind::AlreadyExists);
        }
        Operation::Make(place, node) => drop(model.insert(*place, node.clone())),
        Operation::Unlink(place) => match model.get(place).ok_or(ErrorKind::NotFound)? {
            Node::Directory => return Err(ErrorKind::IsADirectory),
            Node::File(_) | Node::Link(_) => drop(model.remove(place)),
        },
        Operation::Rmdir(place) => match model.get(place).ok_or(ErrorKind::NotFound)? {
            Node::Directory => drop(model.remove(place)),
            Node::File(_) | Node::Link(_) => return Err(ErrorKind::NotADirectory),
        },
        Operation::Rename(from, to, mode) => expect_rename(model, *from, *to, *mode)?,
    }
    Ok(())
}

fn expect_rename(
    model: &mut Model,
    from: Place,
    to: Place,
    mode: RenameMode,
) -> Result<(), ErrorKind> {
    let source = model.get(&from).cloned().ok_or(ErrorKind::NotFound)?;
    let target = model.get(&to).cloned();
    match (mode, &source, target) {
        (RenameMode::NoReplace, _, Some(_)) => return Err(ErrorKind::AlreadyExists),
        (RenameMode::Exchange, _, None) => return Err(ErrorKind::NotFound),
        _ if from == to => return Ok(()),
        (RenameMode::Exchange, _, Some(target)) => drop(model.insert(from, target)),
        (RenameMode::Replace, Node::Directory, Some(Node::File(_) | Node::Link(_))) => {
            return Err(ErrorKind::NotADirectory);
        }
        (RenameMode::Replace, Node::File(_) | Node::Link(_), Some(Node::Directory)) => {
            return Err(ErrorKind::IsADirectory);
        }
        _ => drop(model.remove(&from)),
    }
    model.insert(to, source);
    Ok(())
}

fn perform(dirs: [&dyn Dir; 2], operation: &Operation) -> io::Result<()> {
    match operation {
        Operation::Make((dir, entry), Node::File(text)) => dirs[*dir]
            .create(&name(entry), 0o644)?
            .write_at(text.as_bytes(), 0),
        Operation::Make((dir, entry), Node::Directory) => dirs[*dir].mkdir(&name(entry), 0o755),
        Operation::Make((dir, entry), Node::Link(to)) => dirs[*dir].symlink(to, &name(entry)),
        Operation::Unlink((dir, entry)) => dirs[*dir].unlink(&name(entry)),
        Operation::Rmdir((dir, entry)) => dirs[*dir].rmdir(&name(entry)),
        Operation::Rename((dir, entry), (to_dir, to_entry), mode) => {
            dirs[*dir].rename(&name(entry), dirs[*to_dir], &name(to_entry), *mode)
        }
    }
}

fn observe(dirs: [&dyn Dir; 2]) -> Model {
    let mut found = Model::new();
    for (index, dir) in dirs.into_iter().enumerate() {
        for item in dir.list(3).expect("three names at most").items {
            let entry = ["a", "b", "c"]
                .into_iter()
                .find(|entry| item.name.as_str() == *entry);
            let entry = entry.expect("no other name was used");
            let node = match item.kind {
                FileKind::File => Node::File(content(dir, entry).expect("listed")),
                FileKind::Directory => Node::Directory,
                FileKind::Symlink => Node::Link(dir.read_link(&item.name).expect("listed")),
                FileKind::Other => panic!("nobody made {entry}"),
            };
            found.insert((index, entry), node);
        }
    }
    found
}

proptest! {
    #[test]
    fn operations_do_what_the_map_does(operations in prop::collection::vec(operation(), 1..40)) {
        let sandbox = Sandbox::new(RealDir::open);
        let root = &*sandbox.root;
        root.mkdir(&name("sub"), 0o755).expect("new");
        root.mkdir(&name("top"), 0o755).expect("new");
        let top = root.walk(&names("top")).expect("exists");
        let sub = root.walk(&names("sub")).expect("exists");
        let mut model = Model::new();
        for operation in &operations {
            let expected = expect(&mut model, operation);
            let found = perform([&*top, &*sub], operation).map_err(|error| error.kind());
            prop_assert_eq!(found, expected, "{:?}", operation);
            prop_assert_eq!(observe([&*top, &*sub]), model.clone(), "{:?}", operation);
        }
    }

    /// The commit protocol stands on this: after an exchange each name has what the other had,
    /// and doing it twice is doing nothing.
    #[test]
    fn exchange_swaps_and_is_its_own_inverse(left in "[a-z]{0,9}", right in "[a-z]{0,9}") {
        let sandbox = Sandbox::new(RealDir::open);
        let root = &*sandbox.root;
        crate::put(root, "l", &left);
        crate::put(root, "r", &right);
        let inodes = || ["l", "r"].map(|entry| root.stat(&name(entry)).expect("exists").ino);
        let [before_left, before_right] = inodes();
        root.rename(&name("l"), root, &name("r"), RenameMode::Exchange).expect("both exist");
        prop_assert_eq!(inodes(), [before_right, before_left]);
        prop_assert_eq!(content(root, "l").expect("exists"), right);
        prop_assert_eq!(content(root, "r").expect("exists"), left);
        root.rename(&name("r"), root, &name("l"), RenameMode::Exchange).expect("both exist");
        prop_assert_eq!(inodes(), [before_left, before_right]);
    }
}
