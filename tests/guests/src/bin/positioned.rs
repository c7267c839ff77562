//! Reads and writes at positions with `pread` and `pwrite`, which do not go through streams.
#![cfg_attr(
    target_family = "wasm",
    expect(unsafe_code, reason = "std has no stable call for it")
)]

use std::fs::{self, File, OpenOptions};
use std::io;
#[cfg(target_family = "wasm")]
use std::os::fd::AsRawFd;

use session_fs_test_guests::{errno, refused};

#[cfg(target_family = "wasm")]
unsafe extern "C" {
    fn pread(file: i32, buffer: *mut u8, length: usize, offset: i64) -> isize;
    fn pwrite(file: i32, buffer: *const u8, length: usize, offset: i64) -> isize;
}

fn main() {
    fs::write("a", "0123456789").expect("written");
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).open("a").expect("opened");
    assert_eq!(read_at(&file, 4, 3).expect("read"), b"3456");
    assert_eq!(read_at(&file, 100, 8).expect("read"), b"89");
    assert_eq!(read_at(&file, 4, 10).expect("at the end"), b"");
    assert_eq!(read_at(&file, 4, 1 << 40).expect("far past the end"), b"");
    assert_eq!(write_at(&file, b"ab", 1).expect("written"), 2);
    assert_eq!(write_at(&file, b"z", 12).expect("written"), 1);
    assert_eq!(fs::read("a").expect("read"), b"0ab3456789\0\0z");

    // A read is bounded by the host, whatever was asked for.
    file.set_len(64 << 20).expect("grown");
    let got = read_at(&file, 32 << 20, 0).expect("read").len();
    assert!((1..=32 << 20).contains(&got), "{got}");
    refused(
        write_at(&File::open("a").expect("opened"), b"x", 0),
        errno::BADF,
    );
    refused(write_at(&file, b"x", i64::MAX), errno::FBIG);
    file.set_len(13).expect("cut");
}

#[cfg(target_family = "wasm")]
fn read_at(file: &File, length: usize, offset: i64) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; length];
    // SAFETY: the buffer has room for `length` bytes.
    let count = unsafe { pread(file.as_raw_fd(), buffer.as_mut_ptr(), length, offset) };
    buffer.truncate(usize::try_from(count).map_err(|_| io::Error::last_os_error())?);
    Ok(buffer)
}

#[cfg(target_family = "wasm")]
fn write_at(file: &File, bytes: &[u8], offset: i64) -> io::Result<usize> {
    // SAFETY: the buffer has `len` bytes.
    let count = unsafe { pwrite(file.as_raw_fd(), bytes.as_ptr(), bytes.len(), offset) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

#[cfg(not(target_family = "wasm"))]
fn read_at(_file: &File, _length: usize, _offset: i64) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_family = "wasm"))]
fn write_at(_file: &File, _bytes: &[u8], _offset: i64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
