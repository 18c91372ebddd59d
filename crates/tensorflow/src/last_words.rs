//! What must still happen when the process ends by TensorFlow's hand.
//!
//! A failed check in TensorFlow writes a line and calls `abort`. Where standard error is routed through a pipe, that line is in the pipe then.

use std::sync::OnceLock;

static LAST: OnceLock<fn()> = OnceLock::new();

extern "C" fn aborted(signal: libc::c_int) {
    if let Some(last) = LAST.get() {
        last();
    }
    // SAFETY: `signal` may be called in a handler. `abort` raises again once this returns.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
    }
}

extern "C" fn exited() {
    if let Some(last) = LAST.get() {
        last();
    }
}

/// Has `last` called when the process aborts or exits, once for both at the most. The first call of a process counts.
///
/// `last` runs in a signal handler: nothing but system calls and atomics.
pub fn on_end(last: fn()) {
    if LAST.set(last).is_err() {
        return;
    }
    let handler = aborted as extern "C" fn(libc::c_int);
    // SAFETY: the handler does what a handler may; both are functions of this image, which is not unloaded.
    unsafe {
        libc::signal(libc::SIGABRT, handler as libc::sighandler_t);
        libc::atexit(exited);
    }
}
