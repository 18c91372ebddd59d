//! The walk of a request: checks in TensorFlow Serving's order, shapes, placement, copies.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use servable_codec::{AlignedBuf, Code, DType, Error};
use servable_engine::catalog::Choice;
use servable_engine::counters::{ModelCounters, Protocol, StageTimes, Subject, UNKNOWN};
use servable_engine::infer::Method;
use servable_engine::schedule::pool::Cancel;
use servable_engine::schedule::tick::Turn;
use servable_engine::{Body, Engine, Settings};
use support::{
    CLASSIFY, Fake, answered, ask, call, endpoint, inline, predict_request, rest, signature,
};

fn engine(fake: Fake) -> Engine<Fake> {
    let engine = Engine::default();
    engine.catalog.publish("m", 7, fake.servable()).unwrap();
    engine
}

fn grpc(engine: &Engine<Fake>, method: Method, body: &[u8]) -> Result<Vec<u8>, Error> {
    let settings = Settings::default();
    let (answer, out) = ask(engine, &call(method, "", &settings), body);
    answer.result.map(|()| out)
}

fn refusal<T>(result: Result<T, Error>) -> (Code, String) {
    let error = result.map(|_| ()).unwrap_err();
    (error.code, error.message)
}

#[test]
fn a_rest_predict_answers_with_the_version() {
    let engine = engine(Fake::default());
    let settings = Settings::default();
    let call = call(Method::RestPredict, "m", &settings);
    let (answer, out) = ask(&engine, &call, br#"{"instances":[1.0,2.0,5.0]}"#);
    assert_eq!(answer.version, Some(7));
    assert_eq!(out, b"{\n    \"predictions\": [2.5, 3.0, 4.5\n    ]\n}");
}

#[test]
fn a_malformed_body_on_an_unknown_model_is_the_bodys_fault() {
    let engine = Engine::<Fake>::default();
    assert_eq!(refusal(rest(&engine, "{")).0, Code::InvalidArgument);
    let (code, text) = refusal(rest(&engine, r#"{"instances":[1.0]}"#));
    assert_eq!(
        (code, text.as_str()),
        (Code::NotFound, "Servable not found for request: Latest(m)")
    );
}

#[test]
fn an_unknown_signature_has_a_text_per_protocol() {
    let engine = engine(Fake::default());
    let (code, text) = refusal(rest(&engine, r#"{"signature_name":"s","instances":[1.0]}"#));
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(
        text,
        "Serving signature name: \"s\" not found in signature def"
    );
    let body = predict_request("s", &[("x", &[1.0])], &[]);
    let (code, text) = refusal(grpc(&engine, Method::GrpcPredict, &body));
    assert_eq!(code, Code::FailedPrecondition);
    assert_eq!(text, "Serving signature key \"s\" not found.");
}

#[test]
fn grpc_inputs_are_checked_against_the_signature() {
    let engine = engine(Fake::default());
    let predict = |inputs: &[(&str, &[f32])], filter: &[&str]| {
        grpc(
            &engine,
            Method::GrpcPredict,
            &predict_request("", inputs, filter),
        )
    };
    assert!(predict(&[("x", &[1.0])], &[]).is_ok());
    assert_eq!(
        refusal(predict(&[], &[])).1,
        "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}."
    );
    assert_eq!(
        refusal(predict(&[("x", &[1.0]), ("z", &[1.0])], &[])).1,
        "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}."
    );
    assert_eq!(
        refusal(predict(&[("z", &[1.0])], &[])).1,
        "Signature input alias: x(feed name: x:0) not found in request and no default value provided. Inputs expected to be in the request {x}, or default input alias set: "
    );
    assert_eq!(
        refusal(predict(&[("x", &[1.0])], &["q"])).1,
        "output tensor alias not found in signature: q Outputs expected to be in the set {y}."
    );
    assert_eq!(
        refusal(predict(&[("x", &[1.0])], &["y", "y"])).1,
        "duplicate output tensor alias: y"
    );
    assert_eq!(
        refusal(grpc(&engine, Method::GrpcPredict, &[])).1,
        "Missing ModelSpec"
    );
    assert_eq!(
        refusal(grpc(&engine, Method::GrpcPredict, &[0x0a, 0])).1,
        "ModelSpec has no name specified."
    );
}

#[test]
fn a_missing_input_is_taken_from_the_signatures_defaults() {
    let mut extra = endpoint("b", DType::FLOAT, None);
    // TensorProto { dtype: DT_FLOAT, tensor_shape {}, float_val: 1.0 }
    extra.default = Some(vec![8, 1, 18, 0, 42, 4, 0, 0, 128, 63]);
    let signatures = vec![signature(
        "serving_default",
        "",
        vec![extra, endpoint("x", DType::FLOAT, None)],
        vec![endpoint("y", DType::FLOAT, None)],
    )];
    let engine = engine(Fake {
        signatures,
        ..Fake::default()
    });
    let ok = grpc(
        &engine,
        Method::GrpcPredict,
        &predict_request("", &[("x", &[1.0])], &[]),
    );
    assert!(ok.is_ok());
    let body = predict_request("", &[("x", &[1.0]), ("z", &[1.0])], &[]);
    assert_eq!(
        refusal(grpc(&engine, Method::GrpcPredict, &body)).1,
        "Inputs contains invalid name. Used request inputs: x, request input: x,z"
    );
}

#[test]
fn plans_of_output_filters_are_made_once() {
    let fake = Fake::default();
    let watch = Arc::clone(&fake.watch);
    let engine = engine(fake);
    let before = watch.plans.load(Ordering::SeqCst);
    let body = predict_request("", &[("x", &[1.0])], &["y"]);
    for _ in 0..3 {
        grpc(&engine, Method::GrpcPredict, &body).unwrap();
    }
    assert_eq!(watch.plans.load(Ordering::SeqCst), before + 1);
}

#[test]
fn a_shape_that_could_abort_the_process_is_refused_before_the_run() {
    let signatures = vec![signature(
        "serving_default",
        "",
        vec![endpoint("x", DType::FLOAT, Some(&[-1, 2, 2, 1]))],
        vec![endpoint("y", DType::FLOAT, None)],
    )];
    let fake = Fake {
        signatures,
        smallest_rank: Some(4),
        ..Fake::default()
    };
    let watch = Arc::clone(&fake.watch);
    let engine = engine(fake);
    let text = "inputs.x: expected shape [-1,2,2,1], got [1,4]";
    let result = rest(&engine, r#"{"instances":[[1.0,2.0,3.0,4.0]]}"#);
    assert_eq!(refusal(result), (Code::InvalidArgument, text.to_owned()));
    let body = predict_request("", &[("x", &[1.0])], &[]);
    assert_eq!(
        refusal(grpc(&engine, Method::GrpcPredict, &body)).0,
        Code::InvalidArgument
    );
    assert_eq!(watch.runs.load(Ordering::SeqCst), 0);
}

#[test]
fn classify_and_regress_signatures_are_checked_by_their_names() {
    let engine = engine(Fake::default());
    let settings = Settings::default();
    let body = br#"{"examples":[{"x":1.0}]}"#;
    let (answer, _) = ask(&engine, &call(Method::RestClassify, "m", &settings), body);
    let (code, text) = refusal(answer.result);
    assert_eq!(code, Code::InvalidArgument);
    assert!(
        text.starts_with("No classification inputs found in SignatureDef: inputs {"),
        "{text}"
    );
    let (answer, _) = ask(&engine, &call(Method::RestRegress, "m", &settings), body);
    assert!(
        refusal(answer.result)
            .1
            .starts_with("No regression inputs found in SignatureDef: ")
    );
}

#[test]
fn a_regress_output_must_be_one_value_an_example() {
    let inputs = || vec![endpoint("inputs", DType::STRING, None)];
    let signatures = vec![
        signature(
            "r",
            "",
            inputs(),
            vec![endpoint("outputs", DType::FLOAT, None)],
        ),
        signature(
            "c",
            CLASSIFY,
            inputs(),
            vec![endpoint("scores", DType::FLOAT, None)],
        ),
    ];
    let engine = engine(Fake {
        signatures,
        ..Fake::default()
    });
    let settings = Settings::default();
    let body = br#"{"signature_name":"r","examples":[{"x":1.0}]}"#;
    let (answer, out) = ask(&engine, &call(Method::RestRegress, "m", &settings), body);
    answer.result.unwrap();
    assert!(
        String::from_utf8(out)
            .unwrap()
            .starts_with("{\n    \"results\": [")
    );
    let body = br#"{"signature_name":"c","examples":[{"x":1.0}]}"#;
    let (answer, out) = ask(&engine, &call(Method::RestClassify, "m", &settings), body);
    assert_eq!(
        refusal(answer.result).1,
        "Expected Tensor shape: [batch_size num_classes] but got [1]"
    );
    assert!(out.is_empty(), "a failed print leaves nothing behind");
}

#[test]
fn a_servable_starts_on_the_pool_and_moves_inline_once_it_is_cheap() {
    let engine = engine(Fake::default());
    let mut turn = Turn::new(Duration::from_millis(2));
    let body = r#"{"instances":[1.0]}"#;
    assert!(inline(&engine, body, &mut turn).is_none());
    for _ in 0..200 {
        rest(&engine, body).unwrap();
    }
    assert!(inline(&engine, body, &mut turn).is_some());
    assert!(
        inline(&engine, body, &mut Turn::new(Duration::ZERO)).is_none(),
        "no budget"
    );
}

#[test]
fn a_slow_servable_stays_on_the_pool() {
    let engine = engine(Fake {
        delay: Duration::from_millis(1),
        ..Fake::default()
    });
    let mut turn = Turn::new(Duration::from_millis(2));
    for _ in 0..30 {
        rest(&engine, r#"{"instances":[1.0]}"#).unwrap();
    }
    assert!(inline(&engine, r#"{"instances":[1.0]}"#, &mut turn).is_none());
}

/// A request whose tensor content begins at a multiple of 64 in aligned memory.
fn aligned_request() -> AlignedBuf {
    let values = vec![1.0_f32; 32 * 1024];
    for pad in 0..64 {
        // An unknown field of this length pushes the content along.
        let mut message = Vec::new();
        support::field(&mut message, 15, &vec![0; pad]);
        message.extend(predict_request("", &[("x", &values)], &[]));
        let tail = values.len() * 4;
        if (message.len() - tail).is_multiple_of(64) {
            return AlignedBuf::from(message.as_slice());
        }
    }
    unreachable!("one of 64 paddings fits")
}

#[test]
fn a_large_aligned_tensor_content_is_read_where_it_lies() {
    let settings = Settings::default();
    let message = aligned_request();
    let start = message.as_slice().as_ptr() as usize;
    let range = start..start + message.len();
    let body = Body::new(message);
    let fake = Fake::default();
    let watch = Arc::clone(&fake.watch);
    let lender = engine(fake);
    let call = call(Method::GrpcPredict, "", &settings);
    answered(lender.answer(&call, &body, &mut Vec::new()));
    assert!(
        range.contains(&watch.feed.load(Ordering::SeqCst)),
        "borrowed"
    );

    let fake = Fake {
        keeps_feeds: true,
        ..Fake::default()
    };
    let watch = Arc::clone(&fake.watch);
    let keeper = engine(fake);
    answered(keeper.answer(&call, &body, &mut Vec::new()));
    assert!(
        !range.contains(&watch.feed.load(Ordering::SeqCst)),
        "copied where it may be kept"
    );
}

#[test]
fn counts_are_kept_by_method_and_code() {
    let engine = engine(Fake::default());
    rest(&engine, r#"{"instances":[1.0]}"#).unwrap();
    rest(&engine, r#"{"instances":["a"]}"#).unwrap_err();
    let counters = counters(&engine, "m");
    let requests = counters.method(Method::RestPredict).requests();
    assert_eq!((requests[0], requests[3]), (1, 1));
    let (buckets, _) = counters.method(Method::RestPredict).latency.snapshot();
    assert_eq!(buckets.iter().sum::<u64>(), 1, "latency counts successes");
}

fn counters(engine: &Engine<Fake>, name: &str) -> Arc<ModelCounters> {
    let all = engine.catalog.counters();
    let found = all.into_iter().find(|(it, _)| it == name);
    found.unwrap().1
}

fn times(times: &StageTimes) -> u64 {
    times.snapshot().0.iter().sum()
}

#[test]
fn stages_are_counted_by_version_signature_and_protocol() {
    let fake = Fake {
        delay: Duration::from_millis(3),
        ..Fake::default()
    };
    let engine = engine(fake);
    let settings = Settings::default();
    let mut request = call(Method::GrpcPredict, "", &settings);
    request.queued = Duration::from_millis(40);
    let body = predict_request("", &[("x", &[1.0])], &[]);
    let (answer, _) = ask(&engine, &request, &body);
    let subject = Subject::find(answer.stages.subject).unwrap();
    let place = (&*subject.model, subject.version, subject.signature.as_str());
    assert_eq!(place, ("m", Some(7), "serving_default"));
    assert!(answer.stages.run >= Duration::from_millis(3));
    assert_eq!(answer.stages.queue, Duration::from_millis(40));
    let grpc = subject.protocol(Protocol::Grpc);
    assert_eq!(
        (grpc.requests()[0], times(&grpc.run), times(&grpc.queue)),
        (1, 1, 1)
    );
    assert_eq!(subject.protocol(Protocol::Rest).requests()[0], 0);
    let (_, total_us) = counters(&engine, "m")
        .method(Method::GrpcPredict)
        .latency
        .snapshot();
    assert!(
        total_us >= 43_000.0,
        "the wait is part of the latency: {total_us}"
    );

    ask(&engine, &request, &predict_request("no such", &[], &[]));
    let of_version = subject_of(&engine, Some(7), "");
    assert_eq!(of_version.protocol(Protocol::Grpc).requests()[9], 1);
    let grpc = of_version.protocol(Protocol::Grpc);
    assert_eq!(times(&grpc.total), 0, "failures have no times");
}

fn subject_of(engine: &Engine<Fake>, version: Option<i64>, signature: &str) -> Arc<Subject> {
    let all = counters(engine, "m").subjects.all();
    let found = all
        .into_iter()
        .find(|it| it.version == version && it.signature == signature);
    found.unwrap()
}

#[test]
fn requests_without_a_version_are_counted_and_clients_cannot_make_names() {
    let engine = engine(Fake::default());
    let settings = Settings::default();
    let body = br#"{"instances":[1.0]}"#;
    for name in ["x", "y", "z"] {
        ask(&engine, &call(Method::RestPredict, name, &settings), body);
    }
    let mut missing = call(Method::RestPredict, "m", &settings);
    missing.choice = Choice::Specific(8);
    ask(&engine, &missing, body);
    ask(&engine, &call(Method::GrpcPredict, "", &settings), &[]);
    let names: Vec<_> = engine
        .catalog
        .counters()
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(names, ["", "m", UNKNOWN]);
    let count = |name: &str, method| counters(&engine, name).method(method).requests();
    assert_eq!(count(UNKNOWN, Method::RestPredict)[5], 3);
    assert_eq!(count("m", Method::RestPredict)[5], 1);
    assert_eq!(count("", Method::GrpcPredict)[3], 1);
    let rest = subject_of(&engine, None, "");
    assert_eq!(rest.protocol(Protocol::Rest).requests()[5], 1);
}

#[test]
fn what_was_answered_meanwhile_is_not_counted_again_and_nothing_stays_in_flight() {
    let engine = engine(Fake::default());
    let settings = Settings::default();
    let answered = Cancel::default();
    answered.cancel();
    let mut request = call(Method::RestPredict, "m", &settings);
    request.answered = Some(&answered);
    ask(&engine, &request, br#"{"instances":[1.0]}"#);
    engine.refused(&request, Code::DeadlineExceeded);
    let counters = counters(&engine, "m");
    let requests = counters.method(Method::RestPredict).requests();
    assert_eq!((requests[0], requests[4]), (0, 1));
    assert_eq!(counters.in_flight(), 0);
}
