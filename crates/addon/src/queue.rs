//! The inference requests of one event loop. See `ts/native/infer-queue.ts`.

use std::sync::Arc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{BigInt, Buffer, BufferSlice, Float64Array};
use napi_derive::napi;
use servable_codec::{Code, Error, JsonLimits, TensorLimits};
use servable_engine::bodies::Bodies;
use servable_engine::counters::Stages;
use servable_engine::schedule::pool::Job;
use servable_engine::schedule::tick::Turn;
use servable_engine::{Answer, Body, Placed, Settings};

use crate::batch;
use crate::error::{Result, refused, throw};
use crate::event_loop::NativeLoop;
use crate::job::{self, deadline_in};
use crate::metrics::stage_numbers;
use crate::outbox::{Outbox, Reply};
use crate::outputs::reply_buffer;
use crate::pin::{Pin, Pinned};
use crate::process::{self, ENGINE, submit};
use crate::target::{Target, TargetSpec};

/// Pooled bodies below this are copied, larger ones pinned. JavaScript pins by the same rule.
pub const PIN_BYTES: usize = 64 * 1024;

/// What `infer` returns when it is not the length of a reply in the arena.
const QUEUED: i32 = -1;
const REPLY_IN_HAND: i32 = -2;
/// Less the code's number.
const FAILED: i32 = -3;
/// As queued; a thread is woken by `flush`.
const BATCHED: i32 = -101;
/// The turn is over: ask again in the next one.
const LATER: i32 = -100;

/// Settings of a queue.
#[napi(object, use_nullable = true)]
pub struct QueueOptions {
    /// Larger bodies always go to the pool.
    pub max_inline_body_bytes: u32,
    /// Time inline runs may take of one turn, in microseconds.
    pub turn_budget_us: u32,
    /// gRPC replies carry `tensor_content`.
    pub as_tensor_content: bool,
    /// Refuse signatures of another method.
    pub check_method_name: bool,
    /// The caller has models loaded that are not there yet, and counts the requests that fail for it.
    pub on_demand: bool,
    /// Deepest nesting of used JSON values.
    pub max_json_depth: u32,
    /// Most elements of a tensor in a request.
    pub max_tensor_elements: u32,
}

/// One event loop's queue.
#[napi]
pub struct NativeQueue {
    outbox: Arc<Outbox>,
    settings: Settings,
    max_inline_body_bytes: usize,
    turn: Turn,
    targets: Vec<Option<Arc<Target>>>,
    free_targets: Vec<u32>,
    /// The memory replies are written into, and how much of it is used.
    arena: Option<Buffer>,
    arena_used: usize,
    /// What passes between JavaScript and here without an argument each; see `set_state`.
    state: Option<Float64Array>,
    version: i64,
    reply: Vec<u8>,
    error: String,
    bodies: Bodies,
}

#[napi]
impl NativeQueue {
    /// A queue whose pooled requests end in the loop's outbox.
    #[napi(constructor, catch_unwind)]
    pub fn new(event_loop: &NativeLoop, options: QueueOptions) -> Self {
        let settings = Settings {
            json: JsonLimits {
                max_depth: options.max_json_depth as usize,
                max_elements: options.max_tensor_elements as usize,
            },
            tensor: TensorLimits {
                max_elements: u64::from(options.max_tensor_elements),
                ..TensorLimits::default()
            },
            as_tensor_content: options.as_tensor_content,
            check_method_name: options.check_method_name,
            on_demand: options.on_demand,
        };
        Self {
            outbox: Arc::clone(&event_loop.outbox),
            settings,
            max_inline_body_bytes: (options.max_inline_body_bytes as usize).min(PIN_BYTES),
            turn: Turn::new(Duration::from_micros(u64::from(options.turn_budget_us))),
            targets: Vec::new(),
            free_targets: Vec::new(),
            arena: None,
            arena_used: 0,
            state: None,
            version: 0,
            reply: Vec::new(),
            error: String::new(),
            bodies: Bodies::default(),
        }
    }

    /// An array of seven numbers. The last answer's version (NaN where a double cannot hold it), then, set by JavaScript, how long the
    /// next request has waited, then of the last answer: the number of what it was counted under, and what queue, decoding, run and
    /// encoding took; all in microseconds.
    #[napi(catch_unwind)]
    pub fn set_state(&mut self, state: Float64Array) {
        self.state = Some(state);
    }

    /// Fresh memory for replies, which are written one behind the other.
    #[napi(catch_unwind)]
    pub fn set_arena(&mut self, arena: Buffer) {
        self.arena = Some(arena);
        self.arena_used = 0;
    }

    /// Keeps a target; its number is valid until it is dropped.
    #[napi(catch_unwind)]
    pub fn add_target(&mut self, target: TargetSpec) -> Result<u32> {
        let target = Some(Arc::new(Target::try_from(target)?));
        if let Some(free) = self.free_targets.pop() {
            self.targets[free as usize] = target;
            return Ok(free);
        }
        self.targets.push(target);
        Ok(u32::try_from(self.targets.len() - 1).unwrap_or(u32::MAX))
    }

    /// Forgets a target.
    #[napi(catch_unwind)]
    pub fn drop_target(&mut self, target: u32) {
        if let Some(slot) = self.targets.get_mut(target as usize)
            && slot.take().is_some()
        {
            self.free_targets.push(target);
        }
    }

    /// The event loop has begun a new turn.
    #[napi(catch_unwind)]
    pub fn begin_turn(&mut self) {
        self.turn.begin();
    }

    /// Answers a request at once, or queues it.
    ///
    /// Returns the length of the reply, which begins in the arena where the last one ended; -1 when the pool has the request
    /// (its end comes through the loop as `ticket`); -2 when `takeReply` has the reply; -3 less the code's number when
    /// `takeError` has the text; -100 when the turn's budget is used up: ask again in the next turn; -101 as -1, when the request waits in
    /// a batching queue for `flush`. `remaining_ms` is the time to the deadline, 0 for none.
    #[napi(catch_unwind)]
    pub fn infer(
        &mut self,
        target: u32,
        ticket: u32,
        body: BufferSlice<'_>,
        remaining_ms: f64,
    ) -> i32 {
        let Some(Some(target)) = self.targets.get(target as usize) else {
            self.set_stages(&Stages::default());
            let text = format!("target {target}: forgotten, ask for its number again");
            return self.fail(0, Error::new(Code::NotFound, text));
        };
        let bytes: &[u8] = &body;
        if let Some(suspect) = suspicion(target, &self.settings, bytes) {
            self.set_stages(&Stages::default());
            return self.fail(0, suspect);
        }
        if bytes.len() <= self.max_inline_body_bytes {
            if self.turn.is_over() {
                return LATER;
            }
            self.reply.clear();
            let call = target.call(&self.settings, self.queued());
            match ENGINE.answer_inline(&call, bytes, &mut self.turn, &mut self.reply) {
                Placed::Answered(Answer {
                    version,
                    result,
                    stages,
                }) => {
                    self.set_stages(&stages);
                    return match result {
                        Ok(()) => self.hand_over(version.unwrap_or(0)),
                        Err(error) => self.fail(version.unwrap_or(0), error),
                    };
                }
                Placed::Batch(request) => {
                    self.set_stages(&Stages::default());
                    let reply = Reply::new(&self.outbox, ticket);
                    let deadline = deadline_in(remaining_ms);
                    return match batch::submit(*request, reply, deadline, false) {
                        Ok(()) => BATCHED,
                        Err((version, error)) => self.fail(version, error),
                    };
                }
                Placed::Pool => {}
            }
        }
        let body = if bytes.len() < PIN_BYTES {
            Body::new(bytes.to_vec())
        } else {
            // SAFETY: `infer-queue.ts` keeps the body by this ticket until it is reported unpinned.
            Body::new(unsafe { Pinned::new(bytes, Pin::new(&self.outbox, ticket)) })
        };
        let target = Arc::clone(target);
        self.enqueue(target, ticket, body, remaining_ms)
    }

    /// Begins a body of about `expected` bytes that comes in parts; its number is valid until it is closed.
    #[napi(catch_unwind)]
    pub fn open_body(&mut self, expected: f64) -> Result<u32> {
        self.bodies.open(expected as usize).map_err(throw)
    }

    /// Appends a part to a body.
    #[napi(catch_unwind)]
    pub fn write_body(&mut self, body: u32, part: BufferSlice<'_>) -> Result<()> {
        self.bodies.write(body, &part).map_err(throw)
    }

    /// A copy of a body; it gets no more parts from now on.
    #[napi(catch_unwind)]
    pub fn read_body(&mut self, body: u32) -> Buffer {
        let whole = self.bodies.whole(body);
        whole
            .map_or_else(Vec::new, |body| body.bytes().to_vec())
            .into()
    }

    /// Lets a body go; runs that read it keep it until they end.
    #[napi(catch_unwind)]
    pub fn close_body(&mut self, body: u32) {
        self.bodies.close(body);
    }

    /// As `infer`, on the pool, for a body that came in parts. It gets no more parts from now on.
    #[napi(catch_unwind)]
    pub fn infer_body(&mut self, target: u32, ticket: u32, body: u32, remaining_ms: f64) -> i32 {
        let target = self.targets.get(target as usize).cloned().flatten();
        match (target, self.bodies.whole(body)) {
            (Some(target), Some(body)) => {
                if let Some(suspect) = suspicion(&target, &self.settings, body.bytes()) {
                    self.set_stages(&Stages::default());
                    return self.fail(0, suspect);
                }
                self.enqueue(target, ticket, body, remaining_ms)
            }
            _ => {
                let text = "the target or the body was given up before it ran";
                self.fail(0, Error::new(Code::NotFound, text))
            }
        }
    }

    fn enqueue(&mut self, target: Arc<Target>, ticket: u32, body: Body, remaining_ms: f64) -> i32 {
        self.set_stages(&Stages::default());
        match submit(self.job(Arc::clone(&target), ticket, body, remaining_ms)) {
            Ok(()) => QUEUED,
            Err(error) => {
                ENGINE.refused(&target.call(&self.settings, Duration::ZERO), error.code);
                self.fail(0, error)
            }
        }
    }

    fn job(&self, target: Arc<Target>, ticket: u32, body: Body, remaining_ms: f64) -> Job {
        let reply = Reply::new(&self.outbox, ticket);
        let times = (self.queued(), deadline_in(remaining_ms));
        job::on_pool(reply, (target, self.settings), body, times)
    }

    /// The reply that `infer` announced with -2.
    #[napi(catch_unwind)]
    pub fn take_reply<'env>(&mut self, env: &'env Env) -> Result<BufferSlice<'env>> {
        reply_buffer(env, std::mem::take(&mut self.reply)).map_err(refused)
    }

    /// The text of the failure that `infer` announced.
    #[napi(catch_unwind)]
    pub fn take_error(&mut self) -> String {
        std::mem::take(&mut self.error)
    }

    /// The version of the last answer, whatever its size.
    #[napi(catch_unwind)]
    pub fn take_version(&self) -> BigInt {
        BigInt::from(self.version)
    }

    /// Withdraws a pooled request: it is not run if it still waits, and its end is dropped. It is counted as answered with
    /// `code`, or with `queued_code` if it was taken out of a batching queue, which is then the result.
    #[napi(catch_unwind)]
    pub fn cancel(&self, ticket: u32, target: u32, code: u32, queued_code: u32) -> bool {
        let Some(queued) = self.outbox.cancel(ticket) else {
            return false;
        };
        self.refuse(target, if queued { queued_code } else { code });
        if queued {
            ENGINE.batcher.cancelled();
        }
        queued
    }

    /// Wakes a thread for the requests of this turn that went into batching queues.
    #[napi(catch_unwind)]
    pub fn flush(&self) {
        ENGINE.batcher.flush();
    }

    /// Whether a request for the target's model would be refused now, because too many wait for the pool. Only where its path names it.
    #[napi(catch_unwind)]
    pub fn is_full(&self, target: u32) -> bool {
        let target = self.targets.get(target as usize).and_then(Option::as_ref);
        target.is_some_and(|target| process::is_full(target.line(&[])))
    }

    /// Counts a request that was answered with `code` before it came here.
    #[napi(catch_unwind)]
    pub fn refuse(&self, target: u32, code: u32) {
        if let Some(Some(target)) = self.targets.get(target as usize) {
            let code = Code::from_number(i32::try_from(code).unwrap_or(2));
            ENGINE.refused(&target.call(&self.settings, Duration::ZERO), code);
        }
    }

    /// Writes the reply into the arena where it fits.
    fn hand_over(&mut self, version: i64) -> i32 {
        self.set_version(version);
        let length = self.reply.len();
        let Some(room) = self.arena.as_mut().and_then(|arena| {
            let end = self.arena_used.checked_add(length)?;
            arena.as_mut().get_mut(self.arena_used..end)
        }) else {
            return REPLY_IN_HAND;
        };
        room.copy_from_slice(&self.reply);
        self.arena_used += length;
        i32::try_from(length).unwrap_or(REPLY_IN_HAND)
    }

    fn fail(&mut self, version: i64, error: Error) -> i32 {
        self.set_version(version);
        self.error = error.message;
        FAILED - i32::from(error.code.number())
    }

    fn set_version(&mut self, version: i64) {
        self.version = version;
        let exact = version.unsigned_abs() <= 1 << 53;
        if let Some(slot) = self.slots().first_mut() {
            *slot = if exact { version as f64 } else { f64::NAN };
        }
    }

    /// How long the request at hand has waited in JavaScript's queue.
    fn queued(&self) -> Duration {
        let queued_us = self.state.as_ref().and_then(|state| state.get(1).copied());
        Duration::try_from_secs_f64(queued_us.unwrap_or(0.0) / 1e6).unwrap_or_default()
    }

    fn set_stages(&mut self, stages: &Stages) {
        if let Some(slots) = self.slots().get_mut(2..7) {
            slots.copy_from_slice(&stage_numbers(stages));
        }
    }

    fn slots(&mut self) -> &mut [f64] {
        match &mut self.state {
            // SAFETY: only this thread reads or writes the array, and not during this call.
            Some(state) => unsafe { state.as_mut() },
            None => &mut [],
        }
    }
}

/// A request that may have ended an earlier process is not run here before it has shown to be harmless elsewhere. The text is
/// read by `ts/api/infer.ts`, no client sees it.
fn suspicion(target: &Target, settings: &Settings, body: &[u8]) -> Option<Error> {
    let flight = ENGINE.flight.get().filter(|flight| flight.is_watching())?;
    let fingerprint = flight.fingerprint(&target.call(settings, Duration::ZERO), body);
    flight.is_watched(fingerprint).then(|| {
        let text = format!("servable suspect {fingerprint:016x}");
        Error::new(Code::Aborted, text)
    })
}
