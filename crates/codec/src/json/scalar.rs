//! From one JSON value to one element of a tensor, by the signature's dtype.

use super::base64;
use super::dump::dump;
use super::number::{Literal, read_f32, read_f64, read_integer};
use super::text::unescape_into;
use super::value::{Kind, Value};
use crate::float16::{bfloat16_from_f64, half_from_f64};
use crate::{AlignedBuf, Code, DType, Error, Result, StringColumn, TensorData};

/// An element type that JSON can express as a number or a truth value.
pub(super) trait Scalar: Copy {
    /// Reads one literal and moves behind it; `None` if it is of another kind or out of range.
    fn read(bytes: &[u8], pos: &mut usize) -> Option<Self>;
    /// Appends the element in the machine's byte order.
    fn push(self, buf: &mut AlignedBuf);
    /// Bytes in memory.
    const SIZE: usize;
    /// As `push`, into memory of that size.
    fn store(self, slot: &mut [u8]);
}

macro_rules! scalar {
    ($type:ty, $read:expr) => {
        impl Scalar for $type {
            #[inline(always)]
            fn read(bytes: &[u8], pos: &mut usize) -> Option<Self> {
                let read: fn(&[u8], &mut usize) -> Option<$type> = $read;
                read(bytes, pos)
            }
            #[inline(always)]
            fn push(self, buf: &mut AlignedBuf) {
                buf.push(self.to_ne_bytes());
            }
            const SIZE: usize = size_of::<$type>();
            #[inline(always)]
            fn store(self, slot: &mut [u8]) {
                // Through an array, so that it compiles to one store and not to a call of memcpy.
                if let Some(slot) = slot.first_chunk_mut() {
                    *slot = self.to_ne_bytes();
                }
            }
        }
    };
}

macro_rules! integer {
    ($type:ty) => {
        scalar!($type, |bytes, pos| match read_integer(bytes, pos)? {
            Literal::Unsigned(value) => value.try_into().ok(),
            Literal::Negative(value) => value.try_into().ok(),
            Literal::Double(_) => None,
        });
    };
}

integer!(i8);
integer!(i16);
integer!(i32);
integer!(i64);
integer!(u8);
integer!(u16);
integer!(u32);
integer!(u64);
scalar!(f32, read_f32);
scalar!(f64, read_f64);

/// A half, by its bits.
#[derive(Clone, Copy)]
pub(super) struct Half(u16);

/// A bfloat16, by its bits.
#[derive(Clone, Copy)]
pub(super) struct Bfloat16(u16);

impl Half {
    fn to_ne_bytes(self) -> [u8; 2] {
        self.0.to_ne_bytes()
    }
}

impl Bfloat16 {
    fn to_ne_bytes(self) -> [u8; 2] {
        self.0.to_ne_bytes()
    }
}

scalar!(Half, |bytes, pos| read_f64(bytes, pos)
    .map(half_from_f64)
    .map(Half));
scalar!(Bfloat16, |bytes, pos| read_f64(bytes, pos)
    .map(bfloat16_from_f64)
    .map(Bfloat16));

impl Scalar for bool {
    #[inline]
    fn read(bytes: &[u8], pos: &mut usize) -> Option<Self> {
        let rest = bytes.get(*pos..)?;
        let value = rest.starts_with(b"true");
        if !value && !rest.starts_with(b"false") {
            return None;
        }
        *pos += if value { 4 } else { 5 };
        Some(value)
    }
    #[inline]
    fn push(self, buf: &mut AlignedBuf) {
        buf.push([u8::from(self)]);
    }
    const SIZE: usize = 1;
    #[inline(always)]
    fn store(self, slot: &mut [u8]) {
        slot.fill(u8::from(self));
    }
}

/// Runs `$body` with the element type of a dtype as `$type`, or `$other` where there is none.
macro_rules! with_scalar {
    ($dtype:expr, $type:ident => $body:expr, _ => $other:expr) => {{
        use $crate::DType;
        use $crate::json::scalar::{Bfloat16, Half};
        match $dtype {
            DType::FLOAT => {
                type $type = f32;
                $body
            }
            DType::DOUBLE => {
                type $type = f64;
                $body
            }
            DType::INT32 => {
                type $type = i32;
                $body
            }
            DType::INT64 => {
                type $type = i64;
                $body
            }
            DType::UINT8 => {
                type $type = u8;
                $body
            }
            DType::INT8 => {
                type $type = i8;
                $body
            }
            DType::INT16 => {
                type $type = i16;
                $body
            }
            DType::UINT16 => {
                type $type = u16;
                $body
            }
            DType::UINT32 => {
                type $type = u32;
                $body
            }
            DType::UINT64 => {
                type $type = u64;
                $body
            }
            DType::BOOL => {
                type $type = bool;
                $body
            }
            DType::HALF => {
                type $type = Half;
                $body
            }
            DType::BFLOAT16 => {
                type $type = Bfloat16;
                $body
            }
            _ => $other,
        }
    }};
}
pub(super) use with_scalar;

/// The elements of one tensor as they are read.
#[derive(Debug)]
pub(super) enum Store<'b> {
    Bytes(AlignedBuf),
    Strings(StringColumn<'b>),
}

impl<'b> Store<'b> {
    /// An empty store for elements of a dtype; `bytes` is a guess of what they will take.
    pub fn new(dtype: DType, body: &'b [u8], bytes: usize) -> Self {
        if dtype == DType::STRING {
            Store::Strings(StringColumn::new(body))
        } else {
            Store::Bytes(AlignedBuf::with_capacity(bytes))
        }
    }

    /// Drops what is beyond `elements`.
    pub fn truncate(&mut self, dtype: DType, elements: usize) {
        match self {
            Store::Bytes(buf) => buf.truncate(elements.saturating_mul(dtype.size().unwrap_or(1))),
            Store::Strings(column) => column.set_len(elements.min(column.len())),
        }
    }

    pub fn into_data(self) -> TensorData<'b> {
        match self {
            Store::Bytes(buf) => TensorData::Owned(buf),
            Store::Strings(column) => TensorData::Strings(column),
        }
    }

    /// Appends a value that is no list.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the value is not of the dtype; `UNIMPLEMENTED` for a dtype that JSON has no form for.
    pub fn push_value(&mut self, dtype: DType, value: Value<'b>) -> Result<()> {
        let buf = match self {
            Store::Strings(column) => return push_string(column, dtype, value),
            Store::Bytes(buf) => buf,
        };
        let pushed = with_scalar!(dtype, T => push_scalar::<T>(buf, value), _ => {
            return Err(Error::new(
                Code::Unimplemented,
                format!("Conversion of JSON Value: {} to type: {dtype}", dump(value)),
            ));
        });
        pushed.ok_or_else(|| wrong_type(value, dtype))
    }
}

fn push_scalar<T: Scalar>(buf: &mut AlignedBuf, value: Value<'_>) -> Option<()> {
    T::read(value.bytes, &mut value.start.clone())?.push(buf);
    Some(())
}

fn push_string<'b>(column: &mut StringColumn<'b>, dtype: DType, value: Value<'b>) -> Result<()> {
    match value.kind() {
        Kind::String => {
            push_text(column, value);
            Ok(())
        }
        Kind::Object => match value.base64() {
            Some(text) => column
                .push_with(|store| base64::decode_into(&text.text(), store))
                .map_err(|_| Error::invalid("Unable to base64 decode")),
            None => {
                let message = format!(
                    "JSON Value: {} not formatted correctly for base64 data",
                    dump(value)
                );
                Err(Error::invalid(message))
            }
        },
        _ => Err(wrong_type(value, dtype)),
    }
}

/// Appends a string: in place if it has no escapes.
fn push_text(column: &mut StringColumn<'_>, value: Value<'_>) {
    let (start, content) = value.raw_string();
    if content.contains(&b'\\') {
        column.push_with(|store| unescape_into(content, store));
    } else {
        column.push_source(start, content.len());
    }
}

fn wrong_type(value: Value<'_>, dtype: DType) -> Error {
    Error::invalid(format!(
        "JSON Value: {} Type: {} is not of expected type: {dtype}",
        dump(value),
        value.kind().name()
    ))
}
