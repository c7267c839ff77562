//! The letters of a state record: how numbers, texts, names and times are written and read.
//!
//! Records are read back from disks: every length is checked against what is there before anything
//! is allocated, and each value has one encoding.

use crate::base::{BaseStat, BaseVersion};
use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::{Kind, Name};
use store::disk::{FileKind, Fingerprint};

/// A record being written.
#[derive(Debug, Default)]
pub(super) struct Output(pub(super) Vec<u8>);

/// A record being read.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    offset: usize,
    record: usize,
}

/// The most bytes that a number takes.
const NUMBER_BYTES_MAX: u32 = 10;

impl Output {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.byte(u8::from(flag));
    }

    /// Seven bits to a byte, the lowest first; the top bit says that more follow.
    pub(super) fn number(&mut self, mut number: u64) {
        loop {
            let low = number.to_le_bytes()[0] & 0x7F;
            number >>= 7;
            if number == 0 {
                return self.byte(low);
            }
            self.byte(low | 0x80);
        }
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn name(&mut self, name: &Name) {
        self.byte(u8::try_from(name.len()).expect("a name has at most 255 bytes"));
        self.0.extend_from_slice(name.as_bytes());
    }

    pub(super) fn time(&mut self, time: Option<Timestamp>) {
        self.flag(time.is_some());
        if let Some(time) = time {
            self.0.extend_from_slice(&time.seconds.to_le_bytes());
            self.0.extend_from_slice(&time.nanoseconds.to_le_bytes());
        }
    }

    pub(super) fn kind(&mut self, kind: Kind) {
        self.byte(match kind {
            Kind::Directory => 0,
            Kind::File => 1,
            Kind::Symlink => 2,
        });
    }

    pub(super) fn stat(&mut self, stat: &BaseStat) {
        self.kind(stat.kind);
        self.number(stat.size);
        self.flag(stat.executable);
        self.time(stat.modified);
        self.time(stat.changed);
        match &stat.version {
            BaseVersion::Host(fingerprint) => {
                self.byte(0);
                self.fingerprint(fingerprint);
            }
            BaseVersion::Number(number) => {
                self.byte(1);
                self.number(*number);
            }
        }
    }

    fn fingerprint(&mut self, fingerprint: &Fingerprint) {
        self.number(fingerprint.dev);
        self.number(fingerprint.ino);
        self.0
            .extend_from_slice(&fingerprint.ctime_ns.to_le_bytes());
        self.0
            .extend_from_slice(&fingerprint.mtime_ns.to_le_bytes());
        self.number(fingerprint.size);
        self.number(u64::from(fingerprint.mode));
        self.byte(match fingerprint.kind {
            FileKind::Directory => 0,
            FileKind::File => 1,
            FileKind::Symlink => 2,
            FileKind::Other => 3,
        });
    }
}

impl<'a> Input<'a> {
    /// `record` is the number of the record among those that are read, for messages.
    pub(super) fn new(bytes: &'a [u8], record: usize) -> Self {
        Self {
            bytes,
            offset: 0,
            record,
        }
    }

    pub(super) fn malformed(&self, what: &str) -> Error {
        let (record, offset) = (self.record, self.offset);
        Error::invalid(format!(
            "record {record} of the saved session holds an impossible {what} before byte {offset}"
        ))
    }

    fn truncated(&self, what: &str) -> Error {
        let (record, end) = (self.record, self.bytes.len());
        Error::invalid(format!(
            "record {record} of the saved session ends at byte {end}, in the middle of a {what}"
        ))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.offset == self.bytes.len()
    }

    pub(super) fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.offset..];
        let taken = rest.get(..len).ok_or_else(|| self.truncated(what))?;
        self.offset += len;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let taken = self.take(N, what)?;
        Ok(taken.try_into().expect("as long as was asked for"))
    }

    pub(super) fn byte(&mut self, what: &str) -> Result<u8> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self, what: &str) -> Result<bool> {
        match self.byte(what)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed(what)),
        }
    }

    pub(super) fn number(&mut self, what: &str) -> Result<u64> {
        let mut number = 0_u64;
        for at in 0..NUMBER_BYTES_MAX {
            let byte = self.byte(what)?;
            let bits = u64::from(byte & 0x7F);
            let shifted = bits << (7 * at);
            if shifted >> (7 * at) != bits {
                return Err(self.malformed(what));
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || at == 0;
                return shortest
                    .then_some(number)
                    .ok_or_else(|| self.malformed(what));
            }
        }
        Err(self.malformed(what))
    }

    /// A count of things that take at least `bytes_min` each.
    pub(super) fn count(&mut self, bytes_min: usize, what: &str) -> Result<usize> {
        let count = usize::try_from(self.number(what)?).ok();
        let rest = (self.bytes.len() - self.offset) / bytes_min;
        count
            .filter(|count| *count <= rest)
            .ok_or_else(|| self.truncated(what))
    }

    pub(super) fn text(&mut self, what: &str) -> Result<&'a str> {
        let len = self.count(1, what)?;
        let text = std::str::from_utf8(self.take(len, what)?);
        text.map_err(|_| self.malformed(what))
    }

    pub(super) fn name(&mut self) -> Result<Name> {
        let len = usize::from(self.byte("name")?);
        let text = std::str::from_utf8(self.take(len, "name")?).ok();
        let name = text.and_then(|text| Name::new(text).ok());
        name.ok_or_else(|| self.malformed("name"))
    }

    pub(super) fn time(&mut self) -> Result<Option<Timestamp>> {
        if !self.flag("time")? {
            return Ok(None);
        }
        let seconds = i64::from_le_bytes(self.array("time")?);
        let nanoseconds = u32::from_le_bytes(self.array("time")?);
        if nanoseconds >= 1_000_000_000 {
            return Err(self.malformed("time"));
        }
        Ok(Some(Timestamp {
            seconds,
            nanoseconds,
        }))
    }

    pub(super) fn kind(&mut self) -> Result<Kind> {
        match self.byte("kind")? {
            0 => Ok(Kind::Directory),
            1 => Ok(Kind::File),
            2 => Ok(Kind::Symlink),
            _ => Err(self.malformed("kind")),
        }
    }

    pub(super) fn stat(&mut self) -> Result<BaseStat> {
        Ok(BaseStat {
            kind: self.kind()?,
            size: self.number("size")?,
            executable: self.flag("mode")?,
            modified: self.time()?,
            changed: self.time()?,
            version: match self.byte("version")? {
                0 => BaseVersion::Host(self.fingerprint()?),
                1 => BaseVersion::Number(self.number("version")?),
                _ => return Err(self.malformed("version")),
            },
        })
    }

    fn fingerprint(&mut self) -> Result<Fingerprint> {
        Ok(Fingerprint {
            dev: self.number("fingerprint")?,
            ino: self.number("fingerprint")?,
            ctime_ns: i128::from_le_bytes(self.array("fingerprint")?),
            mtime_ns: i128::from_le_bytes(self.array("fingerprint")?),
            size: self.number("fingerprint")?,
            mode: u32::try_from(self.number("mode")?).map_err(|_| self.malformed("mode"))?,
            kind: match self.byte("kind")? {
                0 => FileKind::Directory,
                1 => FileKind::File,
                2 => FileKind::Symlink,
                3 => FileKind::Other,
                _ => return Err(self.malformed("kind")),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_encoding() {
        for number in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut output = Output::default();
            output.number(number);
            let mut input = Input::new(&output.0, 0);
            assert_eq!(input.number("number").expect("just written"), number);
            assert!(input.is_at_end());
        }
        let too_long = [&[0x80, 0][..], &[0xFF; 10], &[0x80; 11]];
        let too_large = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2];
        for bytes in too_long.into_iter().chain([&too_large[..], &[0x80]]) {
            let read = Input::new(bytes, 0).number("number");
            assert!(matches!(read, Err(Error::Invalid { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn a_count_is_held_against_what_is_there() {
        let mut output = Output::default();
        output.number(u64::MAX);
        output.0.resize(100, 0);
        let count = Input::new(&output.0, 0).count(2, "list");
        assert!(matches!(count, Err(Error::Invalid { .. })));
        let mut output = Output::default();
        output.number(3);
        output.0.resize(7, 0);
        assert_eq!(Input::new(&output.0, 0).count(2, "list").expect("fits"), 3);
        assert!(Input::new(&output.0, 0).count(3, "list").is_err());
    }
}
