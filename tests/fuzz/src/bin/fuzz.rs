//! The program that `cargo xtask fuzz` runs for hours: `SESSION_FS_FUZZ=target fuzz corpus…`, with the
//! options of libFuzzer. With `SESSION_FS_FUZZ_SEEDS=folder` it first writes the target's seeds there.
#![no_main]

use std::sync::LazyLock;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use libfuzzer_sys::fuzz_target;
use session_fs_fuzz::{Target, target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("SESSION_FS_FUZZ").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("SESSION_FS_FUZZ={name:?} is no target"))
});

fn plant() {
    let Ok(folder) = std::env::var("SESSION_FS_FUZZ_SEEDS") else {
        LazyLock::force(&TARGET);
        return;
    };
    let folder = Dir::open_ambient_dir(folder, ambient_authority()).expect("a folder for seeds");
    for (number, seed) in (TARGET.seeds)().into_iter().enumerate() {
        let written = folder.write(format!("seed-{number}"), seed);
        written.expect("the folder can be written to");
    }
}

fuzz_target!(init: plant(), |data: &[u8]| (TARGET.run)(data));
