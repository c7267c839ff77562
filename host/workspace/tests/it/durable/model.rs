//! Random work, saves and crashes against a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;
use session_fs_workspace::DurableSession;

use super::{Sessions, files};

type Files = BTreeMap<String, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Write(u8, u8, usize),
    WriteRange(u8, u16, u8, usize),
    Truncate(u8, u32),
    Remove(u8),
    Rename(u8, u8),
    Savepoint,
    Restore,
    Save,
    Crash,
}

/// The files now, and at the savepoint if there is one.
#[derive(Clone, Debug, Default)]
struct Model {
    files: Files,
    savepoint: Option<Files>,
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..5_u8;
    let len = prop_oneof![4 => 0..400_usize, 1 => 0..200_000_usize];
    prop_oneof![
        4 => (file.clone(), any::<u8>(), len.clone()).prop_map(|(f, b, l)| Step::Write(f, b, l)),
        4 => (file.clone(), any::<u16>(), any::<u8>(), len)
            .prop_map(|(f, o, b, l)| Step::WriteRange(f, o, b, l)),
        1 => (file.clone(), 0..100_000_u32).prop_map(|(f, l)| Step::Truncate(f, l)),
        1 => file.clone().prop_map(Step::Remove),
        2 => (file.clone(), file).prop_map(|(f, t)| Step::Rename(f, t)),
        1 => Just(Step::Savepoint),
        1 => Just(Step::Restore),
        5 => Just(Step::Save),
        3 => Just(Step::Crash),
    ]
}

/// Does a step in both; those that the model says cannot work are left out.
fn apply(step: &Step, session: &DurableSession, model: &mut Model) {
    let name = |file: &u8| format!("file-{file}");
    match step {
        Step::Write(file, byte, len) => {
            let content = vec![*byte; *len];
            session.write(&name(file), &content).expect("written");
            model.files.insert(name(file), content);
        }
        Step::WriteRange(file, offset, byte, len) => {
            let Some(content) = model.files.get_mut(&name(file)) else {
                return;
            };
            let (from, bytes) = (usize::from(*offset), vec![*byte; *len]);
            let written = session.write_range(&name(file), u64::from(*offset), &bytes);
            written.expect("written");
            if !bytes.is_empty() {
                content.resize(content.len().max(from + len), 0);
                content[from..from + len].copy_from_slice(&bytes);
            }
        }
        Step::Truncate(file, len) => {
            let Some(content) = model.files.get_mut(&name(file)) else {
                return;
            };
            session.truncate(&name(file), u64::from(*len)).expect("cut");
            content.resize(*len as usize, 0);
        }
        Step::Remove(file) => {
            if model.files.remove(&name(file)).is_some() {
                session.remove(&name(file)).expect("removed");
            }
        }
        Step::Rename(file, target) => {
            if let Some(content) = model.files.remove(&name(file)) {
                session.rename(&name(file), &name(target)).expect("renamed");
                model.files.insert(name(target), content);
            }
        }
        Step::Savepoint => {
            session.savepoint("point").expect("marked");
            model.savepoint = Some(model.files.clone());
        }
        Step::Restore => {
            if let Some(files) = &model.savepoint {
                session.restore("point").expect("restored");
                model.files.clone_from(files);
            }
        }
        Step::Save | Step::Crash => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_session_is_what_was_saved_of_it(steps in prop::collection::vec(step(), 1..60)) {
        let sessions = Sessions::new();
        let mut session = sessions.begin("0189");
        let (mut now, mut saved) = (Model::default(), Model::default());
        for step in &steps {
            apply(step, &session, &mut now);
            match step {
                Step::Save => {
                    session.save().expect("saved");
                    saved = now.clone();
                }
                Step::Crash => {
                    drop(session);
                    session = sessions.open("0189");
                    now = saved.clone();
                    prop_assert_eq!(&files(&session), &now.files);
                }
                _ => {}
            }
        }
        prop_assert_eq!(&files(&session), &now.files);
        drop(session);
        let session = sessions.open("0189");
        prop_assert_eq!(&files(&session), &saved.files);
        if let Some(files_then) = &saved.savepoint {
            session.restore("point").expect("restored");
            prop_assert_eq!(&files(&session), files_then);
        }
    }
}
