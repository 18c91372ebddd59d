//! Random requests on random parameters.

use std::time::Instant;

use proptest::prelude::*;
use servable_codec::Code;
use servable_engine::schedule::batch::parameters::{Mode, RawParameters};
use servable_engine::schedule::pool::Cancel;

use crate::bench::{Bench, Ended, batched, bench_with};
use crate::support::Fake;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Random requests on random parameters: each gets exactly its own rows or one clear error, and nothing is lost when the
    /// version is withdrawn and the batcher goes while requests are queued.
    #[test]
    fn every_request_gets_its_own_rows_or_one_error(
        max in 1i64..12,
        execution in 1i64..12,
        enqueued in 1i64..8,
        timeout in 0i64..2000,
        (split, pad, allow) in any::<(bool, bool, bool)>(),
        (auto, withdraw) in any::<(bool, bool)>(),
        asks in prop::collection::vec((1usize..6, 1usize..4, 0u8..12), 1..40),
    ) {
        let raw = RawParameters {
            max_batch_size: Some(max),
            batch_timeout_micros: Some(timeout),
            max_enqueued_batches: Some(enqueued),
            num_batch_threads: Some(2),
            allowed_batch_sizes: if allow { vec![max] } else { vec![] },
            pad_variable_length_inputs: pad,
            enable_large_batch_splitting: split,
            max_execution_batch_size: Some(execution.min(max)),
        };
        let mode = if auto { Mode::Auto { share: 0.5 } } else { Mode::Fixed };
        let bench = bench_with(Fake { poison: Some(-1.0), ..batched() }, &raw, mode);
        let mut wanted = Vec::new();
        for (number, (rows, width, kind)) in asks.iter().copied().enumerate() {
            let value = |row: usize, col: usize| {
                if kind == 0 { -1.0 } else { (number * 100 + row * 10 + col) as f32 }
            };
            let list = |of: &dyn Fn(usize, usize) -> f32| {
                let rows: Vec<_> = (0..rows).map(|row| {
                    let cells: Vec<_> = (0..width).map(|col| format!("{:?}", of(row, col))).collect();
                    format!("[{}]", cells.join(","))
                }).collect();
                rows.join(",")
            };
            let body = format!(r#"{{"instances":[{}]}}"#, list(&value));
            let cancel = Cancel::default();
            let late = (kind == 1).then(Instant::now);
            let submitted = bench.submit_with(number, &body, |waiter| {
                waiter.cancel = cancel.clone();
                waiter.deadline = late;
            });
            if kind == 2 {
                cancel.cancel();
            }
            match submitted {
                Ok(()) => {
                    let rows = list(&|row, col| value(row, col) / 2.0 + 2.0);
                    wanted.push((number, kind, rows));
                }
                Err(error) => prop_assert!(
                    matches!(error.code, Code::Unavailable) || rows > max as usize
                ),
            }
        }
        if withdraw {
            bench.engine.catalog.withdraw("m", 7).unwrap();
        }
        let Bench { engine, sender, told, .. } = bench;
        drop((engine, sender));
        let mut ends: Vec<Ended> = told.into_iter().collect();
        ends.sort_by_key(|(number, _)| *number);
        prop_assert_eq!(ends.len(), wanted.len());
        for (end, (number, kind, rows)) in ends.iter().zip(&wanted) {
            prop_assert_eq!(end.0, *number);
            match &end.1 {
                None => prop_assert_eq!(*kind, 2),
                Some((Ok(()), text)) => {
                    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                    // With padding a row may be longer than it came.
                    let same = text == format!(r#"{{"predictions":[{rows}]}}"#);
                    prop_assert!(same || pad, "{} {}", text, rows);
                }
                Some((Err(error), _)) => prop_assert!(match error.code {
                    Code::InvalidArgument => *kind == 0,
                    Code::ResourceExhausted => *kind == 1,
                    // Pieces of a split request may be padded to different widths.
                    Code::FailedPrecondition => !pad || split,
                    _ => false,
                }, "{:?}", error),
            }
        }
    }
}
