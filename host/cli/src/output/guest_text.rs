//! What a guest prints, on its way to a terminal: without control sequences, however it cuts them.

use anstream::adapter::StripBytes;

/// First byte of U+0080 to U+00BF in UTF-8; it is never a later byte of another character.
const LATIN_LEAD: u8 = 0xc2;

/// One stream of a guest, from its beginning.
#[derive(Default)]
pub(super) struct GuestText {
    sequences: StripBytes,
    /// Whether the last byte was [`LATIN_LEAD`], which waits for the next one.
    held: bool,
}

impl GuestText {
    /// The next bytes, without what a terminal would act on.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Self { sequences, held } = self;
        let mut text = Vec::with_capacity(bytes.len() + 1);
        for &byte in sequences.strip_next(bytes).flatten() {
            if std::mem::take(held) {
                // U+0080 to U+009F: many terminals take U+009B for the beginning of a sequence.
                if (0x80..=0x9f).contains(&byte) {
                    continue;
                }
                text.push(LATIN_LEAD);
            }
            if byte == LATIN_LEAD {
                *held = true;
            } else {
                text.push(byte);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_sequence_gets_through_whole_or_in_parts() {
        let check = |parts: &[&[u8]], expected: &str| {
            let mut text = GuestText::default();
            let clean: Vec<u8> = parts.iter().flat_map(|part| text.next(part)).collect();
            assert_eq!(String::from_utf8_lossy(&clean), expected, "{parts:?}");
        };
        check(
            &["plain ä € 😀 §\u{a0}\n".as_bytes()],
            "plain ä € 😀 §\u{a0}\n",
        );
        check(&[b"a\x1b[2Jb"], "ab");
        check(&[b"a\x1b", b"[31", b"mb"], "ab");
        check(&[b"a\x1b]0;title\x07b"], "ab");
        check(&[b"a\xc2\x9b2Jb"], "a2Jb");
        check(&[b"a\xc2", b"\x9b2Jb"], "a2Jb");
        check(&[b"a\xc2", b"\xa7b"], "a§b");
    }
}
