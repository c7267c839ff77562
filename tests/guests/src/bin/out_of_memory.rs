//! Takes memory until there is none.

fn main() {
    let mut held = Vec::new();
    loop {
        held.push(std::hint::black_box(vec![0xA5_u8; 1 << 20]));
    }
}
