//! Counts of the hot path, as atomics that no lock guards.

mod buckets;
pub mod loads;
pub mod named;
mod subject;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use servable_codec::Code;

pub use buckets::{
    ExampleCounts, LATENCY_BOUNDS_US, Latency, LoadTimes, STAGE_BOUNDS_NS, StageTimes,
};
pub use subject::{MAX_SIGNATURES, OTHER, Protocol, ProtocolCounters, Stages, Subject, Subjects};

use crate::infer::Method;
use crate::schedule::batch::counters::ModelBatching;

/// Number of canonical codes, OK included.
pub const CODES: usize = 17;

/// The name under which requests to models that nobody configured are counted: clients choose those names.
pub const UNKNOWN: &str = "(unknown)";

/// Counts of one method of one model, in TensorFlow Serving's terms.
#[derive(Default)]
pub struct MethodCounters {
    requests: [AtomicU64; CODES],
    /// From the request's arrival to its reply; successes only.
    pub latency: Latency,
    /// The run alone; successes only.
    pub run_latency: Latency,
}

impl MethodCounters {
    /// Requests by canonical code number.
    pub fn requests(&self) -> [u64; CODES] {
        std::array::from_fn(|code| self.requests[code].load(Ordering::Relaxed))
    }

    /// Counts one answered request.
    pub fn count(&self, code: Code) {
        let slot = usize::from(code.number()).min(CODES - 1);
        self.requests[slot].fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts of one model's name, over all its versions.
pub struct ModelCounters {
    methods: [MethodCounters; Method::COUNT],
    /// REST requests that are no inference: statuses, metadata, refusals.
    pub other: MethodCounters,
    /// Per version and signature.
    pub subjects: Subjects,
    /// Examples of MultiInference requests.
    pub examples: ExampleCounts,
    /// Requests run on the thread that received them.
    pub inline_runs: AtomicU64,
    /// Requests run on the pool, or in batches.
    pub pooled_runs: AtomicU64,
    /// Batches.
    pub batching: ModelBatching,
    in_flight: AtomicI64,
}

impl ModelCounters {
    /// The counters of a name.
    pub fn new(name: &str) -> Self {
        Self {
            methods: Default::default(),
            other: MethodCounters::default(),
            subjects: Subjects::new(name),
            examples: ExampleCounts::default(),
            inline_runs: AtomicU64::new(0),
            pooled_runs: AtomicU64::new(0),
            batching: ModelBatching::default(),
            in_flight: AtomicI64::new(0),
        }
    }

    /// The counters of one method.
    pub fn method(&self, method: Method) -> &MethodCounters {
        &self.methods[method as usize]
    }

    /// Counts an answered request, under `subject` and in TensorFlow Serving's terms; its times only if it succeeded.
    pub fn count(&self, method: Method, subject: &Subject, code: Code, stages: &Stages) {
        let counters = self.method(method);
        counters.count(code);
        if code == Code::Ok {
            counters.run_latency.record(stages.run);
            counters.latency.record(stages.total());
        }
        subject.protocol(method.protocol()).count(code, stages);
    }

    /// Counts a request that reached no version.
    pub fn refuse(&self, method: Method, code: Code) {
        self.method(method).count(code);
        let protocol = self.subjects.none.protocol(method.protocol());
        protocol.count(code, &Stages::default());
    }

    /// Counts a REST request that is no inference; its time only if it succeeded.
    pub fn count_other(&self, code: Code, took: Duration) {
        self.other.count(code);
        if code == Code::Ok {
            self.other.latency.record(took);
        }
    }

    /// A request is being answered until the result is dropped.
    pub fn enter(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }

    /// As [`enter`](Self::enter), for a request that other threads answer.
    pub fn enter_for_long(self: &Arc<Self>) -> Entered {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Entered(Arc::clone(self))
    }

    /// Requests that have their version and are being answered.
    pub fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// Counts a request as in flight.
pub struct InFlight<'a>(&'a AtomicI64);

/// As [`InFlight`], with a life of its own.
pub struct Entered(Arc<ModelCounters>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `tensor_content` and other inputs that were copied on their way into a tensor, process-wide. For tests and benchmarks.
pub static INPUT_COPIES: AtomicU64 = AtomicU64::new(0);

/// Inputs that a tensor borrowed from the request's own memory, process-wide. For tests and benchmarks.
pub static INPUT_BORROWS: AtomicU64 = AtomicU64::new(0);

/// Runs of sessions, process-wide: those of requests, of warm-ups and of the library.
pub static SESSION_RUNS: AtomicU64 = AtomicU64::new(0);

/// What those runs took, in nanoseconds.
pub static SESSION_RUN_NS: AtomicU64 = AtomicU64::new(0);
