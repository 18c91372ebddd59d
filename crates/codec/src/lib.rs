//! Pure conversions between request bytes and tensors: JSON and protobuf, both ways.
//!
//! Nothing here knows TensorFlow, Node or a socket. Every function is deterministic, free of unsafe code and of
//! unbounded recursion, and answers any input, however malformed, with a value or an [`Error`].

#![forbid(unsafe_code)]

mod aligned_buf;
mod dtype;
mod error;
mod float16;
pub mod json;
mod limits;
pub mod proto;
pub mod raw;
mod results;
mod signature;
mod strings;
mod tensor;
pub mod tfrecord;

pub use aligned_buf::{ALIGNMENT, AlignedBuf};
pub use dtype::DType;
pub use error::{Code, Error, Result};
pub use limits::{JsonLimits, MAX_RANK, TensorLimits};
pub use results::Classifications;
pub use signature::{SignatureSpec, TensorInfo};
pub use strings::{StringColumn, Strings};
pub use tensor::{DecodedTensor, Shape, TensorData, TensorView, ViewData};
