//! Changing the content of one file in the plain map.

use super::{Answer, err};

pub(super) fn overwritten(old: &[u8], at: u64, bytes: &[u8]) -> Vec<u8> {
    let at = usize::try_from(at).expect("small");
    let mut content = old.to_vec();
    if !bytes.is_empty() {
        content.resize(content.len().max(at + bytes.len()), 0);
        content[at..at + bytes.len()].copy_from_slice(bytes);
    }
    content
}

pub(super) fn edited(bytes: &[u8], from: &[u8], to: &[u8], count: u32) -> Answer<Vec<u8>> {
    let (mut edited, mut at, mut found) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(from) {
            edited.extend_from_slice(to);
            at += from.len();
            found += 1;
        } else {
            edited.push(bytes[at]);
            at += 1;
        }
    }
    if found == count {
        Ok(edited)
    } else {
        err("EditMismatch")
    }
}
