//! What glibc's allocator keeps: how many pools it spreads memory over, and what unloaded models leave in them.

use std::sync::atomic::{AtomicU64, Ordering};

static TRIMS: AtomicU64 = AtomicU64::new(0);

/// Returns free memory of the allocator to the kernel. glibc keeps freed memory that lies between blocks in use for later, in
/// every arena: after some unloads that can be as much as the models themselves.
///
/// Each arena is locked while it is looked through, so this is for after unloads and not for after requests. Does nothing where
/// the allocator is not glibc's.
pub fn trim_memory() {
    TRIMS.fetch_add(1, Ordering::Relaxed);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: touches only memory that is free, under the allocator's own locks; any thread may call it at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// How often [`trim_memory`] was called in this process.
pub fn memory_trims() -> u64 {
    TRIMS.load(Ordering::Relaxed)
}

/// Arenas for each core, against glibc's eight.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS_PER_CORE: usize = 2;

/// Lets threads share arenas: with more of them than can run at once, what a load or a request frees in one is of no use to the
/// others. Leaves alone what the environment says of them, and the arenas that there are already.
pub fn limit_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let is_given = std::env::var_os("MALLOC_ARENA_MAX").is_some()
            || std::env::var("GLIBC_TUNABLES").is_ok_and(|it| it.contains("malloc.arena_max"));
        if is_given {
            return;
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let arenas = i32::try_from(cores * ARENAS_PER_CORE).unwrap_or(i32::MAX);
        // SAFETY: sets a number under the allocator's own lock; any thread may call it at any time.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, arenas);
        }
    }
}
