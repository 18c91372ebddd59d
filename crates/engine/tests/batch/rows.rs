//! Which requests run together, and that each gets its own rows.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use servable_codec::DType;
use servable_engine::infer::Method;
use servable_engine::schedule::batch::parameters::RawParameters;
use servable_engine::schedule::batch::{Asker, Waiter};
use servable_engine::schedule::pool::Cancel;
use servable_engine::{Answer, Placed};

use crate::bench::{Ended, Tell, batched, bench, ok, patient};
use crate::support::{CLASSIFY, Fake, PREDICT, endpoint, predict_request, signature};

#[test]
fn rows_of_several_requests_run_once_and_each_gets_its_own() {
    let fake = batched();
    let watch = Arc::clone(&fake.watch);
    let bench = bench(fake, &patient(4));
    bench.submit(0, r#"{"instances":[[2,4]]}"#).unwrap();
    bench.submit(1, r#"{"instances":[[6,8],[10,12]]}"#).unwrap();
    bench.submit(2, r#"{"inputs":[[14,16]]}"#).unwrap();
    let ends = bench.ends(3);
    assert_eq!(ok(&ends[0]), r#"{"predictions":[[3.0,4.0]]}"#);
    assert_eq!(ok(&ends[1]), r#"{"predictions":[[5.0,6.0],[7.0,8.0]]}"#);
    assert_eq!(ok(&ends[2]), r#"{"outputs":[[9.0,10.0]]}"#);
    assert_eq!(watch.runs.load(Ordering::SeqCst), 1);
    assert_eq!(watch.feed.load(Ordering::SeqCst) % 64, 0);
    let counters = bench.engine.batcher.counters();
    assert_eq!(counters.wrapped_run_count(), 1);
    assert_eq!(counters.input_batch_size.snapshot().sum, 4);
    assert_eq!(counters.processed_batch_size.snapshot().sum, 4);
    assert_eq!(
        counters
            .queuing_latency
            .snapshot()
            .counts
            .iter()
            .sum::<u64>(),
        3
    );
    let models = bench.engine.catalog.counters();
    let (_, model) = models.iter().find(|(name, _)| name == "m").unwrap();
    assert_eq!(model.method(Method::RestPredict).requests()[0], 3);
    assert_eq!(model.batching.rows.load(Ordering::Relaxed), 4);
    assert_eq!(model.batching.room.load(Ordering::Relaxed), 4);
    assert_eq!(model.batching.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn an_output_filter_has_a_queue_of_its_own() {
    let fake = Fake {
        signatures: vec![signature(
            "serving_default",
            PREDICT,
            vec![endpoint("x", DType::FLOAT, Some(&[-1]))],
            vec![
                endpoint("a", DType::FLOAT, Some(&[-1])),
                endpoint("b", DType::FLOAT, Some(&[-1])),
            ],
        )],
        ..Fake::default()
    };
    let watch = Arc::clone(&fake.watch);
    let bench = bench(fake, &patient(2));
    let all = predict_request("", &[("x", &[1.0])], &[]);
    let one = predict_request("", &[("x", &[1.0])], &["b"]);
    for (number, body) in [&all, &one, &one, &all].into_iter().enumerate() {
        let Placed::Batch(request) = bench.place(Method::GrpcPredict, body) else {
            panic!("not batched");
        };
        let asker = Box::new(Count(number, bench.sender.clone()));
        let waiter = Waiter {
            asker,
            cancel: Cancel::default(),
            deadline: None,
            wake: true,
        };
        assert!(bench.engine.batcher.submit(*request, waiter).is_ok());
    }
    assert_eq!(bench.ends(4).len(), 4);
    assert_eq!(watch.runs.load(Ordering::SeqCst), 2);
}

/// As `Tell`, for replies that are no text.
struct Count(usize, Sender<Ended>);

impl Asker for Count {
    fn begin(&mut self) -> bool {
        true
    }
    fn answer(self: Box<Self>, answer: Answer, _reply: Vec<u8>) {
        answer.result.unwrap();
        self.1.send((self.0, None)).unwrap();
    }
    fn leave(self: Box<Self>) {
        panic!("left");
    }
}

#[test]
fn batches_are_padded_to_an_allowed_size_with_the_last_requests_first_row() {
    let fake = batched();
    let watch = Arc::clone(&fake.watch);
    let raw = RawParameters {
        allowed_batch_sizes: vec![4, 8],
        batch_timeout_micros: Some(0),
        ..patient(8)
    };
    let bench = bench(fake, &raw);
    bench.submit(0, r#"{"instances":[[6],[8]]}"#).unwrap();
    assert_eq!(ok(&bench.ends(1)[0]), r#"{"predictions":[[5.0],[6.0]]}"#);
    assert_eq!(
        *watch.last.lock().unwrap(),
        (vec![4, 1], vec![6.0, 8.0, 6.0, 6.0])
    );
    let counters = bench.engine.batcher.counters();
    assert_eq!(counters.processed_batch_size.snapshot().sum, 4);
    let padding = counters.padding();
    assert_eq!((padding[0].0, padding[0].1.sum), (4, 2));
}

#[test]
fn variable_lengths_are_padded_with_each_tensors_first_element() {
    let raw = RawParameters {
        pad_variable_length_inputs: true,
        ..patient(3)
    };
    let fake = batched();
    let watch = Arc::clone(&fake.watch);
    let bench = bench(fake, &raw);
    bench.submit(0, r#"{"instances":[[1,2,3]]}"#).unwrap();
    bench.submit(1, r#"{"instances":[[7,8],[9,10]]}"#).unwrap();
    let ends = bench.ends(2);
    let (shape, values) = watch.last.lock().unwrap().clone();
    assert_eq!(shape, [3, 3]);
    assert_eq!(values, [1.0, 2.0, 3.0, 7.0, 8.0, 7.0, 9.0, 10.0, 7.0]);
    // Outputs keep the padding, as in TensorFlow Serving.
    assert_eq!(
        ok(&ends[1]),
        r#"{"predictions":[[5.5,6.0,5.5],[6.5,7.0,5.5]]}"#
    );
}

#[test]
fn a_large_request_is_split_and_put_together_again() {
    let raw = RawParameters {
        enable_large_batch_splitting: true,
        max_execution_batch_size: Some(2),
        ..patient(8)
    };
    let fake = batched();
    let watch = Arc::clone(&fake.watch);
    let bench = bench(fake, &raw);
    bench.submit(0, r#"{"instances":[[2]]}"#).unwrap();
    bench
        .submit(1, r#"{"instances":[[4],[6],[8],[10],[12]]}"#)
        .unwrap();
    let ends = bench.ends(2);
    assert_eq!(ok(&ends[0]), r#"{"predictions":[[3.0]]}"#);
    assert_eq!(
        ok(&ends[1]),
        r#"{"predictions":[[4.0],[5.0],[6.0],[7.0],[8.0]]}"#
    );
    assert_eq!(watch.runs.load(Ordering::SeqCst), 3);
}

#[test]
fn strings_are_merged_and_examples_get_their_own_answers() {
    let fake = Fake {
        signatures: vec![signature(
            "serving_default",
            CLASSIFY,
            vec![endpoint("inputs", DType::STRING, Some(&[-1]))],
            vec![endpoint("outputs", DType::FLOAT, Some(&[-1]))],
        )],
        ..Fake::default()
    };
    let bench = bench(fake, &patient(3));
    for (number, body) in [
        r#"{"examples":[{"a":1.0}]}"#,
        r#"{"examples":[{"abc":1.0},{"a":1.0}]}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let Placed::Batch(request) = bench.place(Method::RestRegress, body.as_bytes()) else {
            panic!("not batched");
        };
        let asker = Box::new(Tell(number, bench.sender.clone(), true));
        let waiter = Waiter {
            asker,
            cancel: Cancel::default(),
            deadline: None,
            wake: true,
        };
        assert!(bench.engine.batcher.submit(*request, waiter).is_ok());
    }
    let ends = bench.ends(2);
    // An example counts as its length, and one letter more is one byte more.
    let numbers = |end: &Ended| -> Vec<f32> {
        let text = ok(end);
        let list = text
            .trim_start_matches(r#"{"results":["#)
            .trim_end_matches("]}");
        list.split(',')
            .map(|number| number.parse().unwrap())
            .collect()
    };
    let (first, second) = (numbers(&ends[0]), numbers(&ends[1]));
    assert_eq!((first.len(), second.len()), (1, 2));
    assert_eq!(first[0], second[1]);
    assert!(second[0] > second[1]);
}

#[test]
fn a_request_without_rows_runs_by_itself() {
    let bench = bench(batched(), &patient(2));
    let placed = bench.place(Method::RestPredict, br#"{"inputs":[]}"#);
    let Placed::Answered(answer) = placed else {
        panic!("not answered");
    };
    // Rank 1: not what the signature declares, and TensorFlow's to judge; the fake takes it.
    answer.result.unwrap();
}

#[test]
fn an_unknown_rank_is_batched_where_parameters_are_fixed() {
    let bench = bench(Fake::default(), &patient(3));
    assert_eq!(bench.unbatched, []);
    bench.submit(0, r#"{"instances":[2]}"#).unwrap();
    bench.submit(1, r#"{"instances":[4,6]}"#).unwrap();
    let ends = bench.ends(2);
    assert_eq!(ok(&ends[0]), r#"{"predictions":[3.0]}"#);
    assert_eq!(ok(&ends[1]), r#"{"predictions":[4.0,5.0]}"#);
}
