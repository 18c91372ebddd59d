//! A classify or regress body, and the examples it becomes wrapped as a gRPC request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use servable_codec::json::examples::decode;
use servable_codec::proto::inference;

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut len = content.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(content);
    out
}

fuzz_target!(|data: &[u8]| {
    let Ok(body) = decode(data) else { return };
    assert!(!body.examples.is_empty());
    let list: Vec<u8> = body
        .examples
        .iter()
        .flat_map(|example| field(1, example))
        .collect();
    let request = field(2, &field(1, &list));
    let read = inference::decode_classify(&request).expect("a well-formed request");
    assert!(
        read.examples
            .iter()
            .map(|example| &**example)
            .eq(body.examples.iter().map(Vec::as_slice))
    );
});
