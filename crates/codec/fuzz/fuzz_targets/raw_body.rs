//! A body that is no JSON: the first byte picks the form, the second the input's dtype, the third its shape.
#![no_main]

use libfuzzer_sys::fuzz_target;
use servable_codec::raw::{csv, image, npy};
use servable_codec::{DType, SignatureSpec, TensorData, TensorInfo, TensorLimits};

const LIMITS: TensorLimits = TensorLimits {
    max_bytes: 1 << 20,
    max_elements: u64::MAX,
};
const PICTURES: image::ImageOptions = image::ImageOptions {
    keep_scale: false,
    max_pixels: 1 << 16,
};

fn signature(dtype: DType, shape: Option<Vec<i64>>) -> SignatureSpec {
    SignatureSpec {
        name: "serving_default".to_owned(),
        method_name: String::new(),
        inputs: vec![TensorInfo {
            alias: "x".to_owned(),
            dtype,
            shape,
        }],
        outputs: Vec::new(),
        text: String::new(),
    }
}

fuzz_target!(|data: &[u8]| {
    let [form, dtype, shape, body @ ..] = data else {
        return;
    };
    let dtype = DType::from_i32(i32::from(dtype % 33) + 1).expect("33 types");
    let shape = match shape % 8 {
        0 => None,
        1 => Some(vec![-1]),
        2 => Some(vec![-1, 3]),
        3 => Some(vec![-1, -1]),
        4 => Some(vec![-1, -1, -1, 3]),
        5 => Some(vec![-1, 8, 8, 1]),
        6 => Some(vec![-1, 4, -1, 4]),
        _ => Some(Vec::new()),
    };
    let spec = signature(dtype, shape);
    let read = match form % 4 {
        0 => npy::decode(body, &spec, &LIMITS),
        1 => csv::decode(body, &spec, &LIMITS, false),
        2 => csv::decode(body, &spec, &LIMITS, true),
        _ => image::decode(body, &spec, &PICTURES),
    };
    let Ok(read) = read else { return };
    let elements: i64 = read.shape.iter().product();
    let bytes = match &read.data {
        TensorData::Owned(buf) => buf.as_slice(),
        TensorData::Borrowed(bytes) => bytes,
        TensorData::Strings(column) => {
            assert_eq!(column.len() as i64, elements);
            return;
        }
    };
    let size = read.dtype.size().expect("a type of bytes");
    assert_eq!(bytes.len(), elements as usize * size);
    // What was read from an .npy file can be written as one, and reads back the same.
    let mut out = Vec::new();
    if npy::encode("x", &read.view(), &mut out).is_ok() {
        let back = npy::decode(&out, &signature(read.dtype, None), &LIMITS).expect("our own file");
        assert_eq!((&back.shape, back.dtype), (&read.shape, read.dtype));
    }
});
