//! Counts of loads, per path, as TensorFlow keeps them.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::LoadTimes;

/// Paths that are counted by their name while a model is loaded from them.
const MAX_PATHS: usize = 512;

/// Paths that nothing is loaded from any more, or that failed to load. Versions come and go for years, and each has a histogram.
const MAX_LEFT: usize = 32;

/// Loads from one path.
#[derive(Default)]
pub struct Loads {
    /// Loads that succeeded.
    pub succeeded: u64,
    /// Loads that failed.
    pub failed: u64,
    /// What the successful ones took in all.
    pub took: Duration,
    /// The same as a histogram.
    pub times: LoadTimes,
    /// Models that are loaded from it.
    held: usize,
    /// The place of its last event in the order of all.
    place: u64,
}

#[derive(Default)]
struct AllLoads {
    paths: BTreeMap<String, Loads>,
    events: u64,
}

static LOADS: Mutex<AllLoads> = Mutex::new(AllLoads {
    paths: BTreeMap::new(),
    events: 0,
});

/// Counts one load. One that succeeded holds its path until [`leave`].
pub fn record(path: &str, took: Duration, succeeded: bool) {
    let mut all = LOADS.lock();
    if all.paths.len() >= MAX_PATHS && !all.paths.contains_key(path) {
        all.paths.pop_first();
    }
    let place = all.next_place();
    let counts = all.paths.entry(path.to_owned()).or_default();
    counts.place = place;
    if succeeded {
        counts.held += 1;
        counts.succeeded += 1;
        counts.took += took;
        counts.times.record(took);
    } else {
        counts.failed += 1;
    }
    all.forget();
}

/// A model that was loaded from `path` is gone.
pub fn leave(path: &str) {
    let mut all = LOADS.lock();
    let place = all.next_place();
    if let Some(counts) = all.paths.get_mut(path) {
        counts.held = counts.held.saturating_sub(1);
        counts.place = place;
    }
    all.forget();
}

impl AllLoads {
    fn next_place(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    /// Drops the paths that were left first, down to the bound.
    fn forget(&mut self) {
        let mut left: Vec<u64> = (self.paths.values())
            .filter(|it| it.held == 0)
            .map(|it| it.place)
            .collect();
        if left.len() <= MAX_LEFT {
            return;
        }
        left.sort_unstable();
        let oldest_kept = left[left.len() - MAX_LEFT];
        self.paths
            .retain(|_, it| it.held > 0 || it.place >= oldest_kept);
    }
}

/// Calls `each` for every path, sorted.
pub fn each<T>(mut each: impl FnMut(&str, &Loads) -> T) -> Vec<T> {
    LOADS
        .lock()
        .paths
        .iter()
        .map(|(path, loads)| each(path, loads))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because the counts are the process's.
    #[test]
    fn loads_are_counted_per_path_and_bounded() {
        let found = || each(|path, it| (path.to_owned(), it.succeeded, it.failed, it.took));
        record("/z/1", Duration::from_millis(3), true);
        record("/z/1", Duration::from_millis(9), false);
        for i in 0..2 * MAX_PATHS {
            record(&format!("/a/{i:04}"), Duration::ZERO, false);
        }
        let after_failures = found();
        assert_eq!(after_failures.len(), MAX_LEFT + 1);
        let wanted = ("/z/1".to_owned(), 1, 1, Duration::from_millis(3));
        assert_eq!(after_failures.last(), Some(&wanted));
        assert_eq!(
            after_failures[0].0,
            format!("/a/{:04}", 2 * MAX_PATHS - MAX_LEFT)
        );

        record("/z/1", Duration::from_millis(1), true);
        leave("/z/1");
        for i in 0..MAX_LEFT {
            let path = format!("/b/{i:04}");
            record(&path, Duration::ZERO, true);
            leave(&path);
        }
        assert!(
            found().contains(&("/z/1".to_owned(), 2, 1, Duration::from_millis(4))),
            "still held by one of two loads"
        );
        leave("/z/1");
        record("/c", Duration::ZERO, false);
        assert!(
            found().iter().any(|(path, ..)| path == "/z/1"),
            "left last but one"
        );
        for i in 0..MAX_LEFT {
            record(&format!("/d/{i:04}"), Duration::ZERO, false);
        }
        assert!(found().iter().all(|(path, ..)| path.starts_with("/d/")));

        for i in 0..2 * MAX_PATHS {
            record(&format!("/e/{i:04}"), Duration::ZERO, true);
        }
        assert_eq!(found().len(), MAX_PATHS);
    }
}
