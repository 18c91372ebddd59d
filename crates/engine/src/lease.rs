//! How long a servable lives: as long as anybody holds it, and its session is closed on a thread of its own,
//! which then returns the memory it leaves behind to the kernel.

use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use parking_lot::Mutex;
use servable_tensorflow::trim_memory;

use crate::counters::ModelCounters;
use crate::runner::Runner;
use crate::servable::Servable;

/// A servable that stays loaded until this is dropped.
pub struct Lease<R: Runner> {
    /// The loaded model.
    pub servable: Arc<Servable<R>>,
    /// The version that was chosen.
    pub version: i64,
    /// The counters of the model's name.
    pub counters: Arc<ModelCounters>,
}

impl<R: Runner> Clone for Lease<R> {
    fn clone(&self) -> Self {
        Self {
            servable: Arc::clone(&self.servable),
            version: self.version,
            counters: Arc::clone(&self.counters),
        }
    }
}

type Waiter = Box<dyn FnOnce() + Send>;

/// Tells when a servable's session is closed.
#[derive(Clone, Default)]
pub struct Gone(Arc<Mutex<GoneState>>);

#[derive(Default)]
struct GoneState {
    done: bool,
    waiters: Vec<Waiter>,
}

impl Gone {
    /// Calls `then` once the session is closed: at once if it is, else on the reaper's thread.
    pub fn on_gone(&self, then: impl FnOnce() + Send + 'static) {
        let mut state = self.0.lock();
        if state.done {
            drop(state);
            then();
        } else {
            state.waiters.push(Box::new(then));
        }
    }

    /// True once the session is closed.
    pub fn is_gone(&self) -> bool {
        self.0.lock().done
    }

    fn finish(&self) {
        let waiters = {
            let mut state = self.0.lock();
            state.done = true;
            std::mem::take(&mut state.waiters)
        };
        for waiter in waiters {
            waiter();
        }
    }
}

/// The thread that closes sessions. Closing can take long, and the last lease may end on an event loop.
static REAPER: LazyLock<Sender<Waiter>> = LazyLock::new(|| {
    let (sender, receiver) = unbounded::<Waiter>();
    // Where no thread can be had, the receiver is gone and `reap` drops on the caller's thread instead.
    let _ = thread::Builder::new()
        .name("servable-reaper".into())
        .spawn(move || close_all(&receiver));
    sender
});

/// At most one trim of the allocator in so much time, however many models go.
const TRIM_INTERVAL: Duration = Duration::from_secs(1);

fn close_all(works: &Receiver<Waiter>) {
    let mut last: Option<Instant> = None;
    let mut freed = false;
    loop {
        let next = if freed {
            let wait = last.map_or(Duration::ZERO, |last| {
                TRIM_INTERVAL.saturating_sub(last.elapsed())
            });
            works.recv_timeout(wait)
        } else {
            works.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match next {
            Ok(work) => {
                // A model whose destructor panics must not end the thread that closes all others.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                freed = true;
            }
            // No more models are waiting to be closed, and the last trim was long enough ago.
            Err(RecvTimeoutError::Timeout) => {
                trim_memory();
                last = Some(Instant::now());
                freed = false;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Drops `model` on the reaper's thread, then reports it gone.
pub(crate) fn reap<R: Send + 'static>(model: R, gone: Gone) {
    let work: Waiter = Box::new(move || {
        struct Report(Gone);
        impl Drop for Report {
            fn drop(&mut self) {
                self.0.finish();
            }
        }
        let report = Report(gone);
        drop(model);
        drop(report);
    });
    if let Err(refused) = REAPER.send(work) {
        (refused.0)();
    }
}
