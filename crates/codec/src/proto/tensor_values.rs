//! The typed value fields of a `TensorProto`.

use super::wire::{Malformed, Reader, Value, read_varint};
use crate::{AlignedBuf, DType, StringColumn, TensorData};

/// Why values could not be read.
pub(super) enum Failure {
    /// The bytes are not a `TensorProto`.
    Malformed,
    /// The allocator refused.
    Memory,
}

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Failure::Malformed
    }
}

/// How a field's values are laid out on the wire and in memory.
#[derive(Clone, Copy)]
enum Layout {
    /// Little-endian numbers of this many bytes, the same in memory.
    Fixed32,
    Fixed64,
    /// Varints cut to this many bytes.
    Varint(usize),
    /// Varints cut to this many bits and kept in a byte, signed or not.
    Narrow {
        bits: u32,
        signed: bool,
    },
    /// Varints as truth.
    Bool,
    /// One byte per element in a `bytes` field.
    Raw,
}

/// Field number and layout of a dtype; `None` for strings. A complex number is two numbers of the field.
fn field(dtype: DType) -> Option<(u32, Layout)> {
    Some(match dtype {
        DType::FLOAT => (5, Layout::Fixed32),
        DType::DOUBLE => (6, Layout::Fixed64),
        DType::COMPLEX64 => (9, Layout::Fixed32),
        DType::COMPLEX128 => (12, Layout::Fixed64),
        DType::INT64 => (10, Layout::Varint(8)),
        DType::UINT64 => (17, Layout::Varint(8)),
        DType::UINT32 => (16, Layout::Varint(4)),
        DType::BOOL => (11, Layout::Bool),
        DType::HALF | DType::BFLOAT16 => (13, Layout::Varint(2)),
        DType::INT4 => (
            7,
            Layout::Narrow {
                bits: 4,
                signed: true,
            },
        ),
        DType::UINT4 => (
            7,
            Layout::Narrow {
                bits: 4,
                signed: false,
            },
        ),
        DType::INT2 => (
            7,
            Layout::Narrow {
                bits: 2,
                signed: true,
            },
        ),
        DType::UINT2 => (
            7,
            Layout::Narrow {
                bits: 2,
                signed: false,
            },
        ),
        DType::INT32 | DType::QINT32 => (7, Layout::Varint(4)),
        DType::INT16 | DType::UINT16 | DType::QINT16 | DType::QUINT16 => (7, Layout::Varint(2)),
        DType::INT8 | DType::UINT8 | DType::QINT8 | DType::QUINT8 => (7, Layout::Varint(1)),
        DType::FLOAT8_E5M2
        | DType::FLOAT8_E4M3FN
        | DType::FLOAT8_E4M3FNUZ
        | DType::FLOAT8_E4M3B11FNUZ
        | DType::FLOAT8_E5M2FNUZ
        | DType::FLOAT4_E2M1FN => (18, Layout::Raw),
        _ => return None,
    })
}

/// Reads `elements` (at least one) elements from the field of the dtype, filled up as TensorFlow does.
pub(super) fn read(dtype: DType, bytes: &[u8], elements: usize) -> Result<TensorData<'_>, Failure> {
    let Some((number, layout)) = field(dtype) else {
        return Ok(strings(bytes, elements)?);
    };
    let element_bytes = dtype.size().ok_or(Failure::Malformed)?;
    let wanted = elements * element_bytes;
    if let Some(packed) = only_packed(bytes, number, layout, wanted)? {
        return Ok(TensorData::Borrowed(packed));
    }
    let mut buf = AlignedBuf::try_with_capacity(wanted).ok_or(Failure::Memory)?;
    let mut reader = Reader::new(bytes);
    while let Some((found, value)) = reader.next()? {
        // A surplus is skipped, though the rest of the message must still be well formed.
        if found == number {
            append(&mut buf, value, layout, wanted)?;
        }
    }
    // A complex number needs both its parts.
    buf.truncate(buf.len() - buf.len() % element_bytes);
    fill(&mut buf, element_bytes, wanted);
    Ok(TensorData::Owned(buf))
}

/// The values in place, if one packed field holds exactly the tensor in the layout memory wants.
fn only_packed(
    bytes: &[u8],
    number: u32,
    layout: Layout,
    wanted: usize,
) -> Result<Option<&[u8]>, Failure> {
    if !matches!(layout, Layout::Fixed32 | Layout::Fixed64 | Layout::Raw)
        || cfg!(target_endian = "big")
    {
        return Ok(None);
    }
    let mut packed = None;
    let mut reader = Reader::new(bytes);
    while let Some((found, value)) = reader.next()? {
        if found != number {
            continue;
        }
        match value {
            Value::Bytes(chunk) if packed.is_none() && chunk.len() == wanted => {
                packed = Some(chunk)
            }
            _ => return Ok(None),
        }
    }
    Ok(packed)
}

/// Appends the values of one field occurrence until the buffer has `wanted` bytes.
fn append(
    buf: &mut AlignedBuf,
    value: Value<'_>,
    layout: Layout,
    wanted: usize,
) -> Result<(), Failure> {
    let room = wanted - buf.len();
    match (layout, value) {
        (Layout::Fixed32, Value::Fixed32(number)) if room > 0 => {
            buf.push(u32::from_le_bytes(number).to_ne_bytes());
        }
        (Layout::Fixed64, Value::Fixed64(number)) if room > 0 => {
            buf.push(u64::from_le_bytes(number).to_ne_bytes());
        }
        (Layout::Fixed32, Value::Bytes(chunk)) => append_fixed::<4>(buf, chunk, room)?,
        (Layout::Fixed64, Value::Bytes(chunk)) => append_fixed::<8>(buf, chunk, room)?,
        // A singular field: the last one wins.
        (Layout::Raw, Value::Bytes(chunk)) => {
            buf.truncate(0);
            buf.extend_from_slice(&chunk[..chunk.len().min(wanted)]);
        }
        (Layout::Varint(_) | Layout::Narrow { .. } | Layout::Bool, Value::Varint(varint))
            if room > 0 =>
        {
            push_varint(buf, varint, layout);
        }
        (Layout::Varint(_) | Layout::Narrow { .. } | Layout::Bool, Value::Bytes(chunk)) => {
            let mut pos = 0;
            while pos < chunk.len() {
                let varint = read_varint(chunk, &mut pos).ok_or(Failure::Malformed)?;
                if buf.len() < wanted {
                    push_varint(buf, varint, layout);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn append_fixed<const N: usize>(
    buf: &mut AlignedBuf,
    chunk: &[u8],
    room: usize,
) -> Result<(), Failure> {
    if !chunk.len().is_multiple_of(N) {
        return Err(Failure::Malformed);
    }
    let taken = &chunk[..chunk.len().min(room)];
    if cfg!(target_endian = "little") {
        buf.extend_from_slice(taken);
    } else {
        append_swapped(buf, taken, N);
    }
    Ok(())
}

fn append_swapped(buf: &mut AlignedBuf, bytes: &[u8], size: usize) {
    for number in bytes.chunks_exact(size) {
        number.iter().rev().for_each(|&byte| buf.push([byte]));
    }
}

/// The elements of a `tensor_content` on a big-endian machine.
pub(super) fn from_little_endian(dtype: DType, content: &[u8]) -> AlignedBuf {
    let complex = matches!(dtype, DType::COMPLEX64 | DType::COMPLEX128);
    let number = dtype.size().unwrap_or(1) / if complex { 2 } else { 1 };
    let mut buf = AlignedBuf::with_capacity(content.len());
    append_swapped(&mut buf, content, number);
    buf
}

#[inline]
fn push_varint(buf: &mut AlignedBuf, varint: u64, layout: Layout) {
    match layout {
        Layout::Varint(1) => buf.push([varint as u8]),
        Layout::Varint(2) => buf.push((varint as u16).to_ne_bytes()),
        Layout::Varint(4) => buf.push((varint as u32).to_ne_bytes()),
        Layout::Bool => buf.push([u8::from(varint != 0)]),
        Layout::Narrow { bits, signed: true } => {
            let unused = 8 - bits;
            buf.push([((varint as u8) << unused).cast_signed() >> unused].map(i8::cast_unsigned));
        }
        Layout::Narrow {
            bits,
            signed: false,
        } => buf.push([varint as u8 & ((1 << bits) - 1)]),
        _ => buf.push(varint.to_ne_bytes()),
    }
}

/// Repeats the last element, or zero, up to `wanted` bytes.
fn fill(buf: &mut AlignedBuf, element_bytes: usize, wanted: usize) {
    let missing = (wanted - buf.len()) / element_bytes;
    if missing == 0 {
        return;
    }
    match buf.len().checked_sub(element_bytes) {
        Some(start) => {
            let last = buf.as_slice()[start..].to_vec();
            buf.extend_repeated(&last, missing);
        }
        None => buf.resize(wanted, 0),
    }
}

fn strings(bytes: &[u8], elements: usize) -> Result<TensorData<'_>, Malformed> {
    let mut column = StringColumn::new(bytes);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        if let (8, Value::Bytes(text)) = field
            && column.len() < elements
        {
            // The value ends where the next field begins.
            column.push_source(reader.position() - text.len(), text.len());
        }
    }
    column.set_len(elements);
    Ok(TensorData::Strings(column))
}
