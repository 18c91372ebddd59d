//! `.npy` bodies: versions, types, what is refused, truncation at every byte, round trips.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use proptest::prelude::*;
use servable_codec::raw::npy;
use servable_codec::{
    Code, DType, DecodedTensor, Error, TensorData, TensorLimits, TensorView, ViewData,
};
use support::{raw, signature};

const LIMITS: TensorLimits = TensorLimits {
    max_bytes: 1 << 20,
    max_elements: u64::MAX,
};

/// The types NumPy has, as it spells them on a little-endian machine.
const TYPES: [(&str, DType); 14] = [
    ("|b1", DType::BOOL),
    ("|i1", DType::INT8),
    ("|u1", DType::UINT8),
    ("<i2", DType::INT16),
    ("<u2", DType::UINT16),
    ("<i4", DType::INT32),
    ("<u4", DType::UINT32),
    ("<i8", DType::INT64),
    ("<u8", DType::UINT64),
    ("<f2", DType::HALF),
    ("<f4", DType::FLOAT),
    ("<f8", DType::DOUBLE),
    ("<c8", DType::COMPLEX64),
    ("<c16", DType::COMPLEX128),
];

/// A file as NumPy writes it, of any version.
fn file(version: u8, header: &str, elements: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY".to_vec();
    out.extend([version, 0]);
    match version {
        1 => out.extend((header.len() as u16).to_le_bytes()),
        _ => out.extend((header.len() as u32).to_le_bytes()),
    }
    out.extend(header.as_bytes());
    out.extend(elements);
    out
}

fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}   \n")
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_ne_bytes()).collect()
}

fn decode(body: &[u8], dtype: DType) -> Result<DecodedTensor<'_>, Error> {
    npy::decode(body, &signature(&[("x", dtype)]), &LIMITS)
}

fn refusal(body: &[u8], dtype: DType) -> String {
    let error = decode(body, dtype).unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument, "{}", error.message);
    error.message
}

#[test]
fn every_version_is_read_without_copying_the_elements() {
    let elements = floats(&[1.0, 2.0, 5.0]);
    for version in 1..=3 {
        let body = file(version, &header("<f4", "(3,)"), &elements);
        let tensor = decode(&body, DType::FLOAT).unwrap();
        assert_eq!(tensor.shape.as_slice(), [3]);
        assert!(matches!(tensor.data, TensorData::Borrowed(_)));
        assert_eq!(raw(&tensor), elements);
    }
    let message = refusal(&file(4, &header("<f4", "(3,)"), &elements), DType::FLOAT);
    assert_eq!(message, "npy body: version 4, want 1 to 3");
}

#[test]
fn every_type_is_read_and_written_back_to_the_byte() {
    for (descr, dtype) in TYPES {
        let elements: Vec<u8> = (0..6 * dtype.size().unwrap() as u8)
            .map(|i| i % 2)
            .collect();
        let body = file(1, &header(descr, "(2, 3)"), &elements);
        let tensor = decode(&body, dtype).unwrap();
        assert_eq!(
            (tensor.dtype, tensor.shape.as_slice()),
            (dtype, &[2, 3][..])
        );
        let mut out = Vec::new();
        npy::encode("y", &tensor.view(), &mut out).unwrap();
        let text = String::from_utf8_lossy(&out[10..128]).into_owned();
        let wanted = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2, 3), }}");
        assert_eq!(text.trim_end(), wanted);
        assert!(text.ends_with(" \n"), "{text:?}");
        // NumPy's own files begin their elements at a multiple of 64.
        assert_eq!((out.len() - elements.len()) % 64, 0);
        assert_eq!(&out[..8], b"\x93NUMPY\x01\x00");
        assert_eq!(usize::from(out[8]) + usize::from(out[9]) * 256 + 10, 128);
        assert_eq!(decode(&out, dtype).unwrap(), tensor);
    }
}

#[test]
fn shapes_are_written_as_python_tuples() {
    for (shape, tuple) in [
        (&[][..], "()"),
        (&[1], "(1,)"),
        (&[1, 0], "(1, 0)"),
        (&[1, 1, 1], "(1, 1, 1)"),
    ] {
        let count: i64 = shape.iter().product();
        let elements = vec![0; count as usize];
        let data = ViewData::Bytes(&elements);
        let view = TensorView {
            dtype: DType::UINT8,
            shape,
            data,
        };
        let mut out = Vec::new();
        npy::encode("y", &view, &mut out).unwrap();
        assert!(String::from_utf8_lossy(&out).contains(&format!("'shape': {tuple}, }}")));
        assert_eq!(decode(&out, DType::UINT8).unwrap().shape.as_slice(), shape);
    }
}

#[test]
fn wider_floats_are_narrowed_to_the_nearest() {
    let doubles: Vec<u8> = [0.1f64, -2.5, 1e300, f64::NAN]
        .iter()
        .flat_map(|v| v.to_ne_bytes())
        .collect();
    let body = file(1, &header("<f8", "(4,)"), &doubles);
    let tensor = decode(&body, DType::FLOAT).unwrap();
    let values: Vec<f32> = raw(&tensor)
        .chunks_exact(4)
        .map(|c| f32::from_ne_bytes(c.try_into().unwrap()))
        .collect();
    assert_eq!(values[..3], [0.1f32, -2.5, f32::INFINITY]);
    assert!(values[3].is_nan());
    let halves = |descr: &str, elements: &[u8], dtype: DType| -> Vec<u16> {
        let body = file(1, &header(descr, "(4,)"), elements);
        raw(&decode(&body, dtype).unwrap())
            .chunks_exact(2)
            .map(|c| u16::from_ne_bytes(c.try_into().unwrap()))
            .collect()
    };
    let singles = floats(&[0.1, -2.5, 1e30, f32::NAN]);
    assert_eq!(
        halves("<f8", &doubles, DType::HALF),
        [0x2e66, 0xc100, 0x7c00, 0x7e00]
    );
    assert_eq!(
        halves("<f4", &singles, DType::HALF),
        [0x2e66, 0xc100, 0x7c00, 0x7e00]
    );
    assert_eq!(
        halves("<f8", &doubles, DType::BFLOAT16),
        [0x3dcd, 0xc020, 0x7f80, 0x7fc0]
    );
    assert_eq!(
        halves("<f4", &singles, DType::BFLOAT16),
        [0x3dcd, 0xc020, 0x714a, 0x7fc0]
    );
}

#[test]
fn other_types_are_refused_by_name() {
    let body = file(1, &header("<i8", "(1,)"), &[0; 8]);
    assert_eq!(
        refusal(&body, DType::INT32),
        "npy body: input \"x\" wants int32, got int64"
    );
    assert_eq!(
        refusal(&body, DType::FLOAT),
        "npy body: input \"x\" wants float, got int64"
    );
    let body = file(1, &header("<f4", "(1,)"), &[0; 4]);
    assert_eq!(
        refusal(&body, DType::DOUBLE),
        "npy body: input \"x\" wants double, got float"
    );
    assert_eq!(
        refusal(&body, DType::STRING),
        "npy body: input \"x\" wants string, got float"
    );
}

#[test]
fn what_numpy_has_and_tensors_have_not_is_refused() {
    for (descr, part) in [
        (">f4", "big-endian >f4, want little-endian"),
        ("|O", "type '|O'"),
        ("<U3", "type '<U3'"),
        ("|S8", "type '|S8'"),
        ("<M8[ns]", "type '<M8[ns]'"),
        ("<f16", "type '<f16'"),
        ("", "type ''"),
        ("é", "type 'é'"),
    ] {
        let message = refusal(&file(1, &header(descr, "(1,)"), &[0; 4]), DType::FLOAT);
        assert!(message.contains(part), "{message}");
    }
    let record = "{'descr': [('shape', '<f4')], 'fortran_order': False, 'shape': (1,), }\n";
    assert!(refusal(&file(1, record, &[0; 4]), DType::FLOAT).contains("has no tensor type"));
}

#[test]
fn fortran_order_is_refused_where_it_differs() {
    let fortran = |shape: &str| header("<f4", shape).replace("False", "True");
    let message = refusal(&file(1, &fortran("(1, 2)"), &[0; 8]), DType::FLOAT);
    assert_eq!(
        message,
        "npy body: Fortran order, want C order (numpy.ascontiguousarray)"
    );
    assert!(decode(&file(1, &fortran("(2,)"), &[0; 8]), DType::FLOAT).is_ok());
}

#[test]
fn every_truncation_and_every_surplus_is_refused() {
    for version in 1..=3 {
        let body = file(version, &header("<f4", "(2,)"), &floats(&[1.0, 2.0]));
        for end in 0..body.len() {
            refusal(&body[..end], DType::FLOAT);
        }
        let longer = [&body[..], &[0]].concat();
        let message = refusal(&longer, DType::FLOAT);
        assert_eq!(
            message,
            "npy body: shape [2] of float needs 8 bytes of elements, got 9"
        );
    }
}

#[test]
fn shapes_that_are_wrong_or_too_large_are_refused() {
    for shape in [
        "3",
        "[3]",
        "(-1,)",
        "(1.5,)",
        "(x,)",
        "(4294967296,)",
        "(0x3,)",
        "(1, 2",
    ] {
        let message = refusal(&file(1, &header("<f4", shape), &[]), DType::FLOAT);
        assert!(
            message.contains("tuple of sizes") || message.contains("bytes of elements"),
            "{shape}: {message}"
        );
    }
    let deep = format!("({})", "1,".repeat(33));
    assert!(refusal(&file(1, &header("<f4", &deep), &[0; 4]), DType::FLOAT).contains("tuple"));
    let huge = "(4294967295, 4294967295, 4294967295)";
    let message = refusal(&file(1, &header("<f8", huge), &[]), DType::DOUBLE);
    assert_eq!(message, "npy body: the shape is too large");
    let error = decode(&file(1, &header("<f4", "(1048577,)"), &[]), DType::FLOAT).unwrap_err();
    assert_eq!(error.code, Code::ResourceExhausted);
    for missing in ["descr", "fortran_order", "shape"] {
        let without = header("<f4", "(1,)").replace(missing, "other");
        let message = refusal(&file(1, &without, &[0; 4]), DType::FLOAT);
        assert_eq!(message, format!("npy body: the header has no '{missing}'"));
    }
}

#[test]
fn a_body_cannot_choose_among_inputs() {
    let two = signature(&[("x", DType::FLOAT), ("y", DType::FLOAT)]);
    let error = npy::decode(b"", &two, &LIMITS).unwrap_err();
    assert_eq!(
        error.message,
        "npy body: signature \"serving_default\" has 2 inputs (x, y), such a body can fill only one"
    );
}

#[test]
fn types_without_an_npy_form_are_not_written() {
    for dtype in [DType::BFLOAT16, DType::QINT8, DType::FLOAT8_E5M2] {
        let elements = vec![0; dtype.size().unwrap()];
        let view = TensorView {
            dtype,
            shape: &[1],
            data: ViewData::Bytes(&elements),
        };
        let error = npy::encode("y", &view, &mut Vec::new()).unwrap_err();
        let wanted = format!("output \"y\": {dtype} has no .npy form, ask for JSON");
        assert_eq!(error.message, wanted);
    }
    let words: &[&[u8]] = &[b"a"];
    let view = TensorView {
        dtype: DType::STRING,
        shape: &[1],
        data: ViewData::Strings(&words.iter().map(|w| w.to_vec()).collect::<Vec<_>>()),
    };
    assert!(npy::encode("y", &view, &mut Vec::new()).is_err());
}

proptest! {
    #[test]
    fn round_trip(shape in prop::collection::vec(0i64..5, 0..6), at in 0..TYPES.len(), seed: u8) {
        let dtype = TYPES[at].1;
        let count = shape.iter().product::<i64>() as usize * dtype.size().unwrap();
        let elements: Vec<u8> = (0..count).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
        let view = TensorView { dtype, shape: &shape, data: ViewData::Bytes(&elements) };
        let mut out = Vec::new();
        npy::encode("y", &view, &mut out).unwrap();
        let tensor = decode(&out, dtype).unwrap();
        prop_assert_eq!(tensor.shape.as_slice(), &shape[..]);
        prop_assert_eq!(raw(&tensor), &elements[..]);
    }

    #[test]
    fn any_bytes_and_any_header_end_in_an_answer(tail: Vec<u8>, text in "[{}()'\":, a-z0-9<>|é-]*", version in 0u8..5) {
        let _ = decode(&tail, DType::FLOAT);
        let _ = decode(&[b"\x93NUMPY", &tail[..]].concat(), DType::FLOAT);
        let _ = decode(&file(version, &text, &tail), DType::FLOAT);
        let near = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {text}");
        let _ = decode(&file(version, &near, &tail), DType::FLOAT);
        let near = format!("{{'descr': {text}, 'fortran_order': False, 'shape': (1,)");
        let _ = decode(&file(version, &near, &tail), DType::FLOAT);
    }
}
