//! Memory of JavaScript that native threads read.

use std::slice;
use std::sync::Arc;

use crate::outbox::Outbox;

/// One job's lease on JavaScript's memory. When the last part is dropped, JavaScript is told to let the memory go.
pub struct Pin {
    outbox: Arc<Outbox>,
    ticket: u32,
}

impl Pin {
    /// Begins the lease of the job `ticket`. JavaScript keeps the memory until it is told otherwise, and the event loop's
    /// end waits for it.
    pub fn new(outbox: &Arc<Outbox>, ticket: u32) -> Arc<Self> {
        outbox.pin();
        Arc::new(Self {
            outbox: Arc::clone(outbox),
            ticket,
        })
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.outbox.unpin(self.ticket);
    }
}

/// Bytes in JavaScript's memory, readable from any thread while this lives.
pub struct Pinned {
    data: *const u8,
    length: usize,
    _pin: Arc<Pin>,
}

// SAFETY: the memory is only read, and lives as long as the pin (see `Pinned::new`).
unsafe impl Send for Pinned {}
// SAFETY: as above.
unsafe impl Sync for Pinned {}

impl Pinned {
    /// Bytes that stay readable while `pin` lives.
    ///
    /// # Safety
    /// JavaScript must keep the memory of `bytes` in place until the pin's job is reported unpinned. Its thread's end waits
    /// for that by itself. JavaScript may write to it meanwhile; readers then see either value, which for numbers is all
    /// that can happen.
    pub unsafe fn new(bytes: &[u8], pin: Arc<Pin>) -> Self {
        Self {
            data: bytes.as_ptr(),
            length: bytes.len(),
            _pin: pin,
        }
    }
}

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: `new`'s caller vouches for the memory while the pin lives, which it does as long as `self`.
        unsafe { slice::from_raw_parts(self.data, self.length) }
    }
}
