//! The chain that binds each line of the log to all before it, and the head that says where it ends.
//!
//! Both are keyed: who may write the files but not read the store's key cannot forge a line.

use store::Digest;

use super::text::{Cursor, push_number};

/// Hexadecimal digits of a link: 16 bytes of a keyed BLAKE3.
pub(super) const CHAIN_DIGITS: usize = 32;
/// Bytes of the head: the longest numbers fit, and one write replaces all of it.
pub(super) const HEAD_BYTES: usize = 256;

/// The value that a line ends with, in hexadecimal digits.
pub(super) type Link = [u8; CHAIN_DIGITS];

/// Computes the links of one log.
#[derive(Clone)]
pub(super) struct Chain {
    key: [u8; 32],
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is no matter for a log.
        f.debug_struct("Chain").finish_non_exhaustive()
    }
}

impl Chain {
    /// The chain of the store with this key, which is used for nothing else.
    pub(super) fn new(store_key: &[u8; 32]) -> Self {
        let key = Digest::keyed(store_key, b"session-fs audit log 1");
        Self {
            key: *key.as_bytes(),
        }
    }

    /// What the first line of a log follows.
    pub(super) const fn start() -> Link {
        [b'0'; CHAIN_DIGITS]
    }

    /// The link of a line: `bytes` go from the link before to where this one is to stand.
    pub(super) fn link(&self, bytes: &[u8]) -> Link {
        let digest = Digest::keyed(&self.key, bytes);
        let mut link = [0; CHAIN_DIGITS];
        for (pair, byte) in link
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .zip(digest.as_bytes())
        {
            *pair = [hex_digit(byte >> 4), hex_digit(byte & 15)];
        }
        link
    }
}

fn hex_digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' + (value - 10),
    }
}

/// Where a log begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The first segment that was not removed.
    pub(super) first: u64,
    /// The segment that is written to; 0 before the first.
    pub(super) segment: u64,
    /// Bytes of that segment.
    pub(super) bytes: u64,
    /// Number of the last line.
    pub(super) number: u64,
    /// Its link.
    pub(super) link: Link,
}

impl Head {
    /// The head of a log without lines.
    pub(super) const EMPTY: Self = Self {
        first: 1,
        segment: 0,
        bytes: 0,
        number: 0,
        link: Chain::start(),
    };

    pub(super) fn encode(&self, chain: &Chain) -> Vec<u8> {
        let mut head = b"{\"first\":".to_vec();
        push_number(&mut head, self.first);
        for (field, value) in [
            (&b",\"segment\":"[..], self.segment),
            (b",\"bytes\":", self.bytes),
            (b",\"n\":", self.number),
        ] {
            head.extend_from_slice(field);
            push_number(&mut head, value);
        }
        head.extend_from_slice(b",\"chain\":\"");
        head.extend_from_slice(&self.link);
        head.extend_from_slice(b"\",\"seal\":\"");
        let seal = chain.link(&head);
        head.extend_from_slice(&seal);
        head.extend_from_slice(b"\"}");
        head.resize(HEAD_BYTES - 1, b' ');
        head.push(b'\n');
        head
    }

    /// Reads what `encode` wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8], chain: &Chain) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        cursor.skip(b"{\"first\":")?;
        let first = cursor.number()?;
        cursor.skip(b",\"segment\":")?;
        let segment = cursor.number()?;
        cursor.skip(b",\"bytes\":")?;
        let in_segment = cursor.number()?;
        cursor.skip(b",\"n\":")?;
        let number = cursor.number()?;
        cursor.skip(b",\"chain\":\"")?;
        let head = Self {
            first,
            segment,
            bytes: in_segment,
            number,
            link: cursor.take(CHAIN_DIGITS)?.try_into().ok()?,
        };
        (head.encode(chain) == bytes).then_some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_back_and_no_byte_of_it_may_change() {
        let chain = Chain::new(&[7; 32]);
        let head = Head {
            first: u64::MAX,
            segment: u64::MAX,
            bytes: u64::MAX,
            number: u64::MAX,
            link: Chain::start(),
        };
        let bytes = head.encode(&chain);
        assert_eq!(bytes.len(), HEAD_BYTES);
        assert_eq!(Head::decode(&bytes, &chain), Some(head));
        assert_eq!(Head::decode(&bytes, &Chain::new(&[8; 32])), None);
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert_eq!(Head::decode(&bad, &chain), None, "byte {at}");
        }
    }
}
