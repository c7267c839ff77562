//! Files that somebody may have open when they leave the tree for good.

use std::io::Write;

use cap_std::fs::OpenOptions;
use store::Digest;

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
