//! What is refused or fails, and that the others of the batch do not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};

use servable_codec::{Code, DType};
use servable_engine::infer::Method;
use servable_engine::schedule::batch::Asker;
use servable_engine::schedule::batch::parameters::RawParameters;
use servable_engine::{Answer, Placed};

use crate::bench::{LONG, batched, bench, ok, patient, refusal};
use crate::support::{Fake, PREDICT, endpoint, signature};

const SHAPES: &str = "Tensors with name 'x:0' from different tasks have different shapes and padding is turned off. Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions starting with the first dim.";

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
