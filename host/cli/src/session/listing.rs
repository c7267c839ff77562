//! `session-fs session list`: the sessions of one directory, or of all that are known.

use workspace::durable::SessionSummary;

use super::document::{Described, describe};
use crate::args::ListArgs;
use crate::base::OpenBase;
use crate::exit::Failure;
use crate::output::{Answer, listing};
use crate::registry::Registry;

const COMMAND: &str = "session list";

const TITLES: [&str; 5] = ["ID", "STATE", "LAST USED", "BASE", "PURPOSE"];

pub(super) fn list(args: &ListArgs) -> Result<Answer, Failure> {
    let registry = Registry::open();
    let mut summaries = Vec::new();
    let mut notes = String::new();
    if args.all {
        registry.heal();
        for path in registry.bases() {
            let listed =
                OpenBase::open(&path, COMMAND).and_then(|base| sessions(&base, &mut notes));
            match listed {
                Ok(sessions) => summaries.extend(sessions),
                // The others are there all the same.
                Err(failure) => {
                    notes.push_str(&format!("{}: {}\n", path.display(), failure.message));
                }
            }
        }
    } else {
        let base = OpenBase::find(&args.base, COMMAND)?;
        summaries = sessions(&base, &mut notes)?;
        if !summaries.is_empty() {
            registry.note(&base.path);
        }
    }
    let mut sessions: Vec<Described> = summaries.iter().map(describe).collect();
    sessions.sort_by(|one, two| one.created_at.cmp(&two.created_at));
    sessions.retain(|session| args.ended || !is_ended(session.state));
    let text = listing(&TITLES, &sessions.iter().map(row).collect::<Vec<_>>());
    if sessions.is_empty() && !args.all {
        notes.push_str("no sessions here; --all lists those of every directory\n");
    }
    Ok(Answer::listing(text, &sessions).note(notes))
}

fn sessions(base: &OpenBase, notes: &mut String) -> Result<Vec<SessionSummary>, Failure> {
    if !base.has_store() {
        return Ok(Vec::new());
    }
    let kept = base.kept_sessions()?;
    notes.push_str(&kept.note);
    Ok(kept.value)
}

fn is_ended(state: &str) -> bool {
    matches!(state, "committed" | "rolled-back" | "expired")
}

fn row(session: &Described) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        session.id.clone(),
        session.state.to_owned(),
        text(&session.last_used_at),
        session.base.clone(),
        text(&session.purpose),
    ]
}
