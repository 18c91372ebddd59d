//! Decoded tensors become the runner's, with as few copies as is safe.

use std::sync::atomic::Ordering;

use servable_codec::{ALIGNMENT, AlignedBuf, DecodedTensor, Error, TensorData};

use crate::body::Body;
use crate::counters::{INPUT_BORROWS, INPUT_COPIES};
use crate::runner::Runner;

/// Smaller parts of a message are copied: that costs less than keeping the message in place.
const BORROW_BYTES: usize = 64 * 1024;

/// Makes a feed of a decoded tensor.
///
/// Bytes that lie in the request's message are used in place where they are large, aligned and owned for long enough (`owner`),
/// and the run cannot keep them; else they are copied once.
///
/// # Errors
/// `InvalidArgument` where dtype, shape and data do not fit.
pub fn feed<R: Runner>(
    runner: &R,
    plan: &R::Plan,
    tensor: DecodedTensor<'_>,
    owner: Option<&Body>,
) -> Result<R::Tensor, Error> {
    let DecodedTensor { dtype, shape, data } = tensor;
    match data {
        TensorData::Owned(buffer) => runner.tensor(dtype, &shape, buffer),
        TensorData::Strings(column) => runner.string_tensor(&shape, column.iter()),
        TensorData::Borrowed(bytes) => {
            let lendable = bytes.len() >= BORROW_BYTES
                && (bytes.as_ptr() as usize).is_multiple_of(ALIGNMENT)
                && !runner.keeps_feeds(plan);
            match owner
                .filter(|_| lendable)
                .and_then(|owner| owner.slice(bytes))
            {
                Some(part) => {
                    INPUT_BORROWS.fetch_add(1, Ordering::Relaxed);
                    runner.shared_tensor(dtype, &shape, part)
                }
                None => {
                    INPUT_COPIES.fetch_add(1, Ordering::Relaxed);
                    runner.tensor(dtype, &shape, AlignedBuf::from(bytes))
                }
            }
        }
    }
}
