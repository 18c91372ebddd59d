//! `SessionRunRequest` and `SessionRunResponse`.

use super::ModelSpec;
use super::predict::named_tensor;
use super::tensor_encode::EncodedTensor;
use super::wire::{Malformed, Reader, Value, bytes_field_len, check_size};
use crate::{Result, TensorView};

/// A `SessionRunRequest`, its tensors still serialized.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionRunRequest<'b> {
    /// `None` if the message has no `model_spec`.
    pub model_spec: Option<ModelSpec<'b>>,
    /// Name and serialized `TensorProto`, in the order of the request.
    pub feed: Vec<(&'b str, &'b [u8])>,
    /// The tensors to fetch.
    pub fetch: Vec<&'b str>,
    /// The operations to run without fetching them.
    pub target: Vec<&'b str>,
    /// Serialized `RunOptions`; `None` if there are none.
    pub options: Option<&'b [u8]>,
    /// Whether names are the signature's aliases instead of the graph's tensor names.
    pub tensor_name_is_alias: bool,
}

/// Reads a `SessionRunRequest`. The tensors inside are given as bytes for [`super::tensor::decode`].
///
/// # Errors
/// `INVALID_ARGUMENT` if the bytes are not such a message.
pub fn decode(body: &[u8]) -> Result<SessionRunRequest<'_>> {
    read(body).map_err(|malformed| malformed.request("SessionRunRequest"))
}

fn read(body: &[u8]) -> std::result::Result<SessionRunRequest<'_>, Malformed> {
    let mut request = SessionRunRequest::default();
    let mut reader = Reader::new(body);
    while let Some((number, value)) = reader.next()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) => ModelSpec::merge_into(&mut request.model_spec, bytes)?,
            (2, Value::Bytes(entry)) => request.feed.push(named_tensor(entry)?),
            (3, Value::Bytes(_)) => request.fetch.extend(value.text()?),
            (4, Value::Bytes(_)) => request.target.extend(value.text()?),
            (5, Value::Bytes(bytes)) => request.options = Some(bytes),
            (6, Value::Varint(flag)) => request.tensor_name_is_alias = flag != 0,
            _ => {}
        }
    }
    Ok(request)
}

/// Appends a `SessionRunResponse`: tensors in the order given, without run metadata.
///
/// # Errors
/// As [`super::predict::encode_response`].
pub fn encode(
    model_spec: &ModelSpec<'_>,
    tensors: &[(&str, TensorView<'_>)],
    as_content: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let tensors = EncodedTensor::all(tensors, as_content)?;
    let entries: usize = tensors
        .iter()
        .map(|tensor| bytes_field_len(1, tensor.named_len()))
        .sum();
    let len = entries + bytes_field_len(3, model_spec.encoded_len());
    check_size(len)?;
    out.reserve(len);
    for tensor in &tensors {
        tensor.put_named(out, 1);
    }
    model_spec.put(out, 3);
    Ok(())
}
