//! `Digest`: what a piece of content is called. Equal digests mean equal bytes.
//!
//! The journal also authenticates its records with a keyed [`Hasher`], because the bytes inside a
//! record come from an agent and could otherwise be chosen to look like a record.

use std::fmt;
use std::str::FromStr;

/// The BLAKE3 digest of some bytes: 32 bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Says why a text is not a [`Digest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseDigestError {
    /// The text does not have exactly 64 bytes.
    #[error("a digest has 64 hexadecimal digits, this text has {bytes} bytes")]
    Length {
        /// Length of the text that was given.
        bytes: usize,
    },
    /// A byte of the text is not one of `0-9a-f`.
    #[error("byte {position} of a digest is not a lower-case hexadecimal digit")]
    Digit {
        /// Offset of the first bad byte.
        position: usize,
    },
}

impl Digest {
    /// Computes the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Computes the keyed digest of `bytes`, which only a holder of `key` can: what
    /// [`Hasher::keyed`] gives, at less cost for short bytes.
    pub fn keyed(key: &[u8; 32], bytes: &[u8]) -> Self {
        Self(*blake3::keyed_hash(key, bytes).as_bytes())
    }

    /// Takes the 32 bytes of a digest as they were stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [hex_digit(byte >> 4), hex_digit(byte & 15)];
        }
        f.pad(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    /// Reads what `Display` writes. Upper case is refused, so that one digest has one spelling.
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(ParseDigestError::Length { bytes: text.len() });
        }
        let mut bytes = [0; 32];
        for (index, (byte, [high, low])) in bytes.iter_mut().zip(pairs).enumerate() {
            let digit = |value: Option<u8>, offset: usize| {
                value.ok_or(ParseDigestError::Digit {
                    position: 2 * index + offset,
                })
            };
            *byte = digit(hex_value(*high), 0)? << 4 | digit(hex_value(*low), 1)?;
        }
        Ok(Self(bytes))
    }
}

/// Computes a [`Digest`] from bytes that arrive in pieces.
#[derive(Clone, Debug, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Starts an ordinary digest: the result equals [`Digest::of`] of all the bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a keyed digest, which only a holder of `key` can compute.
    pub fn keyed(key: &[u8; 32]) -> Self {
        Self(blake3::Hasher::new_keyed(key))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything taken so far.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

fn hex_digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' + (value - 10),
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn empty_input_has_the_published_digest() {
        let published = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Digest::of(b"").to_string(), published);
        assert_eq!(published.parse(), Ok(Digest::of(b"")));
    }

    #[test]
    fn texts_that_are_not_digests_are_refused() {
        let good = Digest::of(b"x").to_string();
        let cases = [
            (String::new(), ParseDigestError::Length { bytes: 0 }),
            (
                good[..63].to_owned(),
                ParseDigestError::Length { bytes: 63 },
            ),
            (format!("{good}0"), ParseDigestError::Length { bytes: 65 }),
            (format!("{good}00"), ParseDigestError::Length { bytes: 66 }),
            (
                format!("g{}", &good[1..]),
                ParseDigestError::Digit { position: 0 },
            ),
            (
                format!("{}A", &good[..63]),
                ParseDigestError::Digit { position: 63 },
            ),
            (
                format!("{}/..", &good[..61]),
                ParseDigestError::Digit { position: 61 },
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Digest>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_key_changes_the_digest() {
        let keyed = |key| {
            let mut hasher = Hasher::keyed(&[key; 32]);
            hasher.update(b"record");
            hasher.finish()
        };
        assert_ne!(keyed(1), keyed(2));
        assert_ne!(keyed(0), Digest::of(b"record"));
    }

    proptest! {
        #[test]
        fn text_and_bytes_round_trip(bytes: [u8; 32]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
            prop_assert_eq!(digest.as_bytes(), &bytes);
        }

        #[test]
        fn pieces_hash_like_the_whole(bytes: Vec<u8>, cut: prop::sample::Index) {
            let cut = cut.index(bytes.len() + 1);
            let mut hasher = Hasher::new();
            hasher.update(&bytes[..cut]);
            hasher.update(&bytes[cut..]);
            prop_assert_eq!(hasher.finish(), Digest::of(&bytes));
        }
    }
}
