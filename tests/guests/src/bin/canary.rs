//! Leaves a pattern in its memory and dies, or looks for the pattern in memory that it never wrote.

const PATTERN: u8 = 0xC7;

fn main() {
    let memory = fresh(512);
    if std::env::args().nth(1).as_deref() == Some("leave") {
        memory.fill(PATTERN);
        panic!("left {} bytes behind", std::hint::black_box(memory).len());
    }
    println!(
        "{} bytes of somebody else",
        memory.iter().filter(|byte| **byte != 0).count()
    );
}

/// Pages of memory that this program has never had before.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "they belong to no allocator")]
fn fresh(pages: usize) -> &'static mut [u8] {
    let start = core::arch::wasm32::memory_grow::<0>(pages);
    assert_ne!(start, usize::MAX, "there is room");
    // SAFETY: the pages were just added to the memory, so nothing else refers to them.
    unsafe { std::slice::from_raw_parts_mut((start << 16) as *mut u8, pages << 16) }
}

#[cfg(not(target_family = "wasm"))]
fn fresh(_pages: usize) -> &'static mut [u8] {
    &mut []
}
