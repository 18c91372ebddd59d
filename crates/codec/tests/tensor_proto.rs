//! `TensorProto`: TensorFlow's rules, malformed bytes, round trips.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use proptest::prelude::*;
use serde_json::Value;
use servable_codec::proto::{ModelSpec, Version, inference, predict, session_run, tensor};
use servable_codec::{
    AlignedBuf, DType, DecodedTensor, Shape, StringColumn, TensorData, TensorLimits,
};
use support::message::{Message, shape};
use support::{bytes_of, cases, dtype, f64_of, i128_of, push_value, raw, same};

const LIMITS: TensorLimits = TensorLimits {
    max_bytes: 1 << 26,
    max_elements: u64::MAX,
};

fn decode(bytes: &[u8]) -> servable_codec::Result<DecodedTensor<'_>> {
    tensor::decode("x", bytes, &LIMITS)
}

/// The message of a recorded case; lists packed, as every writer packs them, or one by one.
fn case_message(case: &Value, packed: bool) -> Message {
    let mut message = Message::default();
    let name = case["dtype"].as_str().unwrap();
    if name != "DT_INVALID" {
        message = message.number(1, i64::from(dtype(name).number()));
    }
    message = match &case["shape"] {
        Value::Array(dims) => {
            let dims: Vec<i64> = dims.iter().map(|dim| dim.as_i64().unwrap()).collect();
            message.message(2, &shape(&dims))
        }
        text if text == "unknown_rank" => message.message(2, &Message::default().number(3, 1)),
        _ => message,
    };
    for (field, values) in case["fields"].as_object().unwrap() {
        if field == "tensor_content_b64" {
            let content = serde_json::json!({ "b64": values });
            message = message.bytes(4, &bytes_of(&content));
            continue;
        }
        let values = values.as_array().unwrap();
        if field == "string_val" {
            message = values
                .iter()
                .fold(message, |message, value| message.bytes(8, &bytes_of(value)));
            continue;
        }
        let (number, float) = match field.as_str() {
            "float_val" => (5, true),
            "scomplex_val" => (9, true),
            "int_val" => (7, false),
            "int64_val" => (10, false),
            "bool_val" => (11, false),
            "half_val" => (13, false),
            "uint32_val" => (16, false),
            other => panic!("{other}"),
        };
        let mut list = Message::default();
        for value in values {
            if float {
                let bytes = (f64_of(value) as f32).to_le_bytes();
                list = if packed {
                    list
                } else {
                    list.varint(number << 3 | 5)
                };
                list.0.extend_from_slice(&bytes);
            } else {
                list = if packed {
                    list
                } else {
                    list.varint(number << 3)
                };
                list = list.varint(i128_of(value) as u64);
            }
        }
        if packed {
            message = message.message(number, &list);
        } else {
            message.0.extend_from_slice(&list.0);
        }
    }
    message
}

#[test]
fn every_recorded_tensor_is_read_as_tensorflow_reads_it() {
    let Some(cases) = cases("spec/cases/tensorproto.json") else {
        return;
    };
    assert_eq!(cases.len(), 28);
    for (case, packed) in cases.iter().flat_map(|case| [(case, true), (case, false)]) {
        let name = case["name"].as_str().unwrap();
        let message = case_message(case, packed);
        let decoded = decode(&message.0);
        if let Some(code) = case["expected"]["error"].as_str() {
            let error = decoded.unwrap_err();
            let text = case["expected"]["message"]
                .as_str()
                .unwrap()
                .replace("<alias>", "x");
            assert_eq!((error.code.name(), error.message), (code, text), "{name}");
            continue;
        }
        let decoded = decoded.unwrap_or_else(|error| panic!("{name}: {error}"));
        let one = [case["expected"]["values"].clone()];
        let values = case["expected"]["values"]
            .as_array()
            .map_or(&one[..], |values| values);
        match &decoded.data {
            TensorData::Strings(column) => {
                let wanted: Vec<Vec<u8>> = values.iter().map(bytes_of).collect();
                assert!(column.iter().eq(wanted.iter().map(Vec::as_slice)), "{name}");
            }
            _ => {
                let mut wanted = AlignedBuf::new();
                for value in values {
                    match decoded.dtype {
                        DType::BFLOAT16 => wanted.push(0x3f80u16.to_ne_bytes()),
                        dtype => push_value(&mut wanted, dtype, value),
                    }
                }
                assert_eq!(raw(&decoded), wanted.as_slice(), "{name}");
            }
        }
    }
}

#[test]
fn a_few_bytes_that_declare_a_huge_tensor_are_refused() {
    let one = |dims: &[i64]| {
        Message::default()
            .number(1, 1)
            .message(2, &shape(dims))
            .bytes(5, &1f32.to_le_bytes())
    };
    assert_eq!(
        decode(&one(&[1 << 40]).0).unwrap_err().message,
        "tensor parsing error: x"
    );
    assert!(one(&[1 << 40]).0.len() < 24);
    assert!(decode(&one(&[1 << 32, 1 << 30, 0]).0).is_ok());
    assert!(decode(&one(&[1 << 32, 1 << 32, 0]).0).is_err());
    let zero_first = one(&[0, 1 << 32, 1 << 40]);
    assert_eq!(
        decode(&zero_first.0).unwrap().shape[..],
        [0, 1 << 32, 1 << 40]
    );
    assert!(decode(&one(&[1; 255]).0).is_err());
    assert!(decode(&one(&[1; 254]).0).is_ok());
    let small = TensorLimits {
        max_bytes: 16,
        max_elements: u64::MAX,
    };
    let content = Message::default()
        .number(1, 1)
        .message(2, &shape(&[5]))
        .bytes(4, &[0; 20]);
    let error = tensor::decode("x", &content.0, &small).unwrap_err();
    assert_eq!(error.code.name(), "RESOURCE_EXHAUSTED");
    assert_eq!(
        error.message,
        "tensor x takes 20 bytes, more than the limit of 16"
    );
    let four = TensorLimits {
        max_bytes: 1 << 20,
        max_elements: 4,
    };
    let error = tensor::decode("x", &content.0, &four).unwrap_err();
    assert_eq!(
        error.message,
        "tensor x takes 20 bytes, more than the limit of 16"
    );
    // A few bytes that ask for more elements than there may be.
    let filled = |size| {
        let tensor = Message::default().number(1, 1).message(2, &shape(&[size]));
        tensor::decode("x", &tensor.0, &four).map(|_| ())
    };
    assert!(filled(4).is_ok());
    assert!(filled(5).is_err());
    let strings = Message::default()
        .number(1, 7)
        .message(2, &shape(&[1 << 40]));
    assert!(decode(&strings.0).is_err());
    let text = Message::default()
        .number(1, 7)
        .message(2, &shape(&[1 << 40]))
        .bytes(4, &[0; 10]);
    assert!(decode(&text.0).is_err());
}

#[test]
fn resources_variants_references_and_unknown_types_are_refused() {
    for number in [0, 20, 21, 34, 101, 103, -1, 1 << 40] {
        let message = Message::default()
            .number(1, number)
            .message(2, &shape(&[1]));
        assert_eq!(
            decode(&message.0).unwrap_err().message,
            "tensor parsing error: x",
            "{number}"
        );
    }
}

#[test]
fn contents_and_exact_packed_floats_are_borrowed() {
    let content = Message::default()
        .number(1, 3)
        .message(2, &shape(&[2]))
        .bytes(4, &[1, 0, 0, 0, 2, 0, 0, 0]);
    let packed = Message::default()
        .number(1, 1)
        .message(2, &shape(&[2]))
        .bytes(5, &[0; 8]);
    for message in [content, packed] {
        let decoded = decode(&message.0).unwrap();
        let TensorData::Borrowed(bytes) = decoded.data else {
            panic!()
        };
        assert!(message.0.as_ptr_range().contains(&bytes.as_ptr()));
    }
}

#[test]
fn small_integers_and_packed_pieces_are_read() {
    let message = Message::default()
        .number(1, 29)
        .message(2, &shape(&[4]))
        .bytes(7, &[7, 8, 15])
        .number(7, -3);
    assert_eq!(raw(&decode(&message.0).unwrap()), [7, 0xf8, 0xff, 0xfd]);
    let message = Message::default()
        .number(1, 30)
        .message(2, &shape(&[3]))
        .bytes(7, &[7, 8, 31]);
    assert_eq!(raw(&decode(&message.0).unwrap()), [7, 8, 15]);
    let message = Message::default()
        .number(1, 31)
        .message(2, &shape(&[2]))
        .bytes(7, &[1, 2]);
    assert_eq!(raw(&decode(&message.0).unwrap()), [1, 0xfe]);
    let message = Message::default()
        .number(1, 24)
        .message(2, &shape(&[4]))
        .bytes(18, &[1, 2]);
    assert_eq!(raw(&decode(&message.0).unwrap()), [1, 2, 2, 2]);
    // A packed list that is no whole number of floats, a varint that does not end.
    assert!(
        decode(
            &Message::default()
                .number(1, 1)
                .message(2, &shape(&[2]))
                .bytes(5, &[0; 7])
                .0
        )
        .is_err()
    );
    assert!(
        decode(
            &Message::default()
                .number(1, 3)
                .message(2, &shape(&[2]))
                .bytes(7, &[0x80])
                .0
        )
        .is_err()
    );
    // The last value is half a complex number: it does not count.
    let mut message = Message::default().number(1, 8).message(2, &shape(&[2]));
    let parts: Vec<u8> = [1f32, 2.0, 3.0]
        .iter()
        .flat_map(|part| part.to_le_bytes())
        .collect();
    message = message.bytes(9, &parts);
    let wanted: Vec<u8> = [1f32, 2.0, 1.0, 2.0]
        .iter()
        .flat_map(|part| part.to_ne_bytes())
        .collect();
    assert_eq!(raw(&decode(&message.0).unwrap()), wanted);
}

/// Any tensor that a message can hold in full.
fn any_tensor() -> impl Strategy<Value = DecodedTensor<'static>> {
    let dtypes: Vec<DType> = DType::all()
        .filter(|dtype| !matches!(*dtype, DType::RESOURCE | DType::VARIANT))
        .collect();
    (
        prop::sample::select(dtypes),
        prop::collection::vec(0..4i64, 0..4),
    )
        .prop_flat_map(|(dtype, dims)| {
            let count = dims.iter().product::<i64>() as usize;
            let size = dtype.size().unwrap_or(5);
            prop::collection::vec(any::<u8>(), count * size).prop_map(move |mut bytes| {
                match dtype {
                    DType::BOOL => bytes.iter_mut().for_each(|byte| *byte &= 1),
                    DType::UINT4 => bytes.iter_mut().for_each(|byte| *byte &= 15),
                    DType::UINT2 => bytes.iter_mut().for_each(|byte| *byte &= 3),
                    DType::INT4 => bytes
                        .iter_mut()
                        .for_each(|byte| *byte = ((*byte as i8) >> 4) as u8),
                    DType::INT2 => bytes
                        .iter_mut()
                        .for_each(|byte| *byte = ((*byte as i8) >> 6) as u8),
                    _ => {}
                }
                let data = if dtype == DType::STRING {
                    let mut column = StringColumn::default();
                    bytes
                        .chunks(5)
                        .for_each(|text| column.push(&text[..usize::from(text[0]) % 6 % 5]));
                    TensorData::Strings(column)
                } else {
                    TensorData::Owned(AlignedBuf::from(&bytes[..]))
                };
                DecodedTensor {
                    dtype,
                    shape: Shape::from_slice(&dims),
                    data,
                }
            })
        })
}

proptest! {
    #[test]
    fn tensors_come_back_from_both_encodings(tensor in any_tensor(), as_content: bool) {
        let mut bytes = Vec::new();
        tensor::encode(&tensor.view(), as_content, &mut bytes).unwrap();
        let back = tensor::decode("x", &bytes, &LIMITS).unwrap();
        prop_assert_eq!(&back.shape, &tensor.shape);
        if tensor.shape.contains(&0) {
            return Ok(());
        }
        match tensor.dtype {
            DType::STRING => prop_assert!(same(&back, &tensor)),
            _ => prop_assert_eq!(raw(&back), raw(&tensor)),
        }
        for end in 0..bytes.len() {
            let _ = tensor::decode("x", &bytes[..end], &LIMITS);
        }
    }

    #[test]
    fn requests_come_back(tensors in prop::collection::btree_map("[a-z]{1,8}", any_tensor(), 0..4), as_content: bool) {
        let inputs: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.view())).collect();
        let spec = ModelSpec { name: "m", version: Version::Label("l"), signature_name: "" };
        let mut bytes = Vec::new();
        predict::encode_request(&spec, &inputs, &["y"], as_content, &mut bytes).unwrap();
        let request = predict::decode(&bytes).unwrap();
        prop_assert_eq!(request.model_spec, Some(spec));
        prop_assert_eq!(request.inputs.len(), tensors.len());
        let mut response = Vec::new();
        predict::encode_response(&spec, &inputs, as_content, &mut response).unwrap();
        prop_assert!(predict::decode(&response).is_ok() || !inputs.is_empty());
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = tensor::decode("x", &bytes, &LIMITS);
        let _ = predict::decode(&bytes);
        let _ = session_run::decode(&bytes);
        let _ = inference::decode_classify(&bytes);
        let _ = inference::decode_multi(&bytes);
    }
}
