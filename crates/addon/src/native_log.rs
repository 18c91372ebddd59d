//! Standard error of the whole process through a pipe, so that TensorFlow's lines come out of our log.
//!
//! TensorFlow writes to descriptor 2 and offers no other way. A thread reads the pipe and writes to where 2 led before: TensorFlow's
//! lines in our form, everything else as it came. What is in the pipe when the process aborts or exits is written by a handler.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use napi_derive::napi;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_setfd, ioctl_fionbio, read, write};
use rustix::pipe::pipe;
use rustix::stdio::{dup2_stderr, stderr};
use servable_codec::{Code, Error};
use servable_engine::log_line::{self, Level, LogLine};
use servable_tensorflow::on_end;

use crate::error::{Result, throw};

/// Lines less serious than this are dropped.
static LEVEL: AtomicU8 = AtomicU8::new(Level::Warn as u8);
/// Where descriptor 2 led before; -1 while nothing is routed.
static REAL: AtomicI32 = AtomicI32::new(-1);
/// The reading end of the pipe.
static PIPE: AtomicI32 = AtomicI32::new(-1);
/// The thread has taken bytes out of the pipe and has not written them yet.
static BUSY: AtomicBool = AtomicBool::new(false);
static ROUTING: Mutex<()> = Mutex::new(());

/// A line that does not end is passed on after this.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};
/// Longer lines are passed on in parts.
const LONGEST_LINE: usize = 64 * 1024;
/// The process waits so long at its end for the thread to write what it has.
const LAST_WAIT: Duration = Duration::from_millis(1);
const LAST_WAITS: u32 = 500;

/// Routes standard error; safe to call twice. `json` is the form of TensorFlow's lines.
///
/// Returns the descriptor that leads where standard error led before.
#[napi(catch_unwind)]
pub fn route_stderr(json: bool) -> Result<i32> {
    let _one = ROUTING.lock();
    let known = REAL.load(Ordering::Acquire);
    if known >= 0 {
        return Ok(known);
    }
    route(json).map_err(|error| {
        let text = format!("standard error cannot be routed: {error}");
        throw(Error::new(Code::ResourceExhausted, text))
    })
}

/// The descriptor that leads where standard error leads for the outside.
#[napi(catch_unwind)]
pub fn real_stderr() -> i32 {
    match REAL.load(Ordering::Acquire) {
        -1 => 2,
        real => real,
    }
}

/// From now on lines of TensorFlow's less serious than this, by pino's numbers, are dropped.
#[napi(catch_unwind)]
pub fn set_native_log_level(level: u32) {
    LEVEL.store(u8::try_from(level).unwrap_or(u8::MAX), Ordering::Relaxed);
}

fn route(json: bool) -> io::Result<RawFd> {
    let real = fcntl_dupfd_cloexec(stderr(), 3)?;
    let (reader, writer) = pipe()?;
    fcntl_setfd(&reader, FdFlags::CLOEXEC)?;
    fcntl_setfd(&writer, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&reader, true)?;
    let thread_reader = fcntl_dupfd_cloexec(&reader, 3)?;
    let thread_real = fcntl_dupfd_cloexec(&real, 3)?;
    thread::Builder::new()
        .name("servable-stderr".into())
        .spawn(move || forward(&thread_reader, &thread_real, json))?;
    PIPE.store(reader.into_raw_fd(), Ordering::Release);
    let real = real.into_raw_fd();
    REAL.store(real, Ordering::Release);
    on_end(last_words);
    // Last: from here on the thread must be there.
    dup2_stderr(&writer)?;
    Ok(real)
}

/// Reads until nobody writes any more, which is the end of the process.
fn forward(pipe: &OwnedFd, real: &OwnedFd, json: bool) {
    let mut held = Vec::new();
    let mut chunk = vec![0; LONGEST_LINE];
    loop {
        let patience = (!held.is_empty()).then_some(&PATIENCE);
        let ready = poll(&mut [PollFd::new(pipe, PollFlags::IN)], patience);
        BUSY.store(true, Ordering::SeqCst);
        match ready {
            Ok(0) => write_all(real.as_raw_fd(), &std::mem::take(&mut held)),
            _ => match read(pipe, &mut chunk) {
                Ok(0) => break,
                Ok(length) => {
                    held.extend_from_slice(&chunk[..length]);
                    pass_lines(&mut held, real, json);
                }
                // The handler was faster, or a signal came.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => break,
            },
        }
        BUSY.store(false, Ordering::SeqCst);
    }
    BUSY.store(false, Ordering::SeqCst);
}

/// Writes the whole lines of `held` and keeps the rest.
fn pass_lines(held: &mut Vec<u8>, real: &OwnedFd, json: bool) {
    let whole = match held.iter().rposition(|byte| *byte == b'\n') {
        Some(last) => last + 1,
        None if held.len() >= LONGEST_LINE => held.len(),
        None => return,
    };
    let mut out = Vec::with_capacity(whole + 256);
    for line in held[..whole].split_inclusive(|byte| *byte == b'\n') {
        let text = std::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line));
        match text.ok().and_then(log_line::parse) {
            Some(found) => print(&found, json, &mut out),
            None => out.extend_from_slice(line),
        }
    }
    held.drain(..whole);
    write_all(real.as_raw_fd(), &out);
}

fn print(line: &LogLine<'_>, json: bool, out: &mut Vec<u8>) {
    if (line.level as u8) < LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let time_ms = now.map_or(0, |since| since.as_millis());
    let mut text = String::new();
    if json {
        log_line::print_json(line, time_ms, &mut text);
    } else {
        log_line::print_text(line, time_ms, &mut text);
    }
    out.extend_from_slice(text.as_bytes());
}

/// Writes everything, or as much as the other side takes.
fn write_all(fd: RawFd, mut bytes: &[u8]) {
    // SAFETY: the descriptor is open until the process ends.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let mut tries = 0;
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // A descriptor that somebody else has made non-blocking: its reader is slow.
            Err(Errno::AGAIN) if tries < LAST_WAITS => {
                tries += 1;
                thread::sleep(LAST_WAIT);
            }
            Err(_) => return,
        }
    }
}

/// Writes what is in the pipe as it is. Nothing here but system calls and atomics: it runs in a signal handler.
pub fn last_words() {
    let (pipe, real) = (PIPE.load(Ordering::Acquire), REAL.load(Ordering::Acquire));
    if pipe < 0 || real < 0 {
        return;
    }
    // SAFETY: both descriptors are open until the process ends.
    let pipe = unsafe { BorrowedFd::borrow_raw(pipe) };
    let mut chunk = [0; 4096];
    for _ in 0..LAST_WAITS {
        while let Ok(length @ 1..) = read(pipe, &mut chunk) {
            write_all(real, &chunk[..length]);
        }
        if !BUSY.load(Ordering::SeqCst) {
            return;
        }
        thread::sleep(LAST_WAIT);
    }
}
