//! NumPy's `.npy` format, versions 1 to 3 (numpy.lib.format), little-endian and C order.

use super::single_input;
use crate::float16::{bfloat16_from_f64, half_from_f64};
use crate::tensor::element_count;
use crate::{
    AlignedBuf, Code, DType, DecodedTensor, Error, Result, Shape, SignatureSpec, TensorData,
    TensorLimits, TensorView, ViewData,
};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The types NumPy can hold and how it spells them, byte order left out.
const TYPES: [(&str, DType); 14] = [
    ("f4", DType::FLOAT),
    ("f8", DType::DOUBLE),
    ("f2", DType::HALF),
    ("i1", DType::INT8),
    ("i2", DType::INT16),
    ("i4", DType::INT32),
    ("i8", DType::INT64),
    ("u1", DType::UINT8),
    ("u2", DType::UINT16),
    ("u4", DType::UINT32),
    ("u8", DType::UINT64),
    ("b1", DType::BOOL),
    ("c8", DType::COMPLEX64),
    ("c16", DType::COMPLEX128),
];

struct Header {
    dtype: DType,
    shape: Shape,
    /// Where the elements begin.
    data: usize,
}

/// Reads a body as the only input of `signature`.
///
/// The elements are not copied where the types agree. `float64`, NumPy's default, is narrowed for a float, half or bfloat16
/// input, and `float32` for the latter two: to the nearest value, ties to even, infinity where it is too large.
///
/// # Errors
/// `INVALID_ARGUMENT` names what is wrong with the file or which type the input wants; `RESOURCE_EXHAUSTED` past the limit.
pub fn decode<'b>(
    body: &'b [u8],
    signature: &SignatureSpec,
    limits: &TensorLimits,
) -> Result<DecodedTensor<'b>> {
    let input = single_input(signature, "npy")?;
    let header = read_header(body)?;
    let size = header
        .dtype
        .size()
        .ok_or_else(|| Error::invalid("npy body: no numbers"))?;
    let bytes = element_count(&header.shape)
        .and_then(|elements| elements.checked_mul(size))
        .ok_or_else(|| Error::invalid("npy body: the shape is too large"))?;
    let most = limits.bytes_of(size as u64);
    if bytes as u64 > most {
        return Err(Error::new(
            Code::ResourceExhausted,
            format!("npy body: {bytes} bytes of elements, at most {most} are taken"),
        ));
    }
    let elements = &body[header.data..];
    if elements.len() != bytes {
        return Err(Error::invalid(format!(
            "npy body: shape {:?} of {} needs {bytes} bytes of elements, got {}",
            header.shape.as_slice(),
            header.dtype,
            elements.len()
        )));
    }
    let data = match (header.dtype, input.dtype) {
        (from, to) if from == to => TensorData::Borrowed(elements),
        (from, to) => TensorData::Owned(narrow(elements, from, to).ok_or_else(|| {
            Error::invalid(format!(
                "npy body: input \"{}\" wants {to}, got {from}",
                input.alias
            ))
        })?),
    };
    Ok(DecodedTensor {
        dtype: input.dtype,
        shape: header.shape,
        data,
    })
}

/// Floats as narrower ones; `None` for any other pair of types.
fn narrow(elements: &[u8], from: DType, to: DType) -> Option<AlignedBuf> {
    let narrower = match to {
        DType::FLOAT => from == DType::DOUBLE,
        DType::HALF | DType::BFLOAT16 => matches!(from, DType::DOUBLE | DType::FLOAT),
        _ => false,
    };
    let (from_size, to_size) = (from.size()?, to.size().filter(|_| narrower)?);
    let mut buf = AlignedBuf::with_capacity(elements.len() / from_size * to_size);
    for bytes in elements.chunks_exact(from_size) {
        let value = match *bytes {
            [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
            _ => f64::from_le_bytes(bytes.try_into().ok()?),
        };
        match to {
            DType::FLOAT => buf.push((value as f32).to_ne_bytes()),
            DType::HALF => buf.push(half_from_f64(value).to_ne_bytes()),
            _ => buf.push(bfloat16_from_f64(value).to_ne_bytes()),
        }
    }
    Some(buf)
}

fn read_header(body: &[u8]) -> Result<Header> {
    let short = || Error::invalid("npy body: ends inside its header");
    if !body.starts_with(MAGIC) {
        return Err(Error::invalid("npy body: does not begin with \\x93NUMPY"));
    }
    let major = *body.get(6).ok_or_else(short)?;
    let (length, start) = match major {
        1 => (
            usize::from(u16::from_le_bytes(field(body, 8).ok_or_else(short)?)),
            10usize,
        ),
        2 | 3 => (
            u32::from_le_bytes(field(body, 8).ok_or_else(short)?) as usize,
            12,
        ),
        other => {
            return Err(Error::invalid(format!(
                "npy body: version {other}, want 1 to 3"
            )));
        }
    };
    let data = start.checked_add(length).ok_or_else(short)?;
    let text = body.get(start..data).ok_or_else(short)?;
    let text = std::str::from_utf8(text)
        .map_err(|_| Error::invalid("npy body: the header is not text"))?;
    let value = |key: &str| {
        dict_value(text, key)
            .ok_or_else(|| Error::invalid(format!("npy body: the header has no '{key}'")))
    };
    let dtype = dtype(value("descr")?)?;
    let shape = shape(value("shape")?)?;
    // The two orders are one where there is at most one dimension.
    if !value("fortran_order")?.starts_with("False") && shape.len() > 1 {
        return Err(Error::invalid(
            "npy body: Fortran order, want C order (numpy.ascontiguousarray)",
        ));
    }
    Ok(Header { dtype, shape, data })
}

fn field<const N: usize>(body: &[u8], at: usize) -> Option<[u8; N]> {
    body.get(at..at + N)?.try_into().ok()
}

/// What follows `'key':` in the header, a Python dict literal written by NumPy itself.
fn dict_value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let after = [format!("'{key}'"), format!("\"{key}\"")]
        .iter()
        .find_map(|quoted| text.split_once(quoted.as_str()).map(|(_, after)| after))?;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

fn dtype(value: &str) -> Result<DType> {
    let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let name = quote
        .and_then(|quote| value[1..].split(quote).next())
        .unwrap_or("");
    let (order, kind) = name.split_at(usize::from(!name.is_empty() && name.is_ascii()));
    if order == ">" {
        return Err(Error::invalid(format!(
            "npy body: big-endian {name}, want little-endian"
        )));
    }
    TYPES
        .iter()
        .find(|(numpy, _)| *numpy == kind && matches!(order, "<" | "|" | "="))
        .map(|(_, dtype)| *dtype)
        .ok_or_else(|| {
            Error::invalid(format!(
                "npy body: type {value:.24} has no tensor type of its own"
            ))
        })
}

fn shape(value: &str) -> Result<Shape> {
    let wrong = || {
        Error::invalid(format!(
            "npy body: shape {value:.40} is not a tuple of sizes"
        ))
    };
    let inner = value
        .strip_prefix('(')
        .and_then(|v| v.split(')').next())
        .ok_or_else(wrong)?;
    let sizes = inner
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    let shape: Shape = sizes
        .map(|size| size.parse::<u32>().map(i64::from).map_err(|_| wrong()))
        .collect::<Result<_>>()?;
    if shape.len() > 32 {
        return Err(wrong());
    }
    Ok(shape)
}

/// Writes a tensor as an `.npy` file, version 1.0.
///
/// # Errors
/// `INVALID_ARGUMENT` for types NumPy does not have: strings, bfloat16, quantised ones.
pub fn encode(name: &str, tensor: &TensorView<'_>, out: &mut Vec<u8>) -> Result<()> {
    let found = TYPES.iter().find(|(_, dtype)| *dtype == tensor.dtype);
    let (Some((kind, dtype)), ViewData::Bytes(bytes)) = (found, tensor.data) else {
        return Err(Error::invalid(format!(
            "output \"{name}\": {} has no .npy form, ask for JSON",
            tensor.dtype
        )));
    };
    tensor.elements(name)?;
    let order = if dtype.size() == Some(1) { '|' } else { '<' };
    let mut shape = String::new();
    for size in tensor.shape {
        shape.push_str(&size.to_string());
        shape.push_str(if tensor.shape.len() == 1 { "," } else { ", " });
    }
    let shape = shape.trim_end_matches(", ");
    let mut header =
        format!("{{'descr': '{order}{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    // The elements begin at a multiple of 64 bytes, so that NumPy can map the file.
    let padding = 63 - (10 + header.len()) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let length = u16::try_from(header.len())
        .map_err(|_| Error::invalid(format!("output \"{name}\": too many dimensions for .npy")))?;
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[1, 0]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}
