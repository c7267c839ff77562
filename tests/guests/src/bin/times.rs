//! Sets the times of files, also to ones that hardly fit.

use std::fs::{self, FileTimes, OpenOptions};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() {
    fs::write("a", "x").expect("written");
    let file = OpenOptions::new().write(true).open("a").expect("opened");
    let modified = || {
        fs::metadata("a")
            .expect("described")
            .modified()
            .expect("known")
    };
    for time in [
        UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789),
        UNIX_EPOCH,
        UNIX_EPOCH + Duration::new(4_102_444_800, 999_999_999),
    ] {
        file.set_modified(time).expect("set");
        assert_eq!(modified(), time);
    }
    let (read, written) = (
        UNIX_EPOCH + Duration::from_secs(1),
        UNIX_EPOCH + Duration::from_secs(2),
    );
    let times = FileTimes::new().set_accessed(read).set_modified(written);
    file.set_times(times).expect("set");
    let told = fs::metadata("a").expect("described");
    assert_eq!(
        (told.accessed().ok(), told.modified().ok()),
        (Some(read), Some(written))
    );

    // Neither of these may harm the host; whether they are refused is libc's business.
    let _early = file.set_modified(UNIX_EPOCH - Duration::from_secs(1));
    let _late = file.set_modified(far_future());
    file.set_modified(UNIX_EPOCH + Duration::from_secs(3))
        .expect("set");
    fs::write("a", "y").expect("written");
    assert!(
        modified() > UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        "writing sets the time"
    );
}

fn far_future() -> SystemTime {
    let mut time = UNIX_EPOCH;
    for shift in (0..63).rev() {
        time = time
            .checked_add(Duration::from_secs(1 << shift))
            .unwrap_or(time);
    }
    time
}
