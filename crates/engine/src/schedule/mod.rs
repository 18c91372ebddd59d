//! Where a request runs: on the thread that received it, or on the pool.
//!
//! Every request is prepared (decoded into feeds), run, and finished (printed) as three steps, so that whatever decides
//! who runs it sees only feeds and outputs: see [`crate::infer::Work`].

pub mod batch;
pub mod lines;
pub mod pool;
pub mod tick;
