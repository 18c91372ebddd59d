//! The recorded cases of TensorFlow Serving's REST codec, all of them; what is different on purpose is listed by name.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use servable_codec::json::{examples, predict::Format, print};
use servable_codec::{Classifications, DecodedTensor, TensorData, TensorView};
use support::example::example_value;
use support::{
    bytes_of, cases, decode, dtype, f64_of, i128_of, message, raw, same, shape_of, signature,
    tensor,
};

/// Cases whose answer differs on purpose, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "x_trailing_garbage_ignored",
        "trailing garbage after the root is an error",
    ),
    (
        "x_range_DT_INT8",
        "integers out of range are refused, not wrapped",
    ),
    (
        "x_range_DT_UINT8",
        "integers out of range are refused, not wrapped",
    ),
    (
        "x_range_DT_INT16",
        "integers out of range are refused, not wrapped",
    ),
    ("x_unsupported_row_DT_HALF", "half is accepted"),
    ("x_unsupported_col_DT_HALF", "half is accepted"),
    ("x_unsupported_row_DT_BFLOAT16", "bfloat16 is accepted"),
    ("x_unsupported_col_DT_BFLOAT16", "bfloat16 is accepted"),
    ("x_unsupported_row_DT_UINT16", "uint16 is accepted"),
    ("x_unsupported_col_DT_UINT16", "uint16 is accepted"),
    ("x_unsupported_DT_HALF", "half is printed"),
    ("x_unsupported_DT_BFLOAT16", "bfloat16 is printed"),
    ("x_unsupported_DT_UINT16", "uint16 is printed"),
    (
        "x_instances_b64_multi",
        "a plain list for several inputs is refused also when it begins with a base64 object",
    ),
    (
        "x_one_DT_DOUBLE_123456789012345678901234567890",
        "the nearest double; the reference is a few units off here",
    ),
    (
        "x_one_DT_UINT64_18446744073709551616",
        "only the dump of the number: ours is the shortest text, 18446744073709552000.0",
    ),
];

struct Report {
    failures: Vec<String>,
    differences: BTreeSet<&'static str>,
}

impl Report {
    /// Notes whether a case came out as recorded; a listed difference must be one.
    fn note(&mut self, name: &str, outcome: Result<(), String>) {
        match (
            DIFFERENT.iter().find(|(listed, _)| *listed == name),
            outcome,
        ) {
            (Some((listed, _)), Err(_)) => {
                self.differences.insert(listed);
            }
            (Some(_), Ok(())) => self
                .failures
                .push(format!("{name}: listed as different, but is the same")),
            (None, Err(text)) => self.failures.push(format!("{name}: {text}")),
            (None, Ok(())) => {}
        }
    }
}

#[test]
fn every_recorded_case_is_answered_as_recorded_or_listed_as_different() {
    let Some(cases) = cases("spec/cases/cases.json") else {
        return;
    };
    assert_eq!(cases.len(), 293);
    let mut report = Report {
        failures: Vec::new(),
        differences: BTreeSet::new(),
    };
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let outcome = match (
            case["direction"].as_str().unwrap(),
            case["method"].as_str().unwrap(),
        ) {
            ("request", "predict") => predict_request(case),
            ("request", _) => examples_request(case),
            ("response", "predict") => predict_response(case),
            _ => other_response(case),
        };
        report.note(name, outcome);
    }
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    assert_eq!(
        report.differences.len(),
        DIFFERENT.len(),
        "a listed difference is no case"
    );
}

fn expect_error(case: &Value, error: &servable_codec::Error) -> Result<(), String> {
    let wanted = (
        case["error"]["code"].as_str().unwrap_or("none"),
        case["error"]["message"].as_str().unwrap_or(""),
    );
    if message(error) == wanted {
        Ok(())
    } else {
        Err(format!("{:?}, wanted {wanted:?}", message(error)))
    }
}

fn predict_request(case: &Value) -> Result<(), String> {
    let empty = Map::new();
    let info = case["tensorInfo"].as_object().unwrap_or(&empty);
    let inputs: Vec<_> = info
        .iter()
        .map(|(alias, info)| (alias.as_str(), dtype(info["dtype"].as_str().unwrap())))
        .collect();
    let signature = signature(&inputs);
    let body = case["json"].as_str().unwrap().as_bytes();
    let mut names = Vec::new();
    let limits = servable_codec::JsonLimits::default();
    let decoded = servable_codec::json::predict::decode(body, &limits, |name| {
        names.push(name.to_owned());
        Ok(&signature)
    });
    let carefully =
        servable_codec::json::predict::decode_carefully(body, &limits, |_| Ok(&signature));
    if decoded.as_ref().err() != carefully.as_ref().err() {
        return Err(format!("the passes differ: {decoded:?} {carefully:?}"));
    }
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err(error) => return expect_error(case, &error),
    };
    let expected = &case["expected"];
    let format = if decoded.format == Format::Row {
        "row"
    } else {
        "columnar"
    };
    if expected["format"] != format || names != [expected["signature_name"].as_str().unwrap_or("?")]
    {
        return Err(format!("format {format}, names {names:?}"));
    }
    for (info, tensor) in signature.inputs.iter().zip(&decoded.tensors) {
        let wanted = expected_tensor(&expected["tensors"][&info.alias]);
        if !same(tensor, &wanted) {
            return Err(format!("{}: {tensor:?}, wanted {wanted:?}", info.alias));
        }
    }
    for (ours, careful) in decoded.tensors.iter().zip(carefully.unwrap().tensors) {
        if !same(ours, &careful) {
            return Err(format!("the passes differ: {ours:?} {careful:?}"));
        }
    }
    Ok(())
}

fn expected_tensor(value: &Value) -> DecodedTensor<'static> {
    tensor(
        value["dtype"].as_str().unwrap(),
        &shape_of(&value["shape"]),
        value["values"].as_array().unwrap(),
    )
}

fn examples_request(case: &Value) -> Result<(), String> {
    let decoded = match examples::decode(case["json"].as_str().unwrap().as_bytes()) {
        Ok(decoded) => decoded,
        Err(error) => return expect_error(case, &error),
    };
    let expected = &case["expected"];
    if expected["signature_name"] != decoded.signature_name.as_str() {
        return Err(format!("signature {}", decoded.signature_name));
    }
    let mut wanted: Vec<Value> = expected["examples"]
        .as_array()
        .ok_or("an error was wanted")?
        .clone();
    if let Some(context) = expected["context"].as_object() {
        for example in &mut wanted {
            for (name, feature) in context {
                example
                    .as_object_mut()
                    .unwrap()
                    .entry(name.clone())
                    .or_insert(feature.clone());
            }
        }
    }
    let got: Vec<Value> = decoded
        .examples
        .iter()
        .map(|bytes| example_value(bytes))
        .collect();
    let wanted: Vec<Value> = wanted.iter().map(canonical_example).collect();
    if got == wanted {
        Ok(())
    } else {
        Err(format!("{got:?}, wanted {wanted:?}"))
    }
}

/// An example of a case with its floats as float32 text and its bytes as lists of numbers.
fn canonical_example(example: &Value) -> Value {
    let mut out = Map::new();
    for (name, feature) in example.as_object().unwrap() {
        let mut feature = feature.clone();
        if let Some(values) = feature.get("float").and_then(Value::as_array) {
            feature = json!({ "float": values.iter().map(|v| (f64_of(v) as f32).to_string()).collect::<Vec<_>>() });
        } else if let Some(values) = feature.get("bytes").and_then(Value::as_array) {
            feature = json!({ "bytes": values.iter().map(bytes_of).collect::<Vec<_>>() });
        } else if let Some(values) = feature.get("int64").and_then(Value::as_array) {
            feature = json!({ "int64": values.iter().map(|v| i128_of(v).to_string()).collect::<Vec<_>>() });
        }
        out.insert(name.clone(), feature);
    }
    Value::Object(out)
}

fn predict_response(case: &Value) -> Result<(), String> {
    let format = if case["format"] == "row" {
        Format::Row
    } else {
        Format::Column
    };
    let tensors: Vec<(String, DecodedTensor<'static>)> = case["tensors"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), expected_tensor(value)))
        .collect();
    let outputs: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor.view()))
        .collect();
    let mut out = b"before ".to_vec();
    match print::predict(format, &outputs, print::NonFinite::Token, &mut out) {
        Ok(()) => same_text(case, &out[7..]),
        Err(error) => {
            assert_eq!(out, b"before ");
            expect_error(case, &error)
        }
    }
}

fn other_response(case: &Value) -> Result<(), String> {
    let mut out = Vec::new();
    let printed = if let Some(message) = case["message"].as_str() {
        print::error(message, &mut out);
        Ok(())
    } else if let Some(values) = case["regressions"].as_array() {
        let floats = tensor("DT_FLOAT", &[values.len() as i64], values);
        print::regressions(raw(&floats), print::NonFinite::Token, &mut out)
    } else {
        let rows = case["classifications"].as_array().unwrap();
        let classes = rows.first().map_or(0, |row| row.as_array().unwrap().len());
        let pairs: Vec<&Value> = rows
            .iter()
            .flat_map(|row| row.as_array().unwrap())
            .collect();
        let labels: Vec<Value> = pairs.iter().map(|pair| pair["label"].clone()).collect();
        let scores: Vec<Value> = pairs.iter().map(|pair| pair["score"].clone()).collect();
        let count = [pairs.len() as i64];
        let (labels, scores) = (
            tensor("DT_STRING", &count, &labels),
            tensor("DT_FLOAT", &count, &scores),
        );
        let TensorData::Strings(column) = &labels.data else {
            panic!()
        };
        let results = Classifications {
            batch: rows.len(),
            classes,
            labels: Some(column),
            scores: Some(raw(&scores)),
        };
        print::classifications(&results, print::NonFinite::Token, &mut out)
    };
    match printed {
        Ok(()) => same_text(case, &out),
        Err(error) => expect_error(case, &error),
    }
}

/// Compares texts byte for byte, except that numbers are compared as float32 or integers: ours are shorter.
fn same_text(case: &Value, got: &[u8]) -> Result<(), String> {
    let wanted = case["expected"]["text"]
        .as_str()
        .ok_or("an error was wanted")?;
    let got = std::str::from_utf8(got).unwrap();
    let single = case["tensors"]
        .as_object()
        .is_none_or(|t| t.values().all(|t| t["dtype"] != "DT_DOUBLE"));
    let (a, b) = (pieces(got), pieces(wanted));
    let same_piece = |x: &str, y: &str| match (x.parse::<f64>(), y.parse::<f64>()) {
        (Ok(p), Ok(q)) if single && x.contains(['.', 'e']) => {
            (p as f32).to_bits() == (q as f32).to_bits()
        }
        (Ok(p), Ok(q)) if x.contains(['.', 'e']) => p.to_bits() == q.to_bits(),
        _ => x == y,
    };
    let equal = a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| same_piece(x, y));
    if equal {
        Ok(())
    } else {
        Err(format!("{got}\nwanted\n{wanted}"))
    }
}

/// Cuts a text at the borders of words and numbers.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            c if c.is_ascii_alphanumeric() || c == '-' => rest
                .find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c))
                .unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        pieces.push(&rest[..len]);
        rest = &rest[len..];
    }
    pieces
}

#[test]
fn decode_reports_the_signature_error_only_when_the_body_is_json() {
    let missing = || {
        Err(servable_codec::Error::new(
            servable_codec::Code::NotFound,
            "no such model",
        ))
    };
    let ask = |body: &str| {
        let result =
            servable_codec::json::predict::decode(body.as_bytes(), &Default::default(), |_| {
                missing()
            });
        result.unwrap_err().message
    };
    assert_eq!(ask(r#"{"instances": [1]}"#), "no such model");
    assert_eq!(
        ask(r#"{"instances": ["#),
        "JSON Parse error: Invalid value. at offset: 15"
    );
    assert_eq!(
        ask(r#"{"instances": [1], "x": 1e999}"#),
        "JSON Parse error: Number too big to be stored in double. at offset: 24"
    );
    assert!(
        ask(r#"{"signature_name": 1}"#).ends_with("'signature_name' key must be a string value.")
    );
    let spec = signature(&[("x", servable_codec::DType::FLOAT)]);
    assert!(decode(br#"{"instances": [1]}"#, &spec).is_ok());
}
