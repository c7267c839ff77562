//! Does each kind of file operation some times and prints how many nanoseconds one took.
//!
//! The clock is read by the guest around many rounds, so that what is measured is the operation and the
//! way to the host and back, and not how the guest came to run.

use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Instant;

const SMALL_BYTES: usize = 4 << 10;
const LARGE_BYTES: usize = 16 << 20;
const FILES_COUNT: usize = 100;

fn main() {
    let rounds = std::env::args().nth(1).expect("how many rounds");
    let rounds: u32 = rounds.parse().expect("a number");
    let small = vec![b's'; SMALL_BYTES];
    let large: Vec<u8> = (0..LARGE_BYTES).map(|at| (at / 7 % 251) as u8).collect();
    fs::create_dir("work").expect("created");
    fs::write("work/small", &small).expect("written");
    fs::write("work/large", &large).expect("written");
    fs::create_dir("work/many").expect("created");
    for number in 0..FILES_COUNT {
        fs::write(format!("work/many/{number}"), &small).expect("written");
    }

    measure("stat", rounds, |_| {
        black_box(fs::metadata("work/small").expect("there"));
    });
    measure("open and close", rounds, |_| {
        black_box(File::open("work/small").expect("there"));
    });
    measure("open, read 4 KiB, close", rounds, |_| {
        assert_eq!(fs::read("work/small").expect("read").len(), SMALL_BYTES);
    });
    let mut file = File::open("work/small").expect("there");
    let mut buffer = vec![0; SMALL_BYTES];
    measure("read 4 KiB through a handle", rounds, |_| {
        file.seek(SeekFrom::Start(0)).expect("sought");
        file.read_exact(&mut buffer).expect("read");
    });
    measure("read a file of the base", rounds, |round| {
        let path = format!("given/{}", round as usize % FILES_COUNT);
        assert_eq!(fs::read(path).expect("read").len(), SMALL_BYTES);
    });
    measure("create, write 4 KiB, remove", rounds, |_| {
        fs::write("work/new", &small).expect("written");
        fs::remove_file("work/new").expect("removed");
    });
    measure("create and remove", rounds, |_| {
        drop(File::create("work/empty").expect("created"));
        fs::remove_file("work/empty").expect("removed");
    });
    let mut file = OpenOptions::new()
        .write(true)
        .open("work/small")
        .expect("there");
    measure("write 4 KiB through a handle", rounds, |_| {
        file.seek(SeekFrom::Start(0)).expect("sought");
        file.write_all(&small).expect("written");
    });
    measure("rename", rounds, |round| {
        let names = ["work/small", "work/renamed"];
        let (from, to) = (names[round as usize % 2], names[(round as usize + 1) % 2]);
        fs::rename(from, to).expect("renamed");
    });
    measure("list 100 names", rounds / 10, |_| {
        assert_eq!(
            fs::read_dir("work/many").expect("read").count(),
            FILES_COUNT
        );
    });
    measure("read 16 MiB", rounds / 100, |_| {
        assert_eq!(fs::read("work/large").expect("read").len(), LARGE_BYTES);
    });
    measure("write 16 MiB", rounds / 100, |_| {
        fs::write("work/large", &large).expect("written");
    });
}

/// Does something an even number of times and prints the time for one.
fn measure(name: &str, rounds: u32, mut work: impl FnMut(u32)) {
    let rounds = rounds.max(2).next_multiple_of(2);
    let start = Instant::now();
    (0..rounds).for_each(&mut work);
    println!(
        "{name}: {}",
        start.elapsed().as_nanos() / u128::from(rounds)
    );
}
