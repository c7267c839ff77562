//! `session-fs doctor`.

use clap::Args;

use super::session::BaseArgs;

pub(super) const EXAMPLES: &str = "\
Examples:
  session-fs doctor --base ../project
  session-fs doctor --format json | jq '.findings[] | select(.severity == \"error\")'

Exits with 0 when all is well, and with 1 when there is anything to look at.";

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) base: BaseArgs,

    /// Mend what can be mended without losing a byte
    #[arg(long)]
    pub(crate) repair: bool,
}
