//! How many arenas threads spread memory over. Alone in its process, because arenas stay.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;

use servable_tensorflow::limit_arenas;

/// The arenas that glibc has now, as `malloc_info` lists them.
fn arenas() -> usize {
    let (mut text, mut length) = (std::ptr::null_mut(), 0);
    // SAFETY: the stream writes into memory of its own, which is whole and ended once the stream is closed.
    unsafe {
        let stream = libc::open_memstream(&raw mut text, &raw mut length);
        assert_eq!(libc::malloc_info(0, stream), 0);
        libc::fclose(stream);
        let found = std::ffi::CStr::from_ptr(text).to_string_lossy();
        let count = found.matches("<heap nr=").count();
        libc::free(text.cast());
        count
    }
}

#[test]
fn threads_share_two_arenas_a_core() {
    let before = arenas();
    limit_arenas();
    let cores = thread::available_parallelism().unwrap().get();
    let threads = 4 * 8 * cores;
    let barrier = Arc::new(Barrier::new(threads));
    let all: Vec<_> = (0..threads)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                let kept = black_box(vec![1_u8; 10_000]);
                barrier.wait();
                kept.len()
            })
        })
        .collect();
    for thread in all {
        assert_eq!(thread.join().unwrap(), 10_000);
    }
    // glibc's own limit is eight a core.
    let after = arenas();
    if after == 1 {
        eprintln!(
            "not measured: threads do not allocate from glibc, but from a sanitizer or a preloaded allocator"
        );
        return;
    }
    assert!(
        after <= before.max(2 * cores),
        "{before} arenas before, {after} after, on {cores} cores"
    );
    assert!(
        after > 1,
        "{after} arenas: malloc_info lists them otherwise"
    );
}
