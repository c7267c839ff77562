//! File systems in a file, mounted for a moment: where the tools and the rights are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::workbench::Workbench;

/// Bytes of each, most of which are never written: xfs asks for 300 MiB at least.
const BYTES: u64 = 1 << 30;

/// A kind of file system that can be made in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    tool: &'static str,
    arguments: &'static [&'static str],
}

/// Those that commits are durable on.
pub(super) const KINDS: [Kind; 3] = [
    Kind {
        name: "ext4",
        tool: "mkfs.ext4",
        arguments: &["-q", "-F"],
    },
    Kind {
        name: "xfs",
        tool: "mkfs.xfs",
        arguments: &["-q", "-f"],
    },
    Kind {
        name: "btrfs",
        tool: "mkfs.btrfs",
        arguments: &["-q", "-f"],
    },
];

/// A file system that is there until this is dropped.
pub(super) struct Mounted<'a> {
    bench: &'a Workbench,
    folder: PathBuf,
}

impl<'a> Mounted<'a> {
    /// Makes a file system and mounts it.
    ///
    /// # Errors
    ///
    /// The tool is missing, or this user may not mount; nothing is left then.
    pub(super) fn make(bench: &'a Workbench, kind: Kind) -> Result<Self> {
        let folder = bench.scratch("mounts")?.join(kind.name);
        fs::create_dir_all(&folder)?;
        // A run that was killed may have left its own.
        drop(quiet(bench, "umount", &[], &[&folder]));
        let image = image(&folder);
        let made = fs::File::create(&image)
            .and_then(|file| file.set_len(BYTES))
            .with_context(|| format!("cannot make {}", image.display()))
            .and_then(|()| quiet(bench, kind.tool, kind.arguments, &[&image]))
            .and_then(|()| quiet(bench, "mount", &["-o", "loop"], &[&image, &folder]));
        // The mount keeps it for as long as it is needed.
        fs::remove_file(&image).ok();
        made.map(|()| Self { bench, folder })
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let lazily = |error| {
            println!("{error:#}");
            quiet(self.bench, "umount", &["-l"], &[&self.folder])
        };
        if let Err(error) = quiet(self.bench, "umount", &[], &[&self.folder]).or_else(lazily) {
            println!("STILL MOUNTED: {}: {error:#}", self.folder.display());
            return;
        }
        fs::remove_dir(&self.folder).ok();
    }
}

/// The file of a file system: in memory where that can be, so that flushing takes no time.
fn image(folder: &Path) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let id = std::process::id();
    match (memory.is_dir(), folder.file_name()) {
        (true, Some(kind)) => memory.join(format!("torture-{id}-{}", kind.display())),
        _ => folder.with_extension(format!("{id}")),
    }
}

fn quiet(bench: &Workbench, tool: &str, arguments: &[&str], paths: &[&PathBuf]) -> Result<()> {
    let output = bench
        .tool(tool)
        .args(arguments)
        .args(paths)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{tool} is not installed"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{tool} failed: {}", said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder's mounts as the kernel lists them.
    fn mounts_count(folder: &Path) -> usize {
        let mounts = fs::read_to_string("/proc/mounts").expect("a list");
        let end = folder.to_str().expect("a plain name");
        let is_it = |line: &&str| line.split(' ').nth(1) == Some(end);
        mounts.lines().filter(is_it).count()
    }

    #[test]
    fn nothing_is_left_where_a_file_system_was_or_could_not_be() {
        let bench = Workbench::locate().expect("the repository");
        for kind in KINDS {
            let folder = bench.scratch("mounts").expect("a folder").join(kind.name);
            match Mounted::make(&bench, kind) {
                Ok(mounted) => {
                    assert_eq!(mounts_count(&folder), 1);
                    fs::write(mounted.folder().join("file"), "text").expect("writes");
                    drop(mounted);
                    assert!(!folder.exists(), "{}", folder.display());
                }
                Err(error) => println!("SKIPPED: {}: {error:#}", kind.name),
            }
            assert_eq!(mounts_count(&folder), 0);
            assert!(!image(&folder).exists());
        }
    }
}
