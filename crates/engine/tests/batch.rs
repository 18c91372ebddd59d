//! Requests through the batcher's threads, with a model that needs no TensorFlow.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use servable_codec::{Code, DType, Error};
use servable_engine::infer::Method;
use servable_engine::schedule::batch::parameters::{Mode, RawParameters};
use servable_engine::schedule::batch::{Asker, Unbatched, Waiter};
use servable_engine::schedule::pool::Cancel;
use servable_engine::schedule::tick::Turn;
use servable_engine::{Answer, Body, Engine, Placed, Settings};
use support::{CLASSIFY, Fake, PREDICT, call, endpoint, predict_request, signature};

const LONG: Duration = Duration::from_secs(30);

type Ended = (usize, Option<(Result<(), Error>, String)>);

/// Sends what it is told, `None` for a leave, under its number.
struct Tell(usize, Sender<Ended>, bool);

impl Asker for Tell {
    fn begin(&mut self) -> bool {
        self.2
    }
    fn answer(self: Box<Self>, answer: Answer, reply: Vec<u8>) {
        assert_eq!(answer.version, Some(7));
        let text = String::from_utf8(reply).unwrap();
        self.1.send((self.0, Some((answer.result, text)))).unwrap();
    }
    fn leave(self: Box<Self>) {
        self.1.send((self.0, None)).unwrap();
    }
}

/// An engine with one batched model, and what its requests were told.
struct Bench {
    engine: Engine<Fake>,
    sender: Sender<Ended>,
    told: Receiver<Ended>,
    unbatched: Vec<Unbatched>,
}

fn batched() -> Fake {
    Fake {
        records: true,
        signatures: vec![signature(
            "serving_default",
            PREDICT,
            vec![endpoint("x", DType::FLOAT, Some(&[-1, -1]))],
            vec![endpoint("y", DType::FLOAT, Some(&[-1, -1]))],
        )],
        ..Fake::default()
    }
}

/// Batches wait until they are full, or drained.
fn patient(max: i64) -> RawParameters {
    RawParameters {
        max_batch_size: Some(max),
        batch_timeout_micros: Some(i64::try_from(LONG.as_micros()).unwrap()),
        ..RawParameters::default()
    }
}

fn bench(fake: Fake, raw: &RawParameters) -> Bench {
    bench_with(fake, raw, Mode::Fixed)
}

fn bench_with(fake: Fake, raw: &RawParameters, mode: Mode) -> Bench {
    let engine = Engine::default();
    let servable = fake.servable();
    engine.batcher.set_threads(Some(2), "test");
    let unbatched = engine
        .batcher
        .attach(&servable, raw.check(mode).unwrap())
        .unwrap();
    engine.catalog.publish("m", 7, servable).unwrap();
    let (sender, told) = channel();
    Bench {
        engine,
        sender,
        told,
        unbatched,
    }
}

impl Bench {
    fn place(&self, method: Method, body: &[u8]) -> Placed<Fake> {
        let settings = Settings::default();
        let call = call(method, "m", &settings);
        self.engine
            .answer(&call, &Body::new(body.to_vec()), &mut Vec::new())
    }

    fn submit_with(
        &self,
        number: usize,
        body: &str,
        change: impl FnOnce(&mut Waiter),
    ) -> Result<(), Error> {
        let Placed::Batch(request) = self.place(Method::RestPredict, body.as_bytes()) else {
            panic!("{body} was not to be batched");
        };
        let asker = Box::new(Tell(number, self.sender.clone(), true));
        let (cancel, deadline) = (Cancel::default(), None);
        let mut waiter = Waiter {
            asker,
            cancel,
            deadline,
            wake: true,
        };
        change(&mut waiter);
        self.engine
            .batcher
            .submit(*request, waiter)
            .map_err(|(error, asker)| {
                drop(asker);
                error
            })
    }

    fn submit(&self, number: usize, body: &str) -> Result<(), Error> {
        self.submit_with(number, body, |_| ())
    }

    /// What `count` requests were told, by number.
    fn ends(&self, count: usize) -> Vec<Ended> {
        let mut ends: Vec<_> = (0..count)
            .map(|_| self.told.recv_timeout(LONG).unwrap())
            .collect();
        ends.sort_by_key(|(number, _)| *number);
        ends
    }
}

fn ok(end: &Ended) -> String {
    let (result, text) = end.1.as_ref().unwrap();
    result.as_ref().unwrap();
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn refusal(end: &Ended) -> (Code, &str) {
    let error = end.1.as_ref().unwrap().0.as_ref().unwrap_err();
    (error.code, &error.message)
}

const SHAPES: &str = "Tensors with name 'x:0' from different tasks have different shapes and padding is turned off. Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions starting with the first dim.";

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
fn only_the_request_that_does_not_fit_is_refused() {
    let bench = bench(batched(), &patient(3));
    bench.submit(0, r#"{"instances":[[1,2,3]]}"#).unwrap();
    bench.submit(1, r#"{"instances":[[1,2]]}"#).unwrap();
    bench.submit(2, r#"{"instances":[[3,4]]}"#).unwrap();
    let ends = bench.ends(3);
    assert_eq!(refusal(&ends[0]), (Code::FailedPrecondition, SHAPES));
    assert_eq!(ok(&ends[1]), r#"{"predictions":[[2.5,3.0]]}"#);
    assert_eq!(ok(&ends[2]), r#"{"predictions":[[3.5,4.0]]}"#);
}

#[test]
fn the_shape_the_signature_declares_wins_over_the_one_most_requests_have() {
    let fake = Fake {
        signatures: vec![signature(
            "serving_default",
            PREDICT,
            vec![endpoint("x", DType::FLOAT, Some(&[-1, 2]))],
            vec![endpoint("y", DType::FLOAT, Some(&[-1, 2]))],
        )],
        ..Fake::default()
    };
    let bench = bench(fake, &patient(3));
    bench.submit(0, r#"{"instances":[[1,2,3]]}"#).unwrap();
    bench.submit(1, r#"{"instances":[[1,2,3]]}"#).unwrap();
    bench.submit(2, r#"{"instances":[[3,4]]}"#).unwrap();
    let ends = bench.ends(3);
    assert_eq!(refusal(&ends[0]), (Code::FailedPrecondition, SHAPES));
    assert_eq!(refusal(&ends[1]).0, Code::FailedPrecondition);
    assert_eq!(ok(&ends[2]), r#"{"predictions":[[3.5,4.0]]}"#);
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
fn what_cannot_be_padded_is_refused_alone() {
    let raw = RawParameters {
        pad_variable_length_inputs: true,
        ..patient(3)
    };
    let bench = bench(batched(), &raw);
    bench.submit(0, r#"{"instances":[[1,2]]}"#).unwrap();
    bench.submit(1, r#"{"inputs":[[]]}"#).unwrap();
    bench.submit(2, r#"{"instances":[[[1],[2]]]}"#).unwrap();
    let ends = bench.ends(3);
    assert_eq!(ok(&ends[0]), r#"{"predictions":[[2.5,3.0]]}"#);
    assert_eq!(
        refusal(&ends[1]),
        (
            Code::InvalidArgument,
            "Got empty tensor in batch of non-empty tensors."
        )
    );
    assert_eq!(
        refusal(&ends[2]),
        (
            Code::FailedPrecondition,
            "Tensors with name 'x:0' from different tasks have different ranks: 2 and 3"
        )
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
fn a_late_or_cancelled_request_does_not_run_and_the_others_do() {
    let bench = bench(batched(), &patient(4));
    let late = Instant::now();
    let cancel = Cancel::default();
    bench
        .submit_with(0, r#"{"instances":[[2]]}"#, |w| w.deadline = Some(late))
        .unwrap();
    bench
        .submit_with(1, r#"{"instances":[[2]]}"#, |w| w.cancel = cancel.clone())
        .unwrap();
    assert!(cancel.cancel());
    let closed = Box::new(Tell(2, bench.sender.clone(), false));
    bench
        .submit_with(2, r#"{"instances":[[2]]}"#, |w| w.asker = closed)
        .unwrap();
    bench.submit(3, r#"{"instances":[[2]]}"#).unwrap();
    let ends = bench.ends(4);
    assert_eq!(
        refusal(&ends[0]),
        (
            Code::ResourceExhausted,
            "Run() timeout exceeded while waiting in batching queue"
        )
    );
    assert!(ends[1].1.is_none() && ends[2].1.is_none());
    assert_eq!(ok(&ends[3]), r#"{"predictions":[[3.0]]}"#);
    assert!(!cancel.cancel());
}

#[test]
fn cancelled_requests_are_swept_out_while_their_batch_waits() {
    let bench = bench(batched(), &patient(4));
    let cancel = Cancel::default();
    bench
        .submit_with(0, r#"{"instances":[[2]]}"#, |w| w.cancel = cancel.clone())
        .unwrap();
    assert!(cancel.cancel());
    bench.engine.batcher.cancelled();
    assert!(bench.ends(1)[0].1.is_none());
    let models = bench.engine.catalog.counters();
    let (_, model) = models.iter().find(|(name, _)| name == "m").unwrap();
    assert_eq!(model.batching.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn an_error_of_the_run_is_the_one_requests_that_caused_it() {
    let fake = Fake {
        poison: Some(666.0),
        ..batched()
    };
    let bench = bench(fake, &patient(8));
    for number in 0..8 {
        let value = if number == 5 { 666 } else { number };
        bench
            .submit(number, &format!(r#"{{"instances":[[{value}]]}}"#))
            .unwrap();
    }
    for end in bench.ends(8) {
        if end.0 == 5 {
            assert_eq!(refusal(&end), (Code::InvalidArgument, "poison"));
        } else {
            ok(&end);
        }
    }
}

#[test]
fn a_run_that_may_change_variables_is_not_repeated() {
    let fake = Fake {
        poison: Some(666.0),
        keeps_feeds: true,
        ..batched()
    };
    let watch = Arc::clone(&fake.watch);
    let bench = bench(fake, &patient(2));
    bench.submit(0, r#"{"instances":[[666]]}"#).unwrap();
    bench.submit(1, r#"{"instances":[[1]]}"#).unwrap();
    let ends = bench.ends(2);
    assert_eq!(refusal(&ends[0]), refusal(&ends[1]));
    assert_eq!(watch.runs.load(Ordering::SeqCst), 1);
}

#[test]
fn outputs_that_cannot_be_split_fail_the_batch_with_tensorflow_servings_texts() {
    for (shape, text) in [
        (vec![], "Batched output tensor has 0 dimensions"),
        (
            vec![5, 1],
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
        ),
    ] {
        let fake = Fake {
            output_shape: Some(shape),
            ..batched()
        };
        let bench = bench(fake, &patient(2));
        bench.submit(0, r#"{"instances":[[1]]}"#).unwrap();
        bench.submit(1, r#"{"instances":[[1]]}"#).unwrap();
        for end in bench.ends(2) {
            assert_eq!(refusal(&end), (Code::FailedPrecondition, text));
        }
    }
}

#[test]
fn a_panic_in_a_run_loses_no_thread_and_no_request() {
    let fake = Fake {
        panic: true,
        ..batched()
    };
    let bench = bench(fake, &patient(1));
    for round in 0..4 {
        let (gone, dropped) = channel();
        let asker = Box::new(Guard(gone));
        bench
            .submit_with(round, r#"{"instances":[[1]]}"#, |w| w.asker = asker)
            .unwrap();
        dropped.recv_timeout(LONG).unwrap();
    }
}

/// Tells of its end, as the addon's reply does.
struct Guard(Sender<()>);

impl Asker for Guard {
    fn begin(&mut self) -> bool {
        true
    }
    fn answer(self: Box<Self>, _answer: Answer, _reply: Vec<u8>) {
        panic!("an answer from a run that panicked");
    }
    fn leave(self: Box<Self>) {}
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn inputs_that_contradict_each_other_are_refused_at_once() {
    let fake = Fake {
        signatures: vec![signature(
            "serving_default",
            PREDICT,
            vec![
                endpoint("a", DType::FLOAT, Some(&[-1])),
                endpoint("b", DType::FLOAT, Some(&[-1])),
            ],
            vec![endpoint("y", DType::FLOAT, Some(&[-1]))],
        )],
        ..Fake::default()
    };
    let bench = bench(fake, &patient(2));
    for (body, text) in [
        (
            r#"{"inputs":{"a":[1,2],"b":[1]}}"#,
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
        (
            r#"{"inputs":{"a":1,"b":[1]}}"#,
            "Batching Run() input tensors must have at least one dimension",
        ),
    ] {
        let Placed::Answered(answer) = bench.place(Method::RestPredict, body.as_bytes()) else {
            panic!("not answered");
        };
        let error = answer.result.unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (Code::InvalidArgument, text)
        );
    }
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
fn signatures_whose_rows_cannot_be_told_apart_are_named_with_the_reason() {
    let one = |name: &str, input: Option<&[i64]>, output: Option<&[i64]>| {
        let inputs = vec![endpoint("x", DType::FLOAT, input)];
        let outputs = vec![endpoint("y", DType::FLOAT, output)];
        signature(name, PREDICT, inputs, outputs)
    };
    let fake = Fake {
        signatures: vec![
            one("serving_default", Some(&[-1]), Some(&[-1])),
            one("fixed", Some(&[1, 3]), Some(&[-1])),
            one("scalar", Some(&[-1]), Some(&[])),
            one("unknown", None, Some(&[-1])),
            signature(
                "none",
                PREDICT,
                vec![],
                vec![endpoint("y", DType::FLOAT, Some(&[-1]))],
            ),
        ],
        ..Fake::default()
    };
    let auto = Mode::Auto { share: 0.2 };
    let bench = bench_with(fake, &patient(2), auto);
    let mut reasons: Vec<_> = bench
        .unbatched
        .iter()
        .map(|it| (it.signature.as_str(), it.reason.as_str()))
        .collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            ("fixed", r#"input "x" has no free first dimension: [1,3]"#),
            ("none", "it has no input"),
            ("scalar", r#"output "y" has no free first dimension: []"#),
            ("unknown", r#"input "x" has an unknown rank"#),
        ]
    );
    let body = br#"{"signature_name":"fixed","instances":[[1,2,3]]}"#;
    assert!(matches!(
        bench.place(Method::RestPredict, body),
        Placed::Answered(_)
    ));
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

#[test]
fn auto_lets_a_cheap_request_run_on_its_own_thread_and_fixed_does_not() {
    for (mode, raw, expected) in [
        (Mode::Auto { share: 0.2 }, RawParameters::default(), true),
        (Mode::Fixed, RawParameters::default(), false),
        (
            Mode::Auto { share: 0.2 },
            RawParameters {
                max_batch_size: Some(4),
                allowed_batch_sizes: vec![4],
                ..RawParameters::default()
            },
            false,
        ),
    ] {
        let bench = bench_with(batched(), &raw, mode);
        for number in 0..200 {
            bench.submit(number, r#"{"instances":[[1]]}"#).unwrap();
            ok(&bench.ends(1)[0]);
        }
        let settings = Settings::default();
        let call = call(Method::RestPredict, "m", &settings);
        let mut turn = Turn::new(Duration::from_secs(1));
        let body = br#"{"instances":[[1]]}"#;
        let placed = bench
            .engine
            .answer_inline(&call, body, &mut turn, &mut Vec::new());
        assert_eq!(matches!(placed, Placed::Answered(_)), expected, "{mode:?}");
        assert!(expected || matches!(placed, Placed::Batch(_)));
    }
}

#[test]
fn a_withdrawn_version_answers_what_is_queued_and_goes() {
    let fake = batched();
    let watch = Arc::clone(&fake.watch);
    let bench = bench(fake, &patient(8));
    bench.submit(0, r#"{"instances":[[2]]}"#).unwrap();
    let gone = bench.engine.catalog.withdraw("m", 7).unwrap();
    assert_eq!(ok(&bench.ends(1)[0]), r#"{"predictions":[[3.0]]}"#);
    let (sender, told) = channel();
    gone.on_gone(move || sender.send(()).unwrap());
    told.recv_timeout(LONG).unwrap();
    assert!(watch.dropped.load(Ordering::SeqCst));
}

#[test]
fn a_stopping_server_waits_for_no_company() {
    let bench = bench(batched(), &patient(8));
    bench.submit(0, r#"{"instances":[[2]]}"#).unwrap();
    bench.engine.batcher.drain(true);
    ok(&bench.ends(1)[0]);
    bench.submit(1, r#"{"instances":[[2]]}"#).unwrap();
    ok(&bench.ends(1)[0]);
}

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
