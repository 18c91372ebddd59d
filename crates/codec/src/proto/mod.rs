//! TensorFlow Serving's protobuf messages of the inference calls, read and written without a schema compiler.
//!
//! Reading follows protobuf's own rules: unknown fields and fields of an unexpected wire type are skipped, the last of a
//! singular field wins, messages met twice merge, packed and unpacked lists are both taken, text must be UTF-8. A message
//! that is not protobuf at all is `INVALID_ARGUMENT`.

pub(crate) mod example;
pub mod inference;
mod model_spec;
pub mod predict;
pub mod prediction_log;
pub mod session_run;
pub mod tensor;
mod tensor_encode;
mod tensor_values;
pub(crate) mod wire;

pub use model_spec::{ModelSpec, Version, named_model};
pub use wire::is_malformed;
