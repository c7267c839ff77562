//! Does what its arguments say, one step each: a verb and what it is about.

use std::fs;
use std::io::Read as _;

fn main() {
    for step in std::env::args().skip(1) {
        let words: Vec<&str> = step.split(' ').collect();
        match words[..] {
            ["write", path, text] => fs::write(path, format!("{text}\n")).expect("written"),
            ["fill", path, mebibytes] => {
                fs::write(path, noise(mebibytes.parse().expect("a number"))).expect("written");
            }
            ["make", path] => fs::create_dir(path).expect("made"),
            ["rename", from, to] => fs::rename(from, to).expect("renamed"),
            ["remove", path] => fs::remove_file(path).expect("removed"),
            ["print", text] => println!("{text}"),
            ["warn", text] => eprintln!("{text}"),
            ["environment"] => {
                for (name, value) in std::env::vars() {
                    println!("{name}={value}");
                }
            }
            ["input"] => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).expect("a text");
                print!("{text}");
            }
            ["try", path] => println!("{}", fs::write(path, "x").is_ok()),
            _ => panic!("no such step: {step}"),
        }
    }
}

/// Bytes that no base has and nothing compresses.
fn noise(mebibytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..mebibytes << 20).map(|_| next()).collect()
}
