//! Every call on the disk fails once, and from every call on: history fails, or answers as ever.

use store::disk::fault::{Fault, FaultError};
use vfs::Digest;

use super::scene::*;
use crate::history::{
    FindingKind, History, HistoryError, LogFilter, Retention, UndoOutcome, VersionSelector,
};

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

fn scene() -> Scene {
    let mut scene = Scene::new(BEFORE);
    scene.run(&[Op::Write("a", b"a1".to_vec()), Op::Rename("d", "m")]);
    scene.run(&[Op::Write("m/x", b"x2".to_vec()), Op::Remove("a")]);
    scene.run(&[Op::Rename("m/x", "x"), Op::Write("x", b"x3".to_vec())]);
    scene
}

/// An answer as text, so that all can be compared alike.
type Question = fn(&Scene, &History) -> Result<String, HistoryError>;

const QUESTIONS: [Question; 7] = [
    |_, history| {
        Ok(format!(
            "{:?}",
            history.log(&LogFilter::default(), None, 9)?
        ))
    },
    |_, history| Ok(format!("{:?}", history.versions(&path("x"))?)),
    |_, history| Ok(format!("{:?}", history.versions(&path("a"))?)),
    |_, history| {
        let selector = VersionSelector::Generation(1);
        Ok(format!(
            "{:?}",
            history.read_version(&path("x"), &selector)?
        ))
    },
    |_, history| {
        let (older, newer) = (
            VersionSelector::Generation(0),
            VersionSelector::Generation(3),
        );
        history.diff_all(&older, &newer)
    },
    |scene, history| {
        let session = scene.begin();
        let outcome = history.undo(&scene.id(3).to_string(), &session, &no_merge);
        match outcome {
            Ok(UndoOutcome::Prepared(_)) => Ok(format!("{:?}", dump(&session))),
            Ok(other) => Ok(format!("{other:?}")),
            Err(error) => {
                assert!(session.changes().expect("open").is_empty(), "{error}");
                Err(error)
            }
        }
    },
    |_, history| Ok(format!("{:?}", history.doctor(&|_| false)?)),
];

#[test]
fn an_answer_is_right_or_an_error() {
    let scene = scene();
    for (index, question) in QUESTIONS.into_iter().enumerate() {
        let history = scene.scanned().expect("opens");
        let expected = question(&scene, &history).expect("answers");
        with_each_fault(|fault| {
            scene.plan.arm(fault);
            let answer = scene
                .scanned()
                .and_then(|history| question(&scene, &history));
            let fired = scene.plan.fired_count() > 0;
            scene.plan.arm(Fault::NEVER);
            assert_eq!(
                answer.is_err(),
                fired,
                "question {index}: {fault:?}: {answer:?}"
            );
            if let Ok(answer) = answer {
                assert_eq!(answer, expected, "question {index}: {fault:?}");
            }
            fired
        });
    }
}

#[test]
fn a_gc_that_fails_leaves_no_change_without_its_objects_and_ends_the_next_time() {
    let retention = Retention {
        changes_max: Some(1),
        ..Retention::default()
    };
    with_each_fault(|fault| {
        let scene = scene();
        scene.plan.arm(fault);
        let outcome = scene
            .scanned()
            .and_then(|history| history.gc(&retention, committed_at(9), &NO_NEEDS));
        let fired = scene.plan.fired_count() > 0;
        scene.plan.arm(Fault::NEVER);
        assert_eq!(outcome.is_err(), fired, "{fault:?}");
        let history = scene.history();
        let report = history.doctor(&|_| false).expect("looks");
        let harmless = |kind| kind == FindingKind::OrphanObject;
        assert!(
            report.findings.iter().all(|finding| harmless(finding.kind)),
            "{fault:?}: {report:?}"
        );
        history
            .gc(&retention, committed_at(9), &NO_NEEDS)
            .expect("ends");
        let report = history.doctor(&|_| false).expect("looks");
        assert!(report.is_sound(), "{fault:?}: {report:?}");
        assert_eq!((report.changes_count, report.objects_count), (1, 1));
        fired
    });
}

#[test]
fn a_repair_that_fails_is_ended_by_the_next_one() {
    with_each_fault(|fault| {
        let scene = scene();
        scene
            .folder
            .create_dir_all(".session-fs/staging/1/d")
            .expect("made");
        scene
            .folder
            .write(".session-fs/staging/1/d/f", b"x")
            .expect("written");
        let orphan = Digest::of(b"orphan").to_string();
        let shard = format!(".session-fs/objects/{}", &orphan[..2]);
        scene.folder.create_dir_all(&shard).expect("made");
        scene
            .folder
            .write(format!("{shard}/{}", &orphan[2..]), b"orphan")
            .expect("written");
        let history = scene.scanned().expect("opens");
        let report = history.doctor(&|_| false).expect("looks");
        assert_eq!(report.findings.len(), 2, "{report:?}");
        scene.plan.arm(fault);
        let repaired = history.repair(&report);
        let fired = scene.plan.fired_count() > 0;
        scene.plan.arm(Fault::NEVER);
        assert_eq!(repaired.is_err(), fired, "{fault:?}");
        let report = history.doctor(&|_| false).expect("looks");
        history.repair(&report).expect("ends");
        assert!(
            history.doctor(&|_| false).expect("looks").is_sound(),
            "{fault:?}"
        );
        fired
    });
}
