//! The threads that run batches: one set for all models of the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use servable_codec::{Code, Error};

use super::counters::BatchingCounters;
use super::execute::execute;
use super::lanes::{LaneId, Lanes, Next, Piece};
use super::parameters::Parameters;
use super::task::Task;
use crate::runner::Runner;

/// What threads, queues and requests share.
pub(super) struct Shared<R: Runner> {
    state: Mutex<State<R>>,
    /// Something may run, or the first moment when something may has come closer.
    wake: Condvar,
    pub counters: BatchingCounters,
}

struct State<R: Runner> {
    lanes: Lanes<Task<R>>,
    /// Threads wanted, and those that were started.
    wanted: usize,
    started: usize,
    idle: usize,
    /// One idle thread waits for the first moment when something may run; the others wait for a call.
    leader: Option<Instant>,
    /// A thread is to be woken at the end of the turn.
    call: bool,
    /// Requests that were cancelled since the last sweep.
    cancelled: usize,
    closing: bool,
}

impl<R: Runner> Shared<R> {
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                lanes: Lanes::default(),
                wanted: cores(),
                started: 0,
                idle: 0,
                leader: None,
                call: false,
                cancelled: 0,
                closing: false,
            }),
            wake: Condvar::new(),
            counters: BatchingCounters::default(),
        }
    }

    /// Sets the number of threads, `None` for one a core; the ones too many end with their batch.
    pub fn set_threads(&self, threads: Option<usize>) {
        self.state.lock().wanted = threads.unwrap_or_else(cores).max(1);
        self.wake.notify_all();
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.state.lock().wanted
    }

    /// Starts the threads that are missing.
    ///
    /// # Errors
    /// `ResourceExhausted` when the system refuses the first one.
    pub fn start(self: &Arc<Self>) -> Result<(), Error> {
        let mut state = self.state.lock();
        while state.started < state.wanted {
            let (shared, number) = (Arc::clone(self), state.started);
            let spawned = thread::Builder::new()
                .name(format!("servable-batch-{number}"))
                .spawn(move || shared.work(number));
            match spawned {
                Ok(_) => state.started += 1,
                Err(error) if state.started == 0 => {
                    let text = format!("cannot start a thread for batches: {error}");
                    return Err(Error::new(Code::ResourceExhausted, text));
                }
                Err(_) => break,
            }
        }
        Ok(())
    }

    pub fn add_lane(&self, parameters: &Arc<Parameters>) -> LaneId {
        self.state.lock().lanes.add(Arc::clone(parameters))
    }

    pub fn remove_lane(&self, id: LaneId) {
        let left = self.state.lock().lanes.remove(id);
        // Requests hold their lane, so nothing is left; were there any, it would have to go outside the lock.
        drop(left);
    }

    /// Queues a request; a thread is woken now, or by [`flush`](Self::flush).
    ///
    /// # Errors
    /// As [`Lanes::submit`].
    pub fn submit(&self, task: &Arc<Task<R>>, wake: bool) -> Result<(), Error> {
        let mut gone = Vec::new();
        let request = &task.request;
        let result = {
            let mut state = self.state.lock();
            let now = Instant::now();
            let lane = request.route.lane.id;
            let submitted = state
                .lanes
                .submit(lane, task, (request.rows, now), &mut gone);
            if let Ok(due) = submitted
                && state.idle > 0
                && (due <= now || state.leader.is_none_or(|leader| due < leader))
            {
                if wake {
                    self.wake.notify_one();
                } else {
                    state.call = true;
                }
            }
            submitted.map(|_| ())
        };
        leave(gone);
        result
    }

    /// Wakes a thread for what was queued during a turn of an event loop.
    pub fn flush(&self) {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.call) {
            self.wake.notify_one();
        }
    }

    /// From now on nothing waits for company in this lane.
    pub fn drain(&self, lane: LaneId) {
        self.state.lock().lanes.drain(lane);
        self.wake.notify_one();
    }

    /// Whether nothing waits for company in any lane.
    pub fn drain_all(&self, draining: bool) {
        self.state.lock().lanes.drain_all(draining);
        self.wake.notify_all();
    }

    /// Ends what nobody waits for any more.
    pub fn sweep(&self) {
        let gone = self.state.lock().lanes.sweep(Instant::now());
        leave(gone);
    }

    /// A queued request was cancelled. It is let go of with others, once they are an eighth of what waits: one look at all
    /// of it for each would cost a burst of them its square.
    pub fn cancelled(&self) {
        let gone = {
            let mut state = self.state.lock();
            state.cancelled += 1;
            if state.cancelled * 8 < state.lanes.pieces() {
                return;
            }
            state.cancelled = 0;
            state.lanes.sweep(Instant::now())
        };
        leave(gone);
    }

    /// The threads end when nothing is left to do.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closing = true;
        state.lanes.drain_all(true);
        drop(state);
        self.wake.notify_all();
    }

    fn work(&self, number: usize) {
        let mut state = self.state.lock();
        while number < state.wanted {
            match state.lanes.next(Instant::now()) {
                Next::Run(lane, batch) => {
                    self.call_another(&state);
                    let mut took = None;
                    parking_lot::MutexGuard::unlocked(&mut state, || {
                        took = self.execute(batch);
                    });
                    if let Some(took) = took {
                        state.lanes.ran(lane, took);
                    }
                }
                Next::Sleep(None) if state.closing => break,
                Next::Sleep(due) => {
                    state.idle += 1;
                    match due {
                        Some(due) if state.leader.is_none_or(|leader| due < leader) => {
                            state.leader = Some(due);
                            self.wake.wait_until(&mut state, due);
                            if state.leader == Some(due) {
                                state.leader = None;
                            }
                        }
                        _ => self.wake.wait(&mut state),
                    }
                    state.idle -= 1;
                }
            }
        }
        // The last numbers go first, so the next start begins where these end.
        state.started = state.started.min(number);
    }

    /// Before a thread runs a batch it sees to it that another one looks after the rest.
    fn call_another(&self, state: &State<R>) {
        if state.idle == 0 {
            return;
        }
        if let Some(due) = state.lanes.due()
            && state.leader.is_none_or(|leader| due < leader)
        {
            self.wake.notify_one();
        }
    }

    fn execute(&self, batch: super::lanes::Batch<Task<R>>) -> Option<Duration> {
        // Requests answer through guards of their own, so a panic loses none; it must not cost the thread either.
        catch_unwind(AssertUnwindSafe(|| execute(batch, &self.counters))).unwrap_or(None)
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Ends requests that were thrown out of a queue. Outside the lock: with the last request its queue may go.
fn leave<R: Runner>(gone: Vec<Piece<Task<R>>>) {
    for piece in gone {
        piece.task.leave();
    }
}
