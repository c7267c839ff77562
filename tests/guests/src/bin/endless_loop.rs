//! Writes a file and then turns for ever without calling the host.

fn main() {
    std::fs::write("written", "before the end").expect("written");
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
