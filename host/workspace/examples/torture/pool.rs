//! The threads that take one seed after the other, and what came of it.

use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::caught::caught;
use crate::options::{Options, Run};

/// Time between two lines that tell how far the run is.
const TELL_EVERY: Duration = Duration::from_secs(20);

/// How far the run is.
#[derive(Debug, Default)]
struct Progress {
    count: u64,
    failures: u64,
    seeds_begun: u64,
    told: Duration,
}

/// What came of a run. Prints itself as the line that `cargo xtask torture` reads.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) run: &'static str,
    /// Cases of the seeds that did not fail.
    pub(crate) count: u64,
    /// Seeds that failed.
    pub(crate) failures: u64,
    pub(crate) seconds: f64,
    pub(crate) first_seed: u64,
    /// The seed to go on with.
    pub(crate) next_seed: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            run,
            count,
            failures,
            seconds,
            first_seed,
            next_seed,
        } = self;
        write!(
            f,
            "RESULT {run} {count} {failures} {seconds:.0} {first_seed}..{next_seed}"
        )
    }
}

/// Has seeds tried by several threads until one of the limits is reached.
pub(crate) fn run(options: &Options, one_seed: &(dyn Fn(u64) -> u64 + Sync)) -> Outcome {
    let (started, progress) = (Instant::now(), Mutex::new(Progress::default()));
    let lock = || progress.lock().unwrap_or_else(PoisonError::into_inner);
    let next = || {
        let mut progress = lock();
        let seconds = started.elapsed().as_secs();
        let goes_on = progress.count < options.count_min
            && progress.seeds_begun < options.seeds_max
            && seconds < options.seconds_max;
        goes_on.then(|| {
            progress.seeds_begun += 1;
            options.first_seed + progress.seeds_begun - 1
        })
    };
    let work = || {
        while let Some(seed) = next() {
            let done = caught(|| one_seed(seed));
            let mut progress = lock();
            match done {
                Ok(count) => progress.count += count,
                Err(message) => {
                    progress.failures += 1;
                    tell_failure(options, seed, &message);
                }
            }
            tell(options, &mut progress, started.elapsed());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(work);
        }
    });
    let progress = progress
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Outcome {
        run: options.run.name(),
        count: progress.count,
        failures: progress.failures,
        seconds: started.elapsed().as_secs_f64(),
        first_seed: options.first_seed,
        next_seed: options.first_seed + progress.seeds_begun,
    }
}

fn tell_failure(options: &Options, seed: u64, message: &str) {
    let run = options.run.name();
    println!("FAILED: seed {seed}: {message}");
    let folder = match options.run {
        Run::Kill => format!(" --folder {}", options.folder),
        _ => String::new(),
    };
    println!("to repeat it: torture {run} --seed {seed} --seeds 1{folder}");
}

/// Tells now and then. A run that is ended by hand goes on from some seeds before the last.
fn tell(options: &Options, progress: &mut Progress, elapsed: Duration) {
    if elapsed < progress.told + TELL_EVERY {
        return;
    }
    progress.told = elapsed;
    println!(
        "{}: {} after {} s, {} failures, seed {}",
        options.run.name(),
        progress.count,
        elapsed.as_secs(),
        progress.failures,
        options.first_seed + progress.seeds_begun - 1,
    );
}
