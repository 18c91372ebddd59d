//! A predict body: the first byte picks the signature, both passes must agree, and what was decoded must print.
#![no_main]

use libfuzzer_sys::fuzz_target;
use servable_codec::json::predict::{Format, decode, decode_carefully};
use servable_codec::json::print::{NonFinite, predict};
use servable_codec::{DType, JsonLimits, SignatureSpec, TensorInfo};

fn signature(inputs: &[(&str, DType)]) -> SignatureSpec {
    let info = |&(alias, dtype): &(&str, DType)| TensorInfo {
        alias: alias.to_owned(),
        dtype,
        shape: None,
    };
    SignatureSpec {
        name: "serving_default".to_owned(),
        method_name: String::new(),
        inputs: inputs.iter().map(info).collect(),
        outputs: Vec::new(),
        text: String::new(),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, body)) = data.split_first() else {
        return;
    };
    let spec = match choice % 40 {
        number @ 1..=33 => {
            let dtype = DType::from_i32(i32::from(number)).expect("33 types");
            signature(&[("x", dtype)])
        }
        34 => signature(&[("b64", DType::STRING)]),
        35 => signature(&[("x", DType::STRING), ("y", DType::STRING)]),
        _ => signature(&[("x", DType::FLOAT), ("y", DType::INT32)]),
    };
    let limits = JsonLimits {
        max_depth: 8,
        max_elements: 1000,
    };
    let fast = decode(body, &limits, |_| Ok(&spec));
    let careful = decode_carefully(body, &limits, |_| Ok(&spec));
    match (fast, careful) {
        (Ok(fast), Ok(careful)) => {
            assert_eq!(fast.format, careful.format);
            let print = |body: &servable_codec::json::predict::PredictBody<'_, '_>| {
                let outputs: Vec<_> = spec
                    .inputs
                    .iter()
                    .map(|info| info.alias.as_str())
                    .zip(&body.tensors)
                    .collect();
                let outputs: Vec<_> = outputs
                    .iter()
                    .map(|(name, tensor)| (*name, tensor.view()))
                    .collect();
                let mut out = Vec::new();
                predict(Format::Column, &outputs, NonFinite::String, &mut out).map(|()| out)
            };
            let text = print(&fast);
            assert_eq!(text, print(&careful));
            assert!(std::str::from_utf8(&text.expect("what JSON gave, JSON can hold")).is_ok());
        }
        (Err(fast), Err(careful)) => assert_eq!(fast, careful),
        (fast, careful) => panic!("{fast:?}\n{careful:?}"),
    }
});
