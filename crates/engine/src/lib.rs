//! The engine: finds the servable, decides where a request runs, and walks it from bytes to bytes.
//!
//! Generic over a [`runner::Runner`], so that its tests need no libtensorflow. Knows nothing of Node.

#![forbid(unsafe_code)]

pub mod bodies;
mod body;
pub mod catalog;
pub mod counters;
mod engine;
pub mod flight;
pub mod infer;
pub mod lease;
pub mod log_line;
pub mod records;
pub mod runner;
pub mod schedule;
pub mod servable;
pub mod shape_check;
pub mod tensorflow;
pub mod warmup;

pub use body::{Body, BodySlice};
pub use engine::{Answer, BodyForm, Call, Engine, Placed, Settings};
