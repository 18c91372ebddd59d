//! Reads the protobuf wire format field by field, without copying: a `MetaGraphDef` can be a
//! gigabyte of constants of which a few names matter.

use crate::error::{Error, code};

/// A field's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The fields of a serialized message, in order. Ends after the first error.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            // Groups, which none of TensorFlow's messages have.
            _ => return None,
        };
        Some((number, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or_else(|| {
            Error::new(
                code::DATA_LOSS,
                "the model's MetaGraphDef is not a valid protobuf message",
            )
        }))
    }
}

/// The key and value of an entry of a map from strings to messages; what is missing is empty.
pub(crate) fn map_entry(entry: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields::new(entry) {
        match field? {
            (1, Value::Bytes(bytes)) => key = bytes,
            (2, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Every field `number` that holds bytes.
pub(crate) fn all(message: &[u8], number: u32) -> Result<Vec<&[u8]>, Error> {
    let mut found = Vec::new();
    for field in Fields::new(message) {
        if let (at, Value::Bytes(bytes)) = field?
            && at == number
        {
            found.push(bytes);
        }
    }
    Ok(found)
}

/// The first of them; empty where there is none. What comes after it is not read.
pub(crate) fn first(message: &[u8], number: u32) -> Result<&[u8], Error> {
    for field in Fields::new(message) {
        if let (at, Value::Bytes(bytes)) = field?
            && at == number
        {
            return Ok(bytes);
        }
    }
    Ok(&[])
}

/// A string field.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Appends field `number` with these bytes to a message.
pub(crate) fn put_bytes(message: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(message, u64::from(number << 3 | 2));
    put_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

/// Serialized messages for the tests of those who read them.
#[cfg(test)]
pub(crate) mod samples {
    use super::put_bytes;

    /// A message of fields that hold bytes.
    pub(crate) fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
        let mut message = Vec::new();
        for (number, bytes) in fields {
            put_bytes(&mut message, *number, bytes);
        }
        message
    }

    /// A `NodeDef`; attributes are serialized `AttrValue`s.
    pub(crate) fn node(
        name: &str,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, Vec<u8>)],
    ) -> Vec<u8> {
        let mut node = message(&[(1, name.as_bytes()), (2, op.as_bytes())]);
        for input in inputs {
            put_bytes(&mut node, 3, input.as_bytes());
        }
        for (key, value) in attributes {
            put_bytes(&mut node, 5, &message(&[(1, key.as_bytes()), (2, value)]));
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, Value, map_entry, put_bytes};

    #[test]
    fn fields_of_every_wire_type_are_read_in_order() {
        let message = [
            0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0,
            0,
        ];
        let fields: Result<Vec<_>, _> = Fields::new(&message).collect();
        let expected = [
            (1, Value::Varint(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Fixed32(1)),
            (4, Value::Fixed64(2)),
        ];
        assert_eq!(fields.unwrap(), expected);
    }

    #[test]
    fn broken_messages_end_in_one_error() {
        for broken in [
            &[0x08][..],
            &[0x12, 5, 1],
            &[0x0b],
            &[0x00, 1],
            &[0x08, 0xff, 0xff],
            &[0x1d, 1],
            &[0xff; 20],
        ] {
            let fields: Vec<_> = Fields::new(broken).take(5).collect();
            assert!(matches!(fields[..], [Err(_)]), "{broken:?}");
        }
    }

    #[test]
    fn map_entries_are_written_and_read_back() {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, b"key");
        put_bytes(&mut entry, 2, &[7; 300]);
        assert_eq!(map_entry(&entry).unwrap(), (&b"key"[..], &[7; 300][..]));
    }
}
