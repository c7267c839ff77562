//! Core modules of WASI preview 1, as Go, C and many interpreters are built: wrapped into components
//! with the adapter that is published for it, so that they are commands like any other.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wasmtime::{Engine, Module};
use wit_component::ComponentEncoder;

use crate::agent::LoadError;

/// What a core module begins with; a component differs in the second half.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// What a program exports: where it begins, and the memory in which the host finds its texts.
const EXPORTS: [&str; 2] = ["_start", "memory"];

/// The kind of a section that means nothing to the engine.
const CUSTOM_SECTION: u8 = 0;

/// The custom section that backtraces are told from.
const NAMES: &[u8] = b"name";

/// Whether something is a core module and not a component.
pub(crate) fn is_core_module(bytes: &[u8]) -> bool {
    bytes.starts_with(CORE_MODULE)
}

/// A component as it was given, or the one that a core module is wrapped into.
pub(crate) fn component<'a>(engine: &Engine, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, LoadError> {
    if !is_core_module(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    // Whatever wraps it below was written for what a compiler makes; this was written for anything.
    Module::validate(engine, bytes).map_err(|error| unfit(&format!("{error:#}")))?;
    check_exports(bytes)?;
    let module = without_notes(bytes).ok_or_else(|| unfit("a section is cut off"))?;
    let mut encoder = ComponentEncoder::default().validate(true);
    encoder = encoder
        .module(&module)
        .map_err(|error| unfit(&format!("{error:#}")))?;
    let adapter = WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER;
    encoder = encoder
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)
        .map_err(|error| unfit(&format!("{error:#}")))?;
    encoder
        .encode()
        .map(Cow::Owned)
        .map_err(|error| unfit(&format!("{error:#}")))
}

fn check_exports(module: &[u8]) -> Result<(), LoadError> {
    let mut missing = EXPORTS.to_vec();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) =
            payload.map_err(|error| unfit(&format!("{error:#}")))?
        {
            for export in exports {
                let export = export.map_err(|error| unfit(&format!("{error:#}")))?;
                missing.retain(|name| *name != export.name);
            }
        }
    }
    match missing.first() {
        Some(name) => Err(unfit(&format!("it exports no '{name}'"))),
        None => Ok(()),
    }
}

/// A module without what tools have noted in it, such as interfaces in a format of their own. Only the
/// names of its functions stay.
fn without_notes(module: &[u8]) -> Option<Vec<u8>> {
    let (preamble, mut rest) = module.split_at_checked(CORE_MODULE.len())?;
    let mut out = Vec::with_capacity(module.len());
    out.extend_from_slice(preamble);
    while let Some(&kind) = rest.first() {
        let (length, length_bytes) = number(rest.get(1..)?)?;
        let content_at = 1 + length_bytes;
        let (section, after) = rest.split_at_checked(content_at.checked_add(length)?)?;
        if kind != CUSTOM_SECTION || note_name(section.get(content_at..)?)? == NAMES {
            out.extend_from_slice(section);
        }
        rest = after;
    }
    Some(out)
}

fn note_name(content: &[u8]) -> Option<&[u8]> {
    let (length, length_bytes) = number(content)?;
    content.get(length_bytes..length_bytes.checked_add(length)?)
}

/// A number as WebAssembly writes lengths (LEB128 of 32 bits), and how many bytes it has.
fn number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

fn unfit(detail: &str) -> LoadError {
    LoadError::CoreModule {
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = CORE_MODULE.to_vec();
        for (kind, content) in sections {
            bytes.push(*kind);
            bytes.push(u8::try_from(content.len()).expect("short"));
            bytes.extend_from_slice(content);
        }
        bytes
    }

    #[test]
    fn notes_of_tools_go_and_everything_else_stays() {
        let (types, names, notes) = (b"\x00", b"\x04name\x01\x02", b"\x0ecomponent-type");
        let given = module(&[(0, b"\x01xany"), (1, types), (0, names), (0, notes)]);
        let kept = module(&[(1, types), (0, names)]);
        assert_eq!(without_notes(&given), Some(kept));
    }

    #[test]
    fn a_module_that_is_cut_anywhere_is_refused_and_never_a_panic() {
        let engine = Engine::default();
        let whole = wat::parse_str(
            r#"(module (memory (export "memory") 1) (func (export "_start")) (@custom "x" "y"))"#,
        );
        let whole = whole.expect("well-formed");
        component(&engine, &whole).expect("a command");
        for end in CORE_MODULE.len()..whole.len() {
            match component(&engine, &whole[..end]) {
                // Cut between two sections: it has no start then, or nothing is missing but a note.
                Ok(wrapped) => assert!(wrapped.len() > whole.len()),
                Err(error) => assert!(matches!(error, LoadError::CoreModule { .. })),
            }
        }
        assert_eq!(without_notes(&module(&[(0, b"\x7f")])), None);
        assert_eq!(
            without_notes(b"\0asm\x01\0\0\0\x00\xff\xff\xff\xff\xff"),
            None
        );
    }
}
