//! The engine's own threads. Never libuv's: those four are shared with file access and DNS.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use servable_codec::{Code, Error};

use super::lines::{Line, Lines};

/// Whether a job may still run when its turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Run it.
    Run,
    /// Its deadline passed while it waited.
    Expired,
    /// Nobody wants the answer any more.
    Cancelled,
    /// The queue was full; it never waited.
    Refused,
}

/// Withdraws a waiting job.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicU8>);

const CANCELLED: u8 = 1;
const BATCHED: u8 = 2;
const BEGUN: u8 = 4;

impl Cancel {
    /// Skips the job unless it already runs. True if it was taken out of a batching queue.
    pub fn cancel(&self) -> bool {
        self.0.fetch_or(CANCELLED, Ordering::Relaxed) & (BATCHED | BEGUN) == BATCHED
    }

    /// The job waits in a batching queue from now on.
    pub(crate) fn enter_queue(&self) {
        self.0.fetch_or(BATCHED, Ordering::Relaxed);
    }

    /// The job leaves the batching queue to be run. False once cancelled.
    pub(crate) fn begin(&self) -> bool {
        self.0.fetch_or(BEGUN, Ordering::Relaxed) & CANCELLED == 0
    }

    /// True once cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) & CANCELLED != 0
    }
}

/// One piece of work. It is called exactly once, whatever the verdict.
pub struct Job {
    /// Whose it is: models get equal shares of the threads.
    pub line: Line,
    /// Not run after this moment.
    pub deadline: Option<Instant>,
    /// Not run once cancelled.
    pub cancel: Cancel,
    /// The work.
    pub run: Box<dyn FnOnce(Verdict) + Send>,
}

/// A fixed number of threads behind bounded queues, one for each model. Where it is more than one, one more stands by for a model
/// that has nothing running while runs that take much longer hold all others: those cannot be interrupted.
pub struct Pool {
    shared: Arc<Shared>,
    threads: usize,
    longest_wait: Option<Duration>,
}

struct Shared {
    state: Mutex<State>,
    /// One for each thread: something may run, or the pool is closed.
    wake: Vec<Condvar>,
}

struct State {
    lines: Lines<Job>,
    /// Threads that wait, by number. The last to come is the first to go: its caches and its allocator's memory are warm.
    idle: Vec<usize>,
    closing: bool,
}

impl Pool {
    /// Starts `threads` threads named `name` (at least one) with room for `capacity` waiting jobs (at least one).
    ///
    /// # Errors
    /// `ResourceExhausted` when the system refuses the first thread; with fewer than asked for the pool still works.
    pub fn start(name: &str, threads: usize, capacity: usize) -> Result<Self, Error> {
        let threads = threads.max(1);
        let spare = usize::from(threads > 1);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                lines: Lines::new(threads, capacity),
                idle: Vec::new(),
                closing: false,
            }),
            wake: (0..threads + spare).map(|_| Condvar::new()).collect(),
        });
        let mut started = 0;
        for number in 0..threads + spare {
            let its = Arc::clone(&shared);
            let spawned = thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || its.work(number));
            match spawned {
                Ok(_) => started += 1,
                Err(error) if started == 0 => {
                    return Err(Error::new(
                        Code::ResourceExhausted,
                        format!("cannot start a thread for the {name} pool: {error}"),
                    ));
                }
                Err(_) => break,
            }
        }
        let threads = threads.min(started);
        shared.state.lock().lines.set_threads(threads);
        Ok(Self {
            shared,
            threads,
            longest_wait: None,
        })
    }

    /// Refuses jobs that would wait longer than this; see [`Lines::is_full`].
    #[must_use]
    pub fn with_longest_wait(mut self, longest_wait: Duration) -> Self {
        self.longest_wait = Some(longest_wait);
        self
    }

    /// Queues a job. A full line, or one in which it would wait too long, calls it with [`Verdict::Refused`] at once and is an
    /// error.
    ///
    /// # Errors
    /// `Unavailable` when the line is full.
    pub fn submit(&self, job: Job) -> Result<(), Error> {
        self.queue(job, self.longest_wait)
    }

    /// As [`submit`](Self::submit), for callers that would rather wait long than be refused: only the number of jobs counts.
    ///
    /// # Errors
    /// `Unavailable` when the line is full.
    pub fn submit_patiently(&self, job: Job) -> Result<(), Error> {
        self.queue(job, None)
    }

    fn queue(&self, job: Job, longest_wait: Option<Duration>) -> Result<(), Error> {
        let mut state = self.shared.state.lock();
        let now = Instant::now();
        if state.lines.is_full(job.line, longest_wait, now) {
            let waiting = state.lines.waiting_in(job.line);
            drop(state);
            return self.refuse(job, waiting);
        }
        state.lines.push(job.line, job, now);
        self.shared.call_one(state);
        Ok(())
    }

    fn refuse(&self, refused: Job, waiting: usize) -> Result<(), Error> {
        (refused.run)(Verdict::Refused);
        let threads = self.threads;
        Err(Error::new(
            Code::Unavailable,
            format!(
                "The inference queue is full: {waiting} requests are waiting for {threads} threads"
            ),
        ))
    }

    /// Whether [`submit`](Self::submit) would refuse a job of this line now.
    pub fn is_full(&self, line: Line) -> bool {
        let lines = &self.shared.state.lock().lines;
        lines.is_full(line, self.longest_wait, Instant::now())
    }

    /// Threads of the pool.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Jobs that wait.
    pub fn waiting(&self) -> usize {
        self.shared.state.lock().lines.waiting()
    }

    /// Jobs that run.
    pub fn running(&self) -> usize {
        self.shared.state.lock().lines.running()
    }
}

impl Drop for Pool {
    /// What waits is still done; then the threads end.
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        for wake in &self.shared.wake {
            wake.notify_one();
        }
    }
}

impl Shared {
    fn work(&self, number: usize) {
        let mut state = self.state.lock();
        loop {
            match state.lines.begin() {
                Some(turn) => {
                    let (ticket, job) = turn.split();
                    self.call_one(state);
                    let took = run(job);
                    state = self.state.lock();
                    state.lines.ended(ticket, took);
                }
                None if state.closing => return,
                None => {
                    state.idle.push(number);
                    if let Some(wake) = self.wake.get(number) {
                        wake.wait(&mut state);
                    }
                    state.idle.retain(|idle| *idle != number);
                }
            }
        }
    }

    /// Wakes a thread if there is one for what waits. The lock is let go before, for the thread to take.
    fn call_one(&self, mut state: MutexGuard<'_, State>) {
        let is_wanted = !state.idle.is_empty() && state.lines.may_start();
        let number = if is_wanted { state.idle.pop() } else { None };
        drop(state);
        if let Some(wake) = number.and_then(|number| self.wake.get(number)) {
            wake.notify_one();
        }
    }
}

/// Does a job; returns how long it ran, `None` where it was not run.
fn run(job: Job) -> Option<Duration> {
    let verdict = if job.cancel.is_cancelled() {
        Verdict::Cancelled
    } else if job
        .deadline
        .is_some_and(|deadline| Instant::now() >= deadline)
    {
        Verdict::Expired
    } else {
        Verdict::Run
    };
    let start = Instant::now();
    // A job answers through a guard of its own, so a panic loses no reply; it must not cost the thread either.
    let _ = catch_unwind(AssertUnwindSafe(|| (job.run)(verdict)));
    (verdict == Verdict::Run).then(|| start.elapsed())
}
