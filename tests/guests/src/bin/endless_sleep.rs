//! Sleeps for a thousand years.

fn main() {
    std::thread::sleep(std::time::Duration::from_secs(1000 * 365 * 24 * 3600));
}
