//! `Contest`: a program in sessions and its own native build, over the same tree with the same commands.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use runtime::{Agent, RunOutcome};
use tokio::runtime::Runtime as Tokio;
use vfs::Session;

use super::install::{For, Native, Program};
use crate::support::{Ground, Item, Plan, Scene, load_bytes, runtime, trees};

/// A program that was built for both.
pub(super) struct Contest {
    program: Program,
    agent: Agent,
    native: Option<PathBuf>,
    items: Vec<Item>,
    tokio: Tokio,
}

/// One run of a program: its arguments, and what it reads from its standard input.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) args: &'a [&'a str],
    pub(super) stdin: &'static str,
}

/// How a run ended, without what of an exit code does not reach the host: a program in a session
/// says success or failure.
#[derive(Debug, PartialEq, Eq)]
struct End {
    is_success: bool,
    stdout: String,
}

/// What came of all steps.
pub(super) struct Played {
    /// What each step printed, and whether it succeeded.
    pub(super) steps: Vec<(bool, String)>,
    /// The session as it was left.
    pub(super) session: Session,
    /// What the session reads from lasts as long as this.
    _scene: Scene,
}

impl Contest {
    pub(super) fn new(program: Program, items: &[Item]) -> Self {
        let component = std::fs::read(program.build(For::Guest)).expect("it was built");
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        Self {
            agent: load_bytes(runtime(), &component),
            native: (program.native == Native::Itself).then(|| program.build(For::Native)),
            program,
            items: items.to_vec(),
            tokio: tokio.expect("tokio starts"),
        }
    }

    /// Runs each list of words in turn.
    #[track_caller]
    pub(super) fn play(&self, steps: &[&[&str]]) -> Played {
        let steps: Vec<Step<'_>> = steps.iter().map(|args| Step { args, stdin: "" }).collect();
        self.play_steps(&steps)
    }

    /// Runs the steps natively, in a session over a directory, and in one over memory; panics where they
    /// differ. Returns what the session over the directory came to.
    #[track_caller]
    pub(super) fn play_steps(&self, steps: &[Step<'_>]) -> Played {
        let native_scene = Scene::new(&self.items);
        let mut last = None;
        let native: Vec<End> = steps
            .iter()
            .map(|step| self.run_natively(&native_scene.path(), step))
            .collect();
        let left = trees::of_directory(&native_scene.path());
        for ground in [Ground::Memory, Ground::Directory] {
            let plan = Plan::of_no_guest()
                .program(self.program.name)
                .items(&self.items);
            let scene = Scene::new(&self.items);
            let session = plan.session(ground, &scene);
            for (step, expected) in steps.iter().zip(&native) {
                let end = self.run_in(&plan, session.clone(), step);
                let what = format!("{} {:?}, {ground:?}", self.program.name, step.args);
                assert_eq!(end, *expected, "{what}: a session | natively");
            }
            assert_same(&trees::of_session(&session), &left);
            scene.assert_untouched();
            last = Some((session, scene));
        }
        let (session, scene) = last.expect("there are two grounds");
        let told = native.into_iter().map(|end| (end.is_success, end.stdout));
        Played {
            steps: told.collect(),
            session,
            _scene: scene,
        }
    }

    fn run_in(&self, plan: &Plan, session: Session, step: &Step<'_>) -> End {
        let plan = plan.clone().args(step.args).stdin(step.stdin);
        let ran = self
            .tokio
            .block_on(plan.start(runtime(), &self.agent, session));
        let is_success = match ran.report.outcome {
            RunOutcome::Succeeded(_) => true,
            RunOutcome::Exited { .. } => false,
            _ => panic!("{:?}: {}", step.args, ran.story()),
        };
        End {
            is_success,
            stdout: ran.stdout,
        }
    }

    /// Runs what it is compared with, with the tree as its working directory, and an empty environment as in a
    /// session.
    fn run_natively(&self, tree: &Path, step: &Step<'_>) -> End {
        let (file, args) = match &self.native {
            Some(file) => (file.as_path(), step.args),
            None if self.program.native == Native::System => {
                (Path::new(self.program.name), step.args)
            }
            None => (Path::new(step.args[0]), &step.args[1..]),
        };
        let mut command = Command::new(file);
        command.args(args).current_dir(tree).env_clear();
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.expect("it was built");
        let mut stdin = child.stdin.take().expect("piped");
        // It may have ended without reading; what it prints tells.
        let _unread = stdin.write_all(step.stdin.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        End {
            is_success: output.status.success(),
            stdout: String::from_utf8(output.stdout).expect("it prints text"),
        }
    }
}

/// Compares two trees and names the first path where they differ.
#[track_caller]
fn assert_same(ours: &[String], theirs: &[String]) {
    let differing = ours.iter().zip(theirs).find(|(one, other)| one != other);
    assert_eq!(differing, None, "the trees differ: a session | natively");
    assert_eq!(ours.len(), theirs.len(), "the trees differ in length");
}
