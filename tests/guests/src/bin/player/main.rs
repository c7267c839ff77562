//! Plays a script of file operations and prints one line for what came of each.
//!
//! The script is the first argument, one step a line: a method of the WIT, then its arguments. Handles
//! live in numbered slots: `d0` is the preopened directory, `i`, `o` and `c` are input streams, output
//! streams and directory cursors. Nothing that differs between two runs is printed: times only when the
//! script set them, hashes only as equal or not, entries of a directory in the order of their names.

mod cursor;
mod descriptor;
mod streams;
mod words;

use std::collections::BTreeMap;

use bindings::wasi::filesystem::preopens::get_directories;
use bindings::wasi::filesystem::types::{Descriptor, ErrorCode};
use bindings::wasi::io::streams::{InputStream, OutputStream};
use cursor::Cursor;
use words::Words;

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package session-fs:test-player;
            world player {
                import wasi:filesystem/types@0.2.12;
                import wasi:filesystem/preopens@0.2.12;
                import wasi:io/poll@0.2.12;
                import wasi:io/streams@0.2.12;
            }
        ",
        world: "session-fs:test-player/player",
        generate_all,
    });
}

/// Why a step did not do what it says.
enum Refusal {
    /// The host refused it.
    Code(ErrorCode),
    /// A stream's last operation failed; with the code, where the error has one.
    Failed(Option<ErrorCode>),
    /// The stream has ended.
    Closed,
    /// There is nothing in the slot.
    Empty(String),
}

type Played = Result<String, Refusal>;

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

impl Refusal {
    fn text(&self) -> String {
        match self {
            Self::Code(code) => format!("error {}", code.name()),
            Self::Failed(Some(code)) => format!("error {} of a stream", code.name()),
            Self::Failed(None) => "error of a stream".to_owned(),
            Self::Closed => "error closed".to_owned(),
            Self::Empty(slot) => format!("nothing in {slot}"),
        }
    }
}

/// The handles that the script has opened, by slot.
#[derive(Default)]
struct Player {
    descriptors: BTreeMap<String, Descriptor>,
    /// When each was last seen modified, unless the script had set that time.
    modified: BTreeMap<String, (u64, u32)>,
    inputs: BTreeMap<String, InputStream>,
    outputs: BTreeMap<String, OutputStream>,
    cursors: BTreeMap<String, Cursor>,
}

impl Player {
    fn descriptor(&self, slot: &str) -> Result<&Descriptor, Refusal> {
        let descriptor = self.descriptors.get(slot);
        descriptor.ok_or_else(|| Refusal::Empty(slot.to_owned()))
    }

    fn play(&mut self, step: &str) -> Played {
        let mut words = Words::new(step);
        let verb = words.next();
        if verb == "drop" {
            return self.drop(words.next());
        }
        match verb.split_once('.') {
            Some(("input-stream", method)) => self.input(method, &mut words),
            Some(("output-stream", method)) => self.output(method, &mut words),
            Some(("directory-entry-stream", method)) => self.entry(method, &mut words),
            _ => self.on_descriptor(verb, &mut words),
        }
    }

    fn drop(&mut self, slot: &str) -> Played {
        let was_there = match slot.as_bytes()[0] {
            b'd' => self.descriptors.remove(slot).is_some(),
            b'i' => self.inputs.remove(slot).is_some(),
            b'o' => self.outputs.remove(slot).is_some(),
            _ => self.cursors.remove(slot).is_some(),
        };
        if was_there {
            return done();
        }
        Err(Refusal::Empty(slot.to_owned()))
    }
}

fn done() -> Played {
    Ok("ok".to_owned())
}

fn main() {
    let script = std::env::args().nth(1).expect("a script");
    let mut player = Player::default();
    let mut preopened = get_directories();
    let (root, name) = preopened.remove(0);
    assert_eq!((name.as_str(), preopened.len()), ("/", 0));
    player.descriptors.insert("d0".to_owned(), root);
    for step in script.lines() {
        match player.play(step) {
            Ok(text) => println!("{text}"),
            Err(refusal) => println!("{}", refusal.text()),
        }
    }
}
