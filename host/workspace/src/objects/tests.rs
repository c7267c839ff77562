//! Objects: adopted by rename, found by digest, and never handed out with a wrong byte.

use std::collections::BTreeMap;

use cap_std::ambient_authority;
use cap_tempfile::TempDir;
use proptest::prelude::*;
use store::disk::fault::{Fault, FaultError, FaultPlan};
use store::disk::{FaultDir, RealDir};

use super::*;

/// A folder with a store in it.
struct Scene {
    folder: TempDir,
    plan: Arc<FaultPlan>,
    root: Arc<dyn Dir>,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new(ambient_authority()).expect("a folder");
        let plan = FaultPlan::new(Fault::NEVER);
        let root = RealDir::open(folder.try_clone().expect("handle")).expect("a directory");
        let root = FaultDir::wrap(root, plan.clone());
        Self { folder, plan, root }
    }

    fn objects(&self) -> Objects {
        Objects::open(&self.root).expect("opens")
    }

    fn put(&self, file_name: &str, bytes: &[u8]) -> Name {
        self.folder.write(file_name, bytes).expect("written");
        name(file_name)
    }

    fn adopt(&self, bytes: &[u8]) -> Digest {
        let file = self.put("adopted", bytes);
        let (digest, size) = adopt(&self.objects(), &*self.root, &file).expect("adopted");
        assert_eq!((digest, size), (Digest::of(bytes), bytes.len() as u64));
        digest
    }

    fn path(digest: &Digest) -> String {
        let (shard, object) = names(digest);
        format!("objects/{shard}/{object}")
    }
}

fn read_all(objects: &Objects, digest: &Digest) -> Result<Vec<u8>, ObjectError> {
    objects.read(digest, u64::MAX)
}

/// Hashes a file and makes an object of it.
pub(crate) fn adopt(objects: &Objects, from: &dyn Dir, file: &Name) -> io::Result<(Digest, u64)> {
    let (digest, size) = objects.hash(from, file)?;
    let parting = name(&format!("{file}.parted"));
    objects.placing(from).place(from, file, &digest, &parting)?;
    Ok((digest, size))
}

#[test]
fn an_adopted_file_moves_and_a_second_one_like_it_goes() {
    let scene = Scene::new();
    let digest = scene.adopt(b"kept");
    assert!(!scene.folder.exists("adopted"), "moved, not copied");
    assert!(scene.folder.exists(Scene::path(&digest)));
    assert_eq!(scene.adopt(b"kept"), digest);
    assert!(!scene.folder.exists("adopted"), "removed");
    let lingers = scene.folder.read("adopted.parted");
    assert_eq!(lingers.expect("somebody may write to it"), b"kept");
    assert_eq!(read_all(&scene.objects(), &digest).expect("reads"), b"kept");
    let mut listed = Vec::new();
    scene
        .objects()
        .list(&mut |digest, size| listed.push((digest, size)))
        .expect("lists");
    assert_eq!(listed, [(digest, 4)]);
}

#[test]
fn a_file_of_several_steps_is_hashed_and_read_whole() {
    let scene = Scene::new();
    let bytes: Vec<u8> = (0..STEP_BYTES * 2 + 17)
        .map(|at| u8::try_from(at % 251).expect("small"))
        .collect();
    let digest = scene.adopt(&bytes);
    assert_eq!(read_all(&scene.objects(), &digest).expect("reads"), bytes);
}

/// A damaged object must neither be served nor swallow the sound file that could mend it.
#[test]
fn a_damaged_object_is_never_served_and_is_replaced_when_its_content_comes_again() {
    let scene = Scene::new();
    let digest = scene.adopt(b"sound");
    scene
        .folder
        .write(Scene::path(&digest), b"soumd")
        .expect("damaged");
    let objects = scene.objects();
    let found = read_all(&objects, &digest);
    assert!(
        matches!(found, Err(ObjectError::Damaged { .. })),
        "{found:?}"
    );
    let opened = objects.open_verified(&digest).map(drop);
    let opened = opened.expect_err("not one byte before all are verified");
    assert_eq!(opened.kind(), io::ErrorKind::InvalidData);
    scene.adopt(b"sound");
    assert_eq!(read_all(&objects, &digest).expect("mended"), b"sound");
    let kept = scene.folder.read("adopted.parted");
    assert_eq!(kept.expect("somebody may have written it"), b"soumd");
}

#[test]
fn a_damaged_object_and_a_file_with_a_second_name_both_stay() {
    let scene = Scene::new();
    let digest = scene.adopt(b"sound");
    let damaged = scene.folder.write(Scene::path(&digest), b"soumd");
    damaged.expect("damaged");
    scene.put("adopted", b"sound");
    let linked = scene.folder.hard_link("adopted", &scene.folder, "other");
    linked.expect("linked");
    adopt(&scene.objects(), &*scene.root, &name("adopted")).expect("adopted");
    assert_eq!(
        read_all(&scene.objects(), &digest).expect("mended"),
        b"sound"
    );
    for (file, bytes) in [
        ("adopted.parted", b"soumd"),
        ("adopted.parted-copied", b"sound"),
    ] {
        assert_eq!(scene.folder.read(file).expect("stays"), bytes);
    }
}

#[test]
fn an_object_shares_no_bytes_with_a_second_name_of_its_file() {
    let scene = Scene::new();
    scene.put("adopted", b"linked");
    scene
        .folder
        .hard_link("adopted", &scene.folder, "other")
        .expect("linked");
    let objects = scene.objects();
    let (digest, _) = adopt(&objects, &*scene.root, &name("adopted")).expect("adopted");
    scene
        .folder
        .write("other", b"LINKED")
        .expect("written in place");
    assert_eq!(read_all(&objects, &digest).expect("untouched"), b"linked");
    assert!(!scene.folder.exists("adopted"));
}

#[test]
fn what_is_missing_or_too_large_is_told_apart() {
    let scene = Scene::new();
    let digest = scene.adopt(b"12345");
    let objects = scene.objects();
    assert_eq!(objects.read(&digest, 5).expect("fits"), b"12345");
    let found = objects.read(&digest, 4);
    assert!(
        matches!(found, Err(ObjectError::TooLarge { size: 5, .. })),
        "{found:?}"
    );
    assert!(objects.contains(&digest).expect("asks"));
    objects.remove(&digest).expect("removed");
    objects.remove(&digest).expect("removing twice is no error");
    assert!(!objects.contains(&digest).expect("asks"));
    let found = objects.read(&digest, 5);
    assert!(
        matches!(found, Err(ObjectError::Missing { .. })),
        "{found:?}"
    );
    let found = objects.read(&Digest::of(b"never"), 5);
    assert!(
        matches!(found, Err(ObjectError::Missing { .. })),
        "{found:?}"
    );
}

#[test]
fn what_is_no_object_is_a_stray() {
    let scene = Scene::new();
    let digest = scene.adopt(b"x");
    let (shard, object) = names(&digest);
    scene.folder.write("objects/junk", b"").expect("written");
    let strays = [
        "objects/junk".to_owned(),
        format!("objects/{shard}/{object}.new"),
        format!("objects/{shard}/{}", object.to_uppercase()),
    ];
    for stray in &strays {
        scene.folder.write(stray, b"").expect("written");
    }
    let mut found = Vec::new();
    let mut objects_count = 0;
    let scanned = scene.objects().scan(&mut |scanned| match scanned {
        Scanned::Stray(path) => found.push(path),
        Scanned::Object(..) => objects_count += 1,
    });
    scanned.expect("scans");
    found.sort();
    let mut expected = strays.to_vec();
    expected.sort();
    assert_eq!((found, objects_count), (expected, 1));
}

/// Runs something with each of its calls failing in turn, until none is left to fail.
fn with_each_fault(mut round: impl FnMut(Fault) -> bool) {
    for fail_at in 0.. {
        for fault in [
            Fault::once(fail_at, FaultError::Errno(5)),
            Fault::forever(fail_at, FaultError::Errno(28)),
        ] {
            if !round(fault) {
                return;
            }
        }
    }
}

#[test]
fn no_failing_call_of_an_adoption_loses_the_bytes() {
    for twice in [false, true] {
        for linked in [false, true] {
            with_each_fault(|fault| {
                let scene = Scene::new();
                let objects = scene.objects();
                if twice {
                    scene.adopt(b"bytes");
                }
                let file = scene.put("adopted", b"bytes");
                if linked {
                    let made = scene.folder.hard_link("adopted", &scene.folder, "other");
                    made.expect("linked");
                }
                scene.plan.arm(fault);
                let adopted = adopt(&objects, &*scene.root, &file);
                let fired = scene.plan.fired_count() > 0;
                scene.plan.arm(Fault::NEVER);
                let digest = Digest::of(b"bytes");
                let held = read_all(&objects, &digest).is_ok_and(|bytes| bytes == b"bytes");
                match adopted {
                    Ok(found) => assert!(held && found == (digest, 5), "{fault:?}"),
                    Err(_) => assert!(held || scene.folder.exists("adopted"), "{fault:?}"),
                }
                let again = scene.put("adopted", b"bytes");
                adopt(&objects, &*scene.root, &again).expect("a second attempt succeeds");
                assert_eq!(read_all(&objects, &digest).expect("reads"), b"bytes");
                fired
            });
        }
    }
}

#[test]
fn no_failing_call_of_a_read_gives_a_wrong_answer() {
    with_each_fault(|fault| {
        let scene = Scene::new();
        let digest = scene.adopt(b"bytes");
        let objects = scene.objects();
        let mut fired = false;
        let mut armed = |act: &mut dyn FnMut() -> bool| {
            scene.plan.arm(fault);
            let failed = act();
            let hit = scene.plan.fired_count() > 0;
            assert_eq!(
                failed, hit,
                "an error exactly when a call failed: {fault:?}"
            );
            fired |= hit;
        };
        armed(&mut || match read_all(&objects, &digest) {
            Ok(bytes) => bytes != b"bytes",
            Err(error) => matches!(error, ObjectError::Io { .. }),
        });
        armed(&mut || objects.open_verified(&digest).is_err());
        armed(&mut || {
            objects
                .contains(&digest)
                .map(|found| assert!(found))
                .is_err()
        });
        let mut listed = BTreeMap::new();
        armed(&mut || {
            let list = objects.list(&mut |digest, size| {
                listed.insert(digest, size);
            });
            list.is_err()
        });
        armed(&mut || objects.remove(&digest).is_err());
        fired
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn objects_are_a_map_from_digests_to_bytes(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
        let scene = Scene::new();
        let mut model = BTreeMap::new();
        for bytes in contents {
            model.insert(scene.adopt(&bytes), bytes);
        }
        let objects = scene.objects();
        let mut listed = BTreeMap::new();
        objects.list(&mut |digest, size| {
 listed.insert(digest, size);
 }).expect("lists");
        let sizes = model.iter().map(|(digest, bytes)| (*digest, bytes.len() as u64));
        prop_assert_eq!(listed, sizes.collect());
        for (digest, bytes) in &model {
            prop_assert_eq!(&read_all(&objects, digest).expect("reads"), bytes);
        }
    }
}
