//! Writing tensors as JSON lists, element by element.

use super::base64;
use super::print::NonFinite;
use super::text::{plain, put_string};
use crate::float16::{bfloat16_to_f32, half_to_f32};
use crate::{DType, TensorView, ViewData};

/// How lists are laid out; objects always have a line per member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// On one line, elements separated by `, `.
    Inline,
    /// An element per line.
    Expanded,
}

/// How the values of one output are written.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub lists: Lists,
    pub nonfinite: NonFinite,
    /// Strings as base64 objects: the output's name ends in `_bytes`.
    pub bytes: bool,
}

/// A part of a tensor: the elements from `first` on, of the dimensions `dims`.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub tensor: TensorView<'a>,
    pub dims: &'a [i64],
    pub first: usize,
    /// How many containers are open around it.
    pub level: usize,
}

/// Whether JSON has a form for elements of this type.
pub(super) fn printable(dtype: DType) -> bool {
    matches!(
        dtype,
        DType::FLOAT
            | DType::DOUBLE
            | DType::INT32
            | DType::UINT8
            | DType::INT16
            | DType::INT8
            | DType::STRING
            | DType::INT64
            | DType::BOOL
            | DType::BFLOAT16
            | DType::UINT16
            | DType::HALF
            | DType::UINT32
            | DType::UINT64
    )
}

/// Writes a part of a printable tensor whose data is as long as its shape says.
pub(super) fn put_part(out: &mut Vec<u8>, part: Part<'_>, style: Style) {
    let nonfinite = style.nonfinite;
    let bytes = match part.tensor.data {
        ViewData::Bytes(bytes) => bytes,
        ViewData::Strings(strings) => {
            let put = |out: &mut Vec<u8>, at: usize, level| {
                put_bytes_or_text(out, strings.get(at), style.bytes, level)
            };
            return put_list(out, part, style.lists, &put);
        }
    };
    macro_rules! numbers {
        ($type:ty, $put:expr) => {{
            const SIZE: usize = size_of::<$type>();
            let put = |out: &mut Vec<u8>, at: usize, _level: usize| {
                if let Some(element) = bytes
                    .get(at * SIZE..)
                    .and_then(|rest| rest.first_chunk::<SIZE>())
                {
                    let put: fn(&mut Vec<u8>, $type, NonFinite) = $put;
                    put(out, <$type>::from_ne_bytes(*element), nonfinite);
                }
            };
            put_list(out, part, style.lists, &put)
        }};
    }
    macro_rules! integers {
        ($type:ty) => {
            numbers!($type, |out, value, _| out
                .extend_from_slice(itoa::Buffer::new().format(value).as_bytes()))
        };
    }
    match part.tensor.dtype {
        DType::FLOAT => numbers!(f32, put_f32),
        DType::DOUBLE => numbers!(f64, put_f64),
        DType::HALF => numbers!(u16, |out, bits, nonfinite| put_f32(
            out,
            half_to_f32(bits),
            nonfinite
        )),
        DType::BFLOAT16 => numbers!(u16, |out, bits, nonfinite| put_f32(
            out,
            bfloat16_to_f32(bits),
            nonfinite
        )),
        DType::INT8 => integers!(i8),
        DType::INT16 => integers!(i16),
        DType::INT32 => integers!(i32),
        DType::INT64 => integers!(i64),
        DType::UINT8 => integers!(u8),
        DType::UINT16 => integers!(u16),
        DType::UINT32 => integers!(u32),
        DType::UINT64 => integers!(u64),
        _ => numbers!(u8, |out, byte, _| out.extend_from_slice(if byte != 0 {
            b"true"
        } else {
            b"false"
        })),
    }
}

/// Writes the lists around the elements; `put` gets the index of an element and the level it stands at.
fn put_list(
    out: &mut Vec<u8>,
    part: Part<'_>,
    lists: Lists,
    put: &impl Fn(&mut Vec<u8>, usize, usize),
) {
    let Some((&count, inner)) = part.dims.split_first() else {
        return put(out, part.first, part.level);
    };
    let count = usize::try_from(count).unwrap_or(0);
    if count == 0 {
        out.extend_from_slice(b"[]");
        return;
    }
    let level = part.level + 1;
    let mut separator = Vec::with_capacity(2 + 4 * level);
    separator.push(b',');
    match lists {
        Lists::Inline => separator.push(b' '),
        Lists::Expanded => put_line(&mut separator, level),
    }
    out.push(b'[');
    if lists == Lists::Expanded {
        out.extend_from_slice(&separator[1..]);
    }
    if inner.is_empty() {
        put(out, part.first, level);
        for at in part.first + 1..part.first + count {
            out.extend_from_slice(&separator);
            put(out, at, level);
        }
    } else {
        let step: usize = inner
            .iter()
            .map(|&dim| usize::try_from(dim).unwrap_or(0))
            .product();
        for i in 0..count {
            if i > 0 {
                out.extend_from_slice(&separator);
            }
            put_list(
                out,
                Part {
                    dims: inner,
                    first: part.first + i * step,
                    level,
                    ..part
                },
                lists,
                put,
            );
        }
    }
    if lists == Lists::Expanded {
        put_line(out, part.level);
    }
    out.push(b']');
}

/// Begins a new line at a level.
pub(super) fn put_line(out: &mut Vec<u8>, level: usize) {
    out.push(b'\n');
    out.resize(out.len() + 4 * level, b' ');
}

/// A string, or a base64 object where one is wanted or the bytes are not UTF-8.
pub(super) fn put_bytes_or_text(out: &mut Vec<u8>, bytes: &[u8], as_base64: bool, level: usize) {
    if !as_base64 && is_utf8(bytes) {
        return put_string(out, bytes);
    }
    out.push(b'{');
    put_line(out, level + 1);
    out.extend_from_slice(b"\"b64\": \"");
    base64::encode_into(bytes, out);
    out.push(b'"');
    put_line(out, level);
    out.push(b'}');
}

fn is_utf8(bytes: &[u8]) -> bool {
    let run = plain(bytes);
    run.ascii && run.len == bytes.len() || std::str::from_utf8(bytes).is_ok()
}

/// The shortest text that reads back to the same value, with `.0` if it would look like an integer.
pub(super) fn put_f32(out: &mut Vec<u8>, value: f32, nonfinite: NonFinite) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        put_nonfinite(out, f64::from(value), nonfinite);
    }
}

/// As [`put_f32`].
pub(super) fn put_f64(out: &mut Vec<u8>, value: f64, nonfinite: NonFinite) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        put_nonfinite(out, value, nonfinite);
    }
}

#[cold]
fn put_nonfinite(out: &mut Vec<u8>, value: f64, nonfinite: NonFinite) {
    let token = match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    };
    match nonfinite {
        NonFinite::Token => out.extend_from_slice(token.as_bytes()),
        NonFinite::Null => out.extend_from_slice(b"null"),
        NonFinite::String => put_string(out, token.as_bytes()),
    }
}

/// The scores of a regress answer or any list of floats on one line.
pub(super) fn put_floats(out: &mut Vec<u8>, values: &[u8], level: usize, nonfinite: NonFinite) {
    let dims = [(values.len() / 4) as i64];
    let tensor = TensorView {
        dtype: DType::FLOAT,
        shape: &dims,
        data: ViewData::Bytes(values),
    };
    let style = Style {
        lists: Lists::Inline,
        nonfinite,
        bytes: false,
    };
    put_part(
        out,
        Part {
            tensor,
            dims: &dims,
            first: 0,
            level,
        },
        style,
    );
}
