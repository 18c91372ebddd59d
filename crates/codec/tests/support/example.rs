//! A reader of `tf.Example`.

use serde_json::{Map, Value, json};

/// A serialized `tf.Example`, read back by a reader that shares nothing with the crate.
pub fn example_value(bytes: &[u8]) -> Value {
    let mut out = Map::new();
    for features in fields(bytes, 1) {
        for entry in fields(&features, 1) {
            let name = String::from_utf8(fields(&entry, 1).concat()).unwrap();
            let feature = fields(&entry, 2).concat();
            out.insert(name, feature_value(&feature));
        }
    }
    Value::Object(out)
}

fn feature_value(feature: &[u8]) -> Value {
    if let [list] = &fields(feature, 1)[..] {
        return json!({ "bytes": fields(list, 1) });
    }
    if let [list] = &fields(feature, 2)[..] {
        let floats = fields(list, 1).concat();
        let values = floats
            .chunks_exact(4)
            .map(|c| f32::from_le_bytes(c.try_into().unwrap()).to_string());
        return json!({ "float": values.collect::<Vec<_>>() });
    }
    if let [list] = &fields(feature, 3)[..] {
        let packed = fields(list, 1).concat();
        let mut rest = &packed[..];
        let mut values = Vec::new();
        while !rest.is_empty() {
            values.push((varint(&mut rest) as i64).to_string());
        }
        return json!({ "int64": values });
    }
    json!({})
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = rest[0];
        *rest = &rest[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// The length-delimited fields of a number; the messages here have no others.
fn fields(mut bytes: &[u8], number: u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        assert_eq!(tag & 7, 2);
        let len = varint(&mut bytes) as usize;
        let (value, rest) = bytes.split_at(len);
        if tag >> 3 == number {
            found.push(value.to_vec());
        }
        bytes = rest;
    }
    found
}
