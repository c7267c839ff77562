//! Calls the host for ever: each call is short, so it must be the run that ends.

fn main() {
    loop {
        std::fs::write("written", "again").expect("written");
    }
}
