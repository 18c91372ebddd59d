//! What the metrics page tells of batching: TensorFlow Serving's names have one set of counters for all models.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Upper bounds of the queuing latency in microseconds: `100 * 1.2^i`. One more bucket holds the rest.
pub const QUEUING_BOUNDS_US: [f64; 52] = powers(100.0, 1.2);

/// Upper bounds of sizes in rows: `2^i`. One more bucket holds the rest.
pub const SIZE_BOUNDS: [f64; 14] = powers(1.0, 2.0);

/// Different sizes that padding is counted for; a configuration with more counts the others as its largest.
const MAX_PADDED_SIZES: usize = 256;

const fn powers<const N: usize>(first: f64, factor: f64) -> [f64; N] {
    let mut bounds = [0.0; N];
    let mut bound = first;
    let mut i = 0;
    while i < N {
        bounds[i] = bound;
        bound *= factor;
        i += 1;
    }
    bounds
}

/// Numbers, counted into buckets.
pub struct Buckets {
    bounds: &'static [f64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What buckets hold at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct BucketsSnapshot {
    /// Upper bounds.
    pub bounds: &'static [f64],
    /// Not cumulative; one more than there are bounds.
    pub counts: Vec<u64>,
    /// Of all numbers.
    pub sum: u64,
}

impl Buckets {
    /// Empty buckets.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts one number. One equal to a bound falls in the next bucket, as in TensorFlow Serving.
    pub fn record(&self, number: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound <= number as f64);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(number, Ordering::Relaxed);
    }

    /// The counts so far.
    pub fn snapshot(&self) -> BucketsSnapshot {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        BucketsSnapshot {
            bounds: self.bounds,
            counts: self.counts.iter().map(count).collect(),
            sum: count(&self.sum),
        }
    }
}

/// Counts of all batches of the process.
pub struct BatchingCounters {
    /// From a request's entry into its queue to its run, µs.
    pub queuing_latency: Buckets,
    /// Runs of merged requests.
    wrapped_runs: AtomicU64,
    /// Rows of the requests that were queued.
    pub input_batch_size: Buckets,
    /// Rows of the batches that ran, padding included.
    pub processed_batch_size: Buckets,
    /// Rows of padding, by the rows of the padded batch.
    padding_size: Mutex<BTreeMap<usize, Arc<Buckets>>>,
}

impl Default for BatchingCounters {
    fn default() -> Self {
        Self {
            queuing_latency: Buckets::new(&QUEUING_BOUNDS_US),
            wrapped_runs: AtomicU64::new(0),
            input_batch_size: Buckets::new(&SIZE_BOUNDS),
            processed_batch_size: Buckets::new(&SIZE_BOUNDS),
            padding_size: Mutex::default(),
        }
    }
}

impl BatchingCounters {
    /// Counts the wait of one request.
    pub fn queued(&self, wait: Duration) {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        self.queuing_latency.record(micros);
    }

    /// Counts one run of `rows` padded to `padded`; `by_size` where sizes are set, which keeps the labels few.
    pub fn ran(&self, rows: usize, padded: usize, by_size: bool) {
        self.wrapped_runs.fetch_add(1, Ordering::Relaxed);
        self.processed_batch_size.record(padded as u64);
        if by_size {
            let buckets = self.padding_of(padded);
            buckets.record((padded - rows) as u64);
        }
    }

    /// Runs of batches.
    pub fn wrapped_run_count(&self) -> u64 {
        self.wrapped_runs.load(Ordering::Relaxed)
    }

    /// Padding by the size of the padded batch, ascending.
    pub fn padding(&self) -> Vec<(usize, BucketsSnapshot)> {
        let sizes = self.padding_size.lock();
        sizes
            .iter()
            .map(|(size, buckets)| (*size, buckets.snapshot()))
            .collect()
    }

    fn padding_of(&self, padded: usize) -> Arc<Buckets> {
        let mut sizes = self.padding_size.lock();
        let is_full = sizes.len() >= MAX_PADDED_SIZES;
        if is_full
            && !sizes.contains_key(&padded)
            && let Some((_, last)) = sizes.last_key_value()
        {
            return Arc::clone(last);
        }
        let buckets = sizes.entry(padded);
        Arc::clone(buckets.or_insert_with(|| Arc::new(Buckets::new(&SIZE_BOUNDS))))
    }
}

/// Counts of one model's batches.
#[derive(Default)]
pub struct ModelBatching {
    /// Batches that ran.
    pub runs: AtomicU64,
    /// Rows of requests in them, without padding.
    pub rows: AtomicU64,
    /// Rows they had room for: how full they were is `rows / room`.
    pub room: AtomicU64,
    /// Requests that wait in a queue now.
    pub waiting: AtomicI64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_tensorflow_servings() {
        assert_eq!(QUEUING_BOUNDS_US[..3], [100.0, 120.0, 144.0]);
        assert_eq!(SIZE_BOUNDS[..4], [1.0, 2.0, 4.0, 8.0]);
        let buckets = Buckets::new(&SIZE_BOUNDS);
        [0, 1, 3, 1 << 20]
            .iter()
            .for_each(|size| buckets.record(*size));
        let BucketsSnapshot { counts, sum, .. } = buckets.snapshot();
        assert_eq!((counts[0], counts[1], counts[2], counts[14]), (1, 1, 1, 1));
        assert_eq!(sum, 4 + (1 << 20));
    }

    #[test]
    fn padding_is_counted_by_size_for_a_bounded_number_of_sizes() {
        let counters = BatchingCounters::default();
        counters.ran(3, 4, true);
        counters.ran(3, 3, false);
        assert_eq!(counters.padding().len(), 1);
        assert_eq!(counters.padding()[0].1.sum, 1);
        (5..2000).for_each(|size| counters.ran(size, size, true));
        assert_eq!(counters.padding().len(), MAX_PADDED_SIZES);
        assert_eq!(counters.wrapped_run_count(), 1997);
    }
}
