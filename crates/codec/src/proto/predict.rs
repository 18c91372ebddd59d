//! `PredictRequest` and `PredictResponse`.

use super::ModelSpec;
use super::tensor_encode::EncodedTensor;
use super::wire::{Malformed, Reader, Value, bytes_field_len, check_size, put_bytes, put_header};
use crate::{Result, TensorView};

/// A `PredictRequest`, its tensors still serialized.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PredictRequest<'b> {
    /// `None` if the message has no `model_spec`.
    pub model_spec: Option<ModelSpec<'b>>,
    /// Alias and serialized `TensorProto`, sorted by alias, each alias once (the last entry of a key wins).
    pub inputs: Vec<(&'b str, &'b [u8])>,
    /// The outputs asked for, in the order of the request; empty means all.
    pub output_filter: Vec<&'b str>,
}

/// Reads a `PredictRequest`. The tensors inside are given as bytes for [`super::tensor::decode`].
///
/// # Errors
/// `INVALID_ARGUMENT` if the bytes are not such a message.
pub fn decode(body: &[u8]) -> Result<PredictRequest<'_>> {
    read(body).map_err(|malformed| malformed.request("PredictRequest"))
}

fn read(body: &[u8]) -> std::result::Result<PredictRequest<'_>, Malformed> {
    let mut request = PredictRequest::default();
    let mut reader = Reader::new(body);
    while let Some((number, value)) = reader.next()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) => ModelSpec::merge_into(&mut request.model_spec, bytes)?,
            (2, Value::Bytes(entry)) => request.inputs.push(named_tensor(entry)?),
            (3, Value::Bytes(_)) => request.output_filter.extend(value.text()?),
            _ => {}
        }
    }
    keep_last_of_each_key(&mut request.inputs);
    Ok(request)
}

/// Reads a map entry or a `NamedTensorProto`: a name in field 1, a tensor in field 2.
pub(super) fn named_tensor(entry: &[u8]) -> std::result::Result<(&str, &[u8]), Malformed> {
    let (mut name, mut tensor) = ("", &[][..]);
    let mut reader = Reader::new(entry);
    while let Some((number, value)) = reader.next()? {
        match (number, value) {
            (1, Value::Bytes(_)) => name = value.text()?.unwrap_or_default(),
            (2, Value::Bytes(bytes)) => tensor = bytes,
            _ => {}
        }
    }
    Ok((name, tensor))
}

fn keep_last_of_each_key(entries: &mut Vec<(&str, &[u8])>) {
    if entries.len() < 2 {
        return;
    }
    entries.sort_by_key(|&(key, _)| key);
    // `dedup_by` drops its first argument, the later one; the later value is the one to keep.
    entries.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = later.1;
        }
        same
    });
}

/// Appends a `PredictResponse`: outputs in the order given, values in typed fields or, if `as_content`, in `tensor_content`.
///
/// # Errors
/// `INTERNAL` if a view contradicts itself, `UNIMPLEMENTED` for a dtype that has no encoding here, `RESOURCE_EXHAUSTED` for a
/// message over 2 GiB. `out` is then as it was.
pub fn encode_response(
    model_spec: &ModelSpec<'_>,
    outputs: &[(&str, TensorView<'_>)],
    as_content: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let tensors = EncodedTensor::all(outputs, as_content)?;
    let entries: usize = tensors
        .iter()
        .map(|tensor| bytes_field_len(1, tensor.named_len()))
        .sum();
    let len = entries + bytes_field_len(2, model_spec.encoded_len());
    check_size(len)?;
    out.reserve(len);
    for tensor in &tensors {
        tensor.put_named(out, 1);
    }
    model_spec.put(out, 2);
    Ok(())
}

/// Appends a `PredictRequest`, for clients and tests.
///
/// # Errors
/// As [`encode_response`].
pub fn encode_request(
    model_spec: &ModelSpec<'_>,
    inputs: &[(&str, TensorView<'_>)],
    output_filter: &[&str],
    as_content: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let tensors = EncodedTensor::all(inputs, as_content)?;
    let entries: usize = tensors
        .iter()
        .map(|tensor| bytes_field_len(2, tensor.named_len()))
        .sum();
    check_size(entries)?;
    out.reserve(entries);
    model_spec.put(out, 1);
    for tensor in &tensors {
        tensor.put_named(out, 2);
    }
    for name in output_filter {
        put_bytes(out, 3, name.as_bytes());
    }
    Ok(())
}

impl EncodedTensor<'_> {
    /// Bytes of the map entry or `NamedTensorProto` without tag and length.
    pub(super) fn named_len(&self) -> usize {
        bytes_field_len(1, self.name.len()) + bytes_field_len(2, self.len)
    }

    /// Writes the map entry or `NamedTensorProto` as field `field`.
    pub(super) fn put_named(&self, out: &mut Vec<u8>, field: u32) {
        put_header(out, field, self.named_len());
        put_bytes(out, 1, self.name.as_bytes());
        put_header(out, 2, self.len);
        self.put(out);
    }
}
