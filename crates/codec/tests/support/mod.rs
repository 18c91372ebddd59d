//! What the tests of this crate share.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

pub mod example;
pub mod message;

use std::path::PathBuf;

use serde_json::Value;
use servable_codec::{
    AlignedBuf, DType, DecodedTensor, Error, Result, Shape, SignatureSpec, StringColumn,
    TensorData, TensorInfo,
};

/// A list of recorded cases beside the repository; `None`, with a note, where they are not at hand.
pub fn cases(path: &str) -> Option<Vec<Value>> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            println!("skipped: {} ({error})", file.display());
            None
        }
    }
}

pub fn dtype(name: &str) -> DType {
    DType::from_name(name).unwrap()
}

/// A signature with these inputs of unknown rank.
pub fn signature(inputs: &[(&str, DType)]) -> SignatureSpec {
    let mut inputs: Vec<TensorInfo> = inputs
        .iter()
        .map(|&(alias, dtype)| TensorInfo {
            alias: alias.to_owned(),
            dtype,
            shape: None,
        })
        .collect();
    inputs.sort_by(|a, b| a.alias.cmp(&b.alias));
    SignatureSpec {
        name: "serving_default".to_owned(),
        method_name: String::new(),
        inputs,
        outputs: Vec::new(),
        text: String::new(),
    }
}

/// A string of a case: text, or `{"b64": …}`.
pub fn bytes_of(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => base64_simd::STANDARD
            .decode_to_vec(other["b64"].as_str().unwrap())
            .unwrap(),
    }
}

/// A number of a case: a number, or a string where JSON has none.
pub fn f64_of(value: &Value) -> f64 {
    match value {
        Value::String(text) => match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            other => other.parse().unwrap(),
        },
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        other => other.as_f64().unwrap(),
    }
}

pub fn i128_of(value: &Value) -> i128 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        Value::Bool(truth) => i128::from(*truth),
        Value::Number(number) => number.to_string().trim_end_matches(".0").parse().unwrap(),
        other => panic!("{other}"),
    }
}

/// Appends a value to the bytes of a tensor; integers are cut to the dtype's width, as a TensorProto cuts them.
pub fn push_value(buf: &mut AlignedBuf, dtype: DType, value: &Value) {
    match dtype {
        DType::FLOAT => buf.push((f64_of(value) as f32).to_ne_bytes()),
        DType::DOUBLE => buf.push(f64_of(value).to_ne_bytes()),
        DType::COMPLEX64 => {
            value
                .as_array()
                .unwrap()
                .iter()
                .for_each(|part| buf.push((f64_of(part) as f32).to_ne_bytes()));
        }
        DType::HALF => buf.push(match f64_of(value) {
            1.0 => 0x3c00u16.to_ne_bytes(),
            2.0 => 0x4000u16.to_ne_bytes(),
            other => panic!("{other}"),
        }),
        DType::BFLOAT16 => buf.push([0, 0]),
        other => match other.size().unwrap() {
            1 => buf.push([i128_of(value) as u8]),
            2 => buf.push((i128_of(value) as u16).to_ne_bytes()),
            4 => buf.push((i128_of(value) as u32).to_ne_bytes()),
            _ => buf.push((i128_of(value) as u64).to_ne_bytes()),
        },
    }
}

/// A tensor of a case, its values flat; the elements of the shape only, zeros where a case gives none.
pub fn tensor(dtype_name: &str, shape: &[i64], values: &[Value]) -> DecodedTensor<'static> {
    let dtype = dtype(dtype_name);
    let count = shape.iter().product::<i64>() as usize;
    let values = &values[..values.len().min(count)];
    let data = if dtype == DType::STRING {
        let mut column = StringColumn::default();
        values
            .iter()
            .for_each(|value| column.push(&bytes_of(value)));
        TensorData::Strings(column)
    } else {
        let mut buf = AlignedBuf::new();
        values
            .iter()
            .for_each(|value| push_value(&mut buf, dtype, value));
        buf.resize(count * dtype.size().unwrap(), 0);
        TensorData::Owned(buf)
    };
    DecodedTensor {
        dtype,
        shape: Shape::from_slice(shape),
        data,
    }
}

pub fn shape_of(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|dim| dim.as_i64().unwrap())
        .collect()
}

/// The bytes of a tensor that is not of strings.
pub fn raw<'a>(tensor: &'a DecodedTensor<'_>) -> &'a [u8] {
    match &tensor.data {
        TensorData::Owned(buf) => buf.as_slice(),
        TensorData::Borrowed(bytes) => bytes,
        TensorData::Strings(_) => panic!("strings"),
    }
}

/// Whether two tensors are equal; all NaNs are.
pub fn same(a: &DecodedTensor<'_>, b: &DecodedTensor<'_>) -> bool {
    if a.dtype != b.dtype || a.shape != b.shape {
        return false;
    }
    let floats = |tensor: &DecodedTensor<'_>| -> Vec<u64> {
        let canonical = |value: f64| {
            if value.is_nan() {
                f64::NAN.to_bits()
            } else {
                value.to_bits()
            }
        };
        match tensor.dtype {
            DType::FLOAT => raw(tensor)
                .chunks_exact(4)
                .map(|c| canonical(f64::from(f32::from_ne_bytes(c.try_into().unwrap()))))
                .collect(),
            _ => raw(tensor)
                .chunks_exact(8)
                .map(|c| canonical(f64::from_ne_bytes(c.try_into().unwrap())))
                .collect(),
        }
    };
    match a.dtype {
        DType::STRING => a.data == b.data,
        DType::FLOAT | DType::DOUBLE => floats(a) == floats(b),
        _ => raw(a) == raw(b),
    }
}

/// `decode` of a predict body on one signature.
pub fn decode<'b, 's>(
    body: &'b [u8],
    signature: &'s SignatureSpec,
) -> Result<servable_codec::json::predict::PredictBody<'b, 's>> {
    servable_codec::json::predict::decode(body, &servable_codec::JsonLimits::default(), |_| {
        Ok(signature)
    })
}

pub fn message(error: &Error) -> (&'static str, &str) {
    (error.code.name(), &error.message)
}

/// Decodes on a signature with one input `x`.
pub fn one(dtype: DType, body: &str) -> std::result::Result<(Vec<i64>, Vec<u8>), String> {
    let spec = signature(&[("x", dtype)]);
    let body = decode(body.as_bytes(), &spec).map_err(|error| error.message)?;
    Ok((
        body.tensors[0].shape.to_vec(),
        raw(&body.tensors[0]).to_vec(),
    ))
}

pub fn floats(body: &str) -> Vec<f32> {
    let (_, bytes) = one(DType::FLOAT, body).unwrap();
    bytes
        .chunks_exact(4)
        .map(|c| f32::from_ne_bytes(c.try_into().unwrap()))
        .collect()
}

pub fn doubles(body: &str) -> Vec<f64> {
    let (_, bytes) = one(DType::DOUBLE, body).unwrap();
    bytes
        .chunks_exact(8)
        .map(|c| f64::from_ne_bytes(c.try_into().unwrap()))
        .collect()
}

pub fn list(elements: &[&str]) -> String {
    format!("{{\"instances\": [{}]}}", elements.join(","))
}
