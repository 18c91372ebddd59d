//! Every protobuf reader on the same bytes; tensors that were read must come back from both encodings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use servable_codec::proto::{inference, predict, session_run, tensor};
use servable_codec::{DecodedTensor, TensorData, TensorLimits};

const LIMITS: TensorLimits = TensorLimits {
    max_bytes: 1 << 20,
    max_elements: u64::MAX,
};

fn contents<'a>(tensor: &'a DecodedTensor<'_>) -> Vec<&'a [u8]> {
    match &tensor.data {
        TensorData::Owned(buf) => vec![buf.as_slice()],
        TensorData::Borrowed(bytes) => vec![bytes],
        TensorData::Strings(column) => column.iter().collect(),
    }
}

fn round_trip(bytes: &[u8]) {
    let Ok(read) = tensor::decode("x", bytes, &LIMITS) else {
        return;
    };
    let mut out = Vec::new();
    // Content is memory as it is; typed fields may tidy up odd bytes such as a truth value of 2, and do so once.
    tensor::encode(&read.view(), true, &mut out).expect("what was read can be written");
    let back = tensor::decode("x", &out, &LIMITS).expect("what was written can be read");
    assert_eq!(
        (read.dtype, &read.shape, contents(&read)),
        (back.dtype, &back.shape, contents(&back))
    );
    let mut typed = Vec::new();
    tensor::encode(&back.view(), false, &mut typed).expect("what was read can be written");
    tensor::decode("x", &typed, &LIMITS).expect("what was written can be read");
}

fuzz_target!(|data: &[u8]| {
    round_trip(data);
    if let Ok(request) = predict::decode(data) {
        request
            .inputs
            .iter()
            .for_each(|(_, bytes)| round_trip(bytes));
    }
    if let Ok(request) = session_run::decode(data) {
        request.feed.iter().for_each(|(_, bytes)| round_trip(bytes));
    }
    let _ = inference::decode_classify(data);
    let _ = inference::decode_regress(data);
    let _ = inference::decode_multi(data);
});
