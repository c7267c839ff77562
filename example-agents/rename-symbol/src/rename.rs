//! `Rename`: one source text with an identifier renamed and every other byte as it was.

use ra_ap_rustc_lexer::{
    FrontmatterAllowed, LiteralKind, TokenKind, is_ident, strip_shebang, tokenize,
};
use session_fs_sdk::{Error, Result};
use std::fmt;

/// The compiler takes it off before it looks for tokens.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// Words that are no identifiers in one of the editions, unless written as `r#word`.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];
/// Words that are no identifiers in any form.
const RESERVED: &[&str] = &["_", "crate", "self", "Self", "super"];

/// An identifier: `name`, or `r#name` where the bare name is a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    bare: String,
    is_keyword: bool,
}

/// What is renamed to what.
#[derive(Debug)]
pub(crate) struct Rename {
    pub(crate) from: Name,
    pub(crate) to: Name,
}

/// A source after a rename.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Renamed {
    pub(crate) source: String,
    pub(crate) occurrences: usize,
    /// Whether the new name was there before.
    pub(crate) collides: bool,
}

impl Name {
    /// Checks that a text is an identifier.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let bare = text.strip_prefix("r#").unwrap_or(text);
        if !is_ident(bare) || RESERVED.contains(&bare) {
            return Err(Error::Invalid(format!(
                "`{text}` is not an identifier of Rust"
            )));
        }
        let is_keyword = KEYWORDS.contains(&bare);
        if is_keyword && bare == text {
            return Err(Error::Invalid(format!(
                "`{text}` is a keyword: write `r#{text}`"
            )));
        }
        Ok(Self {
            bare: bare.to_owned(),
            is_keyword,
        })
    }

    /// Whether a token is this identifier; a bare keyword is not the raw identifier of its name.
    fn is(&self, kind: TokenKind, text: &str) -> bool {
        match kind {
            TokenKind::Ident => !self.is_keyword && text == self.bare,
            TokenKind::RawIdent => text.strip_prefix("r#") == Some(&self.bare),
            _ => false,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}{}`",
            if self.is_keyword { "r#" } else { "" },
            self.bare
        )
    }
}

impl Rename {
    /// Renames in one source; `None` when it cannot be split into tokens, so is not Rust.
    pub(crate) fn apply(&self, source: &str) -> Option<Renamed> {
        let mut offset = if source.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len_utf8()
        } else {
            0
        };
        offset += strip_shebang(&source[offset..]).unwrap_or(0);
        let mut renamed = Renamed {
            source: source[..offset].to_owned(),
            occurrences: 0,
            collides: false,
        };
        for token in tokenize(&source[offset..], FrontmatterAllowed::Yes) {
            let text = source
                .get(offset..)?
                .get(..usize::try_from(token.len).ok()?)?;
            offset += text.len();
            if is_broken(token.kind) {
                return None;
            }
            renamed.collides |= self.to.is(token.kind, text);
            if self.from.is(token.kind, text) {
                renamed.occurrences += 1;
                if self.to.is_keyword || token.kind == TokenKind::RawIdent {
                    renamed.source.push_str("r#");
                }
                renamed.source.push_str(&self.to.bare);
            } else {
                renamed.source.push_str(text);
            }
        }
        Some(renamed)
    }
}

/// Whether a token ends where the text does and not where it should, or is none of the language.
fn is_broken(kind: TokenKind) -> bool {
    match kind {
        TokenKind::Unknown => true,
        TokenKind::BlockComment { terminated, .. } => !terminated,
        TokenKind::Literal { kind, .. } => match kind {
            LiteralKind::Char { terminated }
            | LiteralKind::Byte { terminated }
            | LiteralKind::Str { terminated }
            | LiteralKind::ByteStr { terminated }
            | LiteralKind::CStr { terminated } => !terminated,
            LiteralKind::RawStr { n_hashes }
            | LiteralKind::RawByteStr { n_hashes }
            | LiteralKind::RawCStr { n_hashes } => n_hashes.is_none(),
            LiteralKind::Int { .. } | LiteralKind::Float { .. } => false,
        },
        _ => false,
    }
}
