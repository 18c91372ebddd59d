//! Dynamic batching: rows of concurrent requests are put together, run once and handed back.
//!
//! A prepared request goes into the queue of its model version and its set of tensors ([`lanes`]); a thread takes a batch
//! ([`threads`]), sorts out what does not fit ([`fit`]), merges the rest with one copy ([`merge`]), runs it once and prints every reply
//! from its rows of the outputs ([`execute`], [`rows`]). Queue, limits, texts and padding are those of TensorFlow Serving; only
//! the request that does not fit is refused.

pub mod counters;
pub(crate) mod door;
mod execute;
mod fit;
pub mod lanes;
mod merge;
pub mod parameters;
mod route;
mod rows;
mod task;
mod threads;
pub mod wait;

use std::sync::Arc;

use parking_lot::Mutex;
use servable_codec::Error;

use crate::runner::Runner;
use crate::servable::Servable;
use counters::BatchingCounters;
use parameters::Parameters;
pub use route::{Route, Unbatched};
use task::Task;
pub use task::{Asker, Request, Waiter};
use threads::Shared;

/// The batcher of a process: its threads, and the queues of all models.
pub struct Batcher<R: Runner> {
    shared: Arc<Shared<R>>,
    thread_pool_name: Mutex<String>,
}

impl<R: Runner> Default for Batcher<R> {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared::new()),
            thread_pool_name: Mutex::new("batch_threads".into()),
        }
    }
}

impl<R: Runner> Batcher<R> {
    /// Sets the number of threads for all models (one a core when `None`), and the name that metrics have for them.
    pub fn set_threads(&self, threads: Option<usize>, name: &str) {
        self.shared.set_threads(threads);
        name.clone_into(&mut self.thread_pool_name.lock());
    }

    /// The name that metrics have for the threads.
    pub fn thread_pool_name(&self) -> String {
        self.thread_pool_name.lock().clone()
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.shared.threads()
    }

    /// Makes the queues of a freshly loaded model, before it is published.
    ///
    /// Returns the signatures that cannot be batched and will run one request at a time.
    ///
    /// # Errors
    /// `ResourceExhausted` when no thread can be started.
    pub fn attach(
        &self,
        servable: &Servable<R>,
        parameters: Parameters,
    ) -> Result<Vec<Unbatched>, Error> {
        self.shared.start()?;
        Ok(route::attach(&self.shared, servable, parameters))
    }

    /// Queues a prepared request.
    ///
    /// # Errors
    /// `InvalidArgument` when it has more rows than a request may have, `Unavailable` when its queue is full; with whoever waits
    /// for it, to be told by the caller.
    pub fn submit(
        &self,
        request: Request<R>,
        waiter: Waiter,
    ) -> Result<(), (Error, Option<Box<dyn Asker>>)> {
        let (wake, rows) = (waiter.wake, request.rows);
        let task = Arc::new(Task::new(request, waiter));
        match self.shared.submit(&task, wake) {
            Ok(()) => {
                self.shared.counters.input_batch_size.record(rows as u64);
                Ok(())
            }
            Err(error) => {
                let asker = task.refuse(&error);
                Err((error, asker))
            }
        }
    }

    /// Wakes a thread for the requests that were queued without one being woken.
    pub fn flush(&self) {
        self.shared.flush();
    }

    /// While draining no batch waits for company: what is queued runs as soon as a thread is free.
    pub fn drain(&self, draining: bool) {
        self.shared.drain_all(draining);
    }

    /// Tells that a queued request was cancelled: it gives its place and its memory back before its batch runs.
    pub fn cancelled(&self) {
        self.shared.cancelled();
    }

    /// Lets go of queued requests that nobody waits for any more.
    pub fn sweep(&self) {
        self.shared.sweep();
    }

    /// Counts of all batches.
    pub fn counters(&self) -> &BatchingCounters {
        &self.shared.counters
    }
}

impl<R: Runner> Drop for Batcher<R> {
    fn drop(&mut self) {
        self.shared.close();
    }
}
