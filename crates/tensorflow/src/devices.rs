//! The devices a session can place ops on.

use std::ffi::{CStr, c_char};
use std::ptr::NonNull;

use crate::c_api::{TfDeviceList, TfSession};
use crate::error::Error;
use crate::library::Library;
use crate::status;

/// A device that a session can place ops on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// For example `/job:localhost/replica:0/task:0/device:CPU:0`.
    pub name: String,
    /// `CPU`, `GPU`, …
    pub kind: String,
    /// Memory that TensorFlow may use on it, in bytes.
    pub memory_bytes: i64,
}

/// An owned `TF_DeviceList`.
struct DeviceList {
    library: &'static Library,
    raw: NonNull<TfDeviceList>,
}

impl Drop for DeviceList {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { (self.library.api().delete_device_list)(self.raw.as_ptr()) };
    }
}

/// The devices that a session knows.
///
/// # Safety
/// `session` must be alive.
pub(crate) unsafe fn list(
    library: &'static Library,
    session: NonNull<TfSession>,
) -> Result<Vec<Device>, Error> {
    let api = library.api();
    let raw = status::check(library, |status| {
        // SAFETY: a live session, as the caller promises.
        unsafe { (api.session_list_devices)(session.as_ptr(), status) }
    })?;
    let raw = NonNull::new(raw).ok_or_else(|| Error::internal("TensorFlow listed no devices"))?;
    let devices = DeviceList { library, raw };
    let list = devices.raw.as_ptr();
    // SAFETY: a live list.
    let count = unsafe { (api.device_list_count)(list) };
    let device = |i| {
        let name = status::check(library, |status| {
            // SAFETY: a live list that has device `i`; the text is copied while the list is alive.
            unsafe { copied((api.device_list_name)(list, i, status)) }
        })?;
        let kind = status::check(library, |status| {
            // SAFETY: as above.
            unsafe { copied((api.device_list_type)(list, i, status)) }
        })?;
        let memory_bytes = status::check(library, |status| {
            // SAFETY: as above.
            unsafe { (api.device_list_memory_bytes)(list, i, status) }
        })?;
        Ok(Device {
            name,
            kind,
            memory_bytes,
        })
    };
    (0..count).map(device).collect()
}

/// # Safety
/// `text` must be null or a NUL-terminated string.
unsafe fn copied(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: a NUL-terminated string, as the caller promises.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}
