//! Classify and regress bodies: what the recorded cases do not show.
#![allow(clippy::unwrap_used, reason = "tests may")]

use servable_codec::json::examples::decode;

#[test]
fn the_context_comes_first_so_that_the_example_wins_a_merge() {
    let body = br#"{"signature_name": "s", "context": {"q": 1}, "examples": [{"a": "x"}, {}]}"#;
    let decoded = decode(body).unwrap();
    let alone = |json: &str| {
        let body = format!("{{\"examples\": [{json}]}}");
        decode(body.as_bytes()).unwrap().examples.remove(0)
    };
    assert_eq!(decoded.signature_name, "s");
    assert_eq!(
        decoded.examples[0],
        [alone(r#"{"q": 1}"#), alone(r#"{"a": "x"}"#)].concat()
    );
    assert_eq!(
        decoded.examples[1],
        [alone(r#"{"q": 1}"#), alone("{}")].concat()
    );
}

#[test]
fn an_example_is_the_bytes_protobuf_writes() {
    let body = br#"{"examples": [{"f": [1.5, -2.0], "a": ["x", {"b64": "AP8="}], "i": [true, -1, 300], "e": [], "a": "last"}]}"#;
    let bytes = decode(body).unwrap().examples.remove(0);
    let mut wanted = Vec::new();
    for (name, feature) in [
        ("a", &b"\x0a\x06\x0a\x04last"[..]),
        ("e", b""),
        ("f", b"\x12\x0a\x0a\x08\x00\x00\xc0\x3f\x00\x00\x00\xc0"),
        (
            "i",
            b"\x1a\x0f\x0a\x0d\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xac\x02",
        ),
    ] {
        let entry_len = (3 + 2 + feature.len()) as u8;
        wanted.extend_from_slice(&[
            0x0a,
            entry_len,
            0x0a,
            1,
            name.as_bytes()[0],
            0x12,
            feature.len() as u8,
        ]);
        wanted.extend_from_slice(feature);
    }
    let len = wanted.len() as u8;
    assert_eq!(bytes, [&[0x0a, len][..], &wanted].concat());
}

#[test]
fn mistakes_are_named() {
    for (body, text) in [
        (
            r#"{"examples": [{"a": 1}]} x"#,
            "JSON Parse error: The document root must not be followed by other values. at offset: 25",
        ),
        (r#"[]"#, "JSON Value: [] Is not object"),
        (
            r#"{"examples": [null]}"#,
            "Example must be JSON object but got JSON Null",
        ),
        (
            r#"{"context": 5, "examples": [{}]}"#,
            "Example must be JSON object but got JSON Number",
        ),
        (
            r#"{"examples": [{"a": {"b64": "A"}}]}"#,
            "Unable to base64 decode",
        ),
        (
            r#"{"examples": [{"a": [[]]}]}"#,
            "Feature: a has element with unexpected JSON type: Array",
        ),
    ] {
        assert_eq!(decode(body.as_bytes()).unwrap_err().message, text, "{body}");
    }
    let deep = format!(
        "{{\"examples\": [{{\"a\": {}1{}}}]}}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    assert!(
        decode(deep.as_bytes())
            .unwrap_err()
            .message
            .contains("unexpected JSON type: Array")
    );
}

#[test]
fn a_context_is_not_multiplied_without_end() {
    let context = "x".repeat(1 << 20);
    let examples = vec!["{}"; 4096].join(",");
    let body = format!("{{\"context\": {{\"c\": \"{context}\"}}, \"examples\": [{examples}]}}");
    assert_eq!(
        decode(body.as_bytes()).unwrap_err().code.name(),
        "RESOURCE_EXHAUSTED"
    );
}
