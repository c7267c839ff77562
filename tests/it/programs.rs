//! Programs that nobody here wrote, built unmodified from the cargo registry, and run in sessions.
//!
//! Each plays the same commands over the same tree as its own native build, or as the program of the
//! system that it is a version of, and must print the same, end the same way and leave the same tree.
#![expect(
    clippy::disallowed_methods,
    reason = "tests build programs, run them natively and look at what they leave"
)]

mod contest;
mod in_place;
mod install;
mod search;
mod trees_of_files;

use crate::support::Item;
use crate::tidy::root;

/// What of the repository the programs work on; it is text of several kinds, in a tree.
const SAMPLE: [&str; 3] = ["docs", "guest-sdk", "wit"];

/// A part of this repository as it stands.
fn sample() -> Vec<Item> {
    let mut items = Vec::new();
    for folder in SAMPLE {
        collect(folder, &mut items);
    }
    assert!(items.len() > 20, "the sample was not found");
    items
}

fn collect(folder: &str, items: &mut Vec<Item>) {
    for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let path = format!("{folder}/{name}");
        if entry.file_type().expect("it has a kind").is_dir() {
            collect(&path, items);
        } else {
            let content = std::fs::read_to_string(entry.path()).expect("sources are text");
            items.push(Item::File(path.leak(), content.leak()));
        }
    }
}
