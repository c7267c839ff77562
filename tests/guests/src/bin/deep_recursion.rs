//! Calls itself until the stack ends: with large frames, or with small ones when told so.

use std::hint::black_box;

fn main() {
    let small = std::env::args().nth(1).as_deref() == Some("small");
    println!("{}", if small { thin(1) } else { wide(1) });
}

#[expect(unconditional_recursion, reason = "that is what is tested")]
fn wide(depth: u64) -> u64 {
    let frame = black_box([depth; 512]);
    black_box(wide(depth + 1) + frame[7])
}

#[expect(unconditional_recursion, reason = "that is what is tested")]
fn thin(depth: u64) -> u64 {
    black_box(thin(black_box(depth + 1)) + 1)
}
