//! A guest that asks for any `wasi:filesystem@0.2.x` gets the session, never the host's files.
//!
//! Linkers serve an import from the highest version that is registered. Were wasmtime's own file system
//! registered beside ours, guests of another version would get it, and with it the host.

use crate::support::{CANARY, Ground, Item, Plan, Scene, bytes, guests, load_bytes, runtime};

/// The newest version that there is.
const PATCH_MAX: u32 = 12;

#[test]
fn any_version_of_the_file_system_is_the_session() {
    let items = [Item::File("given.txt", ""), Item::File("sub/deep.txt", "")];
    let plan = Plan::new(guests::LISTING).items(&items);
    let scene = Scene::new(&items);
    let component = bytes(guests::LISTING);
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let tokio = tokio.expect("tokio starts");
    for patch in 0..=PATCH_MAX {
        let version = format!("@0.2.{patch}");
        let agent = load_bytes(runtime(), &renumbered(&component, &version));
        let imports = &agent.inspection().imports;
        let wanted = format!("wasi:filesystem/types{version}");
        assert!(imports.contains(&wanted), "{imports:?}");
        let session = plan.session(Ground::Directory, &scene);
        let ran = tokio.block_on(plan.start(runtime(), &agent, session));
        ran.assert_success();
        assert_eq!(
            ran.stdout, "/given.txt\n/sub/\n/sub/deep.txt\n",
            "{version}"
        );
        assert!(!ran.stdout.contains(CANARY));
    }
    scene.assert_untouched();
}

/// The component with its imports of `wasi:…@0.2.x` named by another version.
///
/// A component is a row of sections: a byte that tells the kind, the length, the content. Only the
/// imports (kind 10) of the outermost level have names that the linker sees.
fn renumbered(component: &[u8], version: &str) -> Vec<u8> {
    const IMPORTS: u8 = 10;
    let (preamble, mut rest) = component.split_at(8);
    let mut out = preamble.to_vec();
    while let Some((&kind, after)) = rest.split_first() {
        let (length, after) = read_number(after);
        let (content, after) = after.split_at(length);
        let content = if kind == IMPORTS {
            renamed(content, version)
        } else {
            content.to_vec()
        };
        out.push(kind);
        write_number(&mut out, content.len());
        out.extend(content);
        rest = after;
    }
    out
}

/// Renames in an import section, where each name is preceded by its length.
fn renamed(section: &[u8], version: &str) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    let mut rest = section;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(digits) = rest.strip_prefix(b"@0.2.") {
            let start = out
                .windows(5)
                .rposition(|window| window == b"wasi:")
                .expect("a wasi name");
            let length = out.len() - start + version.len();
            out[start - 1] = u8::try_from(length).expect("a short name");
            out.extend(version.as_bytes());
            let count = digits
                .iter()
                .take_while(|digit| digit.is_ascii_digit())
                .count();
            rest = &digits[count..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}

/// A number in LEB128, as WebAssembly writes lengths.
fn read_number(bytes: &[u8]) -> (usize, &[u8]) {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return (value, &bytes[index + 1..]);
        }
    }
    panic!("the component ends inside a number");
}

fn write_number(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = u8::try_from(value & 0x7F).expect("seven bits");
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}
