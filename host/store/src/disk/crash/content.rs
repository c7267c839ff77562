//! `Content`: the bytes of one file as sectors that many states share.
//!
//! A sector that is missing reads as zeros, and so does everything beyond the written part of one.

use std::sync::Arc;

use imbl::OrdMap;

/// The bytes of one file. Every method is given the same sector size.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    size: u64,
    sectors: OrdMap<u64, Sector>,
}

/// One sector in full.
pub(super) type Sector = Arc<[u8]>;

impl Content {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Reads what lies between `offset` and the end; returns how many bytes that were.
    pub(super) fn read_at(&self, sector_bytes: usize, buf: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = buf.len().min(left);
        for (part, range) in pieces(sector_bytes, offset, len) {
            let buf = &mut buf[range];
            match self.sectors.get(&part.index) {
                Some(sector) => buf.copy_from_slice(&sector[part.start..part.start + buf.len()]),
                None => buf.fill(0),
            }
        }
        len
    }

    /// Replaces bytes without looking at the size; returns each sector that it wrote, and whether
    /// that is another one than before.
    pub(super) fn write_at(
        &mut self,
        sector_bytes: usize,
        bytes: &[u8],
        offset: u64,
    ) -> Vec<(u64, Sector, bool)> {
        let mut written = Vec::new();
        for (part, range) in pieces(sector_bytes, offset, bytes.len()) {
            let before = self.sectors.get(&part.index);
            let mut image = before.map_or_else(|| vec![0; sector_bytes], |old| old.to_vec());
            image[part.start..part.start + range.len()].copy_from_slice(&bytes[range]);
            let is_new = match before {
                Some(old) => **old != *image,
                None => image.iter().any(|byte| *byte != 0),
            };
            let image = Sector::from(image);
            self.sectors.insert(part.index, image.clone());
            written.push((part.index, image, is_new));
        }
        written
    }

    /// Puts a sector in place without looking at the size.
    pub(super) fn put(&mut self, index: u64, sector: Sector) {
        self.sectors.insert(index, sector);
    }

    /// Sets the size. What lay beyond it is gone and reads as zeros if the file grows again.
    pub(super) fn resize(&mut self, sector_bytes: usize, size: u64) {
        self.size = size;
        let (whole, rest) = split(sector_bytes, size);
        let first_beyond = whole + u64::from(rest > 0);
        while let Some((last, _)) = self.sectors.get_max() {
            let last = *last;
            if last < first_beyond {
                break;
            }
            self.sectors.remove(&last);
        }
        let cut = self.sectors.get(&whole);
        if let Some(cut) = cut.filter(|cut| cut[rest..].iter().any(|byte| *byte != 0)) {
            let mut image = cut.to_vec();
            image[rest..].fill(0);
            self.sectors.insert(whole, image.into());
        }
    }

    /// Whether there are bytes beyond the end.
    pub(super) fn hides(&self, sector_bytes: usize) -> bool {
        let (whole, rest) = split(sector_bytes, self.size);
        let Some((last, image)) = self.sectors.get_max() else {
            return false;
        };
        *last > whole || *last == whole && image[rest..].iter().any(|byte| *byte != 0)
    }

    /// All bytes up to the size.
    pub(super) fn to_vec(&self, sector_bytes: usize) -> Vec<u8> {
        let size = usize::try_from(self.size).expect("sizes are limited to FILE_BYTES_MAX");
        let mut bytes = vec![0; size];
        self.read_at(sector_bytes, &mut bytes, 0);
        bytes
    }
}

/// A part of one sector.
struct Part {
    index: u64,
    start: usize,
}

/// Cuts a range of a file at the borders of sectors, each piece with its range in the buffer.
fn pieces(
    sector_bytes: usize,
    offset: u64,
    len: usize,
) -> impl Iterator<Item = (Part, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let (index, start) = split(sector_bytes, offset + done as u64);
        let take = (sector_bytes - start).min(len - done);
        let range = done..done + take;
        done += take;
        (take > 0).then_some((Part { index, start }, range))
    })
}

/// The sector that holds `offset`, and where in it.
fn split(sector_bytes: usize, offset: u64) -> (u64, usize) {
    let bytes = sector_bytes as u64;
    let start = usize::try_from(offset % bytes).expect("less than a sector");
    (offset / bytes, start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Write(Vec<u8>, usize),
        Resize(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (prop::collection::vec(0..3_u8, 1..9), 0..20_usize)
                .prop_map(|(bytes, offset)| Step::Write(bytes, offset)),
            (0..24_usize).prop_map(Step::Resize),
        ]
    }

    proptest! {
        #[test]
        fn sectors_hold_what_a_vector_holds(
            steps in prop::collection::vec(step(), 1..30),
            sector_bytes in 1..6_usize,
        ) {
            let (mut content, mut model) = (Content::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Write(bytes, offset) => {
                        let end = offset + bytes.len();
                        content.resize(sector_bytes, content.size().max(end as u64));
                        content.write_at(sector_bytes, &bytes, offset as u64);
                        model.resize(model.len().max(end), 0);
                        model[offset..end].copy_from_slice(&bytes);
                    }
                    Step::Resize(size) => {
                        content.resize(sector_bytes, size as u64);
                        model.resize(size, 0);
                    }
                }
                prop_assert_eq!(content.to_vec(sector_bytes), model.clone());
            }
        }
    }

    #[test]
    fn a_write_tells_which_sectors_it_changed() {
        let mut content = Content::default();
        content.resize(4, 12);
        let changed = |content: &mut Content, bytes: &[u8], offset| -> Vec<(u64, bool)> {
            let written = content.write_at(4, bytes, offset);
            written
                .iter()
                .map(|(index, _, is_new)| (*index, *is_new))
                .collect()
        };
        assert_eq!(
            changed(&mut content, b"\0\0\0\0\0x", 3),
            [(0, false), (1, false), (2, true)]
        );
        assert_eq!(changed(&mut content, b"x", 8), [(2, false)]);
        assert_eq!(changed(&mut content, b"y", 8), [(2, true)]);
        let mut buf = [9; 8];
        assert_eq!(content.read_at(4, &mut buf, 7), 5);
        assert_eq!(buf[..5], *b"\0y\0\0\0");
        assert_eq!(content.read_at(4, &mut buf, 12), 0);
    }
}
