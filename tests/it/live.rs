//! Many agents alive at the same moment, each with its edits in a session of its own; then all commit.
#![expect(clippy::disallowed_methods, reason = "the tests look at the tree")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime::{Runtime, RuntimeOptions};
use supervisor::{Finished, Job, Settlement, Supervisor};
use workspace::{BaseHandle, Workspace, WorkspaceOptions};

use crate::support::gate::Gate;
use crate::support::{Scene, guests, load};

const FILES: usize = 4;

struct Crowd {
    scene: Scene,
    supervisor: Supervisor,
    base: Arc<BaseHandle>,
}

impl Crowd {
    /// So many folders, and a runtime in which so many runs have a place.
    fn new(folders: usize, instances_max: u32) -> Self {
        let scene = Scene::new(&[]);
        for folder in 0..folders {
            let path = scene.path().join(folder.to_string());
            fs::create_dir(&path).expect("created");
            for file in 0..FILES {
                fs::write(path.join(file.to_string()), "given\n").expect("written");
            }
        }
        let workspace = Arc::new(Workspace::new(WorkspaceOptions::default()));
        let base = workspace.directory(scene.root(), "file:///base");
        let options = RuntimeOptions {
            instances_max,
            waiting_max: 0,
            ..RuntimeOptions::default()
        };
        let runtime = Arc::new(Runtime::new(options).expect("a runtime"));
        Self {
            scene,
            supervisor: Supervisor::new(workspace, runtime),
            base: base.expect("a base"),
        }
    }

    /// One run for each folder, all of which meet at the gate.
    fn run(&self, folders: usize, gate: &Arc<Gate>) -> Vec<Finished> {
        let agent = load(self.supervisor.runtime(), guests::EDIT_FOLDER);
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build();
        threads.expect("tokio starts").block_on(async {
            let mut runs = Vec::new();
            for folder in 0..folders {
                let mut job = Job::new(self.base.clone());
                job.args = vec![folder.to_string()];
                job.stdout = gate.output();
                job.run_limits.timeout = Duration::from_secs(120);
                let (supervisor, agent) = (self.supervisor.clone(), agent.clone());
                runs.push(tokio::spawn(
                    async move { supervisor.run(&agent, job).await },
                ));
            }
            let mut finished = Vec::new();
            for run in runs {
                finished.push(run.await.expect("no panic").expect("begun"));
            }
            finished
        })
    }
}

#[test]
fn hundreds_are_alive_at_once_and_all_of_them_commit() {
    const COUNT: u32 = 256;
    let count = COUNT as usize;
    let crowd = Crowd::new(count, COUNT);
    let meetings_count = Arc::<AtomicUsize>::default();
    let gate = Gate::new(count, {
        let count = meetings_count.clone();
        move || {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    for ended in crowd.run(count, &gate) {
        assert!(ended.report.outcome.is_success(), "{:?}", ended.report);
        let Settlement::Committed(change) = ended.settlement else {
            panic!("{:?}", ended.settlement);
        };
        assert_eq!(change.entries.len(), FILES);
    }
    assert_eq!(meetings_count.load(Ordering::Relaxed), 1, "all of them met");
    for folder in 0..count {
        for file in 0..FILES {
            let path = crowd.scene.path().join(format!("{folder}/{file}"));
            assert_eq!(fs::read_to_string(path).expect("there"), "edited\ngiven\n");
        }
    }
}
