//! What a request allocates: a count, so that CI can watch it. The runner is a fake; TensorFlow's own allocations come on top.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod support;

use std::time::Duration;

use servable_engine::infer::Method;
use servable_engine::schedule::tick::Turn;
use servable_engine::{Engine, Settings};
use support::{Fake, answered, call, predict_request};

/// Allocations of one inline request once its signature is known to be cheap.
fn allocations(method: Method, name: &str, body: &[u8], times: u32) -> u64 {
    let engine = Engine::<Fake>::default();
    engine
        .catalog
        .publish("m", 7, Fake::default().servable())
        .unwrap();
    let settings = Settings::default();
    let call = call(method, name, &settings);
    let mut out = Vec::with_capacity(4096);
    let mut turn = Turn::new(Duration::from_secs(1));
    let body_on_pool = servable_engine::Body::new(body.to_vec());
    for _ in 0..50 {
        out.clear();
        answered(engine.answer(&call, &body_on_pool, &mut out));
    }
    let mut once = || {
        out.clear();
        turn.begin();
        // Known to be cheap.
        answered(engine.answer_inline(&call, body, &mut turn, &mut out));
    };
    once();
    let counted = allocation_counter::measure(|| (0..100 * times).for_each(|_| once()));
    counted.count_total / 100
}

#[test]
fn a_rest_predict_allocates_no_more_than_it_did() {
    let body = br#"{"instances": [1.0, 2.0, 5.0]}"#;
    let count = allocations(Method::RestPredict, "m", body, 1);
    assert!(count <= REST, "{count} allocations a request");
}

#[test]
fn a_grpc_predict_allocates_no_more_than_it_did() {
    let body = predict_request("", &[("x", &[1.0, 2.0, 5.0])], &[]);
    let count = allocations(Method::GrpcPredict, "", &body, 1);
    assert!(count <= GRPC, "{count} allocations a request");
}

#[test]
fn a_request_that_does_its_work_twice_is_noticed() {
    let body = br#"{"instances": [1.0, 2.0, 5.0]}"#;
    assert!(allocations(Method::RestPredict, "m", body, 2) > REST);
    let body = predict_request("", &[("x", &[1.0, 2.0, 5.0])], &[]);
    assert!(allocations(Method::GrpcPredict, "", &body, 2) > GRPC);
}

/// Measured, the fake runner's own included (its tensors and their shapes). Raise it only with a reason.
const REST: u64 = 10;
/// Likewise.
const GRPC: u64 = 12;
