//! `TF_Status`: where a C call leaves its error.

use std::cell::RefCell;
use std::ffi::CStr;
use std::ptr::NonNull;

use crate::c_api::TfStatus;
use crate::error::{Error, code};
use crate::library::Library;

/// An owned `TF_Status`.
struct Status {
    library: &'static Library,
    raw: NonNull<TfStatus>,
}

impl Status {
    fn new(library: &'static Library) -> Self {
        // SAFETY: takes nothing; the result is owned and freed in `drop`.
        let raw = unsafe { (library.api().new_status)() };
        Self {
            library,
            raw: NonNull::new(raw).expect("TF_NewStatus allocates or aborts"),
        }
    }

    fn result(&self) -> Result<(), Error> {
        let api = self.library.api();
        // SAFETY: the status is alive.
        let found = unsafe { (api.get_code)(self.raw.as_ptr()) };
        if found == code::OK {
            return Ok(());
        }
        // SAFETY: the message is a NUL-terminated string owned by the status and copied before the
        // status changes.
        let message = unsafe { CStr::from_ptr((api.message)(self.raw.as_ptr())) };
        Err(Error::new(found, message.to_string_lossy()))
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { (self.library.api().delete_status)(self.raw.as_ptr()) };
    }
}

thread_local! {
    /// The last status of this thread whose call succeeded: nearly every call does, and a new
    /// status costs an allocation.
    static SPARE: RefCell<Option<Status>> = const { RefCell::new(None) };
}

/// Calls `call` with a status and turns what it left there into a result.
pub(crate) fn check<T>(
    library: &'static Library,
    call: impl FnOnce(*mut TfStatus) -> T,
) -> Result<T, Error> {
    let spare = SPARE.try_with(RefCell::take).ok().flatten();
    let status = spare.unwrap_or_else(|| Status::new(library));
    let value = call(status.raw.as_ptr());
    status.result()?;
    // Fails only while the thread ends; the status is freed then. One that carries an error is
    // freed above.
    let _ = SPARE.try_with(|spare| spare.replace(Some(status)));
    Ok(value)
}
