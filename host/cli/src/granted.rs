//! What a run is granted: everything that the agent, the operator and the base's own policy say of it.

use std::path::Path;

use supervisor::{Cap, EffectiveGrant, Role, Side};

use crate::ambient;
use crate::args::{BaseName, EnvArg, GrantArgs, PathArgs, ReviewArgs};
use crate::exit::{Code, Failure};
use crate::policy;
use crate::sheet::Sheet;
use crate::system;

/// What a run is granted, and what it gets of the operator's environment.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) effective: EffectiveGrant,
    /// Names and values of the guest's environment.
    pub(crate) env: Vec<(String, String)>,
    /// What the agent asks for; `None` without a file beside it.
    pub(crate) asks: Option<Sheet>,
}

impl Granted {
    /// What comes of the file beside the agent, the command line, the operator's file, and the policy
    /// of the base if one is named.
    ///
    /// # Errors
    ///
    /// `Usage`, `NotFound`, `Denied` and `Limit` for files that cannot be used, `Usage` for a variable
    /// that is to be passed on and not set.
    pub(crate) fn of(
        agent: &Path,
        base: Option<&BaseName>,
        args: &GrantArgs,
    ) -> Result<Self, Failure> {
        let asks = policy::beside(agent)?;
        let file = args.policy.as_deref().map(policy::named).transpose()?;
        let kept = match base {
            Some(BaseName::Directory(path)) => {
                // What is wrong with the base itself is said first.
                ambient::open_base(path)?;
                policy::kept_with(path)?
            }
            Some(BaseName::Memory(_)) | None => None,
        };
        let by_name = file.as_ref().and_then(|file| file.side.env.clone());
        let files = [asks.clone(), file, kept].into_iter().flatten();
        let mut sides: Vec<Side> = files.map(|sheet| sheet.side).collect();
        sides.push(flags(args));
        let effective = EffectiveGrant::of(sides);
        let effective = effective.map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
        let mut env = environment(&args.env, &by_name.unwrap_or_default())?;
        env.retain(|(name, _)| effective.env().contains(name));
        Ok(Self {
            effective,
            env,
            asks,
        })
    }
}

/// What may be committed to a directory without a second look.
///
/// # Errors
///
/// As [`Granted::of`].
pub(crate) fn for_commit(base: &Path, args: &ReviewArgs) -> Result<EffectiveGrant, Failure> {
    let mut side = Side::new(Role::Operator, None);
    args.grant.iter().cloned().for_each(|grant| side.add(grant));
    without_agent(base, args.policy.as_deref(), side)
}

/// What a session over a directory may reach; `None` where nobody says anything of paths.
///
/// # Errors
///
/// As [`Granted::of`].
pub(crate) fn for_session(base: &Path, args: &PathArgs) -> Result<Option<EffectiveGrant>, Failure> {
    let mut side = Side::new(Role::Operator, None);
    let grants = args.read.iter().chain(&args.write);
    grants.cloned().for_each(|grant| side.add(grant));
    let granted = without_agent(base, args.policy.as_deref(), side)?;
    let mut sides = granted.sides().iter();
    let is_said = sides.any(|side| side.read.is_some() || side.write.is_some());
    Ok(is_said.then_some(granted))
}

/// What comes of the command line, the operator's file and the policy of a base.
fn without_agent(base: &Path, file: Option<&Path>, flags: Side) -> Result<EffectiveGrant, Failure> {
    let file = file.map(policy::named).transpose()?;
    let kept = policy::kept_with(base)?;
    let files = file.into_iter().chain(kept).map(|sheet| sheet.side);
    let effective = EffectiveGrant::of(files.chain([flags]).collect());
    effective.map_err(|error| Failure::new(Code::Usage, error.to_string()))
}

/// What the operator says on the command line and in the environment of the command.
fn flags(args: &GrantArgs) -> Side {
    let mut side = Side::new(Role::Operator, None);
    for grant in [&args.grant, &args.read, &args.write].into_iter().flatten() {
        side.add(grant.clone());
    }
    if !args.env.is_empty() {
        side.env = Some(args.env.iter().map(|env| env.name().to_owned()).collect());
    }
    let timeout = args.timeout.map(|span| span.as_millis());
    let timeout = timeout.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX));
    for (cap, max) in [
        (Cap::Timeout, timeout),
        (Cap::Memory, args.memory),
        (Cap::SessionMemory, args.session_memory),
    ] {
        side.caps.extend(max.map(|max| (cap, max)));
    }
    side
}

/// What the operator gives by value, then what is passed on by its name. Of the names in a file those
/// that are set here.
fn environment(args: &[EnvArg], by_name: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut env = Vec::new();
    for arg in args {
        let value = match arg {
            EnvArg::Value(pair) => pair.value.clone(),
            EnvArg::Pass(name) => passed(name)?.ok_or_else(|| {
                let message = format!("the variable '{name}' is not set, and cannot be passed on");
                Failure::new(Code::Usage, message).hint("--env NAME=VALUE gives it a value")
            })?,
        };
        env.push((arg.name().to_owned(), value));
    }
    let named = |name: &&String| !args.iter().any(|arg| arg.name() == name.as_str());
    for name in by_name.iter().filter(named) {
        env.extend(passed(name)?.map(|value| (name.clone(), value)));
    }
    Ok(env)
}

/// The value of a variable; `None` when it is not set.
fn passed(name: &str) -> Result<Option<String>, Failure> {
    let value = system::variable_as_it_is(name);
    let text = value.map(std::ffi::OsString::into_string).transpose();
    text.map_err(|_| {
        let message =
            format!("the variable '{name}' is not UTF-8, which is all that a guest takes");
        Failure::new(Code::Usage, message)
    })
}
