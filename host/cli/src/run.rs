//! `session-fs run`: one agent, one session, one base.
//!
//! Whatever happens between begin and settle, the session is rolled back unless it was committed;
//! every way out of here goes through a report that says so.

mod hold;

use std::io;
use std::sync::Arc;

use runtime::{Agent, RunOutcome, Runtime, RuntimeOptions, Stdin, Task};
use supervisor::{
    Cap, EffectiveGrant, Finished, Grant, Held, Job, Policy, Review, RunsOnOpen, Settlement, Stage,
    Supervisor, SupervisorError,
};
use vfs::{Access, Session};
use workspace::{BaseHandle, Workspace};

use crate::ambient;
use crate::args::{BaseName, CacheArgs, Format, Pair, RunArgs};
use crate::base::{new_workspace, open_handle};
use crate::conflict::conflicted_paths;
use crate::exit::{Code, Failure, chain};
use crate::granted::Granted;
use crate::output::{Output, Stream, clean_line};
use crate::report::{Change, Report, Settled, Subject};
use crate::signals::Signals;
use crate::system::Stopwatch;
use crate::units::counted;
use crate::{printed, refuse};

/// What can be done when the base changed under an agent.
const CONFLICT_HINT: &str = "nothing was changed\n\
    run it again: it begins from what is there now\n\
    --on-conflict merge joins what can be joined, ours takes the agent's version, theirs the base's";

/// Runs an agent and prints what came of it; the error is that of printing.
pub(crate) async fn run(args: RunArgs, format: Format, output: &Arc<Output>) -> io::Result<Code> {
    let signals = match Signals::listen(output) {
        Ok(signals) => signals,
        Err(failure) => return refuse(failure, output),
    };
    let result = run_agent(args, format, output, &signals).await;
    signals.committed();
    let mut stopped = None;
    if result.as_ref().is_ok_and(Report::was_stopped) {
        output.give_up_guest().await;
    } else {
        tokio::select! {
            () = output.guest_printed() => {}
            number = signals.next() => {
                stopped = Some(Code::Signal(number));
                output.give_up_guest().await;
            }
        }
    }
    let printer = output.clone();
    let printing = tokio::task::spawn_blocking(move || match result {
        Ok(report) => printed(printer.report(&report), Code::Of(report.exit_code)),
        Err(failure) => refuse(failure, &printer),
    });
    let printed = tokio::select! {
        printed = printing => printed.map_err(io::Error::other)?,
        number = signals.next() => Ok(Code::Signal(number)),
    };
    printed.map(|code| stopped.unwrap_or(code))
}

async fn run_agent(
    args: RunArgs,
    format: Format,
    output: &Arc<Output>,
    signals: &Signals,
) -> Result<Report, Failure> {
    check(&args)?;
    let granted = Granted::of(&args.agent, Some(&args.base), &args.grant)?;
    let workspace = Arc::new(new_workspace("run", granted.effective.session_limits()));
    let base = base(&workspace, &args.base)?;
    let memory_bytes = granted.effective.max(Cap::Memory);
    let runtime = Arc::new(new_runtime(&args.cache, memory_bytes)?);
    output.stage("compiling");
    let agent = load(&runtime, &args, signals).await?;
    let supervisor = Supervisor::new(workspace.clone(), runtime);
    let job = Job {
        env: granted.env.clone(),
        run_limits: granted.effective.run_limits(),
        grants: granted.effective.grants(|name| memory(&workspace, name)),
        ..job(&args, &base, format, output, signals)
    };

    let subject = Subject {
        base: base.name().to_owned(),
        agent: args.agent.display().to_string(),
    };
    let stopwatch = Stopwatch::start();
    let finished = supervisor.run(&agent, job).await;
    let finished = finished.map_err(|error| Failure::supervisor(base.name(), &error))?;
    let Finished {
        session_id,
        report,
        settlement,
    } = finished;
    let failure = Failure::run(&report, signals.number());
    let raised = raised_by(&report.outcome, &granted.effective);
    let mut report = Report::of_run(subject, session_id, report, stopwatch.elapsed());
    report.name_remedies(&granted.effective);
    if let Some(failure) = failure {
        report.fail(match raised {
            Some(hint) => failure.hint(hint),
            None => failure,
        });
    }
    let granted = granted.effective;
    let scene = Scene {
        workspace,
        base,
        granted,
    };
    note(&mut report, settlement, &scene, (output, signals)).await;
    Ok(report)
}

/// Sets up a runtime for as many runs at once as the command line has: one.
pub(crate) fn new_runtime(cache: &CacheArgs, memory_bytes: u64) -> Result<Runtime, Failure> {
    let options = RuntimeOptions {
        instances_max: 1,
        ..RuntimeOptions::default()
    };
    let memory_bytes_max = options.memory_bytes_max.max(memory_bytes);
    let options = RuntimeOptions {
        memory_bytes_max,
        ..options
    };
    let options = RuntimeOptions {
        cache: ambient::open_cache(cache)?,
        ..options
    };
    Runtime::new(options).map_err(|error| Failure::runtime(&error))
}

/// Refuses what contradicts itself.
fn check(args: &RunArgs) -> Result<(), Failure> {
    let decides = args.grant.grant.contains(&Grant::Commit);
    if decides && (args.dry_run || args.hold) {
        let option = if args.hold { "--hold" } else { "--dry-run" };
        let message = format!(
            "--grant commit cannot be used with {option}: after the agent's own commit there is nothing to decide"
        );
        return Err(Failure::new(Code::Usage, message).hint("leave out one of the two"));
    }
    Ok(())
}

/// The base in memory that a guest calls `vfs://NAME`.
fn memory(workspace: &Workspace, name: &str) -> Arc<BaseHandle> {
    workspace.memory(name.strip_prefix("vfs://").unwrap_or(name))
}

fn base(workspace: &Workspace, name: &BaseName) -> Result<Arc<BaseHandle>, Failure> {
    match name {
        BaseName::Memory(name) => Ok(workspace.memory(name)),
        BaseName::Directory(path) => open_handle(workspace, path),
    }
}

/// Compiling blocks for up to seconds, and a person who has second thoughts need not wait for it.
async fn load(runtime: &Arc<Runtime>, args: &RunArgs, signals: &Signals) -> Result<Agent, Failure> {
    let bytes_max = RuntimeOptions::default().component_bytes_max;
    let bytes = ambient::read_component(&args.agent, bytes_max)?;
    let compiler = runtime.clone();
    let compiling = tokio::task::spawn_blocking(move || compiler.load(&bytes));
    tokio::select! {
        loaded = compiling => match loaded {
            Ok(loaded) => loaded.map_err(|error| Failure::load(&args.agent, &error)),
            Err(error) => Err(Failure::new(Code::Failed, format!("the compiler failed: {error}"))),
        },
        number = signals.first() => {
            let message = "stopped before the agent was run; the base is as it was";
            Err(Failure::new(Code::Signal(number), message))
        }
    }
}

fn job(
    args: &RunArgs,
    base: &Arc<BaseHandle>,
    format: Format,
    output: &Arc<Output>,
    signals: &Signals,
) -> Job {
    let name = args.agent.file_stem().unwrap_or_default().to_string_lossy();
    let is_reserved = format.is_json() || args.dry_run;
    let stages = (output.clone(), signals.clone());
    let is_commit = !args.dry_run && !args.hold;
    let settling = if is_commit { "committing" } else { "comparing" };
    Job {
        task: Task {
            id: String::new(),
            instructions: args.task.clone().unwrap_or_default(),
            arguments: args.args.clone(),
            parameters: pairs(&args.param),
        },
        agent_name: name.into_owned(),
        purpose: args.task.clone(),
        args: args.args.clone(),
        stdin: if args.stdin {
            Stdin::Host
        } else {
            Stdin::Empty
        },
        stdout: output.guest(Stream::Stdout, is_reserved),
        stderr: output.guest(Stream::Stderr, is_reserved),
        access: if args.read_only {
            Access::ReadOnly
        } else {
            Access::ReadWrite
        },
        policy: match (args.dry_run, args.hold) {
            (true, _) => Policy::DryRun,
            (false, true) => Policy::Hold,
            (false, false) => Policy::Commit,
        },
        message: args.message.clone(),
        on_conflict: args.conflict.on_conflict.into(),
        isolation: args.conflict.isolation.into(),
        strict: args.conflict.strict,
        cancellation: signals.cancellation(),
        on_stage: Arc::new(move |stage| {
            let (output, signals) = &stages;
            match stage {
                Stage::Running => {
                    signals.committed();
                    output.stage("running");
                }
                Stage::Committing => {
                    signals.committing();
                    tracing::debug!("the guest commits");
                }
                Stage::Settling => {
                    if is_commit {
                        signals.committing();
                    }
                    output.stage(settling);
                }
            }
        }),
        ..Job::new(base.clone())
    }
}

fn pairs(pairs: &[Pair]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|pair| (pair.name.clone(), pair.value.clone()))
        .collect()
}

/// Where a limit that ended a run is raised.
fn raised_by(outcome: &RunOutcome, granted: &EffectiveGrant) -> Option<String> {
    let cap = match outcome {
        RunOutcome::TimedOut { .. } => Cap::Timeout,
        RunOutcome::OutOfMemory { .. } => Cap::Memory,
        _ => return None,
    };
    let places = granted.remedies_of(cap);
    let places: Vec<String> = places.iter().map(ToString::to_string).collect();
    Some(format!("raise the limit with {}", places.join(" and ")))
}

/// Where a run worked, and with what it was granted.
struct Scene {
    workspace: Arc<Workspace>,
    base: Arc<BaseHandle>,
    granted: EffectiveGrant,
}

impl Scene {
    fn reviewed(&self, change: Change) -> Change {
        change.reviewed(&self.granted.review())
    }

    /// Tells whoever decides of what the list of paths does not show.
    fn point_out(&self, session: &Session, output: &Output) {
        let review = Review {
            // They are pointed out in the list.
            runs_on_open: RunsOnOpen::nothing(),
            ..self.granted.review()
        };
        if let Err(error) = review.check(session, &[]) {
            output.say(&format!("look at this: {}\n", clean_line(&chain(&error))));
        }
    }
}

/// Writes down what became of the session; one that is held is decided here.
async fn note(
    report: &mut Report,
    settlement: Settlement,
    scene: &Scene,
    operator: (&Arc<Output>, &Signals),
) {
    match settlement {
        Settlement::Committed(change) => {
            report.outcome = Settled::Committed;
            report.change = Some(scene.reviewed(Change::from(&change)));
        }
        Settlement::Unchanged => report.outcome = Settled::Unchanged,
        Settlement::RolledBack => report.outcome = Settled::RolledBack,
        Settlement::Failed(error) => unsettled(report, &error, &scene.granted),
        Settlement::DryRun { entries, diff } => {
            report.outcome = Settled::DryRun;
            report.change = Some(scene.reviewed(Change::proposed(&entries)));
            report.diff = Some(diff);
        }
        Settlement::Conflicted { conflicts, held } => {
            report.outcome = Settled::Conflicted;
            report.conflicts =
                conflicted_paths(&scene.workspace, &scene.base, held.session(), &conflicts);
            held.discard();
            let paths = counted(report.conflicts.len(), "path");
            let message = format!("the base changed under the agent at {paths}");
            report.fail(Failure::new(Code::Conflict, message).hint(CONFLICT_HINT));
        }
        Settlement::Held(held) => Box::pin(decide(report, held, scene, operator)).await,
    }
}

/// Writes down why a session could not be settled, and whether the base is as it was.
fn unsettled(report: &mut Report, error: &SupervisorError, granted: &EffectiveGrant) {
    if error.leaves_traces() {
        report.outcome = Settled::InDoubt;
    }
    let failure = Failure::supervisor(&report.base, error);
    report.fail(match error {
        SupervisorError::Session(error) => failure.with_remedies(error, granted),
        SupervisorError::Workspace(_) => failure,
    });
}

async fn decide(
    report: &mut Report,
    held: Held,
    scene: &Scene,
    (output, signals): (&Arc<Output>, &Signals),
) {
    let settled = match held.session().changes().map_err(SupervisorError::from) {
        Err(error) => Settlement::Failed(error),
        // There is nothing to decide.
        Ok(entries) if entries.is_empty() => held.commit().unwrap_or_else(Settlement::Failed),
        Ok(entries) => {
            tokio::select! {
                () = output.guest_printed() => {}
                _number = signals.first() => {}
            }
            report.change = Some(scene.reviewed(Change::proposed(&entries)));
            output.proposal(report);
            scene.point_out(held.session(), output);
            let decision = hold::ask(&held, output, signals).await;
            report.change = None;
            if let Err(failure) = decision {
                held.discard();
                report.fail(failure);
                return;
            }
            signals.committing();
            held.commit().unwrap_or_else(Settlement::Failed)
        }
    };
    Box::pin(note(report, settled, scene, (output, signals))).await;
}
