//! Tests of `wasi:filesystem` without a guest: what streams may be opened, and that nothing leaks.

use vfs::Descriptor;
use wasmtime::component::Resource;
use wasmtime_wasi_io::bindings::wasi::io::streams::{HostInputStream, HostOutputStream};

use super::FsError;
use crate::bindings::filesystem::wasi::filesystem::preopens::Host as _;
use crate::bindings::filesystem::wasi::filesystem::types::{
    DescriptorFlags, ErrorCode, Host as _, HostDescriptor, HostDirectoryEntryStream, OpenFlags,
    PathFlags,
};
use crate::tests::Run;

type File = Resource<Descriptor>;

fn root(run: &mut Run) -> File {
    let mut directories = run.view().get_directories().expect("an open session");
    let (root, name) = directories.remove(0);
    assert_eq!((name.as_str(), directories.len()), ("/", 0));
    root
}

fn again(file: &File) -> File {
    Resource::new_borrow(file.rep())
}

fn open(run: &mut Run, root: &File, path: &str, flags: DescriptorFlags) -> Result<File, FsError> {
    let (follow, create) = (PathFlags::SYMLINK_FOLLOW, OpenFlags::empty());
    run.view()
        .open_at(again(root), follow, path.to_owned(), create, flags)
}

fn code<T>(run: &mut Run, result: Result<T, FsError>) -> ErrorCode {
    let Err(error) = result else {
        panic!("it went well")
    };
    run.view().convert_error_code(error).expect("no trap")
}

#[test]
fn streams_open_only_as_the_handle_allows() {
    let mut run = Run::new();
    run.state.session.write("file", b"x").expect("written");
    let root = root(&mut run);
    let reader = open(&mut run, &root, "file", DescriptorFlags::READ).expect("opened");
    let writer = open(&mut run, &root, "file", DescriptorFlags::WRITE).expect("opened");

    let result = run.view().read_via_stream(again(&root), 0);
    assert_eq!(code(&mut run, result), ErrorCode::IsDirectory);
    let result = run.view().write_via_stream(again(&root), 0);
    assert_eq!(code(&mut run, result), ErrorCode::BadDescriptor);
    let result = run.view().read_via_stream(again(&writer), 0);
    assert_eq!(code(&mut run, result), ErrorCode::BadDescriptor);
    let result = run.view().write_via_stream(again(&reader), 0);
    assert_eq!(code(&mut run, result), ErrorCode::BadDescriptor);
    let result = run.view().append_via_stream(again(&reader));
    assert_eq!(code(&mut run, result), ErrorCode::BadDescriptor);
    assert!(run.view().read_via_stream(reader, 0).is_ok());
    assert!(run.view().append_via_stream(writer).is_ok());
}

/// CVE-2026-27204: a host that allocates what the guest asks for.
#[test]
fn a_read_allocates_no_more_than_its_cap_and_tells_the_end() {
    let mut run = Run::new();
    run.state.session.write("file", b"abc").expect("written");
    let root = root(&mut run);
    let file = open(&mut run, &root, "file", DescriptorFlags::READ).expect("opened");
    let read = run.view().read(again(&file), u64::MAX, 1).expect("read");
    assert_eq!(read, (b"bc".to_vec(), false));
    let read = run.view().read(again(&file), u64::MAX, 3).expect("read");
    assert_eq!(read, (Vec::new(), true));
    assert_eq!(
        run.view().read(file, 0, 0).expect("read"),
        (Vec::new(), false)
    );
}

#[test]
fn a_full_handle_table_is_an_error_and_not_a_trap() {
    let mut run = Run::new();
    run.state.session.write("file", b"x").expect("written");
    let root = root(&mut run);
    run.table.set_max_capacity(1);
    let result = open(&mut run, &root, "file", DescriptorFlags::READ);
    assert_eq!(code(&mut run, result), ErrorCode::Quota);
    assert_eq!(run.state.events.take().0.len(), 1);
}

/// RUSTSEC-2026-0182: handles that stayed behind in the table.
#[tokio::test]
async fn every_handle_is_gone_when_it_was_dropped() {
    let mut run = Run::new();
    run.state.session.write("file", b"x").expect("written");
    let root = root(&mut run);
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    let file = open(&mut run, &root, "file", flags).expect("opened");
    let input = run
        .view()
        .read_via_stream(again(&file), 0)
        .expect("a stream");
    let output = run
        .view()
        .write_via_stream(again(&file), 0)
        .expect("a stream");
    let cursor = run.view().read_directory(again(&root)).expect("a cursor");
    let entry = run
        .view()
        .read_directory_entry(Resource::new_borrow(cursor.rep()));
    assert_eq!(
        entry.expect("read").map(|entry| entry.name).as_deref(),
        Some("file")
    );
    assert!(open(&mut run, &root, "none", flags).is_err());

    HostDescriptor::drop(&mut run.view(), file).expect("dropped");
    HostDirectoryEntryStream::drop(&mut run.view(), cursor).expect("dropped");
    HostDescriptor::drop(&mut run.view(), root).expect("dropped");
    HostOutputStream::drop(&mut run.table, output)
        .await
        .expect("dropped");
    HostInputStream::drop(&mut run.table, input)
        .await
        .expect("dropped");
    assert!(run.table.is_empty());
}
