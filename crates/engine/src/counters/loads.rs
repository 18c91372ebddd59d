//! Counts of loads, per path, as TensorFlow keeps them.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::LoadTimes;

/// Paths that are counted by their name. Versions come and go for years.
const MAX_PATHS: usize = 512;

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
}

static LOADS: Mutex<BTreeMap<String, Loads>> = Mutex::new(BTreeMap::new());

/// Counts one load. Past a bound, the paths that come first in their order are forgotten: lower versions.
pub fn record(path: &str, took: Duration, succeeded: bool) {
    let mut loads = LOADS.lock();
    if loads.len() >= MAX_PATHS && !loads.contains_key(path) {
        loads.pop_first();
    }
    let counts = loads.entry(path.to_owned()).or_default();
    if succeeded {
        counts.succeeded += 1;
        counts.took += took;
        counts.times.record(took);
    } else {
        counts.failed += 1;
    }
}

/// Calls `each` for every path, sorted.
pub fn each<T>(mut each: impl FnMut(&str, &Loads) -> T) -> Vec<T> {
    LOADS
        .lock()
        .iter()
        .map(|(path, loads)| each(path, loads))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_counted_per_path_and_bounded() {
        record("/z/1", Duration::from_millis(3), true);
        record("/z/1", Duration::from_millis(9), false);
        for i in 0..2 * MAX_PATHS {
            record(&format!("/a/{i}"), Duration::ZERO, true);
        }
        let found = each(|path, it| (path.to_owned(), it.succeeded, it.failed, it.took));
        assert_eq!(found.len(), MAX_PATHS);
        let wanted = ("/z/1".to_owned(), 1, 1, Duration::from_millis(3));
        assert_eq!(found.last(), Some(&wanted));
    }
}
