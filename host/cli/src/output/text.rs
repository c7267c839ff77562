//! Texts that a guest had a hand in, made safe for a terminal.

use std::borrow::Cow;

/// Replaces what a terminal would act on: control characters except line ends and tabs, and the
/// characters that change the direction of what follows.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    clean_if(text, |c| matches!(c, '\n' | '\t'))
}

/// As [`clean`], for what has to stay on one line, such as a path.
pub(crate) fn clean_line(text: &str) -> Cow<'_, str> {
    clean_if(text, |_| false)
}

fn clean_if(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_bad = |c: char| !is_kept(c) && (c.is_control() || is_directional(c));
    if !text.chars().any(is_bad) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_bad(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    Cow::Owned(clean)
}

fn is_directional(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_gets_through() {
        let check = |text: &str, expected: &str| assert_eq!(clean_line(text), expected);
        check("src/ä.rs", "src/ä.rs");
        check("a\x1b[2Jb", "a\\u{1b}[2Jb");
        check("a\nb", "a\\nb");
        check("a\u{202e}b", "a\\u{202e}b");
        check("\u{9b}", "\\u{9b}");
        assert_eq!(clean("a\n\tb\r"), "a\n\tb\\r");
    }
}
