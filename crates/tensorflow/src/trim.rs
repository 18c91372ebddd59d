//! Gives back the memory that an unloaded model has left in the allocator.
//!
//! glibc keeps freed memory that lies between blocks in use for later, in every arena: after some unloads that can be as much
//! as the models themselves. `malloc_trim` returns the whole pages of it to the kernel.

use std::sync::atomic::{AtomicU64, Ordering};

static TRIMS: AtomicU64 = AtomicU64::new(0);

/// Returns free memory of the allocator to the kernel. Each arena is locked while it is looked through, so this is for after
/// unloads and not for after requests. Does nothing where the allocator is not glibc's.
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
