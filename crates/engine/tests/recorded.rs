//! Answered REST requests as the messages gRPC would have carried.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod support;

use servable_codec::proto::{predict, tensor};
use servable_codec::{DType, TensorLimits, ViewData};
use servable_engine::infer::Method;
use servable_engine::infer::recorded::{Recorded, recorded};
use servable_engine::{BodyForm, Call, Settings};
use support::{Fake, PREDICT, call, endpoint, signature};

fn fake() -> Fake {
    let pair = |names: [&str; 2], dtypes: [DType; 2]| {
        let shape = Some(&[-1][..]);
        names
            .into_iter()
            .zip(dtypes)
            .map(|(name, dtype)| endpoint(name, dtype, shape))
            .collect()
    };
    let one = |name: &str| vec![endpoint(name, DType::FLOAT, None)];
    Fake {
        signatures: vec![
            signature("serving_default", PREDICT, one("x"), one("y")),
            signature(
                "two",
                PREDICT,
                pair(["a", "b"], [DType::INT64, DType::STRING]),
                pair(["c", "d"], [DType::FLOAT, DType::STRING]),
            ),
        ],
        ..Fake::default()
    }
}

fn record(change: impl Fn(&mut Call<'_>), body: &[u8], reply: &[u8]) -> Recorded {
    let settings = Settings::default();
    let mut call = call(Method::RestPredict, "m", &settings);
    change(&mut call);
    recorded(&fake().servable(), 7, &call, (body, reply)).unwrap()
}

/// Name, shape and values (in short) of each input.
fn inputs(request: &[u8]) -> Vec<(String, Vec<i64>, String)> {
    let request = predict::decode(request).unwrap();
    let spec = request.model_spec.unwrap();
    assert_eq!(
        (spec.name, spec.version),
        ("m", servable_codec::proto::Version::Specific(7))
    );
    let decoded = request.inputs.into_iter().map(|(name, bytes)| {
        let tensor = tensor::decode(name, bytes, &TensorLimits::default()).unwrap();
        let view = tensor.view();
        let values = match view.data {
            ViewData::Bytes(bytes) if view.dtype == DType::FLOAT => {
                let floats = bytes
                    .chunks(4)
                    .map(|it| f32::from_ne_bytes(it.try_into().unwrap()));
                format!("{:?}", floats.collect::<Vec<_>>())
            }
            ViewData::Bytes(bytes) => format!("{} bytes", bytes.len()),
            ViewData::Strings(strings) => {
                let all = (0..strings.len()).map(|at| String::from_utf8_lossy(strings.get(at)));
                format!("{:?}", all.collect::<Vec<_>>())
            }
        };
        (name.to_owned(), view.shape.to_vec(), values)
    });
    decoded.collect()
}

/// A response has its outputs where a request has its model_spec.
fn outputs(response: &[u8]) -> usize {
    response.iter().filter(|byte| **byte == 0x0a).count()
}

fn json(body: &str, reply: &str) -> Recorded {
    record(|_| (), body.as_bytes(), reply.as_bytes())
}

#[test]
fn rows_and_columns_become_the_same_tensors() {
    let rows = json(
        r#"{"instances":[1,2]}"#,
        "{\n    \"predictions\": [2.5, 3.0\n    ]\n}",
    );
    let columns = json(r#"{"inputs":[1,2]}"#, r#"{"outputs":[2.5,3.0]}"#);
    assert_eq!(rows, columns);
    assert_eq!(rows.signature_name, "serving_default");
    let expected = ("x".to_owned(), vec![2], "[1.0, 2.0]".to_owned());
    assert_eq!(inputs(&rows.request), [expected]);
    assert!(outputs(&rows.response.unwrap()) > 0);
}

#[test]
fn several_inputs_of_several_types_are_told_by_name() {
    let body =
        r#"{"signature_name":"two","instances":[{"a":1,"b":"x"},{"a":2,"b":{"b64":"eQ=="}}]}"#;
    let reply = r#"{"predictions":[{"c":1.5,"d":"z"},{"c":2.5,"d":"w"}]}"#;
    let record = json(body, reply);
    assert_eq!(record.signature_name, "two");
    let named: Vec<_> = inputs(&record.request);
    assert_eq!(named[0], ("a".to_owned(), vec![2], "16 bytes".to_owned()));
    assert_eq!(
        named[1],
        ("b".to_owned(), vec![2], "[\"x\", \"y\"]".to_owned())
    );
    assert!(record.response.is_some());
}

#[test]
fn nan_is_a_value_and_null_is_an_answer_that_was_lost() {
    assert!(
        json(r#"{"instances":[1]}"#, r#"{"predictions":[NaN]}"#)
            .response
            .is_some()
    );
    assert!(
        json(r#"{"instances":[1]}"#, r#"{"predictions":[null]}"#)
            .response
            .is_none()
    );
    assert!(json(r#"{"instances":[1]}"#, "no answer").response.is_none());
}

#[test]
fn csv_and_npy_become_tensors_too() {
    let csv = record(
        |call| call.body = BodyForm::Csv { header: false },
        b"1.5\n",
        br#"{"predictions":[2.75]}"#,
    );
    assert_eq!(inputs(&csv.request)[0].2, "[1.5]");
    let mut npy = Vec::new();
    let bytes = [1.5f32, 2.5].map(f32::to_ne_bytes).concat();
    let view = servable_codec::TensorView {
        dtype: DType::FLOAT,
        shape: &[2],
        data: ViewData::Bytes(&bytes),
    };
    servable_codec::raw::npy::encode("y", &view, &mut npy).unwrap();
    let both = record(
        |call| (call.body, call.npy_reply) = (BodyForm::Npy, true),
        &npy,
        &npy,
    );
    assert_eq!(inputs(&both.request)[0].2, "[1.5, 2.5]");
    assert!(both.response.is_some());
}
