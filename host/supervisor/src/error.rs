//! What can go wrong around a run; how the run itself ended is no error.

use workspace::WorkspaceError;

/// Why a job could not be begun or settled.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The workspace could not begin or commit the session.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The session itself failed, for instance while its changes were listed.
    #[error(transparent)]
    Session(#[from] vfs::Error),
}

impl SupervisorError {
    /// Whether the base may be other than it was before, although nothing was committed as asked:
    /// the error says what is where.
    pub fn leaves_traces(&self) -> bool {
        matches!(self, Self::Workspace(error) if leaves_traces(error))
    }
}

pub(crate) fn leaves_traces(error: &WorkspaceError) -> bool {
    matches!(
        error,
        WorkspaceError::NeedsRecovery { .. }
            | WorkspaceError::InDoubt { .. }
            | WorkspaceError::Interfered { .. }
    )
}
