//! The walk of a request: checks in TensorFlow Serving's order, shapes, placement, copies, counts.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod checks;
mod counts;
mod placement;
#[path = "../support/mod.rs"]
mod support;
mod walk;
