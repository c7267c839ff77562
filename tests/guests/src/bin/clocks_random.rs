//! Uses both clocks, sleeps, and asks for randomness.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

fn main() {
    let (start, pause) = (Instant::now(), Duration::from_millis(5));
    sleep(pause);
    assert!(start.elapsed() >= pause);
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after it");
    assert!(
        since_1970 > Duration::from_secs(1_700_000_000),
        "{since_1970:?}"
    );
    println!("{:016x}", RandomState::new().hash_one("seed"));
}
