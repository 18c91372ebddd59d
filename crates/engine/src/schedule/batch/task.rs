//! One request on its way through a queue, and whoever waits for its answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use servable_codec::{Code, Error};

use super::counters::BatchingCounters;
use super::lanes::{Piece, Waiting};
use super::route::Route;
use super::rows::{Rows, Whole};
use crate::counters::{Entered, Stages};
use crate::engine::Answer;
use crate::flight::Ticket;
use crate::infer::{Wanted, Work};
use crate::runner::Runner;
use crate::schedule::pool::Cancel;
use crate::schedule::tick::Spent;

/// Whoever waits for the answer of a queued request. It is told once: by `answer` or by `leave`.
pub trait Asker: Send {
    /// The request is about to run. False: it must not, and `leave` comes next.
    fn begin(&mut self) -> bool;
    /// The answer, and the reply's bytes where it is one.
    fn answer(self: Box<Self>, answer: Answer, reply: Vec<u8>);
    /// Nobody waits any more, or the answer is given otherwise.
    fn leave(self: Box<Self>);
}

/// Who waits for a queued request, and how long.
pub struct Waiter {
    /// Gets the answer.
    pub asker: Box<dyn Asker>,
    /// Withdraws the request while it waits.
    pub cancel: Cancel,
    /// Not run after this moment.
    pub deadline: Option<Instant>,
    /// False: [`flush`](super::Batcher::flush) follows and wakes a thread, once for all requests of a turn.
    pub wake: bool,
}

/// A request that was prepared and can be batched.
pub struct Request<R: Runner> {
    pub(crate) work: Work<R>,
    pub(crate) route: Arc<Route<R>>,
    pub(crate) rows: usize,
    pub(crate) wanted: Wanted,
    /// Set only where a supervisor wants to know what runs.
    pub(crate) flight: Option<Ticket>,
    pub(crate) body_bytes: usize,
    /// How long it had waited before it was prepared, and what that cost.
    pub(crate) queued: Duration,
    pub(crate) prepared: Spent,
    pub(crate) _entered: Entered,
}

impl<R: Runner> Request<R> {
    /// The version that will answer.
    pub fn version(&self) -> i64 {
        self.work.lease.version
    }
}

/// A request in a queue.
pub(super) struct Task<R: Runner> {
    pub request: Request<R>,
    cancel: Cancel,
    deadline: Option<Instant>,
    state: Mutex<State<R>>,
}

struct State<R: Runner> {
    /// Gone once it is answered.
    asker: Option<Box<dyn Asker>>,
    queued: bool,
    /// In the queue.
    waited: Duration,
    begun: bool,
    /// Of a split request: what has run.
    parts: Vec<Part<R>>,
}

struct Part<R: Runner> {
    /// Which rows of the request.
    rows: std::ops::Range<usize>,
    outputs: Arc<Vec<R::Tensor>>,
    /// Where they begin in the outputs.
    start: usize,
}

impl<R: Runner> Waiting for Task<R> {
    fn is_gone(&self, now: Instant) -> bool {
        if self.cancel.is_cancelled() {
            return true;
        }
        self.is_late(now) && !self.state.lock().begun
    }
}

impl<R: Runner> Task<R> {
    pub fn new(request: Request<R>, waiter: Waiter) -> Self {
        let Waiter {
            asker,
            cancel,
            deadline,
            ..
        } = waiter;
        cancel.enter_queue();
        request.route.lane.waiting.fetch_add(1, Ordering::Relaxed);
        let model = &request.work.lease.counters.batching;
        model.waiting.fetch_add(1, Ordering::Relaxed);
        Self {
            request,
            cancel,
            deadline,
            state: Mutex::new(State {
                asker: Some(asker),
                queued: true,
                waited: Duration::ZERO,
                begun: false,
                parts: Vec::new(),
            }),
        }
    }

    fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// The request leaves the queue, which it does once.
    fn dequeue(&self, state: &mut State<R>) -> bool {
        let was_queued = std::mem::take(&mut state.queued);
        if was_queued {
            let lane = &self.request.route.lane;
            lane.waiting.fetch_sub(1, Ordering::Relaxed);
            let model = &self.request.work.lease.counters.batching;
            model.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        was_queued
    }

    /// The queue had no place for it. Whoever asked is told by the caller.
    pub fn refuse(&self, error: &Error) -> Option<Box<dyn Asker>> {
        let mut state = self.state.lock();
        self.dequeue(&mut state);
        self.count(error.code, &self.stages(&state));
        state.asker.take()
    }

    /// Whether a piece of it is to be run; answers where not.
    pub fn begin(
        &self,
        since: Instant,
        now: Instant,
        (counters, replies): (&BatchingCounters, &mut Replies),
    ) -> bool {
        let mut state = self.state.lock();
        if self.dequeue(&mut state) {
            state.waited = now.saturating_duration_since(since);
            counters.queued(state.waited);
        }
        if state.begun || state.asker.is_none() {
            return state.asker.is_some();
        }
        if self.is_late(now) {
            replies.extend(self.end(&mut state, Err(expired()), None));
            return false;
        }
        let begins = self.cancel.begin() && state.asker.as_mut().is_some_and(|asker| asker.begin());
        state.begun = begins;
        if !begins && let Some(asker) = state.asker.take() {
            asker.leave();
        }
        begins
    }

    /// Thrown out of the queue because nobody waits for it or it is too late.
    pub fn leave(&self) {
        let mut state = self.state.lock();
        self.dequeue(&mut state);
        let ended = if self.cancel.is_cancelled() {
            if let Some(asker) = state.asker.take() {
                asker.leave();
            }
            None
        } else {
            self.end(&mut state, Err(expired()), None)
        };
        drop(state);
        Replies::default().extend(ended);
    }

    /// Answers with an error, unless it is answered.
    pub fn fail(&self, error: Error, replies: &mut Replies) {
        replies.extend(self.end(&mut self.state.lock(), Err(error), None));
    }

    /// Takes the rows of a piece out of `outputs`, where they begin at `start`; answers when they are the last ones.
    pub fn give(
        &self,
        piece: &Piece<Self>,
        (outputs, start): (&Arc<Vec<R::Tensor>>, usize),
        run: Duration,
        replies: &mut Replies,
    ) {
        let (rows, printing) = (piece.rows.clone(), Instant::now());
        let places = &self.request.route.outputs;
        if rows.len() == self.request.rows {
            let range = start..start + rows.len();
            let views: Vec<_> = places
                .iter()
                .map(|at| Rows::new(&outputs[*at], range.clone()))
                .collect();
            let reply = self.print(&views);
            let ended = self.end(&mut self.state.lock(), reply, Some((run, printing)));
            replies.extend(ended);
            return;
        }
        let parts = {
            let mut state = self.state.lock();
            let outputs = Arc::clone(outputs);
            state.parts.push(Part {
                rows,
                outputs,
                start,
            });
            let done: usize = state.parts.iter().map(|part| part.rows.len()).sum();
            if done < self.request.rows {
                return;
            }
            std::mem::take(&mut state.parts)
        };
        let reply = self.join(parts).and_then(|wholes| self.print(&wholes));
        replies.extend(self.end(&mut self.state.lock(), reply, Some((run, printing))));
    }

    fn join(&self, mut parts: Vec<Part<R>>) -> Result<Vec<Whole>, Error> {
        parts.sort_by_key(|part| part.rows.start);
        let places = self.request.route.outputs.iter();
        places
            .map(|at| {
                let rows: Vec<_> = parts
                    .iter()
                    .map(|part| {
                        let range = part.start..part.start + part.rows.len();
                        Rows::new(&part.outputs[*at], range)
                    })
                    .collect();
                Whole::join(&rows)
            })
            .collect()
    }

    fn print<T: crate::runner::RunnerTensor>(&self, outputs: &[T]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        let Request { work, wanted, .. } = &self.request;
        work.finish(outputs, wanted, &mut out).map(|()| out)
    }

    /// Ends the request, unless it has ended; `ran` is how long its last run took, and when its printing began.
    fn end(
        &self,
        state: &mut State<R>,
        reply: Result<Vec<u8>, Error>,
        ran: Option<(Duration, Instant)>,
    ) -> Option<Ended> {
        let asker = state.asker.take()?;
        let mut stages = self.stages(state);
        if let Some((run, printing)) = ran {
            stages.run = run;
            stages.encode = printing.elapsed();
        }
        let code = reply.as_ref().err().map_or(Code::Ok, |error| error.code);
        self.count(code, &stages);
        let (result, reply) = match reply {
            Ok(reply) => (Ok(()), reply),
            Err(error) => (Err(error), Vec::new()),
        };
        let answer = Answer {
            version: Some(self.request.work.lease.version),
            result,
            stages,
        };
        Some((asker, answer, reply))
    }

    fn stages(&self, state: &State<R>) -> Stages {
        let request = &self.request;
        Stages {
            subject: request.work.subject().map_or(0, |subject| subject.id),
            queue: request.queued + state.waited,
            decode: request.prepared.wall,
            ..Stages::default()
        }
    }

    fn count(&self, code: Code, stages: &Stages) {
        // Whoever cancels a request has answered and counted it.
        if self.cancel.is_cancelled() {
            return;
        }
        let Request { work, wanted, .. } = &self.request;
        let counters = &work.lease.counters;
        match work.subject() {
            Some(subject) => counters.count(wanted.method, subject, code, stages),
            None => counters.refuse(wanted.method, code),
        }
    }
}

impl<R: Runner> Drop for Task<R> {
    fn drop(&mut self) {
        let mut state = std::mem::replace(
            self.state.get_mut(),
            State {
                asker: None,
                queued: false,
                waited: Duration::ZERO,
                begun: true,
                parts: Vec::new(),
            },
        );
        self.dequeue(&mut state);
    }
}

/// TensorFlow Serving's answer to a request whose time ran out before its run.
pub fn expired() -> Error {
    let text = "Run() timeout exceeded while waiting in batching queue";
    Error::new(Code::ResourceExhausted, text)
}

type Ended = (Box<dyn Asker>, Answer, Vec<u8>);

/// Bytes of replies that are kept back at most.
const HELD_BYTES: usize = 64 * 1024;

/// Answers that are ready, sent together: each first one wakes an event loop.
#[derive(Default)]
pub(super) struct Replies {
    ended: Vec<Ended>,
    bytes: usize,
}

impl Replies {
    fn extend(&mut self, ended: Option<Ended>) {
        let Some(ended) = ended else { return };
        self.bytes += ended.2.len();
        self.ended.push(ended);
        if self.bytes >= HELD_BYTES {
            self.send();
        }
    }

    fn send(&mut self) {
        self.bytes = 0;
        for (asker, answer, reply) in self.ended.drain(..) {
            asker.answer(answer, reply);
        }
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.send();
    }
}
