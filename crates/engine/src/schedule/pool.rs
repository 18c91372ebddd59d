//! The engine's own threads. Never libuv's: those four are shared with file access and DNS.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use servable_codec::{Code, Error};

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
    /// Not run after this moment.
    pub deadline: Option<Instant>,
    /// Not run once cancelled.
    pub cancel: Cancel,
    /// The work.
    pub run: Box<dyn FnOnce(Verdict) + Send>,
}

/// Jobs that may always wait, however slow they are: clients with a connection or a few each are not refused.
const ALWAYS_WELCOME: usize = 64;

/// A fixed number of threads behind a bounded queue.
pub struct Pool {
    sender: Sender<Job>,
    threads: usize,
    longest_wait: Option<Duration>,
    progress: Arc<Progress>,
}

/// What the threads are doing.
#[derive(Default)]
struct Progress {
    busy: AtomicUsize,
    /// Moving average of what a job takes, nanoseconds. Updates race on purpose: a lost one costs less than a lock.
    usual_nanos: AtomicU64,
}

impl Progress {
    fn learn(&self, took: Duration) {
        let sample = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX / 16);
        let old = self.usual_nanos.load(Ordering::Relaxed);
        let new = if old == 0 {
            sample
        } else {
            old - old / 16 + sample / 16
        };
        self.usual_nanos.store(new, Ordering::Relaxed);
    }
}

impl Pool {
    /// Starts `threads` threads named `name` (at least one) with room for `capacity` waiting jobs (at least one).
    ///
    /// # Errors
    /// `ResourceExhausted` when the system refuses the first thread; with fewer than asked for the pool still works.
    pub fn start(name: &str, threads: usize, capacity: usize) -> Result<Self, Error> {
        let (sender, receiver) = bounded(capacity.max(1));
        let progress = Arc::new(Progress::default());
        let mut started = 0;
        for number in 0..threads.max(1) {
            let (receiver, progress) = (receiver.clone(), Arc::clone(&progress));
            let spawned = thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || work(&receiver, &progress));
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
        Ok(Self {
            sender,
            threads: started,
            longest_wait: None,
            progress,
        })
    }

    /// Refuses jobs that would wait longer than this, judged by what jobs took lately, unless only a few wait.
    ///
    /// A bound on the number alone would either refuse bursts of quick jobs or let slow ones pile up for minutes.
    #[must_use]
    pub fn with_longest_wait(mut self, longest_wait: Duration) -> Self {
        self.longest_wait = Some(longest_wait);
        self
    }

    /// Queues a job. A full queue, or one in which it would wait too long, calls it with [`Verdict::Refused`] at once and is an
    /// error.
    ///
    /// # Errors
    /// `Unavailable` when the queue is full.
    pub fn submit(&self, job: Job) -> Result<(), Error> {
        if self.would_wait_too_long() {
            return self.refuse(job);
        }
        self.submit_patiently(job)
    }

    /// As [`submit`](Self::submit), for callers that would rather wait long than be refused: only the number of jobs counts.
    ///
    /// # Errors
    /// `Unavailable` when the queue is full.
    pub fn submit_patiently(&self, job: Job) -> Result<(), Error> {
        match self.sender.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => self.refuse(job),
        }
    }

    fn refuse(&self, refused: Job) -> Result<(), Error> {
        (refused.run)(Verdict::Refused);
        Err(Error::new(
            Code::Unavailable,
            format!(
                "The inference queue is full: {} requests are waiting for {} threads",
                self.sender.len(),
                self.threads
            ),
        ))
    }

    fn would_wait_too_long(&self) -> bool {
        let (Some(longest), waiting) = (self.longest_wait, self.sender.len()) else {
            return false;
        };
        let usual = self.progress.usual_nanos.load(Ordering::Relaxed);
        let expected = u128::from(usual) * waiting as u128 / self.threads as u128;
        waiting >= ALWAYS_WELCOME && expected > longest.as_nanos()
    }

    /// Whether [`submit`](Self::submit) would refuse a job now.
    pub fn is_full(&self) -> bool {
        self.sender.is_full() || self.would_wait_too_long()
    }

    /// Threads of the pool.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Jobs that wait.
    pub fn waiting(&self) -> usize {
        self.sender.len()
    }

    /// Jobs that run.
    pub fn running(&self) -> usize {
        self.progress.busy.load(Ordering::Relaxed)
    }
}

fn work(receiver: &Receiver<Job>, progress: &Progress) {
    for job in receiver {
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
        progress.busy.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        // A job answers through a guard of its own, so a panic loses no reply; it must not cost the thread either.
        let _ = catch_unwind(AssertUnwindSafe(|| (job.run)(verdict)));
        if verdict == Verdict::Run {
            progress.learn(start.elapsed());
        }
        progress.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
