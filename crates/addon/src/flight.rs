//! The memory that tells, after this process has died, what it was running. See `ts/native/flight.ts`.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use servable_codec::{Code, Error};
use servable_engine::flight::{Recorder, SLOTS, Slot};

use crate::error::{Result, throw};
use crate::process::ENGINE;

/// Bytes of the file that `openFlight` maps.
#[napi(catch_unwind)]
pub fn flight_bytes() -> u32 {
    u32::try_from(size_of::<Slot>() * SLOTS).unwrap_or(u32::MAX)
}

/// From now on runs are recorded in the file, which must be zeroed and `flightBytes()` long.
#[napi(catch_unwind)]
pub fn open_flight(fd: i32, keys: Vec<BigInt>, watched: Vec<BigInt>) -> Result<()> {
    let [first, second] = &keys[..] else {
        return Err(throw(Error::invalid("keys: expected two numbers")));
    };
    let slots = map(fd).map_err(|error| {
        throw(Error::new(
            Code::FailedPrecondition,
            format!("descriptor {fd}: cannot be mapped: {error}"),
        ))
    })?;
    let keys = [first.get_u64().1, second.get_u64().1];
    let watched = watched.iter().map(|it| it.get_u64().1);
    ENGINE
        .flight
        .set(Arc::new(Recorder::new(slots, keys, watched)))
        .map_err(|_| throw(Error::new(Code::FailedPrecondition, "opened already")))
}

/// A request has shown to be harmless.
#[napi(catch_unwind)]
pub fn clear_suspect(fingerprint: BigInt) {
    if let Some(flight) = ENGINE.flight.get() {
        flight.clear(fingerprint.get_u64().1);
    }
}

fn map(fd: i32) -> std::result::Result<&'static [Slot], rustix::io::Errno> {
    let bytes = size_of::<Slot>() * SLOTS;
    if fd < 0 {
        return Err(rustix::io::Errno::BADF);
    }
    // SAFETY: borrowed for the two calls below only; a descriptor that is not open makes them fail with EBADF.
    let file = unsafe { BorrowedFd::borrow_raw(fd) };
    let length = rustix::fs::fstat(file)?.st_size;
    if u64::try_from(length).unwrap_or(0) < bytes as u64 {
        // Touching what lies behind a file's end would end the process.
        return Err(rustix::io::Errno::INVAL);
    }
    // SAFETY: a new mapping that is never unmapped; page aligned, so aligned for slots, and as long as the slice. The slots are
    // atomics and any bytes are valid ones, so another process that writes there can only make the record wrong.
    unsafe {
        let address = mmap(
            std::ptr::null_mut(),
            bytes,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED,
            file,
            0,
        )?;
        Ok(std::slice::from_raw_parts(address.cast::<Slot>(), SLOTS))
    }
}
