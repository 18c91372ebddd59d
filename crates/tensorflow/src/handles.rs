//! Small owned handles that loading needs.

use std::ptr::NonNull;
use std::slice;

use crate::c_api::{TfBuffer, TfSessionOptions};
use crate::error::Error;
use crate::library::Library;
use crate::status;

/// An owned `TF_SessionOptions`.
pub(crate) struct SessionOptions {
    library: &'static Library,
    pub raw: NonNull<TfSessionOptions>,
}

impl SessionOptions {
    pub(crate) fn new(library: &'static Library, config: Option<&[u8]>) -> Result<Self, Error> {
        // SAFETY: takes nothing; owned and freed in `drop`.
        let raw = unsafe { (library.api().new_session_options)() };
        let options = Self {
            library,
            raw: NonNull::new(raw).expect("TF_NewSessionOptions allocates or aborts"),
        };
        if let Some(config) = config {
            status::check(library, |status| {
                // SAFETY: live options and status; the bytes are read before the call returns.
                unsafe {
                    (library.api().set_config)(raw, config.as_ptr().cast(), config.len(), status)
                };
            })?;
        }
        Ok(options)
    }
}

impl Drop for SessionOptions {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { (self.library.api().delete_session_options)(self.raw.as_ptr()) };
    }
}

/// An owned `TF_Buffer`.
pub(crate) struct Buffer {
    library: &'static Library,
    pub raw: NonNull<TfBuffer>,
}

impl Buffer {
    pub(crate) fn new(library: &'static Library) -> Self {
        // SAFETY: takes nothing; owned and freed in `drop`.
        let raw = unsafe { (library.api().new_buffer)() };
        Self {
            library,
            raw: NonNull::new(raw).expect("TF_NewBuffer allocates or aborts"),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: a live buffer.
        let buffer = unsafe { self.raw.as_ref() };
        if buffer.data.is_null() {
            return &[];
        }
        // SAFETY: `length` bytes owned by the buffer, which is borrowed.
        unsafe { slice::from_raw_parts(buffer.data.cast(), buffer.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { (self.library.api().delete_buffer)(self.raw.as_ptr()) };
    }
}
