//! Responses: what the recorded cases do not show.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use servable_codec::json::predict::Format;
use servable_codec::json::print::{NonFinite, classifications, error, predict, regressions};
use servable_codec::{
    AlignedBuf, Classifications, DType, DecodedTensor, Shape, StringColumn, TensorData,
};

fn tensor(dtype: DType, shape: &[i64], bytes: &[u8]) -> DecodedTensor<'static> {
    DecodedTensor {
        dtype,
        shape: Shape::from_slice(shape),
        data: TensorData::Owned(AlignedBuf::from(bytes)),
    }
}

fn floats(values: &[f32]) -> DecodedTensor<'static> {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    tensor(DType::FLOAT, &[values.len() as i64], &bytes)
}

fn row(name: &str, tensor: &DecodedTensor<'_>, nonfinite: NonFinite) -> String {
    let mut out = Vec::new();
    predict(Format::Row, &[(name, tensor.view())], nonfinite, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let inner = text
        .strip_prefix("{\n    \"predictions\": [")
        .and_then(|text| text.strip_suffix("\n    ]\n}"));
    inner.unwrap().to_owned()
}

#[test]
fn whole_floats_get_a_point_and_large_ones_an_exponent() {
    let values = floats(&[
        1.0,
        -0.0,
        100000.0,
        16777216.0,
        1e16,
        3.4028235e38,
        1e-45,
        0.1,
        -2.5,
    ]);
    assert_eq!(
        row("y", &values, NonFinite::Token),
        "1.0, -0.0, 100000.0, 16777216.0, 1e+16, 3.4028235e+38, 1e-45, 0.1, -2.5"
    );
}

#[test]
fn nan_and_infinities_are_tokens_null_or_strings() {
    let values = floats(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0]);
    assert_eq!(
        row("y", &values, NonFinite::Token),
        "NaN, Infinity, -Infinity, 1.0"
    );
    assert_eq!(row("y", &values, NonFinite::Null), "null, null, null, 1.0");
    assert_eq!(
        row("y", &values, NonFinite::String),
        r#""NaN", "Infinity", "-Infinity", 1.0"#
    );
    let mut out = Vec::new();
    regressions(support::raw(&values), NonFinite::Null, &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\n    \"results\": [null, null, null, 1.0]\n}"
    );
}

#[test]
fn halves_bfloat16s_and_uint16s_are_printed() {
    let bits = |values: &[u16]| {
        values
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect::<Vec<u8>>()
    };
    let half = tensor(DType::HALF, &[4], &bits(&[0x3c00, 0x7bff, 0xfc00, 0x0001]));
    assert_eq!(
        row("y", &half, NonFinite::Token),
        "1.0, 65504.0, -Infinity, 5.9604645e-8"
    );
    let brain = tensor(DType::BFLOAT16, &[2], &bits(&[0x3fc0, 0xc040]));
    assert_eq!(row("y", &brain, NonFinite::Token), "1.5, -3.0");
    assert_eq!(
        row(
            "y",
            &tensor(DType::UINT16, &[2], &bits(&[0, 65535])),
            NonFinite::Token
        ),
        "0, 65535"
    );
}

#[test]
fn strings_that_are_not_utf8_are_sent_as_base64() {
    let mut column = StringColumn::default();
    column.push("é\"\u{7f}".as_bytes());
    column.push(b"\xff\x00");
    let text = DecodedTensor {
        dtype: DType::STRING,
        shape: Shape::from_slice(&[2]),
        data: TensorData::Strings(column),
    };
    let printed = row("y", &text, NonFinite::Token);
    assert_eq!(
        printed,
        "\"é\\\"\u{7f}\", {\n            \"b64\": \"/wA=\"\n        }"
    );
    let labels = vec![b"\xff".to_vec()];
    let results = Classifications {
        batch: 1,
        classes: 1,
        labels: Some(&labels),
        scores: None,
    };
    let mut out = Vec::new();
    classifications(&results, NonFinite::Token, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        value,
        serde_json::json!({ "results": [[[{ "b64": "/w==" }, 0.0]]] })
    );
}

#[test]
fn outputs_are_sorted_and_deep_ones_nest() {
    let (a, b) = (
        floats(&[1.0]),
        tensor(DType::UINT8, &[1, 2, 1, 2], &[1, 2, 3, 4]),
    );
    for format in [Format::Row, Format::Column] {
        let mut out = Vec::new();
        predict(
            format,
            &[("b", b.view()), ("a", a.view())],
            NonFinite::Token,
            &mut out,
        )
        .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.find("\"a\"").unwrap() < text.find("\"b\"").unwrap(),
            "{text}"
        );
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let wanted = match format {
            Format::Row => {
                serde_json::json!({ "predictions": [{ "a": 1.0, "b": [[[1, 2]], [[3, 4]]] }] })
            }
            Format::Column => {
                serde_json::json!({ "outputs": { "a": [1.0], "b": [[[[1, 2]], [[3, 4]]]] } })
            }
        };
        assert_eq!(value, wanted);
    }
}

#[test]
fn views_that_contradict_themselves_are_internal_errors() {
    for (shape, bytes) in [
        (&[2][..], 4),
        (&[-1], 4),
        (&[1], 3),
        (&[i64::MAX, i64::MAX], 0),
        (&[0], 4),
    ] {
        let bad = tensor(DType::FLOAT, shape, &vec![0; bytes]);
        let mut out = b"kept".to_vec();
        let failed = predict(
            Format::Column,
            &[("y", bad.view())],
            NonFinite::Token,
            &mut out,
        )
        .unwrap_err();
        assert_eq!(failed.code.name(), "INTERNAL", "{shape:?}");
        assert_eq!(out, b"kept");
    }
}

#[test]
fn error_bodies_are_json() {
    let message = "a \"b\" \u{0} \\ / é\u{2028}";
    let mut out = Vec::new();
    error(message, &mut out);
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["error"], message);
}
