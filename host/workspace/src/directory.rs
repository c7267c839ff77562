//! Committing to a live directory: one record with one flush decides, and the directory follows.
//!
//! A commit is validated, composed into a [`transaction`], recorded in the journal (the commit point),
//! applied by exchange-and-verify, acknowledged, and later checkpointed into history. After a crash
//! recovery does again what the journal says. `docs/commit.md` says what is promised,
//! `docs/decisions/0005` why it is done so.

mod folder;
mod lingering;
mod making;
mod marks;
mod place;

mod ability;
mod fingerprint;
mod mover;
mod walker;

mod footprint;
mod validate;

mod compose;
mod plan;
mod transaction;

mod reserve;
mod room;

mod ahead;
mod apply;
mod carried;
mod compare;
mod redo;
mod takeback;

mod group;
mod pending;
mod spares;
mod store;

mod checkpoint;
mod recover;

mod commit;
mod engine;
mod lease;
mod peek;
mod preview;

mod timeline;
mod view;
mod worker;

#[cfg(test)]
mod tests;

pub use ability::Ability;
pub(crate) use commit::commit;
pub(crate) use engine::{Engine, StoreAccess};
pub(crate) use folder::{ensure, name, remove_tree};
pub(crate) use peek::peek;
pub use place::Locator;
pub(crate) use preview::preview;
pub(crate) use spares::SPARE_PREFIX;
pub(crate) use view::View;
