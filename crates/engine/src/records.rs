//! Counts of warm-ups and request logs, process-wide: what the metrics page shows of them, whichever thread prints it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::Mutex;
use servable_codec::Code;

use crate::counters::Latency;

/// So many different label values are kept; what comes later is counted as [`OTHER`].
const MAX_LABELS: usize = 512;
/// The label value of what is one too many.
const OTHER: &str = "(other)";

/// Counts by a name and how it ended. Rare events only: a lock guards them.
struct Family<T>(Mutex<BTreeMap<(String, Code), Arc<T>>>);

impl<T: Default> Family<T> {
    fn cell(&self, name: &str, code: Code) -> Arc<T> {
        let mut cells = self.0.lock();
        let known = cells.contains_key(&(name.to_owned(), code));
        let name = if known || cells.len() < MAX_LABELS {
            name
        } else {
            OTHER
        };
        Arc::clone(cells.entry((name.to_owned(), code)).or_default())
    }

    fn list(&self) -> Vec<(String, Code, Arc<T>)> {
        let cells = self.0.lock();
        cells
            .iter()
            .map(|((name, code), cell)| (name.clone(), *code, Arc::clone(cell)))
            .collect()
    }
}

/// Warm-ups of one model path with one outcome.
#[derive(Default)]
pub struct WarmupCounters {
    /// How long they took.
    pub latency: Latency,
    /// Records read from their files.
    pub records: AtomicU64,
}

static WARMUPS: LazyLock<Family<WarmupCounters>> = LazyLock::new(|| Family(Mutex::default()));
static LOGGED: LazyLock<Family<AtomicU64>> = LazyLock::new(|| Family(Mutex::default()));

/// Counts one warm-up of the model at `path`.
pub fn count_warmup(path: &str, code: Code, elapsed: Duration, records: u64) {
    let cell = WARMUPS.cell(path, code);
    cell.latency.record(elapsed);
    cell.records.fetch_add(records, Ordering::Relaxed);
}

/// Warm-ups by path and outcome.
pub fn warmups() -> Vec<(String, Code, Arc<WarmupCounters>)> {
    WARMUPS.list()
}

/// Counts `count` requests of a model that were to be logged: `Ok` when they were written, else why not.
pub fn count_logged(model: &str, code: Code, count: u64) {
    LOGGED.cell(model, code).fetch_add(count, Ordering::Relaxed);
}

/// Requests to be logged by model and outcome.
pub fn logged() -> Vec<(String, Code, u64)> {
    let list = LOGGED.list().into_iter();
    list.map(|(model, code, count)| (model, code, count.load(Ordering::Relaxed)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_by_name_and_outcome() {
        count_logged("records-a", Code::Ok, 2);
        count_logged("records-a", Code::Ok, 1);
        count_logged("records-a", Code::ResourceExhausted, 5);
        let mine: Vec<_> = logged()
            .into_iter()
            .filter(|(model, ..)| model == "records-a")
            .map(|(_, code, count)| (code, count))
            .collect();
        assert_eq!(mine, [(Code::Ok, 3), (Code::ResourceExhausted, 5)]);
    }

    #[test]
    fn names_are_bounded() {
        let family = Family::<AtomicU64>(Mutex::default());
        for number in 0..2 * MAX_LABELS {
            family
                .cell(&number.to_string(), Code::Ok)
                .fetch_add(1, Ordering::Relaxed);
        }
        let list = family.list();
        assert_eq!(list.len(), MAX_LABELS + 1);
        let other = list.iter().find(|(name, ..)| name == OTHER);
        let count = other.map(|(.., count)| count.load(Ordering::Relaxed));
        assert_eq!(count, Some(MAX_LABELS as u64));
    }
}
