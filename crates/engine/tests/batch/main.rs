//! Requests through the batcher's threads, with a model that needs no TensorFlow.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod bench;
mod ends;
mod every_request;
mod failures;
mod modes;
mod rows;
#[path = "../support/mod.rs"]
mod support;
