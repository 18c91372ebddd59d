//! The only place where errors become JavaScript errors.

use servable_codec::{Code, Error};

/// The `code` of a thrown error: the canonical code's name.
#[derive(Clone, Copy)]
pub struct Fault(pub Code);

impl AsRef<str> for Fault {
    fn as_ref(&self) -> &str {
        self.0.name()
    }
}

/// What Node itself refused: an argument of the wrong type, or no memory.
impl From<napi::Status> for Fault {
    fn from(status: napi::Status) -> Self {
        Fault(match status {
            napi::Status::InvalidArg => Code::InvalidArgument,
            _ => Code::Internal,
        })
    }
}

/// The result of an exported function.
pub type Result<T> = std::result::Result<T, napi::Error<Fault>>;

/// An error of the engine as it is thrown.
pub fn throw(error: Error) -> napi::Error<Fault> {
    napi::Error::new(Fault(error.code), error.message)
}

/// What Node refused, as it is thrown.
pub fn refused(error: napi::Error) -> napi::Error<Fault> {
    napi::Error::new(Fault::from(error.status), error.reason.clone())
}

/// An error of the TensorFlow binding as it is thrown: the codes are the same numbers.
pub fn throw_tensorflow(error: servable_tensorflow::Error) -> napi::Error<Fault> {
    throw(servable_engine::tensorflow::error(error))
}
