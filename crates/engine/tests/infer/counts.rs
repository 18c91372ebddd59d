//! What is counted of a request, and under which names.

use std::sync::Arc;
use std::time::Duration;

use servable_codec::Code;
use servable_engine::catalog::Choice;
use servable_engine::counters::{ModelCounters, Protocol, StageTimes, Subject, UNKNOWN};
use servable_engine::infer::Method;
use servable_engine::schedule::pool::Cancel;
use servable_engine::{Engine, Settings};

use crate::support::{Fake, ask, call, predict_request, rest};
use crate::walk::engine;

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
