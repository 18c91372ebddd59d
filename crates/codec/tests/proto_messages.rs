//! The request and response messages around tensors and examples.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use servable_codec::proto::{
    ModelSpec, Version, inference, named_model, predict, session_run, tensor,
};
use servable_codec::{Classifications, DType, Strings, TensorLimits};
use support::message::{Message, shape};

const LIMITS: TensorLimits = TensorLimits {
    max_bytes: 1 << 26,
    max_elements: u64::MAX,
};

fn sample_request() -> Vec<u8> {
    let x = Message::default()
        .number(1, 1)
        .message(2, &shape(&[1]))
        .bytes(5, &2f32.to_le_bytes());
    let text = Message::default()
        .number(1, 7)
        .message(2, &shape(&[1]))
        .bytes(8, b"hello");
    let spec = Message::default()
        .bytes(1, b"model")
        .message(2, &Message::default().number(1, 7))
        .bytes(3, b"serving_default");
    let entry =
        |name: &[u8], tensor: &Message| Message::default().bytes(1, name).message(2, tensor);
    Message::default()
        .message(1, &spec)
        .message(2, &entry(b"y", &x))
        .message(2, &entry(b"a", &text))
        .message(2, &entry(b"y", &text))
        .bytes(3, b"out")
        .number(99, 5)
        .0
}

#[test]
fn a_predict_request_is_read_sorted_and_the_last_entry_of_a_key_wins() {
    let body = sample_request();
    let request = predict::decode(&body).unwrap();
    let spec = ModelSpec {
        name: "model",
        version: Version::Specific(7),
        signature_name: "serving_default",
    };
    assert_eq!(request.model_spec, Some(spec));
    assert_eq!(request.output_filter, ["out"]);
    let names: Vec<&str> = request.inputs.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["a", "y"]);
    assert_eq!(
        tensor::decode("y", request.inputs[1].1, &LIMITS)
            .unwrap()
            .dtype,
        DType::STRING
    );
    assert_eq!(
        predict::decode(b"").unwrap(),
        predict::PredictRequest::default()
    );
}

#[test]
fn versions_have_presence_and_the_last_choice_wins() {
    let read = |spec: &Message| {
        let body = Message::default().message(1, spec).0;
        format!(
            "{:?}",
            predict::decode(&body).unwrap().model_spec.unwrap().version
        )
    };
    assert_eq!(read(&Message::default()), "Latest");
    assert_eq!(read(&Message::default().bytes(2, b"")), "Specific(0)");
    assert_eq!(
        read(&Message::default().message(2, &Message::default().number(1, -1))),
        "Specific(-1)"
    );
    assert_eq!(
        read(&Message::default().bytes(2, b"").bytes(4, b"stable")),
        "Label(\"stable\")"
    );
    assert_eq!(
        read(&Message::default().bytes(4, b"stable").bytes(2, b"")),
        "Specific(0)"
    );
}

#[test]
fn a_message_cut_anywhere_is_refused_or_read_but_never_more() {
    let body = sample_request();
    let whole = predict::decode(&body).unwrap().inputs.len();
    for end in 0..body.len() {
        if let Ok(request) = predict::decode(&body[..end]) {
            assert!(request.inputs.len() <= whole);
            for (alias, bytes) in request.inputs {
                let _ = tensor::decode(alias, bytes, &LIMITS);
            }
        }
        let _ = session_run::decode(&body[..end]);
        let _ = inference::decode_multi(&body[..end]);
        let _ = tensor::decode("x", &body[..end], &LIMITS);
    }
    let text = predict::decode(&body[..body.len() - 1]).unwrap_err();
    assert_eq!(
        support::message(&text),
        (
            "INVALID_ARGUMENT",
            "PredictRequest: the message is not valid protobuf"
        )
    );
    // Text that is not UTF-8.
    assert!(predict::decode(&Message::default().bytes(3, &[0xff]).0).is_err());
}

#[test]
fn examples_are_taken_as_they_are_with_the_context_in_front() {
    let list = Message::default().bytes(1, b"one").bytes(1, b"two");
    let plain = Message::default().message(2, &Message::default().message(1, &list));
    let read = |message: &Message| -> Vec<Vec<u8>> {
        let request = inference::decode_classify(&message.0).unwrap();
        request
            .examples
            .into_iter()
            .map(std::borrow::Cow::into_owned)
            .collect()
    };
    assert_eq!(read(&plain), [b"one", b"two"]);
    let context = Message::default()
        .bytes(1, b"one")
        .bytes(2, b"con-")
        .bytes(1, b"two")
        .bytes(2, b"text-");
    let with_context = Message::default().message(2, &Message::default().message(2, &context));
    assert_eq!(read(&with_context), [b"con-text-one", b"con-text-two"]);
    // The other member of the oneof replaces what came before.
    let both = Message(([plain.0.clone(), with_context.0.clone()]).concat());
    assert_eq!(read(&both), [b"con-text-one", b"con-text-two"]);
    let twice = Message([plain.0.clone(), plain.0].concat());
    assert_eq!(read(&twice).len(), 4);
    assert_eq!(read(&Message::default()), Vec::<Vec<u8>>::new());
    let many = context.0.len();
    let big = Message::default().bytes(2, &vec![0; 1 << 20]);
    let mut big = big;
    (0..4096).for_each(|_| big = big.clone().bytes(1, b""));
    assert!(many < big.0.len());
    let body = Message::default().message(2, &Message::default().message(2, &big));
    assert_eq!(
        inference::decode_regress(&body.0).unwrap_err().code.name(),
        "RESOURCE_EXHAUSTED"
    );
}

#[test]
fn responses_are_the_bytes_protobuf_writes() {
    let spec = ModelSpec {
        name: "m",
        version: Version::Specific(0),
        signature_name: "s",
    };
    let spec_message = Message::default()
        .bytes(1, b"m")
        .bytes(2, b"")
        .bytes(3, b"s");
    let labels = vec![b"car".to_vec(), Vec::new()];
    let scores: Vec<u8> = [0.5f32, 0.0]
        .iter()
        .flat_map(|score| score.to_ne_bytes())
        .collect();
    let result = Classifications {
        batch: 1,
        classes: 2,
        labels: Some(&labels),
        scores: Some(&scores),
    };
    let mut out = Vec::new();
    inference::encode_classification_response(&spec, &result, &mut out).unwrap();
    let mut first = Message::default().bytes(1, b"car").varint(2 << 3 | 5);
    first.0.extend_from_slice(&0.5f32.to_le_bytes());
    let classes = Message::default()
        .message(1, &first)
        .message(1, &Message::default());
    let result_message = Message::default().message(1, &classes);
    let wanted = Message::default()
        .message(1, &result_message)
        .message(2, &spec_message);
    assert_eq!(out, wanted.0);

    out.clear();
    inference::encode_regression_response(&spec, &scores, &mut out).unwrap();
    let mut regression = Message::default().varint(1 << 3 | 5);
    regression.0.extend_from_slice(&0.5f32.to_le_bytes());
    let regressions = Message::default()
        .message(1, &regression)
        .message(1, &Message::default());
    assert_eq!(
        out,
        Message::default()
            .message(1, &regressions)
            .message(2, &spec_message)
            .0
    );

    out.clear();
    let results = [
        (spec, inference::InferenceResult::Regression(&scores)),
        (spec, inference::InferenceResult::Classification(result)),
    ];
    inference::encode_multi_response(&results, &mut out).unwrap();
    let first = Message::default()
        .message(1, &spec_message)
        .message(3, &regressions);
    let second = Message::default()
        .message(1, &spec_message)
        .message(2, &result_message);
    assert_eq!(
        out,
        Message::default().message(1, &first).message(1, &second).0
    );

    let bad = Classifications {
        classes: 3,
        ..result
    };
    out.clear();
    assert!(inference::encode_classification_response(&spec, &bad, &mut out).is_err());
    let latin = vec![vec![0xe9u8], Vec::new()];
    let bad = Classifications {
        labels: Some(&latin as &dyn Strings),
        ..result
    };
    assert!(inference::encode_classification_response(&spec, &bad, &mut out).is_err());
    assert!(out.is_empty());
}

#[test]
fn session_runs_go_both_ways() {
    let x = Message::default()
        .number(1, 3)
        .message(2, &shape(&[2]))
        .bytes(7, &[5, 6]);
    let feed = Message::default().bytes(1, b"x:0").message(2, &x);
    let body = Message::default()
        .message(2, &feed)
        .message(2, &feed)
        .bytes(3, b"y:0")
        .bytes(4, b"init")
        .bytes(5, &[0x10, 50])
        .number(6, 1)
        .message(1, &Message::default().bytes(4, b"stable"));
    let request = session_run::decode(&body.0).unwrap();
    assert_eq!(request.feed.len(), 2);
    assert_eq!(
        (&request.fetch[..], &request.target[..]),
        (&["y:0"][..], &["init"][..])
    );
    assert_eq!(
        (request.options, request.tensor_name_is_alias),
        (Some(&[0x10, 50][..]), true)
    );
    let spec = request.model_spec.unwrap();
    let decoded = tensor::decode("x:0", request.feed[0].1, &LIMITS).unwrap();
    let mut out = Vec::new();
    session_run::encode(&spec, &[("y:0", decoded.view())], false, &mut out).unwrap();
    let named = Message::default().bytes(1, b"y:0").message(2, &x);
    let wanted = Message::default()
        .message(1, &named)
        .message(3, &Message::default().bytes(4, b"stable"));
    assert_eq!(out, wanted.0);
}

#[test]
fn a_requests_model_is_seen_without_reading_the_rest() {
    let body = sample_request();
    assert_eq!(named_model(&body, false), Some("model"));
    // The rest may even be cut off.
    assert_eq!(named_model(&body[..30], false), Some("model"));
    let task = Message::default().message(1, &Message::default().bytes(1, b"in a task"));
    let multi = Message::default().message(1, &task).0;
    assert_eq!(named_model(&multi, true), Some("in a task"));
    let nameless = Message::default().message(1, &Message::default()).0;
    for other in [b"".as_slice(), b"\xff\xff", b"\x0a\x05\x0a", &nameless] {
        assert_eq!(named_model(other, false), None);
        assert_eq!(named_model(other, true), None);
    }
    let late = (0..100).fold(Message::default(), |message, _| message.number(50, 1));
    let late = late
        .message(1, &Message::default().bytes(1, b"far behind"))
        .0;
    assert_eq!(named_model(&late, false), None, "the search has a bound");
}
