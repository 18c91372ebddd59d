//! Histograms of the hot path: one relaxed addition for the bucket and one for the sum.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of TensorFlow Serving's latency buckets in microseconds: `10 * 1.8^i`. One more bucket holds the rest.
pub const LATENCY_BOUNDS_US: [f64; 33] = powers();

/// TensorFlow's buckets of load times in microseconds: the same, and four more.
const LOAD_BOUNDS_US: [f64; 37] = powers();

/// Upper bounds of the stages' buckets in nanoseconds. One more bucket holds the rest.
pub const STAGE_BOUNDS_NS: [u64; 19] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Buckets of TensorFlow Serving's histogram of example counts: bounds `2^i`, and the rest.
pub const EXAMPLE_BUCKETS: usize = 16;

const fn powers<const N: usize>() -> [f64; N] {
    let mut bounds = [0.0; N];
    let mut bound = 10.0;
    let mut i = 0;
    while i < bounds.len() {
        bounds[i] = bound;
        bound *= 1.8;
        i += 1;
    }
    bounds
}

/// Counts per bucket and a sum.
pub struct Buckets<const B: usize> {
    counts: [AtomicU64; B],
    sum: AtomicU64,
}

impl<const B: usize> Default for Buckets<B> {
    fn default() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
        }
    }
}

impl<const B: usize> Buckets<B> {
    /// Counts one value that belongs into `bucket`; one past the last goes into the last.
    pub fn observe(&self, bucket: usize, value: u64) {
        self.counts[bucket.min(B - 1)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Count per bucket (not cumulative), and the sum of the values.
    pub fn snapshot(&self) -> (Vec<u64>, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (self.counts.iter().map(load).collect(), load(&self.sum))
    }
}

/// Durations in TensorFlow Serving's buckets. A value equal to a bound falls in the next bucket, as there.
#[derive(Default)]
pub struct Latency(Buckets<{ LATENCY_BOUNDS_US.len() + 1 }>);

impl Latency {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        record_us(&self.0, &LATENCY_BOUNDS_US, duration);
    }

    /// Count per bucket (not cumulative), and the sum in microseconds.
    pub fn snapshot(&self) -> (Vec<u64>, f64) {
        let (counts, sum) = self.0.snapshot();
        (counts, sum as f64 / 1000.0)
    }
}

/// Times of loads, counted as latencies are.
#[derive(Default)]
pub struct LoadTimes(Buckets<{ LOAD_BOUNDS_US.len() + 1 }>);

impl LoadTimes {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        record_us(&self.0, &LOAD_BOUNDS_US, duration);
    }

    /// Count per bucket (not cumulative), and the sum in microseconds.
    pub fn snapshot(&self) -> (Vec<u64>, f64) {
        let (counts, sum) = self.0.snapshot();
        (counts, sum as f64 / 1000.0)
    }
}

fn record_us<const B: usize>(buckets: &Buckets<B>, bounds_us: &[f64], duration: Duration) {
    let nanos = nanos(duration);
    let us = nanos as f64 / 1000.0;
    buckets.observe(bounds_us.partition_point(|bound| *bound <= us), nanos);
}

/// Durations of one stage. A value equal to a bound falls in that bucket, as Prometheus has it.
#[derive(Default)]
pub struct StageTimes(Buckets<{ STAGE_BOUNDS_NS.len() + 1 }>);

impl StageTimes {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let nanos = nanos(duration);
        let bucket = STAGE_BOUNDS_NS.partition_point(|bound| *bound < nanos);
        self.0.observe(bucket, nanos);
    }

    /// Count per bucket (not cumulative), and the sum in seconds.
    pub fn snapshot(&self) -> (Vec<u64>, f64) {
        let (counts, sum) = self.0.snapshot();
        (counts, sum as f64 / 1e9)
    }
}

/// Numbers of examples: bounds `1, 2, 4 … 16384`.
#[derive(Default)]
pub struct ExampleCounts(Buckets<EXAMPLE_BUCKETS>);

impl ExampleCounts {
    /// Counts one request of so many examples.
    pub fn record(&self, examples: usize) {
        let examples = examples as u64;
        let bucket = (0..EXAMPLE_BUCKETS - 1)
            .take_while(|i| 1 << i <= examples)
            .count();
        self.0.observe(bucket, examples);
    }

    /// Count per bucket (not cumulative), and the examples of all requests.
    pub fn snapshot(&self) -> (Vec<u64>, u64) {
        self.0.snapshot()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_falls_where_each_family_has_it() {
        let latency = Latency::default();
        latency.record(Duration::from_micros(10));
        assert_eq!(latency.snapshot().0[..2], [0, 1]);
        let stage = StageTimes::default();
        stage.record(Duration::from_micros(10));
        stage.record(Duration::from_secs(60));
        let (counts, sum) = stage.snapshot();
        assert_eq!((counts[0], counts[19]), (1, 1));
        assert!((sum - 60.00001).abs() < 1e-9);
        let examples = ExampleCounts::default();
        for count in [0, 1, 3, 1 << 20] {
            examples.record(count);
        }
        let (counts, sum) = examples.snapshot();
        assert_eq!((counts[0], counts[1], counts[2], counts[15]), (1, 1, 1, 1));
        assert_eq!(sum, 4 + (1 << 20));
    }
}
