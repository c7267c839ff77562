//! Writes a file and panics.

fn main() {
    std::fs::write("written", "before the end").expect("written");
    panic!("the guest gives up on {}", std::env::args().count());
}
