//! What native threads leave for one event loop.

use std::collections::HashMap;
use std::sync::Arc;

use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use parking_lot::{Condvar, Mutex};
use servable_codec::{Code, Error};
use servable_engine::counters::Stages;
use servable_engine::schedule::pool::Cancel;
use servable_engine::warmup::Report;

use crate::model::NativeModel;
use crate::outputs::OutputTensor;
use crate::process;

/// Calls the event loop's drain function, without arguments; does not keep the loop alive unless told to.
pub type Wake = ThreadsafeFunction<(), (), (), napi::Status, false, true>;

/// How a job ended.
pub enum Outcome {
    /// The bytes of a reply.
    Reply(Vec<u8>),
    /// The outputs of a library predict.
    Outputs(Vec<OutputTensor>),
    /// A loaded model.
    Model(NativeModel),
    /// What a warm-up did.
    Warmed(Report),
    /// Nothing to hand over.
    Done,
    /// No reply.
    Failed(Error),
    /// The job reads none of the memory any more that JavaScript keeps for it. Comes beside the job's end.
    Unpinned,
}

/// One entry of the outbox.
pub struct Completion {
    /// The job's number, given by JavaScript.
    pub ticket: u32,
    /// The version that answered; 0 for none.
    pub version: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// How long its parts took, where it is a request of a server.
    pub stages: Stages,
}

impl Completion {
    /// The end of a job that has no version.
    pub fn new(ticket: u32, outcome: Outcome) -> Self {
        Self {
            ticket,
            version: 0,
            outcome,
            stages: Stages::default(),
        }
    }
}

/// The results for one event loop, with one wake-up per batch.
///
/// Once the loop ends, everything left here is dropped: late results own all they hold.
pub struct Outbox {
    state: Mutex<State>,
    wake: Mutex<Option<Wake>>,
    /// `pins` or `running` has become zero.
    quiet: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    ready: Vec<Completion>,
    /// Jobs that have not ended, cancelled ones that still run included.
    jobs: HashMap<u32, Cancel>,
    idle_waiters: Vec<u32>,
    /// Jobs that read JavaScript's memory.
    pins: usize,
    /// Jobs that run.
    running: usize,
}

impl Outbox {
    /// An outbox that wakes its loop with `wake`.
    pub fn new(wake: Wake) -> Self {
        Self {
            state: Mutex::default(),
            wake: Mutex::new(Some(wake)),
            quiet: Condvar::new(),
        }
    }

    /// Leaves a result.
    pub fn push(&self, completion: Completion) {
        let first = {
            let mut state = self.state.lock();
            if state.closed {
                drop(state);
                // Dropped here, outside the lock: it may own tensors or a whole model.
                drop(completion);
                return;
            }
            state.ready.push(completion);
            state.ready.len() == 1
        };
        if first {
            self.wake();
        }
    }

    /// Takes everything that is ready.
    pub fn take(&self) -> Vec<Completion> {
        std::mem::take(&mut self.state.lock().ready)
    }

    fn wake(&self) {
        // Under the lock: `close` takes the function away under it too, so it is never called once Node has freed it.
        if let Some(wake) = &*self.wake.lock() {
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    /// Withdraws a job that still waits, and tells whether it waited in a batching queue; `None` when it has ended.
    pub fn cancel(&self, ticket: u32) -> Option<bool> {
        let state = self.state.lock();
        state.jobs.get(&ticket).map(Cancel::cancel)
    }

    /// Tells by `ticket` when no job of this loop is left.
    pub fn when_idle(&self, ticket: u32) {
        let mut state = self.state.lock();
        if state.jobs.is_empty() {
            drop(state);
            self.push(Completion::new(ticket, Outcome::Done));
        } else {
            state.idle_waiters.push(ticket);
        }
    }

    /// The event loop ends. Waiting jobs are dropped, results too; blocks until no job of this loop runs or reads
    /// JavaScript's memory.
    ///
    /// Runs as a clean-up hook of the environment, on its thread, while its memory is still there. Waiting for runs, too,
    /// keeps the process from being torn down under them when its last thread that knows the addon ends.
    pub fn close(&self) {
        let ready = {
            let mut state = self.state.lock();
            state.closed = true;
            for cancel in state.jobs.values() {
                cancel.cancel();
            }
            std::mem::take(&mut state.ready)
        };
        drop(ready);
        // Batching queues may hold on to pinned memory for as long as a batch waits for company.
        process::ENGINE.batcher.sweep();
        drop(self.wake.lock().take());
        let mut state = self.state.lock();
        while state.pins > 0 || state.running > 0 {
            self.quiet.wait(&mut state);
        }
    }

    fn begin(&self, ticket: u32, cancel: Cancel) {
        self.state.lock().jobs.insert(ticket, cancel);
    }

    fn begin_run(&self) -> bool {
        let mut state = self.state.lock();
        let begins = !state.closed && process::begin_run();
        state.running += usize::from(begins);
        begins
    }

    fn end(&self, ticket: u32, ran: bool) {
        let waiters = {
            let mut state = self.state.lock();
            if ran {
                process::end_run();
                state.running -= 1;
                if state.running == 0 {
                    self.quiet.notify_all();
                }
            }
            state.jobs.remove(&ticket);
            if state.jobs.is_empty() {
                std::mem::take(&mut state.idle_waiters)
            } else {
                Vec::new()
            }
        };
        for ticket in waiters {
            self.push(Completion::new(ticket, Outcome::Done));
        }
    }

    /// A job begins to read JavaScript's memory.
    pub(crate) fn pin(&self) {
        self.state.lock().pins += 1;
    }

    /// It has let go of it.
    pub(crate) fn unpin(&self, ticket: u32) {
        {
            let mut state = self.state.lock();
            state.pins -= 1;
            if state.pins == 0 {
                self.quiet.notify_all();
            }
        }
        self.push(Completion::new(ticket, Outcome::Unpinned));
    }
}

/// Answers for one job exactly once: with what it is told, or INTERNAL if the job vanishes or panics.
pub struct Reply {
    outbox: Arc<Outbox>,
    ticket: u32,
    cancel: Cancel,
    answered: bool,
    running: bool,
}

impl Reply {
    /// The job `ticket` begins.
    pub fn new(outbox: &Arc<Outbox>, ticket: u32) -> Self {
        let cancel = Cancel::default();
        outbox.begin(ticket, cancel.clone());
        Self {
            outbox: Arc::clone(outbox),
            ticket,
            cancel,
            answered: false,
            running: false,
        }
    }

    /// Withdraws the job while it waits.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// The job runs from here to this reply's end. False: the event loop or the process has ended, so it must not.
    pub fn begin_run(&mut self) -> bool {
        self.running = self.outbox.begin_run();
        self.running
    }

    /// Answers.
    pub fn send(self, version: i64, outcome: Outcome) {
        self.send_timed(version, outcome, Stages::default());
    }

    /// Answers, and tells how long the parts took.
    pub fn send_timed(mut self, version: i64, outcome: Outcome, stages: Stages) {
        self.answered = true;
        self.outbox.push(Completion {
            ticket: self.ticket,
            version,
            outcome,
            stages,
        });
    }

    /// Ends the job without an answer: nobody waits for it, or it is answered otherwise.
    pub fn drop_silently(mut self) {
        self.answered = true;
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.answered {
            let error = Error::new(Code::Internal, "The request failed inside the server");
            let end = Completion::new(self.ticket, Outcome::Failed(error));
            self.outbox.push(end);
        }
        self.outbox.end(self.ticket, self.running);
    }
}
