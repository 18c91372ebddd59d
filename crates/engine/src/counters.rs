//! Counts of the hot path, as atomics that no lock guards.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use servable_codec::Code;

use crate::infer::Method;

/// Number of canonical codes, OK included.
pub const CODES: usize = 17;

/// Upper bounds of the latency buckets in microseconds, TensorFlow Serving's: `10 * 1.8^i`. One more bucket holds the rest.
pub const LATENCY_BOUNDS_US: [f64; 33] = bounds();

const fn bounds() -> [f64; 33] {
    let mut bounds = [0.0; 33];
    let mut bound = 10.0;
    let mut i = 0;
    while i < bounds.len() {
        bounds[i] = bound;
        bound *= 1.8;
        i += 1;
    }
    bounds
}

/// Durations, counted into buckets.
pub struct Histogram {
    buckets: [AtomicU64; LATENCY_BOUNDS_US.len() + 1],
    sum_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_ns: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one duration. A value equal to a bound falls in the next bucket, as in TensorFlow Serving.
    pub fn record(&self, duration: Duration) {
        let us = duration.as_nanos() as f64 / 1000.0;
        let bucket = LATENCY_BOUNDS_US.partition_point(|bound| *bound <= us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_ns
            .fetch_add(duration.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Count per bucket (not cumulative), and the sum in microseconds.
    pub fn snapshot(&self) -> (Vec<u64>, f64) {
        let buckets = self
            .buckets
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .collect();
        (buckets, self.sum_ns.load(Ordering::Relaxed) as f64 / 1000.0)
    }
}

/// Counts of one method of one model.
#[derive(Default)]
pub struct MethodCounters {
    requests: [AtomicU64; CODES],
    /// From the request's start in the engine to its reply; successes only.
    pub latency: Histogram,
    /// The run alone; successes only.
    pub run_latency: Histogram,
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
#[derive(Default)]
pub struct ModelCounters {
    methods: [MethodCounters; Method::COUNT],
    /// Requests run on the thread that received them.
    pub inline_runs: AtomicU64,
    /// Requests run on the pool.
    pub pooled_runs: AtomicU64,
}

impl ModelCounters {
    /// The counters of one method.
    pub fn method(&self, method: Method) -> &MethodCounters {
        &self.methods[method as usize]
    }
}

/// `tensor_content` and other inputs that were copied on their way into a tensor, process-wide. For tests and benchmarks.
pub static INPUT_COPIES: AtomicU64 = AtomicU64::new(0);

/// Inputs that a tensor borrowed from the request's own memory, process-wide. For tests and benchmarks.
pub static INPUT_BORROWS: AtomicU64 = AtomicU64::new(0);
