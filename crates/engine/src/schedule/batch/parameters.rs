//! What an operator sets, checked as TensorFlow Serving does, with its texts.

use std::time::Duration;

use servable_codec::Error;

/// TensorFlow Serving's defaults: rows, rows, batches.
const MAX_BATCH_SIZE: i64 = 1000;
const MAX_ENQUEUED_BATCHES: i64 = 10;

/// `BatchingParameters` as a file has them; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawParameters {
    /// Most rows of one request, and of a batch unless requests are split.
    pub max_batch_size: Option<i64>,
    /// Longest wait of the oldest request before an incomplete batch runs, µs.
    pub batch_timeout_micros: Option<i64>,
    /// Batches that may wait in one queue.
    pub max_enqueued_batches: Option<i64>,
    /// Threads that run batches, for all models.
    pub num_batch_threads: Option<i64>,
    /// Sizes that batches are padded to, ascending.
    pub allowed_batch_sizes: Vec<i64>,
    /// Pad dimensions after the first to the largest of the batch.
    pub pad_variable_length_inputs: bool,
    /// Spread large requests over several batches.
    pub enable_large_batch_splitting: bool,
    /// Most rows of a batch where requests are split.
    pub max_execution_batch_size: Option<i64>,
}

/// How long an incomplete batch waits for more requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// As long as `batch_timeout_micros` says.
    Fixed,
    /// As long as it pays by what was measured, and at most this part of the run's time.
    Auto {
        /// 0.2: a request is answered at most a fifth of its run's time later.
        share: f64,
    },
}

/// Checked parameters of one model's queues.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Most rows of one request.
    pub max_batch_size: usize,
    /// Most rows of a batch.
    pub max_execution: usize,
    /// Longest wait of an incomplete batch in the fixed mode.
    pub timeout: Duration,
    /// Batches that may wait in one queue.
    pub max_enqueued_batches: usize,
    /// Sizes that batches are padded to, ascending; empty for any size.
    pub allowed: Vec<usize>,
    /// Pad dimensions after the first to the largest of the batch.
    pub pad: bool,
    /// Spread large requests over several batches.
    pub split: bool,
    /// How long an incomplete batch waits.
    pub mode: Mode,
}

impl RawParameters {
    /// Checks the parameters of one model's queues.
    ///
    /// # Errors
    /// `InvalidArgument` with TensorFlow Serving's text for the first value that is wrong.
    pub fn check(&self, mode: Mode) -> Result<Parameters, Error> {
        let refuse = |text: String| Err(Error::invalid(text));
        if let Some(threads @ ..=0) = self.num_batch_threads {
            return refuse(format!("num_batch_threads must be positive; was {threads}"));
        }
        let max = self.max_batch_size.unwrap_or(MAX_BATCH_SIZE);
        if max <= 0 {
            return refuse(format!(
                "input_batch_size_limit must be positive; was {max}"
            ));
        }
        let timeout = self.batch_timeout_micros.unwrap_or(0);
        let Ok(timeout) = u64::try_from(timeout) else {
            return refuse(format!(
                "batch_timeout_micros must be non-negative; was {timeout}"
            ));
        };
        let enqueued = self.max_enqueued_batches.unwrap_or(MAX_ENQUEUED_BATCHES);
        if enqueued <= 0 {
            return refuse(format!(
                "max_enqueued_batches must be positive; was {enqueued}"
            ));
        }
        let split = self.enable_large_batch_splitting;
        let execution = if split {
            self.max_execution_batch_size.unwrap_or(max)
        } else {
            max
        };
        if execution <= 0 {
            return refuse(format!(
                "max_execution_batch_size must be positive; was {execution}"
            ));
        }
        if execution > max {
            return refuse(
                "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal to max_execution_batch_size."
                    .into(),
            );
        }
        Ok(Parameters {
            max_batch_size: size(max),
            max_execution: size(execution),
            timeout: Duration::from_micros(timeout),
            max_enqueued_batches: size(enqueued),
            allowed: self.allowed(max)?,
            pad: self.pad_variable_length_inputs,
            split,
            mode,
        })
    }

    fn allowed(&self, max: i64) -> Result<Vec<usize>, Error> {
        let allowed = &self.allowed_batch_sizes;
        if let Some(last) = allowed.last()
            && *last != max
        {
            return Err(Error::invalid(format!(
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was {last}; expected {max}"
            )));
        }
        if allowed.first().is_some_and(|first| *first <= 0)
            || allowed.windows(2).any(|pair| pair[0] >= pair[1])
        {
            let text = "allowed_batch_sizes entries must be monotonically increasing";
            return Err(Error::invalid(text));
        }
        Ok(allowed.iter().map(|entry| size(*entry)).collect())
    }
}

impl Parameters {
    /// The size that a batch of `rows` is padded to: the next allowed one.
    pub fn padded(&self, rows: usize) -> usize {
        let at = self.allowed.partition_point(|allowed| *allowed < rows);
        self.allowed.get(at).copied().unwrap_or(rows)
    }

    /// Whether a cheap request may run by itself where nothing waits: no size is wanted and no wait is set.
    pub fn may_run_alone(&self) -> bool {
        matches!(self.mode, Mode::Auto { .. }) && self.allowed.is_empty()
    }
}

fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(raw: &RawParameters) -> String {
        raw.check(Mode::Fixed).unwrap_err().message
    }

    #[test]
    fn defaults_are_tensorflow_servings() {
        let parameters = RawParameters::default().check(Mode::Fixed).unwrap();
        assert_eq!(parameters.max_batch_size, 1000);
        assert_eq!(parameters.max_execution, 1000);
        assert_eq!(parameters.timeout, Duration::ZERO);
        assert_eq!(parameters.max_enqueued_batches, 10);
        assert!(!parameters.pad && !parameters.split);
        assert_eq!(parameters.padded(7), 7);
    }

    #[test]
    fn wrong_values_are_refused_with_tensorflow_servings_texts() {
        let raw = RawParameters::default;
        for (wrong, text) in [
            (
                RawParameters {
                    num_batch_threads: Some(0),
                    ..raw()
                },
                "num_batch_threads must be positive; was 0",
            ),
            (
                RawParameters {
                    max_batch_size: Some(0),
                    ..raw()
                },
                "input_batch_size_limit must be positive; was 0",
            ),
            (
                RawParameters {
                    batch_timeout_micros: Some(-1),
                    ..raw()
                },
                "batch_timeout_micros must be non-negative; was -1",
            ),
            (
                RawParameters {
                    max_enqueued_batches: Some(0),
                    ..raw()
                },
                "max_enqueued_batches must be positive; was 0",
            ),
            (
                RawParameters {
                    max_batch_size: Some(8),
                    enable_large_batch_splitting: true,
                    max_execution_batch_size: Some(9),
                    ..raw()
                },
                "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal to max_execution_batch_size.",
            ),
            (
                RawParameters {
                    max_batch_size: Some(8),
                    allowed_batch_sizes: vec![2, 4],
                    ..raw()
                },
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
            ),
            (
                RawParameters {
                    max_batch_size: Some(8),
                    allowed_batch_sizes: vec![4, 4, 8],
                    ..raw()
                },
                "allowed_batch_sizes entries must be monotonically increasing",
            ),
        ] {
            assert_eq!(refusal(&wrong), text);
        }
    }

    #[test]
    fn the_last_allowed_size_is_the_largest_request_also_when_splitting() {
        let raw = RawParameters {
            max_batch_size: Some(8),
            allowed_batch_sizes: vec![2, 4, 8],
            enable_large_batch_splitting: true,
            max_execution_batch_size: Some(4),
            ..RawParameters::default()
        };
        let parameters = raw.check(Mode::Fixed).unwrap();
        assert_eq!(parameters.max_execution, 4);
        assert_eq!(
            [1, 2, 3, 4].map(|rows| parameters.padded(rows)),
            [2, 2, 4, 4]
        );
        let unset = RawParameters {
            max_execution_batch_size: None,
            ..raw
        };
        assert_eq!(unset.check(Mode::Fixed).unwrap().max_execution, 8);
    }
}
