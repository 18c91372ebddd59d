//! Metrics of cold paths by name, shared by all threads of the process: loads, warm-ups, logs, event loops.
//!
//! Whoever counts gives the whole name with its labels as one key; how it is printed is the page's matter.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Series of one name that are kept; further ones are counted under the key that the caller gives for them.
const MAX_SERIES: usize = 1000;

/// A metric's state.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A counter or gauge.
    Number(f64),
    /// Counts per bucket, not cumulative, and the sum.
    Buckets(Vec<u64>, f64),
}

/// By name, then by labels.
type Metrics = BTreeMap<String, BTreeMap<String, Value>>;

static METRICS: Mutex<Metrics> = Mutex::new(BTreeMap::new());

/// Adds to a counter, which begins at 0.
pub fn add(name: &str, labels: &str, by: f64, overflow: &str) {
    change(
        name,
        labels,
        overflow,
        || Value::Number(0.0),
        |value| {
            if let Value::Number(number) = value {
                *number += by;
            }
        },
    );
}

/// Sets a gauge.
pub fn set(name: &str, labels: &str, to: f64, overflow: &str) {
    change(
        name,
        labels,
        overflow,
        || Value::Number(to),
        |value| {
            *value = Value::Number(to);
        },
    );
}

/// Counts a value into `bucket` of a histogram with so many `buckets`.
pub fn observe(name: &str, labels: &str, place: (usize, usize), by: f64, overflow: &str) {
    let (bucket, buckets) = place;
    let new = || Value::Buckets(vec![0; buckets], 0.0);
    change(name, labels, overflow, new, |value| {
        if let Value::Buckets(counts, sum) = value
            && let Some(count) = counts.get_mut(bucket)
        {
            *count += 1;
            *sum += by;
        }
    });
}

/// Forgets one series.
pub fn remove(name: &str, labels: &str) {
    if let Some(series) = METRICS.lock().get_mut(name) {
        series.remove(labels);
    }
}

/// Everything, sorted by name and labels.
pub fn snapshot() -> Vec<(String, String, Value)> {
    let metrics = METRICS.lock();
    let series = metrics.iter().flat_map(|(name, series)| {
        let row =
            move |(labels, value): (&String, &Value)| (name.clone(), labels.clone(), value.clone());
        series.iter().map(row)
    });
    series.collect()
}

fn change(
    name: &str,
    labels: &str,
    overflow: &str,
    new: impl FnOnce() -> Value,
    change: impl FnOnce(&mut Value),
) {
    let mut metrics = METRICS.lock();
    if !metrics.contains_key(name) {
        metrics.insert(name.to_owned(), BTreeMap::new());
    }
    let Some(series) = metrics.get_mut(name) else {
        return;
    };
    let labels = if series.len() >= MAX_SERIES && !series.contains_key(labels) {
        overflow
    } else {
        labels
    };
    if let Some(value) = series.get_mut(labels) {
        change(value);
        return;
    }
    let mut value = new();
    change(&mut value);
    series.insert(labels.to_owned(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Vec<(String, Value)> {
        let rows = snapshot().into_iter().filter(|(it, _, _)| it == name);
        rows.map(|(_, labels, value)| (labels, value)).collect()
    }

    #[test]
    fn counters_add_gauges_replace_and_histograms_count() {
        add("c", "a", 1.0, "");
        add("c", "a", 2.5, "");
        assert_eq!(of("c"), [("a".into(), Value::Number(3.5))]);
        set("g", "a", 1.0, "");
        set("g", "a", 7.0, "");
        assert_eq!(of("g"), [("a".into(), Value::Number(7.0))]);
        remove("g", "a");
        assert_eq!(of("g"), []);
        observe("h", "a", (1, 3), 4.0, "");
        observe("h", "a", (9, 3), 4.0, "");
        assert_eq!(of("h"), [("a".into(), Value::Buckets(vec![0, 1, 0], 4.0))]);
    }

    #[test]
    fn a_name_with_too_many_labels_collects_the_rest() {
        for i in 0..MAX_SERIES + 10 {
            add("many", &format!("{i}"), 1.0, "rest");
        }
        let series = of("many");
        assert_eq!(series.len(), MAX_SERIES + 1);
        assert!(series.contains(&("rest".into(), Value::Number(10.0))));
    }
}
