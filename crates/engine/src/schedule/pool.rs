//! The engine's own threads. Never libuv's: those four are shared with file access and DNS.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

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
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Skips the job unless it already runs.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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

/// A fixed number of threads behind a bounded queue.
pub struct Pool {
    sender: Sender<Job>,
    threads: usize,
    busy: Arc<AtomicUsize>,
}

impl Pool {
    /// Starts `threads` threads named `name` (at least one) with room for `capacity` waiting jobs (at least one).
    ///
    /// # Errors
    /// `ResourceExhausted` when the system refuses the first thread; with fewer than asked for the pool still works.
    pub fn start(name: &str, threads: usize, capacity: usize) -> Result<Self, Error> {
        let (sender, receiver) = bounded(capacity.max(1));
        let busy = Arc::new(AtomicUsize::new(0));
        let mut started = 0;
        for number in 0..threads.max(1) {
            let (receiver, busy) = (receiver.clone(), Arc::clone(&busy));
            let spawned = thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || work(&receiver, &busy));
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
            busy,
        })
    }

    /// Queues a job. A full queue calls it with [`Verdict::Refused`] at once and is an error.
    ///
    /// # Errors
    /// `Unavailable` when the queue is full.
    pub fn submit(&self, job: Job) -> Result<(), Error> {
        match self.sender.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                (job.run)(Verdict::Refused);
                Err(Error::new(
                    Code::Unavailable,
                    format!(
                        "The inference queue is full: {} requests are waiting for {} threads",
                        self.sender.len(),
                        self.threads
                    ),
                ))
            }
        }
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
        self.busy.load(Ordering::Relaxed)
    }
}

fn work(receiver: &Receiver<Job>, busy: &AtomicUsize) {
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
        busy.fetch_add(1, Ordering::Relaxed);
        // A job answers through a guard of its own, so a panic loses no reply; it must not cost the thread either.
        let _ = catch_unwind(AssertUnwindSafe(|| (job.run)(verdict)));
        busy.fetch_sub(1, Ordering::Relaxed);
    }
}
