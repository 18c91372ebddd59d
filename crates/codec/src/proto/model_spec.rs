use super::wire::{
    Malformed, Reader, Value, bytes_field_len, put_bytes, put_header, put_varint_field, varint_len,
};

/// Which version of a model a request wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version<'a> {
    /// The highest available one.
    #[default]
    Latest,
    /// Exactly this one; 0 is a version like any other.
    Specific(i64),
    /// The one a label points at.
    Label(&'a str),
}

/// `tensorflow.serving.ModelSpec`, of a request or echoed in a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelSpec<'a> {
    /// The model's name.
    pub name: &'a str,
    /// The version asked for, or the one that answered.
    pub version: Version<'a>,
    /// The signature; empty for the default one.
    pub signature_name: &'a str,
}

const NAME: u32 = 1;
const VERSION: u32 = 2;
const SIGNATURE_NAME: u32 = 3;
const VERSION_LABEL: u32 = 4;

impl<'a> ModelSpec<'a> {
    /// Adds the fields of a serialized message to what is there: a second `model_spec` field merges with the first.
    pub(crate) fn merge(&mut self, bytes: &'a [u8]) -> Result<(), Malformed> {
        let mut reader = Reader::new(bytes);
        while let Some((number, value)) = reader.next()? {
            match (number, value) {
                (NAME, Value::Bytes(_)) => self.name = value.text()?.unwrap_or_default(),
                (SIGNATURE_NAME, Value::Bytes(_)) => {
                    self.signature_name = value.text()?.unwrap_or_default();
                }
                (VERSION_LABEL, Value::Bytes(_)) => {
                    self.version = Version::Label(value.text()?.unwrap_or_default());
                }
                (VERSION, Value::Bytes(wrapper)) => {
                    let before = match self.version {
                        Version::Specific(version) => version,
                        _ => 0,
                    };
                    self.version = Version::Specific(int64_value(wrapper, before)?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Merges into a `model_spec` that may not have been seen yet.
    pub(crate) fn merge_into(spec: &mut Option<Self>, bytes: &'a [u8]) -> Result<(), Malformed> {
        spec.get_or_insert_default().merge(bytes)
    }

    /// Bytes of the message without tag and length.
    pub(crate) fn encoded_len(&self) -> usize {
        let text = |number, text: &str| match text.len() {
            0 => 0,
            len => bytes_field_len(number, len),
        };
        let version = match self.version {
            Version::Latest => 0,
            Version::Specific(version) => bytes_field_len(VERSION, wrapper_len(version)),
            // A label has presence: it is sent even when empty.
            Version::Label(label) => bytes_field_len(VERSION_LABEL, label.len()),
        };
        text(NAME, self.name) + version + text(SIGNATURE_NAME, self.signature_name)
    }

    /// Writes the message as field `field` of another one.
    pub(crate) fn put(&self, out: &mut Vec<u8>, field: u32) {
        put_header(out, field, self.encoded_len());
        if !self.name.is_empty() {
            put_bytes(out, NAME, self.name.as_bytes());
        }
        if let Version::Specific(version) = self.version {
            put_header(out, VERSION, wrapper_len(version));
            if version != 0 {
                put_varint_field(out, 1, version as u64);
            }
        }
        if !self.signature_name.is_empty() {
            put_bytes(out, SIGNATURE_NAME, self.signature_name.as_bytes());
        }
        if let Version::Label(label) = self.version {
            put_bytes(out, VERSION_LABEL, label.as_bytes());
        }
    }
}

/// Fields of a message that are looked at for its model's name, which comes first from every client.
const FIRST_FIELDS: usize = 8;

/// The model that a request names, without reading the rest of it: in its first field, or (`in_task`, of MultiInference) in its first
/// task's. `None` where that is not to be seen; whoever runs the request finds out why.
pub fn named_model(request: &[u8], in_task: bool) -> Option<&str> {
    let holder = if in_task { first(request)? } else { request };
    std::str::from_utf8(first(first(holder)?)?).ok()
}

/// What is in a message's field 1.
fn first(message: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(message);
    for _ in 0..FIRST_FIELDS {
        if let (1, Value::Bytes(bytes)) = reader.next().ok()?? {
            return Some(bytes);
        }
    }
    None
}

fn int64_value(wrapper: &[u8], before: i64) -> Result<i64, Malformed> {
    let mut value = before;
    let mut reader = Reader::new(wrapper);
    while let Some(field) = reader.next()? {
        if let (1, Value::Varint(varint)) = field {
            value = varint as i64;
        }
    }
    Ok(value)
}

fn wrapper_len(version: i64) -> usize {
    if version == 0 {
        0
    } else {
        1 + varint_len(version as u64)
    }
}
