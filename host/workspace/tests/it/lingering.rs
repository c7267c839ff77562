//! Files that somebody may have open when they leave the tree for good.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions};
use session_fs_workspace::{CommitOptions, CommitOutcome};
use store::Digest;

use crate::acting::{ActingDir, Hook};
use crate::scene::Scene;

const LINGERING: &str = ".session-fs/lingering";

/// Commits contents to one file, one after the other, and checkpoints after each.
fn write_all(scene: &Scene, contents: &[&str]) {
    for content in contents {
        let session = scene.begin();
        session.write("f", content.as_bytes()).expect("writes");
        scene.applied(&session);
        scene.base.checkpoint().expect("checkpoints");
    }
}

fn names(scene: &Scene, folder: &str) -> Vec<String> {
    let entries = scene.folder.read_dir(folder).expect("is there");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

/// The second file with the same content need not become an object; whoever has it open can still
/// write to it, and finds the bytes again.
#[test]
fn a_file_whose_bytes_are_an_object_already_stays_for_who_has_it_open() {
    let scene = Scene::new(&[("f", "same")]);
    write_all(&scene, &["other", "same"]);
    let open = OpenOptions::new().append(true).clone();
    let mut handle = scene.folder.open_with("f", &open).expect("opens");
    write_all(&scene, &["another"]);
    handle.write_all(b" and theirs").expect("writes");
    let [file] = &names(&scene, LINGERING)[..] else {
        panic!("{:?}", names(&scene, LINGERING))
    };
    let kept = scene.folder.read(format!("{LINGERING}/{file}"));
    assert_eq!(kept.expect("reads"), b"same and theirs");
}

/// What is too old to stay goes, and is set aside when somebody wrote to it.
#[test]
fn the_oldest_go_and_what_was_written_to_is_kept() {
    let scene = Scene::new(&[("f", "1")]);
    write_all(&scene, &["2"]);
    let digest = Digest::of(b"parted");
    for number in 0..1_026 {
        let content = if number == 1 { "written to" } else { "parted" };
        let file = format!("{LINGERING}/{digest}.{number:016x}-u0");
        scene.folder.write(file, content).expect("writes");
    }
    write_all(&scene, &["3"]);
    let left = names(&scene, LINGERING);
    assert_eq!(left.len(), 1_024);
    for gone in ["0000000000000000-u0", "0000000000000001-u0"] {
        assert!(!left.iter().any(|name| name.ends_with(gone)), "{gone}");
    }
    assert_eq!(names(&scene, ".session-fs/conflicts"), ["0000000000000001"]);
    let kept = ".session-fs/conflicts/0000000000000001/0000000000000001-u0";
    assert_eq!(scene.folder.read(kept).expect("reads"), b"written to");
    assert_eq!(names(&scene, ".session-fs/staging"), [""; 0]);
}

/// Two files are more than stay; the older one is no longer what its name says.
fn put_too_much(folder: &Dir) {
    const BYTES: u64 = 40 << 20;
    let digest = Digest::of(b"parted");
    for number in [1, 2] {
        let file = format!("{LINGERING}/{digest}.{number:016x}-u0");
        let file = folder.create(file).expect("creates");
        file.set_len(BYTES).expect("takes no room");
    }
}

/// A scene in which somebody acts at one call of what follows `arm`; `disk` wraps the directory.
fn acted_upon(
    disk: fn(Arc<dyn store::disk::Dir>, Hook) -> Arc<dyn store::disk::Dir>,
    act: fn(&Dir),
) -> (Scene, Arc<AtomicU64>) {
    let left = Arc::new(AtomicU64::new(u64::MAX));
    let folder: Arc<std::sync::OnceLock<Dir>> = Arc::default();
    let hook: Hook = {
        let (left, folder) = (left.clone(), folder.clone());
        Arc::new(move |_, _| {
            if left.fetch_sub(1, Ordering::Relaxed) == 0 {
                act(folder.get().expect("is set before anything is armed"));
            }
        })
    };
    let scene = Scene::on(&[("f", "1")], |inner| disk(inner, hook));
    let handle = scene.folder.try_clone().expect("a handle");
    folder.set(handle).expect("is not set yet");
    (scene, left)
}

/// A file that somebody took away between two looks at it made the checkpoint fail, and with it every
/// commit that came after.
#[test]
fn what_somebody_takes_away_meanwhile_harms_no_checkpoint() {
    let take_away = |folder: &Dir| {
        for file in folder.read_dir(LINGERING).expect("is there") {
            let file = file.expect("an entry");
            file.remove_file().expect("removes");
        }
    };
    let mut calls_count = 0;
    for call in 0_u64.. {
        let (scene, left) = acted_upon(ActingDir::wrap, take_away);
        let session = scene.begin();
        session.write("f", b"2").expect("writes");
        scene.applied(&session);
        put_too_much(&scene.folder);
        left.store(call, Ordering::Relaxed);
        scene.base.checkpoint().expect("checkpoints");
        calls_count = call;
        // What is left of the count has run below zero when the call was reached.
        if left.swap(u64::MAX, Ordering::Relaxed) <= call {
            break;
        }
    }
    assert!(calls_count > 20, "{calls_count}");
}

/// What has the name in `conflicts/` that something is to have stays; that gets another one.
#[test]
fn what_was_set_aside_before_stays() {
    let scene = Scene::new(&[("f", "1")]);
    write_all(&scene, &["2"]);
    put_too_much(&scene.folder);
    let own = ".session-fs/conflicts/0000000000000001";
    scene.folder.create_dir_all(own).expect("a folder");
    let there = format!("{own}/0000000000000001-u0");
    scene.folder.write(&there, "earlier").expect("writes");
    write_all(&scene, &["3"]);
    assert_eq!(scene.folder.read(&there).expect("reads"), b"earlier");
    let kept = scene
        .folder
        .metadata(format!("{there}.2"))
        .expect("is there");
    assert_eq!(kept.len(), 40 << 20);
    assert!(
        names(&scene, LINGERING)
            .iter()
            .all(|name| !name.ends_with("1-u0"))
    );
}

/// Where the file system does not know how to rename without replacing, what was to be kept could not
/// be, and the base had to be recovered again and again.
#[test]
fn what_is_met_is_kept_by_a_file_system_that_knows_one_way_to_rename() {
    let append = |folder: &Dir| {
        let mut file = folder.open_with("f", OpenOptions::new().append(true));
        // While the file is on its way there is none.
        if let Ok(file) = &mut file {
            file.write_all(b"+").expect("writes");
        }
    };
    let mut kept_count = 0;
    for call in 0_u64.. {
        let (scene, left) = acted_upon(ActingDir::plain, append);
        let session = scene.begin();
        session.write("f", b"2").expect("writes");
        left.store(call, Ordering::Relaxed);
        match scene.workspace.commit(&session, &CommitOptions::default()) {
            Ok(CommitOutcome::Applied(info)) => {
                for displaced in info.displaced {
                    let kept = scene.folder.read(displaced.kept).expect("is there");
                    assert_eq!(kept, b"1+", "call {call}");
                    kept_count += 1;
                }
            }
            Ok(CommitOutcome::Conflicted(_)) => assert_eq!(scene.text("f"), "1+"),
            other => panic!("call {call}: {other:?}"),
        }
        assert!(scene.base.trouble().is_none(), "call {call}");
        if left.swap(u64::MAX, Ordering::Relaxed) <= call {
            break;
        }
    }
    assert!(kept_count > 0, "nothing was ever met");
}
