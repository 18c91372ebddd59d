//! Writing `tf.Example`.

use super::wire::{bytes_field_len, put_bytes, put_header, put_varint};

/// The values of one feature, all of one kind; the content of its list message is built as values come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bytes,
    Float,
    Int64,
}

impl Kind {
    /// The name in TensorFlow Serving's messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bytes => "bytes",
            Kind::Float => "float",
            Kind::Int64 => "int64",
        }
    }

    /// The field in `Feature`'s oneof.
    fn field(self) -> u32 {
        match self {
            Kind::Bytes => 1,
            Kind::Float => 2,
            Kind::Int64 => 3,
        }
    }
}

/// One feature under construction. Without values it has no kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feature {
    kind: Option<Kind>,
    /// Repeated `value` fields of a bytes list, or the packed values of the other two.
    values: Vec<u8>,
}

impl Feature {
    pub fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// Adds a value to a feature of this kind, or of none yet.
    pub fn push_bytes(&mut self, value: &[u8]) {
        self.kind = Some(Kind::Bytes);
        put_bytes(&mut self.values, 1, value);
    }

    /// As `push_bytes`.
    pub fn push_float(&mut self, value: f32) {
        self.kind = Some(Kind::Float);
        self.values.extend_from_slice(&value.to_le_bytes());
    }

    /// As `push_bytes`.
    pub fn push_int64(&mut self, value: i64) {
        self.kind = Some(Kind::Int64);
        put_varint(&mut self.values, value as u64);
    }

    /// Bytes of the list message.
    fn list_len(&self) -> usize {
        match self.kind {
            Some(Kind::Float | Kind::Int64) => bytes_field_len(1, self.values.len()),
            _ => self.values.len(),
        }
    }

    /// Bytes of the `Feature` message.
    fn len(&self) -> usize {
        self.kind
            .map_or(0, |kind| bytes_field_len(kind.field(), self.list_len()))
    }

    fn put(&self, out: &mut Vec<u8>) {
        let Some(kind) = self.kind else { return };
        put_header(out, kind.field(), self.list_len());
        match kind {
            Kind::Bytes => out.extend_from_slice(&self.values),
            Kind::Float | Kind::Int64 => put_bytes(out, 1, &self.values),
        }
    }
}

/// Appends a serialized `tf.Example` with these features, in this order; the names are distinct.
pub(crate) fn encode<'a, N: AsRef<[u8]> + 'a>(
    features: impl Iterator<Item = &'a (N, Feature)> + Clone,
    out: &mut Vec<u8>,
) {
    let entry_len = |(name, feature): &(N, Feature)| {
        bytes_field_len(1, name.as_ref().len()) + bytes_field_len(2, feature.len())
    };
    let len = features
        .clone()
        .map(|entry| bytes_field_len(1, entry_len(entry)))
        .sum();
    out.reserve(len + 8);
    put_header(out, 1, len);
    for entry in features {
        let (name, feature) = entry;
        put_header(out, 1, entry_len(entry));
        put_bytes(out, 1, name.as_ref());
        put_header(out, 2, feature.len());
        feature.put(out);
    }
}
