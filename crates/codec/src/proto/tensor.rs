//! `TensorProto`: TensorFlow's rules for what a request may leave out, repeat or get wrong.

use super::tensor_encode::EncodedTensor;
use super::tensor_values;
use super::wire::{Malformed, Reader, Value, read_varint};
use crate::{
    Code, DType, DecodedTensor, Error, MAX_RANK, Result, Shape, StringColumn, TensorData,
    TensorLimits, TensorView,
};

/// What the element of a string tensor costs beside its bytes: TensorFlow's `TF_TString`.
const STRING_HANDLE_BYTES: u64 = 24;

/// The parts of a `TensorProto` that say how to read the values.
#[derive(Default)]
struct Header<'a> {
    dtype: i32,
    shape: Shape,
    content: &'a [u8],
}

/// Reads a serialized `TensorProto`.
///
/// A non-empty `tensor_content` is used as it is and borrowed. Otherwise the typed field of the dtype is read: the last value
/// is repeated to fill the shape, a surplus is ignored, and without any value the tensor is zeros or empty strings. Small
/// integers are cut to their width. A message without shape is a scalar.
///
/// # Errors
/// `INVALID_ARGUMENT` `tensor parsing error: ‹alias›` for whatever TensorFlow cannot parse, which includes a handful of
/// values for a shape beyond the limit; `RESOURCE_EXHAUSTED` for content that is complete but over the limit, or if memory is
/// short.
pub fn decode<'b>(
    alias: &str,
    bytes: &'b [u8],
    limits: &TensorLimits,
) -> Result<DecodedTensor<'b>> {
    let header = read_header(bytes).map_err(|_| parsing_error(alias))?;
    // A reference type (number + 100) is no type of a tensor.
    let dtype = match DType::from_i32(header.dtype) {
        Some(dtype) if dtype.number() == header.dtype => dtype,
        _ => return Err(parsing_error(alias)),
    };
    if matches!(dtype, DType::RESOURCE | DType::VARIANT) {
        return Err(parsing_error(alias));
    }
    let elements = checked_elements(&header.shape).ok_or_else(|| parsing_error(alias))?;
    let element_bytes = dtype.size().map_or(STRING_HANDLE_BYTES, |size| size as u64);
    let wanted = elements
        .checked_mul(element_bytes)
        .ok_or_else(|| parsing_error(alias))?;
    let most = limits.bytes_of(element_bytes);
    let fits = wanted <= most;

    let data = if elements == 0 {
        empty(dtype)
    } else if header.content.is_empty() {
        if !fits {
            return Err(parsing_error(alias));
        }
        let elements = elements as usize;
        match tensor_values::read(dtype, bytes, elements) {
            Ok(data) => data,
            Err(tensor_values::Failure::Malformed) => return Err(parsing_error(alias)),
            Err(tensor_values::Failure::Memory) => return Err(no_memory(alias, wanted)),
        }
    } else {
        let data = content(dtype, header.content, elements).ok_or_else(|| parsing_error(alias))?;
        if !fits {
            return Err(Error::new(
                Code::ResourceExhausted,
                format!("tensor {alias} takes {wanted} bytes, more than the limit of {most}"),
            ));
        }
        data
    };
    Ok(DecodedTensor {
        dtype,
        shape: header.shape,
        data,
    })
}

/// Appends a `TensorProto`: values in the dtype's typed field or, if `as_content`, in `tensor_content`; never shortened.
///
/// # Errors
/// `INTERNAL` if the view contradicts itself, `UNIMPLEMENTED` for resource and variant, `RESOURCE_EXHAUSTED` over 2 GiB.
pub fn encode(view: &TensorView<'_>, as_content: bool, out: &mut Vec<u8>) -> Result<()> {
    let tensor = EncodedTensor::new("", *view, as_content)?;
    super::wire::check_size(tensor.len)?;
    out.reserve(tensor.len);
    tensor.put(out);
    Ok(())
}

fn parsing_error(alias: &str) -> Error {
    Error::invalid(format!("tensor parsing error: {alias}"))
}

fn no_memory(alias: &str, bytes: u64) -> Error {
    Error::new(
        Code::ResourceExhausted,
        format!("tensor {alias}: no memory for its {bytes} bytes"),
    )
}

fn read_header(bytes: &[u8]) -> std::result::Result<Header<'_>, Malformed> {
    let mut header = Header::default();
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field {
            (1, Value::Varint(dtype)) => header.dtype = dtype as i32,
            (2, Value::Bytes(shape)) => read_shape(shape, &mut header.shape)?,
            (4, Value::Bytes(content)) => header.content = content,
            _ => {}
        }
    }
    Ok(header)
}

/// Appends the dimensions of a `TensorShapeProto`. `unknown_rank` means nothing here: TensorFlow ignores it for tensors.
fn read_shape(bytes: &[u8], shape: &mut Shape) -> std::result::Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        let (2, Value::Bytes(dim)) = field else {
            continue;
        };
        let mut size = 0;
        let mut fields = Reader::new(dim);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Varint(varint)) => size = varint as i64,
                (2, name @ Value::Bytes(_)) => {
                    name.text()?;
                }
                _ => {}
            }
        }
        shape.push(size);
    }
    Ok(())
}

/// The number of elements, multiplied up from the first dimension: TensorFlow refuses an overflow even if a zero follows.
fn checked_elements(shape: &[i64]) -> Option<u64> {
    if shape.len() > MAX_RANK || shape.iter().any(|&dim| dim < 0) {
        return None;
    }
    shape
        .iter()
        .try_fold(1i64, |count, &dim| count.checked_mul(dim))
        .map(|count| count as u64)
}

fn empty<'b>(dtype: DType) -> TensorData<'b> {
    match dtype {
        DType::STRING => TensorData::Strings(StringColumn::new(&[])),
        _ => TensorData::Borrowed(&[]),
    }
}

fn content(dtype: DType, content: &[u8], elements: u64) -> Option<TensorData<'_>> {
    let Some(size) = dtype.size() else {
        return strings(content, elements);
    };
    (content.len() as u64 == elements.checked_mul(size as u64)?).then_some(())?;
    if cfg!(target_endian = "big") {
        return Some(TensorData::Owned(tensor_values::from_little_endian(
            dtype, content,
        )));
    }
    Some(TensorData::Borrowed(content))
}

/// All lengths as varints, then all bytes.
fn strings(content: &[u8], elements: u64) -> Option<TensorData<'_>> {
    // Every length takes a byte: a longer tensor cannot be in here, and this bounds the allocation.
    let elements = usize::try_from(elements)
        .ok()
        .filter(|&n| n <= content.len())?;
    let mut pos = 0;
    let mut lengths = Vec::with_capacity(elements);
    for _ in 0..elements {
        lengths.push(u32::try_from(read_varint(content, &mut pos)?).ok()? as usize);
    }
    let mut column = StringColumn::new(content);
    for len in lengths {
        let end = pos.checked_add(len).filter(|&end| end <= content.len())?;
        column.push_source(pos, len);
        pos = end;
    }
    (pos == content.len()).then_some(TensorData::Strings(column))
}
