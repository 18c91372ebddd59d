//! A protobuf writer.

/// A protobuf writer that shares nothing with the crate.
#[derive(Default, Clone)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }
    pub fn number(self, field: u64, value: i64) -> Self {
        self.varint(field << 3).varint(value as u64)
    }
    pub fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut this = self.varint(field << 3 | 2).varint(bytes.len() as u64);
        this.0.extend_from_slice(bytes);
        this
    }
    pub fn message(self, field: u64, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }
}

pub fn shape(dims: &[i64]) -> Message {
    dims.iter().fold(Message::default(), |shape, &dim| {
        shape.message(2, &Message::default().number(1, dim))
    })
}
