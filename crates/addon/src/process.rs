//! What the process has once: the engine, the pool, the load threads.

#[cfg(target_os = "linux")]
use std::cell::Cell;
use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use napi_derive::napi;
use parking_lot::Mutex;
use servable_codec::{Code, Error};
use servable_engine::Engine;
use servable_engine::schedule::lines::Line;
use servable_engine::schedule::pool::{Job, Pool};
use servable_engine::tensorflow::TensorFlowModel;

use crate::error::{Result, throw};

/// The engine of this process, shared by all event loops.
pub static ENGINE: LazyLock<Engine<TensorFlowModel>> = LazyLock::new(Engine::default);

/// Jobs that may wait for the pool.
const MAX_QUEUED: usize = 4096;

/// A request that would wait longer for the pool is refused: its client can then still ask another server, and what waits is
/// worked off soon after a burst.
const LONGEST_WAIT_MS: u32 = 2000;

/// Threads that load models. Loads mostly wait for the disk or for TensorFlow's own threads.
const LOAD_THREADS: usize = 4;

#[derive(Default)]
struct Pools {
    threads: Option<usize>,
    max_queued: Option<usize>,
    longest_wait_ms: Option<u32>,
    infer: Option<Arc<Pool>>,
    first_load: Option<Arc<Pool>>,
    load: Option<Arc<Pool>>,
}

static POOLS: LazyLock<Mutex<Pools>> = LazyLock::new(Mutex::default);

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Hands a server's request to the inference pool.
///
/// # Errors
/// `Unavailable` when the queue is full or the request would wait too long; `ResourceExhausted` when no thread can be started.
pub fn submit(job: Job) -> std::result::Result<(), Error> {
    infer_pool()?.submit(job)
}

/// Hands a call of the library to the inference pool: a program that makes many at once wants them all.
///
/// # Errors
/// `Unavailable` when the queue is full; `ResourceExhausted` when no thread can be started.
pub fn submit_patiently(job: Job) -> std::result::Result<(), Error> {
    infer_pool()?.submit_patiently(job)
}

/// The inference pool, which is started by the first job.
fn infer_pool() -> std::result::Result<Arc<Pool>, Error> {
    let mut pools = POOLS.lock();
    if let Some(pool) = &pools.infer {
        return Ok(Arc::clone(pool));
    }
    // Asking for the cores reads files of the control group: not for every job.
    let (threads, capacity, longest_wait_ms) =
        in_force((pools.threads, pools.max_queued, pools.longest_wait_ms));
    let mut pool = Pool::start("servable-infer", threads, capacity)?;
    if longest_wait_ms > 0 {
        pool = pool.with_longest_wait(Duration::from_millis(u64::from(longest_wait_ms)));
    }
    Ok(Arc::clone(pools.infer.insert(Arc::new(pool))))
}

/// Which threads load a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadThreads {
    /// Of the usual priority: for loads that start threads which stay, because those inherit it for good.
    Usual,
    /// Of low priority, so that requests go first.
    Low,
}

/// Hands a job to load threads.
///
/// # Errors
/// As [`submit`].
pub fn submit_load(threads: LoadThreads, job: Job) -> std::result::Result<(), Error> {
    let pool = {
        let mut pools = POOLS.lock();
        let (pool, name) = match threads {
            LoadThreads::Usual => (&mut pools.first_load, "servable-load"),
            LoadThreads::Low => (&mut pools.load, "servable-loads"),
        };
        match pool {
            Some(pool) => Arc::clone(pool),
            None => {
                let started = Arc::new(Pool::start(name, LOAD_THREADS, MAX_QUEUED)?);
                Arc::clone(pool.insert(started))
            }
        }
    };
    match threads {
        LoadThreads::Usual => pool.submit(job),
        LoadThreads::Low => {
            let Job {
                line,
                deadline,
                cancel,
                run,
            } = job;
            let run = Box::new(move |verdict| {
                lower_priority();
                run(verdict);
            });
            pool.submit(Job {
                line,
                deadline,
                cancel,
                run,
            })
        }
    }
}

/// By how much nicer than the process a load thread is: whoever answers requests gets ten times its share of a busy core.
#[cfg(target_os = "linux")]
const LOAD_NICE: c_int = 10;
/// The kernel knows no lower priority.
#[cfg(target_os = "linux")]
const NICEST: c_int = 19;

/// Gives the calling thread a low priority, for good: raising it again would need a privilege.
#[cfg(target_os = "linux")]
fn lower_priority() {
    unsafe extern "C" {
        fn getpriority(which: c_int, who: u32) -> c_int;
        fn setpriority(which: c_int, who: u32, priority: c_int) -> c_int;
    }
    const PRIO_PROCESS: c_int = 0;
    thread_local! {
        static IS_LOW: Cell<bool> = const { Cell::new(false) };
    }
    if IS_LOW.replace(true) {
        return;
    }
    // SAFETY: reads and sets a number in the kernel; on Linux 0 is the calling thread and not its process. A refusal changes nothing.
    unsafe {
        let usual = getpriority(PRIO_PROCESS, 0);
        setpriority(PRIO_PROCESS, 0, (usual + LOAD_NICE).min(NICEST))
    };
}

/// Threads have no priority of their own elsewhere.
#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

/// Runs and loads under way in the process; `LEAVING` is added once it ends.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
const LEAVING: usize = 1 << 62;

/// Counts a run in; false once the process ends.
pub fn begin_run() -> bool {
    let begins = RUNNING.fetch_add(1, Ordering::SeqCst) < LEAVING;
    if !begins {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
    begins
}

/// Counts a run out.
pub fn end_run() {
    RUNNING.fetch_sub(1, Ordering::SeqCst);
}

unsafe extern "C" {
    fn atexit(callback: extern "C" fn()) -> c_int;
    fn _exit(code: c_int) -> !;
}

static EXIT_CODE: AtomicI32 = AtomicI32::new(0);

extern "C" fn end_at_once() {
    crate::native_log::last_words();
    // SAFETY: ends the process; nothing runs afterwards.
    unsafe { _exit(EXIT_CODE.load(Ordering::SeqCst)) }
}

/// The process is about to exit with `code`: no run begins any more.
///
/// TensorFlow cannot be interrupted, and the destructors that `exit` runs would take its memory away from under a run (seen
/// as a segmentation fault in half of the exits). So where one is under way the process ends without them. Registered this
/// late, the callback comes before all destructors.
#[napi(catch_unwind)]
pub fn leaving(code: i32) {
    let before = RUNNING.fetch_or(LEAVING, Ordering::SeqCst);
    if before > 0 && before < LEAVING {
        EXIT_CODE.store(code, Ordering::SeqCst);
        // SAFETY: the callback is a function of this image, which stays loaded once a thread-safe function was made.
        let refused = unsafe { atexit(end_at_once) };
        debug_assert_eq!(refused, 0, "32 callbacks are guaranteed");
    }
}

/// The settings of the pool with the defaults filled in.
fn in_force(
    (threads, max_queued, longest_wait_ms): (Option<usize>, Option<usize>, Option<u32>),
) -> (usize, usize, u32) {
    (
        threads.unwrap_or_else(cores),
        max_queued.unwrap_or(MAX_QUEUED),
        longest_wait_ms.unwrap_or(LONGEST_WAIT_MS),
    )
}

/// Sizes the pool; `null` keeps the default. A longest wait of 0 is none.
#[napi(catch_unwind)]
pub fn configure_pool(
    threads: Option<u32>,
    max_queued: Option<u32>,
    longest_wait_ms: Option<u32>,
) -> Result<()> {
    let mut pools = POOLS.lock();
    let size = |value: Option<u32>| value.map(|value| (value as usize).max(1));
    let wanted = (size(threads), size(max_queued), longest_wait_ms);
    let current = (pools.threads, pools.max_queued, pools.longest_wait_ms);
    if pools.infer.is_some() && in_force(wanted) != in_force(current) {
        return Err(throw(Error::new(
            Code::FailedPrecondition,
            "the inference pool has started: configure it before the first request",
        )));
    }
    (pools.threads, pools.max_queued, pools.longest_wait_ms) = wanted;
    Ok(())
}

/// Whether a server's request for a model would be refused now.
pub fn is_full(line: Line) -> bool {
    let pools = POOLS.lock();
    pools.infer.as_ref().is_some_and(|pool| pool.is_full(line))
}

/// What the pool is doing.
#[napi(object, use_nullable = true)]
pub struct PoolInfo {
    /// Threads; 0 before the first job.
    pub threads: u32,
    /// Jobs that wait.
    pub waiting: u32,
    /// Jobs that run.
    pub running: u32,
}

/// A snapshot of the inference pool.
#[napi(catch_unwind)]
pub fn pool_info() -> PoolInfo {
    let pools = POOLS.lock();
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    match &pools.infer {
        None => PoolInfo {
            threads: 0,
            waiting: 0,
            running: 0,
        },
        Some(pool) => PoolInfo {
            threads: number(pool.threads()),
            waiting: number(pool.waiting()),
            running: number(pool.running()),
        },
    }
}
