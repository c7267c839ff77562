//! What is known of one object of a base: small, since every object that is touched has one.

use std::sync::Arc;

use crate::base::{BaseEntry, BaseStat};

/// What a session saw of one object of its base.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The version.
    pub stat: BaseStat,
    /// The entries of a directory that was listed.
    pub listing: Option<Arc<[BaseEntry]>>,
    /// Where a link that was read leads.
    pub target: Option<Arc<str>>,
    /// Whether its content was handed out.
    pub content: bool,
}

/// The same, as read sets share it; two are equal when nothing was added to one of them.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    stat: Arc<BaseStat>,
    more: Option<Arc<More>>,
    content: bool,
}

/// What is known of directories and links only.
#[derive(Debug)]
struct More {
    listing: Option<Arc<[BaseEntry]>>,
    target: Option<Arc<str>>,
}

/// Bytes charged for having seen one object, and for one entry of a listing besides its name.
pub(super) const SEEN_BYTES: u64 = 224;
const ENTRY_BYTES: u64 = 32;

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        let more = match (&self.more, &other.more) {
            (None, None) => true,
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            _ => false,
        };
        more && Arc::ptr_eq(&self.stat, &other.stat) && self.content == other.content
    }
}

impl Known {
    pub(super) fn new(stat: BaseStat) -> Self {
        Self::new_shared(Arc::new(stat))
    }

    pub(super) fn new_shared(stat: Arc<BaseStat>) -> Self {
        Self {
            stat,
            more: None,
            content: false,
        }
    }

    pub(super) fn with_listing(&self, listing: Arc<[BaseEntry]>) -> Self {
        let target = self.target().cloned();
        self.with(Some(listing), target)
    }

    pub(super) fn with_target(&self, target: Arc<str>) -> Self {
        let listing = self.listing().cloned();
        self.with(listing, Some(target)).with_content()
    }

    pub(super) fn with_content(&self) -> Self {
        Self {
            content: true,
            ..self.clone()
        }
    }

    /// What two sessions saw together; `None` when it was not the same version.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        if !self.stat.same_version(&other.stat) {
            return None;
        }
        let listing = self.listing().or_else(|| other.listing()).cloned();
        let target = self.target().or_else(|| other.target()).cloned();
        Some(Self {
            content: self.content || other.content,
            ..self.with(listing, target)
        })
    }

    pub(super) fn with(&self, listing: Option<Arc<[BaseEntry]>>, target: Option<Arc<str>>) -> Self {
        let is_more = listing.is_some() || target.is_some();
        Self {
            more: is_more.then(|| Arc::new(More { listing, target })),
            ..self.clone()
        }
    }

    pub(crate) fn stat(&self) -> &Arc<BaseStat> {
        &self.stat
    }

    pub(crate) fn listing(&self) -> Option<&Arc<[BaseEntry]>> {
        self.more.as_ref()?.listing.as_ref()
    }

    pub(crate) fn target(&self) -> Option<&Arc<str>> {
        self.more.as_ref()?.target.as_ref()
    }

    pub(crate) fn has_content(&self) -> bool {
        self.content
    }

    pub(super) fn seen(&self) -> Seen {
        Seen {
            stat: *self.stat,
            listing: self.listing().cloned(),
            target: self.target().cloned(),
            content: self.content,
        }
    }

    /// What is charged for it.
    pub(super) fn bytes(&self) -> i64 {
        let listing = self.listing().map_or(0, |listing| listing_bytes(listing));
        let target = self.target().map_or(0, |target| target.len() as u64);
        i64::try_from(SEEN_BYTES + listing + target).unwrap_or(i64::MAX)
    }
}

pub(super) fn listing_bytes(listing: &[BaseEntry]) -> u64 {
    let names = listing.iter().map(|entry| entry.name.len() as u64);
    names.map(|len| ENTRY_BYTES + len).sum()
}
