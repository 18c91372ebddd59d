//! On which thread a request runs, and where its tensors lie.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use servable_codec::AlignedBuf;
use servable_engine::infer::Method;
use servable_engine::schedule::tick::Turn;
use servable_engine::{Body, Settings};

use crate::support::{Fake, answered, call, field, inline, predict_request, rest};
use crate::walk::{engine, grpc};

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
        field(&mut message, 15, &vec![0; pad]);
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
