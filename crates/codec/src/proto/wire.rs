//! Protobuf's wire format: reading fields as they come, writing them with lengths known beforehand.

use crate::{Error, Result};

/// How the errors end that tell so.
const MALFORMED: &str = ": the message is not valid protobuf";

/// Whether an error says that bytes are no protobuf message at all, rather than a message that does not fit.
pub fn is_malformed(error: &Error) -> bool {
    error.code == crate::Code::InvalidArgument && error.message.ends_with(MALFORMED)
}

/// The bytes are not a protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Malformed {
    /// The error of a call whose message is this.
    pub fn request(self, message: &str) -> Error {
        Error::invalid(format!("{message}{MALFORMED}"))
    }
}

/// One field's value as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

impl<'a> Value<'a> {
    /// The text of a proto3 `string`.
    pub fn text(self) -> std::result::Result<Option<&'a str>, Malformed> {
        match self {
            Value::Bytes(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| Malformed),
            _ => Ok(None),
        }
    }
}

/// A walk over the fields of one message. A field of an unexpected wire type is the caller's to skip, as in any parser.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    pos: usize,
}

/// Nested groups (a form no message here uses) are skipped down to this depth, as in the reference parser.
const MAX_GROUP_DEPTH: usize = 100;

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, pos: 0 }
    }

    /// Where in the message the next field begins.
    pub fn position(&self) -> usize {
        self.pos
    }

    /// The next field's number and value; `None` at the end of the message.
    pub fn next(&mut self) -> std::result::Result<Option<(u32, Value<'a>)>, Malformed> {
        let mut groups: Vec<u32> = Vec::new();
        loop {
            if self.pos == self.bytes.len() {
                return if groups.is_empty() {
                    Ok(None)
                } else {
                    Err(Malformed)
                };
            }
            let tag = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
            let number = tag >> 3;
            if number == 0 {
                return Err(Malformed);
            }
            let value = match tag & 7 {
                0 => Value::Varint(self.varint()?),
                1 => Value::Fixed64(self.array()?),
                2 => {
                    let len = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                    Value::Bytes(self.take(len)?)
                }
                3 if groups.len() < MAX_GROUP_DEPTH => {
                    groups.push(number);
                    continue;
                }
                4 if groups.pop() == Some(number) => continue,
                5 => Value::Fixed32(self.array()?),
                _ => return Err(Malformed),
            };
            if groups.is_empty() {
                return Ok(Some((number, value)));
            }
        }
    }

    fn take(&mut self, len: usize) -> std::result::Result<&'a [u8], Malformed> {
        let end = self.pos.checked_add(len).ok_or(Malformed)?;
        let taken = self.bytes.get(self.pos..end).ok_or(Malformed)?;
        self.pos = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> std::result::Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    /// One varint of up to ten bytes.
    #[inline]
    fn varint(&mut self) -> std::result::Result<u64, Malformed> {
        read_varint(self.bytes, &mut self.pos).ok_or(Malformed)
    }
}

/// Reads a varint of up to ten bytes and moves `pos` behind it; bits beyond the 64th are dropped, as in the reference parser.
#[inline]
pub(crate) fn read_varint(bytes: &[u8], pos: &mut usize) -> Option<u64> {
    let first = *bytes.get(*pos)?;
    if first < 0x80 {
        *pos += 1;
        return Some(u64::from(first));
    }
    let mut value = 0u64;
    for (i, &byte) in bytes[*pos..].iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *pos += i + 1;
            return Some(value);
        }
    }
    None
}

/// Fails if an encoded message could not be read back: protobuf's own limit is 2 GiB.
pub(crate) fn check_size(len: usize) -> Result<()> {
    if len <= i32::MAX as usize {
        return Ok(());
    }
    Err(Error::new(
        crate::Code::ResourceExhausted,
        format!(
            "the response takes {len} bytes, more than the 2147483647 a protobuf message may have"
        ),
    ))
}

/// Bytes of a varint.
pub(crate) const fn varint_len(value: u64) -> usize {
    // 7 bits a byte, at least one byte.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Bytes of a field with tag and length prefix; every field number here is below 16, so that a tag is one byte, unless said.
pub(crate) const fn bytes_field_len(number: u32, len: usize) -> usize {
    varint_len((number as u64) << 3) + varint_len(len as u64) + len
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The tag and length prefix of a field of `len` bytes.
pub(crate) fn put_header(out: &mut Vec<u8>, number: u32, len: usize) {
    put_varint(out, u64::from(number << 3 | 2));
    put_varint(out, len as u64);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_header(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

pub(crate) fn put_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number << 3));
    put_varint(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_every_length_round_trip() {
        for shift in 0..64 {
            for value in [
                1u64 << shift,
                (1u64 << shift).wrapping_sub(1),
                u64::MAX >> shift,
            ] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(out.len(), varint_len(value), "{value}");
                let mut pos = 0;
                assert_eq!(read_varint(&out, &mut pos), Some(value));
                assert_eq!(pos, out.len());
                assert_eq!(read_varint(&out[..out.len() - 1], &mut 0), None);
            }
        }
        assert_eq!(read_varint(&[0x80; 11], &mut 0), None);
    }

    #[test]
    fn groups_are_skipped_and_must_close() {
        // 3: group { 1: 5 }, then 2: 7
        let mut reader = Reader::new(&[0x1b, 0x08, 5, 0x1c, 0x10, 7]);
        assert_eq!(reader.next(), Ok(Some((2, Value::Varint(7)))));
        assert_eq!(reader.next(), Ok(None));
        assert_eq!(Reader::new(&[0x1b, 0x08, 5]).next(), Err(Malformed));
        assert_eq!(Reader::new(&[0x1b, 0x08, 5, 0x14]).next(), Err(Malformed));
        assert_eq!(Reader::new(&[0x1b; 100_000]).next(), Err(Malformed));
        assert_eq!(Reader::new(&[0x00, 0x00]).next(), Err(Malformed));
        assert_eq!(Reader::new(&[0x0f]).next(), Err(Malformed));
    }
}
