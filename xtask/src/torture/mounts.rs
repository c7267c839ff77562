//! File systems in a file, mounted for a moment: xfs and btrfs where the tools and the rights are.

use std::path::Path;
use std::process::Stdio;

use anyhow::Result;

use crate::workbench::Workbench;

/// Bytes of each: what the larger of the two asks for at least.
const BYTES: u64 = 512 << 20;
const KINDS: [(&str, &[&str]); 2] = [("mkfs.xfs", &["-q", "-f"]), ("mkfs.btrfs", &["-q", "-f"])];

/// Makes each file system that can be made here and does something in it; says loudly what cannot.
pub(super) fn each(bench: &Workbench, act: &dyn Fn(&Path) -> Result<()>) -> Result<()> {
    for (tool, arguments) in KINDS {
        let found = bench
            .tool(tool)
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if found.is_err() {
            println!("SKIPPED: {tool} is not installed");
            continue;
        }
        let scratch = bench.scratch(tool)?;
        let (image, folder) = (scratch.join("image"), scratch.join("mounted"));
        std::fs::create_dir_all(&folder)?;
        std::fs::File::create(&image)?.set_len(BYTES)?;
        bench.run(bench.tool(tool).args(arguments).arg(&image))?;
        let mount = ["-o", "loop"];
        if bench
            .run(bench.tool("mount").args(mount).arg(&image).arg(&folder))
            .is_err()
        {
            println!("SKIPPED: {tool}: this user cannot mount");
            continue;
        }
        let done = act(&folder);
        bench.run(bench.tool("umount").arg(&folder))?;
        done?;
    }
    Ok(())
}
