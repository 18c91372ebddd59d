//! What printing needs of a request once its bytes are gone.

use servable_codec::json::print::NonFinite;

use super::Method;
use crate::engine::Call;

/// What a request wants its reply to look like.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Under which the request is counted.
    pub method: Method,
    /// REST only: how NaN and the infinities are printed.
    pub nonfinite: NonFinite,
    /// REST predict only: the reply is an `.npy` file instead of JSON.
    pub npy_reply: bool,
    /// gRPC replies carry `tensor_content` instead of typed fields.
    pub as_tensor_content: bool,
}

impl From<&Call<'_>> for Wanted {
    fn from(call: &Call<'_>) -> Self {
        Self {
            method: call.method,
            nonfinite: call.nonfinite,
            npy_reply: call.npy_reply,
            as_tensor_content: call.settings.as_tensor_content,
        }
    }
}
