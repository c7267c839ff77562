//! A scanner for Rust that knows just enough to skip comments and tell names from text.

/// A piece of Rust that is no comment and no white space. Numbers and literals other than strings
/// come out as names and signs; no check looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or a keyword.
    Ident(&'a str),
    /// What is between the quotes of a string, escapes untouched.
    Text(&'a str),
    /// Any other sign.
    Punct(char),
}

/// The tokens of a file, in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '/' if rest.starts_with("//") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, block_comment_length(rest)),
            '"' => {
                let length = string_length(rest);
                (Some(Token::Text(inside(rest, 1, length, 1))), length)
            }
            'r' | 'b' | 'c' if raw_string(rest).is_some() => {
                let (open, length, close) = raw_string(rest).expect("just seen");
                (Some(Token::Text(inside(rest, open, length, close))), length)
            }
            '\'' => (None, quote_length(rest)),
            c if c == '_' || c.is_alphanumeric() => {
                let is_end = |c: char| c != '_' && !c.is_alphanumeric();
                let length = rest.find(is_end).unwrap_or(rest.len());
                (Some(Token::Ident(&rest[..length])), length)
            }
            c if c.is_whitespace() => (None, c.len_utf8()),
            c => (Some(Token::Punct(c)), c.len_utf8()),
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

fn inside(text: &str, open: usize, length: usize, close: usize) -> &str {
    text.get(open..length.saturating_sub(close))
        .unwrap_or_default()
}

/// Block comments nest.
fn block_comment_length(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of a string with its quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// For `r#".."#` and the like: where the text starts, the whole length, how long the end mark is.
fn raw_string(text: &str) -> Option<(usize, usize, usize)> {
    let prefix = ["br", "cr", "r"]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let hashes = text[prefix.len()..]
        .bytes()
        .take_while(|byte| *byte == b'#')
        .count();
    let open = prefix.len() + hashes + 1;
    if text.as_bytes().get(open - 1) != Some(&b'"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let length = text[open..]
        .find(&end)
        .map_or(text.len(), |at| open + at + end.len());
    Some((open, length, end.len()))
}

/// A character with its quotes, or only the quote of a lifetime.
fn quote_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            let after_escaped = text.get(3..).unwrap_or_default();
            after_escaped.find('\'').map_or(text.len(), |at| 3 + at + 1)
        }
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

#[test]
fn comments_strings_and_characters_hide_what_is_in_them() {
    let names = |text| {
        let names = tokens(text).into_iter().filter_map(|token| match token {
            Token::Ident(name) => Some(name),
            Token::Text(_) | Token::Punct(_) => None,
        });
        names.collect::<Vec<_>>().join(" ")
    };
    for (text, expected) in [
        ("mod a; // mod b;\nmod c;", "mod a mod c"),
        ("a /* b /* c */ d */ e", "a e"),
        (r#"a "b \" c" d"#, "a d"),
        (r##"a r#"b " c"# d"##, "a d"),
        ("a br\"\\\" b", "a b"),
        (r"a '\'' b '\\' c '\u{1F}' d", "a b c d"),
        ("fn f<'a>(x: &'a str) 'b'", "fn f a x a str"),
        ("'\"' a '/' b", "a b"),
        ("a \"never closed", "a"),
        ("a /* never closed", "a"),
        ("réel 'é' x", "réel x"),
        ("", ""),
    ] {
        assert_eq!(names(text), expected, "{text:?}");
    }
    assert_eq!(tokens("r#\"x\"#"), [Token::Text("x")]);
    assert_eq!(tokens("\"x y\";"), [Token::Text("x y"), Token::Punct(';')]);
}
