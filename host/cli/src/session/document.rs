//! What is known of a durable session, as one document.

use std::collections::BTreeMap;

use serde::Serialize;
use vfs::Timestamp;
use workspace::durable::{SessionState, SessionSummary};

use crate::output::Section;
use crate::units;

/// A session from outside.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Described {
    pub(crate) id: String,
    pub(crate) base: String,
    pub(crate) base_generation: u64,
    pub(crate) state: &'static str,
    /// Who works in it just now, where somebody does.
    pub(crate) owner: Option<String>,
    /// What it was committed as.
    pub(crate) change: Option<String>,
    /// What is wrong with it.
    pub(crate) problem: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) created_at: Option<String>,
    pub(crate) last_used_at: Option<String>,
    pub(crate) expires_at: Option<String>,
    pub(crate) disk_bytes: u64,
}

/// Describes a session.
pub(crate) fn describe(summary: &SessionSummary) -> Described {
    let (mut owner, mut change, mut problem) = (None, None, None);
    let state = match &summary.state {
        SessionState::Open => "open",
        SessionState::Owned(who) => {
            owner.clone_from(who);
            "owned"
        }
        SessionState::Settling => "settling",
        SessionState::Committed(id) => {
            change = id.map(|id| id.to_string());
            "committed"
        }
        SessionState::RolledBack => "rolled-back",
        SessionState::Expired => "expired",
        SessionState::Damaged(why) => {
            problem = Some(why.clone());
            "damaged"
        }
    };
    let metadata = &summary.metadata;
    // Of one that is damaged so much that its base is not known, no time is known either.
    let known = |time: Timestamp| (!summary.base.is_empty()).then(|| units::time(time));
    Described {
        created_at: known(metadata.created_at),
        last_used_at: known(summary.last_used_at),
        expires_at: summary.expires_at.map(units::time),
        id: summary.id.to_string(),
        base: summary.base.clone(),
        base_generation: summary.base_generation,
        state,
        owner,
        change,
        problem,
        purpose: metadata.purpose.clone(),
        agent: metadata.agent.clone(),
        task: metadata.task_id.clone(),
        labels: metadata.labels.iter().cloned().collect(),
        disk_bytes: summary.disk_bytes,
    }
}

/// The same for a person, without what is not there.
pub(super) fn section(session: &Described) -> Section {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let labels = session.labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let rows = [
        ("state", session.state.to_owned()),
        ("owner", text(&session.owner)),
        ("change", text(&session.change)),
        ("problem", text(&session.problem)),
        ("base", session.base.clone()),
        ("generation", session.base_generation.to_string()),
        ("purpose", text(&session.purpose)),
        ("agent", text(&session.agent)),
        ("task", text(&session.task)),
        ("labels", labels.join(", ")),
        ("begun", text(&session.created_at)),
        ("last used", text(&session.last_used_at)),
        ("expires", text(&session.expires_at)),
        ("on disk", units::bytes(session.disk_bytes)),
    ];
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    Section {
        title: session.id.clone(),
        rows: rows.map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}
