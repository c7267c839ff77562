//! `TreePrint`: a directory tree in one digest, so that two looks at it can be compared.
//!
//! Names, kinds, modes, modification times, link targets and all content go in, apart from what
//! session-fs itself keeps in the root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// What a tree looked like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreePrint {
    digest: blake3::Hash,
    files_count: usize,
}

impl TreePrint {
    /// Looks at everything below a directory and at the directory itself.
    pub(super) fn take(root: &Path) -> Result<Self> {
        let mut paths = vec![root.to_path_buf()];
        list(root, &mut paths)?;
        // The store has what was committed before, and the log of what this run did.
        paths.retain(|path| !path.starts_with(root.join(".session-fs")));
        paths.sort();
        let mut hasher = blake3::Hasher::new();
        let mut files_count = 0;
        for path in &paths {
            let stat = fs::symlink_metadata(path).with_context(|| path.display().to_string())?;
            let content = if stat.is_symlink() {
                fs::read_link(path)?.into_os_string().into_encoded_bytes()
            } else if stat.is_file() {
                files_count += 1;
                fs::read(path)?
            } else {
                Vec::new()
            };
            let name = path.strip_prefix(root)?.as_os_str().as_encoded_bytes();
            let head = format!(
                "{} {:o} {}.{:09} {} ",
                name.len(),
                stat.mode(),
                stat.mtime(),
                stat.mtime_nsec(),
                content.len()
            );
            hasher.update(head.as_bytes()).update(name).update(&content);
        }
        Ok(Self {
            digest: hasher.finalize(),
            files_count,
        })
    }

    /// Fails when the tree no longer looks like this; else says so.
    pub(super) fn check_same(&self, root: &Path) -> Result<String> {
        let now = Self::take(root)?;
        ensure!(
            now == *self,
            "the tree has changed: {self:?} before, {now:?} now"
        );
        let digest = &self.digest.to_hex()[..16];
        let files = self.files_count;
        Ok(format!(
            "the tree is as it was: {files} files, BLAKE3 {digest}…, modes and times included"
        ))
    }
}

fn list(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        paths.push(entry.path());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), paths)?;
        }
    }
    Ok(())
}

#[test]
fn every_kind_of_change_shows() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::{Duration, SystemTime};

    let root = std::env::temp_dir().join(format!("tree-print-{}", std::process::id()));
    fs::create_dir_all(root.join("d")).expect("made");
    fs::write(root.join("d/a"), "x").expect("written");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let set_times = || {
        for path in ["d/a", "d", "."] {
            let file = fs::File::open(root.join(path)).expect("opened");
            file.set_modified(time).expect("set");
        }
    };
    set_times();
    let before = TreePrint::take(&root).expect("taken");
    let check = |what: &str, change: &dyn Fn(), keeps_times: bool| {
        change();
        if keeps_times {
            set_times();
        }
        assert_ne!(TreePrint::take(&root).expect("taken"), before, "{what}");
    };
    check(
        "content",
        &|| fs::write(root.join("d/a"), "y").expect("written"),
        true,
    );
    fs::write(root.join("d/a"), "x").expect("written");
    let mode = |mode| fs::set_permissions(root.join("d/a"), fs::Permissions::from_mode(mode));
    check("mode", &|| mode(0o755).expect("set"), true);
    mode(0o644).expect("set");
    check(
        "link",
        &|| symlink("a", root.join("d/l")).expect("linked"),
        true,
    );
    fs::remove_file(root.join("d/l")).expect("removed");
    check(
        "time",
        &|| fs::write(root.join("d/a"), "x").expect("written"),
        false,
    );
    fs::remove_dir_all(&root).expect("removed");
}
