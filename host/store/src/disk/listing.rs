//! `Listing`: the entries of one directory, whole or not at all.
//!
//! The disks build it entry by entry with a limit, so that a directory somebody filled with a million
//! names costs at most the limit. A name that this crate cannot express is reported, never guessed.

use std::io;

use super::FileKind;
use crate::Name;

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirItem {
    /// Name of the entry.
    pub name: Name,
    /// Kind of what it names.
    pub kind: FileKind,
}

/// The entries of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Entries in the order of the bytes of their names.
    pub items: Vec<DirItem>,
    /// Entries whose names are not UTF-8, sorted, with the bad bytes replaced: for messages only.
    pub skipped: Vec<String>,
}

/// A listing in the making.
#[derive(Debug)]
pub(super) struct ListingBuilder {
    listing: Listing,
    entries_max: usize,
}

impl ListingBuilder {
    /// Starts a listing of at most `entries_max` entries, skipped ones included.
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            listing: Listing::default(),
            entries_max,
        }
    }

    /// Takes an entry as the kernel names it; `kind` may find that it is gone by now.
    pub(super) fn add(
        &mut self,
        bytes: &[u8],
        kind: impl FnOnce(&Name) -> io::Result<FileKind>,
    ) -> io::Result<()> {
        if matches!(bytes, b"." | b"..") {
            return Ok(());
        }
        if self.listing.items.len() + self.listing.skipped.len() == self.entries_max {
            return Err(too_many_entries(self.entries_max));
        }
        let Some(name) = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| Name::new(text).ok())
        else {
            self.listing
                .skipped
                .push(String::from_utf8_lossy(bytes).into_owned());
            return Ok(());
        };
        match kind(&name) {
            Ok(kind) => self.listing.items.push(DirItem { name, kind }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Puts the entries in order.
    pub(super) fn finish(mut self) -> Listing {
        self.listing
            .items
            .sort_unstable_by(|left, right| left.name.cmp(&right.name));
        self.listing.skipped.sort_unstable();
        self.listing
    }
}

fn too_many_entries(entries_max: usize) -> io::Error {
    let text = format!("the directory has more than {entries_max} entries; raise the limit");
    io::Error::new(io::ErrorKind::QuotaExceeded, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(entries: &[&[u8]], entries_max: usize) -> io::Result<Listing> {
        let mut builder = ListingBuilder::new(entries_max);
        for entry in entries {
            builder.add(entry, |name| match name.as_str() {
                "gone" => Err(io::ErrorKind::NotFound.into()),
                "broken" => Err(io::ErrorKind::PermissionDenied.into()),
                _ => Ok(FileKind::File),
            })?;
        }
        Ok(builder.finish())
    }

    #[test]
    fn entries_come_in_byte_order_and_strange_names_apart() {
        let listing = listed(
            &[b"b", b".", b"\xff", b"B", b"..", "é".as_bytes(), b"gone"],
            5,
        );
        let listing = listing.expect("five entries and the two dots");
        let names: Vec<&str> = listing
            .items
            .iter()
            .map(|item| item.name.as_str())
            .collect();
        assert_eq!(names, ["B", "b", "é"]);
        assert_eq!(listing.skipped, ["\u{fffd}"]);
    }

    #[test]
    fn one_entry_too_many_fails_the_listing() {
        type Case = (&'static [&'static [u8]], usize, Option<io::ErrorKind>);
        let cases: &[Case] = &[
            (&[b".", b".."], 0, None),
            (&[b"a"], 0, Some(io::ErrorKind::QuotaExceeded)),
            (&[b"a", b"b"], 2, None),
            (&[b"a", b"b", b"c"], 2, Some(io::ErrorKind::QuotaExceeded)),
            (
                &[b"a", b"\xff", b"\xfe"],
                2,
                Some(io::ErrorKind::QuotaExceeded),
            ),
            (&[b"broken"], 2, Some(io::ErrorKind::PermissionDenied)),
        ];
        for (entries, entries_max, expected) in cases {
            let found = listed(entries, *entries_max)
                .err()
                .map(|error| error.kind());
            assert_eq!(found, *expected, "{entries:?} of {entries_max}");
        }
    }
}
