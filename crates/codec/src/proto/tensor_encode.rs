//! Writing a `TensorProto`: its length is worked out first, so that nothing is written twice or moved.

use super::wire::{
    bytes_field_len, put_bytes, put_header, put_varint, put_varint_field, varint_len,
};
use crate::{Code, DType, Error, Result, TensorView, ViewData};

/// A tensor that is ready to be written.
pub(super) struct EncodedTensor<'a> {
    pub name: &'a str,
    view: TensorView<'a>,
    shape_len: usize,
    values: Values,
    /// Bytes of the whole message, without a tag of its own.
    pub len: usize,
}

/// How the values are written; the lengths are those of the fields' contents.
#[derive(Clone, Copy)]
enum Values {
    None,
    /// Memory as it is, in this field.
    Copied {
        field: u32,
    },
    /// Packed varints.
    Varints {
        field: u32,
        len: usize,
    },
    /// One `string_val` each.
    Strings,
    /// Lengths, then bytes, in `tensor_content`.
    StringContent {
        len: usize,
    },
}

const TENSOR_SHAPE: u32 = 2;
const TENSOR_CONTENT: u32 = 4;
const STRING_VAL: u32 = 8;

impl<'a> EncodedTensor<'a> {
    /// Prepares every tensor of a response.
    pub fn all(tensors: &[(&'a str, TensorView<'a>)], as_content: bool) -> Result<Vec<Self>> {
        tensors
            .iter()
            .map(|&(name, view)| Self::new(name, view, as_content))
            .collect()
    }

    /// Checks the view and works out the lengths. `name` is for the caller's entry and for errors.
    pub fn new(name: &'a str, view: TensorView<'a>, as_content: bool) -> Result<Self> {
        let elements = view.elements(name)?;
        let shape_len = view
            .shape
            .iter()
            .map(|&dim| bytes_field_len(2, dim_len(dim)))
            .sum();
        let values = match view.data {
            _ if elements == 0 => Values::None,
            ViewData::Strings(_) if view.dtype != DType::STRING => {
                return Err(unsupported(name, view.dtype));
            }
            ViewData::Strings(strings) if as_content => {
                let len = (0..elements)
                    .map(|i| strings.get(i).len())
                    .map(|len| varint_len(len as u64) + len)
                    .sum();
                Values::StringContent { len }
            }
            ViewData::Strings(_) => Values::Strings,
            ViewData::Bytes(_) if as_content => Values::Copied {
                field: TENSOR_CONTENT,
            },
            ViewData::Bytes(bytes) => {
                match field(view.dtype).ok_or_else(|| unsupported(name, view.dtype))? {
                    (field, true) => Values::Copied { field },
                    (field, false) => {
                        let mut len = 0;
                        each_varint(view.dtype, bytes, |varint| len += varint_len(varint));
                        Values::Varints { field, len }
                    }
                }
            }
        };
        let values_len = match (values, view.data) {
            (Values::Copied { field }, ViewData::Bytes(bytes)) => {
                bytes_field_len(field, bytes.len())
            }
            (Values::Varints { field, len }, _) => bytes_field_len(field, len),
            (Values::StringContent { len }, _) => bytes_field_len(TENSOR_CONTENT, len),
            (Values::Strings, ViewData::Strings(strings)) => (0..elements)
                .map(|i| bytes_field_len(STRING_VAL, strings.get(i).len()))
                .sum(),
            _ => 0,
        };
        let dtype_len = 1 + varint_len(view.dtype.number() as u64);
        let len = dtype_len + bytes_field_len(TENSOR_SHAPE, shape_len) + values_len;
        Ok(EncodedTensor {
            name,
            view,
            shape_len,
            values,
            len,
        })
    }

    /// Writes the message, exactly `len` bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_varint_field(out, 1, self.view.dtype.number() as u64);
        put_header(out, TENSOR_SHAPE, self.shape_len);
        for &dim in self.view.shape {
            put_header(out, 2, dim_len(dim));
            if dim != 0 {
                put_varint_field(out, 1, dim as u64);
            }
        }
        match (self.values, self.view.data) {
            (Values::Copied { field }, ViewData::Bytes(bytes)) => {
                put_memory(out, field, bytes, self.view.dtype)
            }
            (Values::Varints { field, len }, ViewData::Bytes(bytes)) => {
                put_header(out, field, len);
                each_varint(self.view.dtype, bytes, |varint| put_varint(out, varint));
            }
            (Values::Strings, ViewData::Strings(strings)) => {
                (0..strings.len()).for_each(|i| put_bytes(out, STRING_VAL, strings.get(i)));
            }
            (Values::StringContent { len }, ViewData::Strings(strings)) => {
                put_header(out, TENSOR_CONTENT, len);
                (0..strings.len()).for_each(|i| put_varint(out, strings.get(i).len() as u64));
                (0..strings.len()).for_each(|i| out.extend_from_slice(strings.get(i)));
            }
            _ => {}
        }
    }
}

fn dim_len(dim: i64) -> usize {
    if dim == 0 {
        0
    } else {
        1 + varint_len(dim as u64)
    }
}

fn unsupported(name: &str, dtype: DType) -> Error {
    Error::new(
        Code::Unimplemented,
        format!("Tensor name: {name}: {dtype} cannot be sent in a TensorProto"),
    )
}

fn put_memory(out: &mut Vec<u8>, field: u32, bytes: &[u8], dtype: DType) {
    if cfg!(target_endian = "little") {
        put_bytes(out, field, bytes);
    } else {
        // The wire is little-endian; turning the bytes of each number round is its own inverse.
        put_bytes(
            out,
            field,
            super::tensor_values::from_little_endian(dtype, bytes).as_slice(),
        );
    }
}

/// The field of a dtype, and whether its content is the memory itself (else varints).
fn field(dtype: DType) -> Option<(u32, bool)> {
    Some(match dtype {
        DType::FLOAT => (5, true),
        DType::DOUBLE => (6, true),
        DType::COMPLEX64 => (9, true),
        DType::COMPLEX128 => (12, true),
        DType::INT64 => (10, false),
        DType::UINT64 => (17, false),
        DType::UINT32 => (16, false),
        DType::BOOL => (11, false),
        DType::HALF | DType::BFLOAT16 => (13, false),
        DType::INT32
        | DType::QINT32
        | DType::INT16
        | DType::UINT16
        | DType::QINT16
        | DType::QUINT16
        | DType::INT8
        | DType::UINT8
        | DType::QINT8
        | DType::QUINT8
        | DType::INT4
        | DType::UINT4
        | DType::INT2
        | DType::UINT2 => (7, false),
        DType::FLOAT8_E5M2
        | DType::FLOAT8_E4M3FN
        | DType::FLOAT8_E4M3FNUZ
        | DType::FLOAT8_E4M3B11FNUZ
        | DType::FLOAT8_E5M2FNUZ
        | DType::FLOAT4_E2M1FN => (18, true),
        _ => return None,
    })
}

/// Calls `put` with the varint of every element; negative numbers are sign-extended to 64 bits, as protobuf wants.
fn each_varint(dtype: DType, bytes: &[u8], mut put: impl FnMut(u64)) {
    let mut signed = |number: i64| put(number as u64);
    match dtype {
        DType::INT8 | DType::QINT8 | DType::INT4 | DType::INT2 => {
            bytes
                .iter()
                .for_each(|&byte| signed(i64::from(byte.cast_signed())));
        }
        DType::INT16 | DType::QINT16 => {
            numbers(bytes, |n| signed(i64::from(i16::from_ne_bytes(n))))
        }
        DType::INT32 | DType::QINT32 => {
            numbers(bytes, |n| signed(i64::from(i32::from_ne_bytes(n))))
        }
        DType::INT64 => numbers(bytes, |n| signed(i64::from_ne_bytes(n))),
        DType::UINT64 => numbers(bytes, |n| put(u64::from_ne_bytes(n))),
        DType::UINT32 => numbers(bytes, |n| put(u64::from(u32::from_ne_bytes(n)))),
        DType::UINT16 | DType::QUINT16 | DType::HALF | DType::BFLOAT16 => {
            numbers(bytes, |n| put(u64::from(u16::from_ne_bytes(n))));
        }
        DType::BOOL => bytes.iter().for_each(|&byte| put(u64::from(byte != 0))),
        _ => bytes.iter().for_each(|&byte| put(u64::from(byte))),
    }
}

fn numbers<const N: usize>(bytes: &[u8], mut each: impl FnMut([u8; N])) {
    for number in bytes.chunks_exact(N) {
        let mut copy = [0; N];
        copy.copy_from_slice(number);
        each(copy);
    }
}
