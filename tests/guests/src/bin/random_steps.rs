//! Takes steps at random, by the seed that it is given, and prints what came of each.
//!
//! The same seed takes the same steps on every host, so that two hosts can be compared by line.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

use session_fs_test_guests::{names, symlink};

const STEPS: u32 = 400;

const PATHS: [&str; 16] = [
    "a", "b", "c", "given", "d", "d/a", "d/b", "d/e", "d/e/a", "d/../a", "f", "f/a", "f/d", "l",
    "d/l", "l/a",
];

const TARGETS: [&str; 7] = ["a", "d", "d/e", "e", "b/", "absent", "l"];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % limit
    }

    fn of(&mut self, texts: &[&'static str]) -> &'static str {
        let index = usize::try_from(self.below(1 << 30)).expect("small");
        texts[index % texts.len()]
    }
}

fn main() {
    let seed: u64 = std::env::args()
        .nth(1)
        .expect("a seed")
        .parse()
        .expect("a number");
    let mut random = Random(seed * 2 + 1);
    for _ in 0..20 {
        random.below(1);
    }
    let mut open: Vec<File> = Vec::new();
    for step in 0..STEPS {
        let (path, other) = (random.of(&PATHS), random.of(&PATHS));
        let number = random.below(5000);
        match random.below(1 << 20) % 17 {
            0..=2 => say(step, "write", path, fs::write(path, text(number))),
            3 => say(
                step,
                "read",
                path,
                fs::read(path).map(|bytes| digest(&bytes)),
            ),
            4 => say(step, "append", path, append(path, number)),
            5 => say(step, "mkdir", path, fs::create_dir(path)),
            6 => say(step, "unlink", path, fs::remove_file(path)),
            7 => say(step, "rmdir", path, fs::remove_dir(path)),
            8 | 9 => say(
                step,
                &format!("rename {other} to"),
                path,
                fs::rename(other, path),
            ),
            10 => say(
                step,
                &format!("link {other} to"),
                path,
                fs::hard_link(other, path),
            ),
            11 => {
                let target = random.of(&TARGETS);
                say(
                    step,
                    &format!("symlink {target} from"),
                    path,
                    symlink(target, path),
                );
            }
            12 => say(step, "readlink", path, fs::read_link(path)),
            13 => say(step, "describe", path, described(path)),
            14 => say(step, "list", path, fs::read_dir(path).map(|_| names(path))),
            15 => {
                let mut options = OpenOptions::new();
                options
                    .read(true)
                    .write(true)
                    .create(number.is_multiple_of(2));
                let opened = options.truncate(number.is_multiple_of(3)).open(path);
                say(step, "open", path, opened.map(|file| open.push(file)));
            }
            _ if open.len() > 4 => drop(open.remove(0)),
            _ => {
                if let Some(file) = open.last_mut() {
                    say(step, "handle", "", handled(file, number));
                }
            }
        }
    }
}

fn say<T: Debug>(step: u32, what: &str, path: &str, result: io::Result<T>) {
    match result {
        Ok(value) => println!("{step} {what} {path}: {value:?}"),
        Err(error) => println!("{step} {what} {path}: errno {:?}", error.raw_os_error()),
    }
}

fn text(number: u64) -> String {
    format!("{number} ").repeat(usize::try_from(number).expect("small"))
}

/// Length and content in a few digits.
fn digest(bytes: &[u8]) -> (usize, u32) {
    let mix = |sum: u32, byte: &u8| sum.wrapping_mul(31).wrapping_add(u32::from(*byte));
    (bytes.len(), bytes.iter().fold(7, mix))
}

fn append(path: &str, number: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(format!("+{number}").as_bytes())
}

fn described(path: &str) -> io::Result<(bool, bool, u64)> {
    let (link, file) = (fs::symlink_metadata(path)?, fs::metadata(path)?);
    Ok((
        link.is_symlink(),
        file.is_dir(),
        if file.is_dir() { 0 } else { file.len() },
    ))
}

/// Seeks, writes, cuts and reads back, through a handle whose name may be gone.
fn handled(file: &mut File, number: u64) -> io::Result<(u64, (usize, u32))> {
    file.seek(SeekFrom::Start(number))?;
    file.write_all(format!("<{number}>").as_bytes())?;
    if number.is_multiple_of(5) {
        file.set_len(number / 2)?;
    }
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok((length, digest(&bytes)))
}
