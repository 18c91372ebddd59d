//! Makes small SavedModels without variables files, for what no recorded model has.

use std::fs;
use std::path::PathBuf;

use super::empty_dir;

/// A protobuf message under construction.
#[derive(Clone, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn bytes(mut self, number: u64, bytes: impl AsRef<[u8]>) -> Self {
        self.varint(number << 3 | 2);
        self.varint(bytes.as_ref().len() as u64);
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    pub fn number(mut self, number: u64, value: i64) -> Self {
        self.varint(number << 3);
        self.varint(value.cast_unsigned());
        self
    }

    pub fn entry(self, number: u64, key: &str, value: &Message) -> Self {
        self.bytes(number, &Message::new().bytes(1, key).bytes(2, value).0)
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An attribute that is a dtype.
pub fn dtype(dtype: i32) -> Message {
    Message::new().number(6, dtype.into())
}

/// An attribute that is a shape; `None` is any rank.
pub fn shape(sizes: Option<&[i64]>) -> Message {
    Message::new().bytes(7, tensor_shape(sizes))
}

fn tensor_shape(sizes: Option<&[i64]>) -> Message {
    match sizes {
        Some(sizes) => sizes.iter().fold(Message::new(), |shape, size| {
            shape.bytes(2, Message::new().number(1, *size))
        }),
        None => Message::new().number(3, 1),
    }
}

/// A node.
pub fn node(name: &str, op: &str, inputs: &[&str], attributes: &[(&str, Message)]) -> Message {
    let node = Message::new().bytes(1, name).bytes(2, op);
    let node = inputs.iter().fold(node, |node, input| node.bytes(3, input));
    attributes
        .iter()
        .fold(node, |node, (key, value)| node.entry(5, key, value))
}

/// A placeholder of any shape.
pub fn placeholder(name: &str, of: i32) -> Message {
    node(
        name,
        "Placeholder",
        &[],
        &[("dtype", dtype(of)), ("shape", shape(None))],
    )
}

/// A dense `TensorInfo` of any rank.
pub fn info(tensor: &str, of: i32) -> Message {
    Message::new()
        .bytes(1, tensor)
        .number(2, of.into())
        .bytes(3, tensor_shape(None))
}

/// A sparse `TensorInfo`.
pub fn sparse() -> Message {
    Message::new()
        .bytes(
            4,
            Message::new()
                .bytes(1, "v:0")
                .bytes(2, "i:0")
                .bytes(3, "s:0"),
        )
        .number(2, 1)
}

/// A composite `TensorInfo` whose type is of this `TypeSpecClass`.
pub fn composite(class: i64) -> Message {
    Message::new().bytes(5, Message::new().bytes(1, Message::new().number(1, class)))
}

/// A `SignatureDef` of the predict method.
pub fn signature(inputs: &[(&str, Message)], outputs: &[(&str, Message)]) -> Message {
    let signature = Message::new().bytes(3, "tensorflow/serving/predict");
    let signature = inputs.iter().fold(signature, |signature, (alias, info)| {
        signature.entry(1, alias, info)
    });
    outputs.iter().fold(signature, |signature, (alias, info)| {
        signature.entry(2, alias, info)
    })
}

/// Writes a SavedModel with one graph tagged `serve` and gives its folder.
pub fn save(name: &str, nodes: &[Message], signatures: &[(&str, Message)]) -> PathBuf {
    let graph = nodes
        .iter()
        .fold(Message::new(), |graph, node| graph.bytes(1, node));
    let graph = graph.bytes(4, Message::new().number(1, 1395));
    let meta = Message::new()
        .bytes(1, Message::new().bytes(4, "serve").bytes(5, "2.21.0"))
        .bytes(2, graph);
    let meta = signatures.iter().fold(meta, |meta, (name, signature)| {
        meta.entry(5, name, signature)
    });
    let dir = empty_dir(name);
    fs::write(
        dir.join("saved_model.pb"),
        Message::new().number(1, 1).bytes(2, meta).0,
    )
    .expect("the model is written");
    dir
}
