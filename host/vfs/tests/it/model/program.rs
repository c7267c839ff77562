//! Random programs: operations on few names, so that they meet.

use proptest::prelude::*;

/// One step of a program.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Read(String),
    ReadRange(String, u64, u32),
    Write(String, Vec<u8>),
    WriteRange(String, u64, Vec<u8>),
    Append(String, Vec<u8>),
    Truncate(String, u64),
    Edit(String, String, String, u32),
    Mkdir(String),
    Remove(String),
    RemoveAll(String),
    Rename(String, String),
    Copy(String, String),
    Symlink(String, String),
    ReadLink(String),
    Stat(String),
    Exists(String),
    List(String, usize),
    Savepoint(String),
    Restore(String),
    Fork,
    BeginNested,
    Merge,
    Rollback,
    WriteInParent(Vec<u8>),
}

pub(crate) fn program() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(
        prop_oneof![8 => contents(), 10 => names(), 3 => states()],
        1..32,
    )
}

fn contents() -> impl Strategy<Value = Op> {
    prop_oneof![
        path().prop_map(Op::Read),
        (path(), 0..12_u64, 0..12_u32).prop_map(|(path, at, len)| Op::ReadRange(path, at, len)),
        (path(), bytes()).prop_map(|(path, bytes)| Op::Write(path, bytes)),
        (path(), 0..20_u64, bytes()).prop_map(|(path, at, bytes)| Op::WriteRange(path, at, bytes)),
        (path(), bytes()).prop_map(|(path, bytes)| Op::Append(path, bytes)),
        (path(), 0..24_u64).prop_map(|(path, size)| Op::Truncate(path, size)),
        (path(), "[ao]{1,2}", "[ao]{0,3}", 0..3_u32)
            .prop_map(|(path, from, to, count)| Op::Edit(path, from, to, count)),
    ]
}

fn names() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => path().prop_map(Op::Mkdir),
        2 => path().prop_map(Op::Remove),
        2 => path().prop_map(Op::RemoveAll),
        6 => (path(), path()).prop_map(|(source, target)| Op::Rename(source, target)),
        3 => (path(), path()).prop_map(|(source, target)| Op::Copy(source, target)),
        2 => (target(), path()).prop_map(|(target, path)| Op::Symlink(target, path)),
        1 => path().prop_map(Op::ReadLink),
        1 => path().prop_map(Op::Stat),
        1 => path().prop_map(Op::Exists),
        1 => (path(), 1..4_usize).prop_map(|(path, page)| Op::List(path, page)),
    ]
}

fn states() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => "[pq]".prop_map(Op::Savepoint),
        3 => "[pq]".prop_map(Op::Restore),
        1 => Just(Op::Fork),
        3 => Just(Op::BeginNested),
        3 => Just(Op::Merge),
        1 => Just(Op::Rollback),
        2 => bytes().prop_map(Op::WriteInParent),
    ]
}

fn component() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => "[abcfx]",
        2 => "[ls]",
        1 => "[oukd]",
        1 => Just("..".to_owned()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let whole = (prop::collection::vec(component(), 0..4), 0..12_u8);
    whole.prop_map(|(parts, end)| {
        let path = parts.join("/");
        match end {
            0 => format!("{path}/"),
            1 => format!("/{path}//"),
            2 => format!("./{path}"),
            _ => path,
        }
    })
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        path(),
        path().prop_map(|path| format!("../{path}")),
        Just("b/".to_owned()),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"one\ntwo\nthree\n".to_vec()),
        Just(b"aaaa".to_vec()),
        prop::collection::vec(prop_oneof![Just(b'a'), Just(b'o'), any::<u8>()], 0..16),
    ]
}
