//! TensorFlow Serving's JSON: requests to tensors, tensors and results to responses.
//!
//! A predict request is read in one optimistic pass ([`predict`], module `fast`) that writes numbers straight into tensor
//! memory and gives up, without an answer, at the first thing out of the ordinary. Then the careful pass reads the body again:
//! it checks the whole syntax first, because a syntax error beats every other one, and finds the exact error text or the answer.

mod base64;
mod careful;
mod cursor;
mod dump;
pub mod examples;
mod fast;
mod fill;
mod number;
pub mod predict;
pub mod print;
mod print_value;
mod scalar;
mod syntax;
mod text;
mod value;
mod walk;
