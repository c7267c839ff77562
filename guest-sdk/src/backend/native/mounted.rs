//! `Mounted`: what stands for the host in a unit test, one to a thread while the agent runs.
//!
//! It plays the host's part in the contract: which sessions this run began, which bases it was
//! granted, whether it may commit.

use crate::{BeginOptions, ChangeInfo, Error, Result};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

const LABELS_MAX: usize = 16;
const LABEL_BYTES_MAX: usize = 256;

thread_local! {
    static HERE: RefCell<Option<Rc<Mounted>>> = const { RefCell::new(None) };
}

/// The host of one run.
#[derive(Debug)]
pub(crate) struct Mounted {
    current: vfs::Session,
    /// The granted bases by name, as sessions that the agent does not see.
    bases: BTreeMap<String, vfs::Session>,
    commit_granted: bool,
    begun: RefCell<BTreeMap<String, vfs::Session>>,
    generation: Cell<u64>,
}

impl Mounted {
    pub(crate) fn new(
        current: vfs::Session,
        bases: BTreeMap<String, vfs::Session>,
        commit_granted: bool,
    ) -> Self {
        let begun = RefCell::new(BTreeMap::from([(current.id().to_owned(), current.clone())]));
        Self {
            current,
            bases,
            commit_granted,
            begun,
            generation: Cell::new(0),
        }
    }

    /// The host of the run that this thread is in.
    pub(super) fn here() -> Result<Rc<Self>> {
        HERE.with_borrow(Clone::clone).ok_or_else(|| {
            let detail = "there is no run here; in a unit test call the agent inside Sandbox::run";
            Error::Unsupported(detail.to_owned())
        })
    }

    /// Does something as a run of this host; the one before comes back at the end or a panic.
    pub(crate) fn enter<R>(self: &Rc<Self>, run: impl FnOnce() -> R) -> R {
        struct Restore(Option<Rc<Mounted>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                HERE.set(self.0.take());
            }
        }
        let _restore = Restore(HERE.replace(Some(Rc::clone(self))));
        run()
    }

    pub(crate) fn current(&self) -> &vfs::Session {
        &self.current
    }

    pub(super) fn begin(&self, base: &str, options: BeginOptions) -> Result<vfs::Session> {
        let Some(root) = self.bases.get(base) else {
            return Err(denied(format!("base {base}"), base));
        };
        let options = self.options(options, vfs::Access::ReadWrite)?;
        Ok(self.keep(root.begin_nested(options)?))
    }

    pub(super) fn begin_nested(
        &self,
        session: &vfs::Session,
        options: BeginOptions,
    ) -> Result<vfs::Session> {
        let options = self.options(options, session.access())?;
        Ok(self.keep(session.begin_nested(options)?))
    }

    pub(super) fn fork(
        &self,
        session: &vfs::Session,
        options: BeginOptions,
    ) -> Result<vfs::Session> {
        let options = self.options(options, session.access())?;
        Ok(self.keep(session.fork(options)?))
    }

    pub(super) fn open(&self, id: &str) -> Result<vfs::Session> {
        let session = self.begun.borrow().get(id).cloned();
        session.ok_or_else(|| denied(format!("session {id}"), "sessions"))
    }

    /// Merges a session into what it was begun from, all of it or nothing.
    pub(super) fn commit(&self, session: &vfs::Session) -> Result<ChangeInfo> {
        let into_session = session.parent().is_some_and(|parent| self.is_begun(parent));
        if !into_session && !self.commit_granted {
            return Err(denied("commit".to_owned(), "commit"));
        }
        let entries = session.changes()?.into_iter().map(Into::into).collect();
        let generation = self.generation.get() + 1;
        let id = format!("{generation:064x}");
        match session
            .seal()?
            .merge_into_parent(&id, &vfs::MergeOptions::default())?
        {
            vfs::Merged::Applied { .. } => {}
            vfs::Merged::Conflicted(conflicts) => {
                return Err(Error::Conflict(
                    conflicts.into_iter().map(Into::into).collect(),
                ));
            }
        }
        self.generation.set(generation);
        Ok(ChangeInfo {
            id,
            generation,
            entries,
        })
    }

    fn options(&self, options: BeginOptions, access: vfs::Access) -> Result<vfs::SessionOptions> {
        check_labels(&options.labels)?;
        let id = format!("session-{}", self.begun.borrow().len());
        let metadata = vfs::Metadata {
            purpose: options.purpose,
            labels: options.labels,
            ..vfs::Metadata::default()
        };
        Ok(vfs::SessionOptions {
            id,
            access,
            metadata,
            ..vfs::SessionOptions::default()
        })
    }

    fn keep(&self, session: vfs::Session) -> vfs::Session {
        self.begun
            .borrow_mut()
            .insert(session.id().to_owned(), session.clone());
        session
    }

    fn is_begun(&self, session: &vfs::Session) -> bool {
        self.begun
            .borrow()
            .get(session.id())
            .is_some_and(|begun| begun.is_same(session))
    }
}

fn denied(detail: String, grant: &str) -> Error {
    let reason = crate::DenialReason::Capability;
    Error::Denied {
        path: None,
        reason,
        detail,
        grant: Some(grant.to_owned()),
    }
}

fn check_labels(labels: &[(String, String)]) -> Result<()> {
    let too_long = labels
        .iter()
        .find(|(name, value)| name.len() + value.len() > LABEL_BYTES_MAX);
    if let Some((name, _)) = too_long {
        return Err(Error::Invalid(format!(
            "label `{name}` is over {LABEL_BYTES_MAX} bytes"
        )));
    }
    if labels.len() > LABELS_MAX {
        return Err(Error::Invalid(format!(
            "{} labels, at most {LABELS_MAX}",
            labels.len()
        )));
    }
    Ok(())
}
