//! Predict bodies: strings, shapes, nesting, keys.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use servable_codec::json::predict::{decode, decode_carefully};
use servable_codec::{Code, DType, Error, JsonLimits, TensorData};
use support::{list, one, raw, signature};

fn strings(body: &str) -> Result<Vec<Vec<u8>>, String> {
    let spec = signature(&[("x", DType::STRING)]);
    let body = support::decode(body.as_bytes(), &spec).map_err(|error| error.message)?;
    let TensorData::Strings(column) = &body.tensors[0].data else {
        panic!()
    };
    Ok(column.iter().map(<[u8]>::to_vec).collect())
}

#[test]
fn strings_are_unescaped_and_base64_is_decoded() {
    let body = r#"{"instances": ["plain", "a\u00e9\ud83d\ude00\n\/", {"b64": "AP8="}, {"b64": "A\u0050\u002f8"}, "\u0000"]}"#;
    let wanted: [&[u8]; 5] = [
        b"plain",
        "aé😀\n/".as_bytes(),
        &[0, 255],
        &[0, 255, 252],
        b"\0",
    ];
    assert_eq!(strings(body).unwrap(), wanted);
    assert_eq!(
        strings("{\"inputs\": \"h\u{e9}llo \u{4e16}\"}").unwrap(),
        ["héllo 世".as_bytes()]
    );
    for (body, text) in [
        (
            r#"{"inputs": "\ud800"}"#,
            "JSON Parse error: The surrogate pair in string is invalid. at offset: 12",
        ),
        (
            r#"{"inputs": "\udc00"}"#,
            "JSON Parse error: The surrogate pair in string is invalid. at offset: 12",
        ),
        (
            r#"{"inputs": "\ud800\u0041"}"#,
            "JSON Parse error: The surrogate pair in string is invalid. at offset: 12",
        ),
        (r#"{"inputs": {"b64": "A"}}"#, "Unable to base64 decode"),
    ] {
        assert_eq!(strings(body).unwrap_err(), text);
    }
    let spec = signature(&[("x", DType::STRING)]);
    let error = support::decode(b"{\"inputs\": \"ab\xff\"}", &spec).unwrap_err();
    assert_eq!(
        error.message,
        "JSON Parse error: Invalid encoding in string. at offset: 14"
    );
    let error = support::decode(b"{\"inputs\": \"ab\"} \xff", &spec).unwrap_err();
    assert_eq!(
        error.message,
        "JSON Parse error: The document root must not be followed by other values. at offset: 17"
    );
}

#[test]
fn the_outermost_list_of_wrong_length_is_named_even_if_the_mistake_is_inside() {
    let text = |body: &str| one(DType::FLOAT, body).unwrap_err();
    // The value is found first, but the reference looks at the length of a list before its elements.
    let size = "Encountered list at unexpected size: 3 at level: 1 expected size: 2";
    assert_eq!(text(r#"{"inputs": [[1, 2], ["a", 2, 3]]}"#), size);
    assert_eq!(text(r#"{"inputs": [[[1], [1]], [["a"], [1], [1]]]}"#), size);
    assert_eq!(
        text(r#"{"inputs": [["a"], [1, 2]]}"#),
        r#"JSON Value: "a" Type: String is not of expected type: float"#
    );
    assert_eq!(text(r#"{"inputs": [[1, 2], [3, [4, 5, {}], 6]]}"#), size);
    assert_eq!(
        text(r#"{"inputs": [[], [1]]}"#),
        "Encountered list at unexpected size: 1 at level: 1 expected size: 0"
    );
    assert_eq!(
        text(r#"{"inputs": [[], [[]]]}"#),
        "Encountered list at unexpected size: 1 at level: 1 expected size: 0"
    );
}

#[test]
fn nesting_is_capped_in_values_and_free_elsewhere() {
    let spec = signature(&[("x", DType::FLOAT)]);
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let deep = nested(50_000);
    let inputs = format!("{{\"inputs\": {deep}}}");
    let error = support::decode(inputs.as_bytes(), &spec).unwrap_err();
    assert_eq!(
        error.message,
        "JSON lists are nested deeper than 254 levels"
    );
    let rows = format!("{{\"instances\": [{deep}]}}");
    let error = support::decode(rows.as_bytes(), &spec).unwrap_err();
    assert_eq!(
        error.message,
        "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON lists are nested deeper than 253 levels"
    );
    assert!(
        support::decode(
            format!("{{\"x\": {deep}, \"instances\": [1]}}").as_bytes(),
            &spec
        )
        .is_ok()
    );
    let objects = "{\"a\":".repeat(50_000) + "1" + &"}".repeat(50_000);
    let error =
        support::decode(format!("{{\"instances\": [{objects}]}}").as_bytes(), &spec).unwrap_err();
    assert!(error.message.ends_with("does not have named input: a"));
    assert!(support::decode("[".repeat(50_000).as_bytes(), &spec).is_err());
    let body = format!("{{\"inputs\": {}}}", nested(254));
    assert_eq!(
        support::decode(body.as_bytes(), &spec).unwrap().tensors[0]
            .shape
            .len(),
        254
    );
    let shallow = JsonLimits {
        max_depth: 2,
        ..JsonLimits::default()
    };
    for (body, fits) in [
        (r#"{"inputs": [[1]]}"#, true),
        (r#"{"inputs": [[[1]]]}"#, false),
        (r#"{"instances": [[[1]]]}"#, true),
        (r#"{"instances": [[[[1]]]]}"#, false),
        (r#"{"instances": [{"x": [[1]]}]}"#, true),
        (r#"{"instances": [{"x": [[[1]]]}]}"#, false),
    ] {
        assert_eq!(
            decode(body.as_bytes(), &shallow, |_| Ok(&spec)).is_ok(),
            fits,
            "{body}"
        );
        assert_eq!(
            decode_carefully(body.as_bytes(), &shallow, |_| Ok(&spec)).is_ok(),
            fits,
            "{body}"
        );
    }
}

#[test]
fn too_many_elements_are_resource_exhausted() {
    let spec = signature(&[("x", DType::FLOAT)]);
    let limits = JsonLimits {
        max_elements: 3,
        ..JsonLimits::default()
    };
    let run = |body: &str| decode(body.as_bytes(), &limits, |_| Ok(&spec)).map(|_| ());
    for body in [
        r#"{"instances": [1, 2, 3]}"#,
        r#"{"inputs": [[1], [2], [3]]}"#,
    ] {
        assert_eq!(run(body), Ok(()));
    }
    for body in [
        r#"{"instances": [1, 2, 3, 4]}"#,
        r#"{"inputs": [[1, 2], [3, 4]]}"#,
        r#"{"instances": [[1, 2], [3, 4]]}"#,
    ] {
        let error = Error::new(Code::ResourceExhausted, "a tensor of more than 3 elements");
        assert_eq!(run(body), Err(error));
    }
}

#[test]
fn a_signature_named_behind_the_values_is_found() {
    let float = signature(&[("x", DType::FLOAT)]);
    let int = signature(&[("x", DType::INT32)]);
    for (body, asked) in [
        (
            r#"{"instances": [1], "signature_name": "int"}"#,
            vec!["int"],
        ),
        (
            r#"{"signature_name": "int", "instances": [1]}"#,
            vec!["int"],
        ),
        (
            r#"{"instances": [1], "signature_name": "\u0069nt"}"#,
            vec!["", "int"],
        ),
        (
            r#"{"instances": [1], "signature_name": "int", "other": [2]}"#,
            vec!["", "int"],
        ),
        (
            r#"{"instances": [1], "other": {"signature_name": "no", "z": "z"}}"#,
            vec![""],
        ),
        (
            r#"{"instances": [1], "other": "\"signature_name\": \"no\""}"#,
            vec![""],
        ),
    ] {
        let mut names = Vec::new();
        let decoded = decode(body.as_bytes(), &JsonLimits::default(), |name| {
            names.push(name.to_owned());
            Ok(if name == "int" { &int } else { &float })
        })
        .unwrap();
        assert_eq!(names, asked, "{body}");
        let wanted = if *asked.last().unwrap() == "int" {
            DType::INT32
        } else {
            DType::FLOAT
        };
        assert_eq!(decoded.tensors[0].dtype, wanted);
    }
}

#[test]
fn keys_may_come_in_any_order_and_with_escapes() {
    let spec = signature(&[("a", DType::INT32), ("b", DType::FLOAT)]);
    for body in [
        r#"{"instances": [{"a": 1, "b": [2]}, {"b": [4], "a": 3}]}"#,
        r#"{"instances": [{"\u0061": 1, "b": [2]}, {"b": [4], "a": 3}]}"#,
        r#" { "inputs" : { "b" : [ [ 2 ] , [ 4 ] ] , "a" : [ 1 , 3 ] } } "#,
        r#"{"inputs": {"b": [[2], [4]], "a": [1, 3], "c": 5, "a": "second"}}"#,
    ] {
        let decoded = support::decode(body.as_bytes(), &spec).unwrap();
        assert_eq!(
            raw(&decoded.tensors[0]),
            [1i32.to_ne_bytes(), 3i32.to_ne_bytes()].concat(),
            "{body}"
        );
        assert_eq!(decoded.tensors[1].shape[..], [2, 1]);
    }
}

#[test]
fn memory_is_aligned_and_plain_strings_are_borrowed() {
    let spec = signature(&[("x", DType::FLOAT)]);
    let body = list(&["1"; 1000]);
    let decoded = support::decode(body.as_bytes(), &spec).unwrap();
    assert_eq!(raw(&decoded.tensors[0]).as_ptr() as usize % 64, 0);
    let spec = signature(&[("x", DType::STRING)]);
    let body = r#"{"inputs": "text"}"#;
    let decoded = support::decode(body.as_bytes(), &spec).unwrap();
    let TensorData::Strings(column) = &decoded.tensors[0].data else {
        panic!()
    };
    assert!(
        body.as_bytes()
            .as_ptr_range()
            .contains(&column.get(0).as_ptr())
    );
}
