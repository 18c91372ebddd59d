//! Answers, and refusals with TensorFlow Serving's texts.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use servable_codec::{Code, DType};
use servable_engine::infer::Method;
use servable_engine::{Engine, Settings};

use crate::support::{CLASSIFY, Fake, ask, call, endpoint, predict_request, rest, signature};
use crate::walk::{engine, grpc, refusal};

#[test]
fn a_rest_predict_answers_with_the_version() {
    let engine = engine(Fake::default());
    let settings = Settings::default();
    let call = call(Method::RestPredict, "m", &settings);
    let (answer, out) = ask(&engine, &call, br#"{"instances":[1.0,2.0,5.0]}"#);
    assert_eq!(answer.version, Some(7));
    assert_eq!(out, b"{\n    \"predictions\": [2.5, 3.0, 4.5\n    ]\n}");
}

#[test]
fn a_malformed_body_on_an_unknown_model_is_the_bodys_fault() {
    let engine = Engine::<Fake>::default();
    assert_eq!(refusal(rest(&engine, "{")).0, Code::InvalidArgument);
    let (code, text) = refusal(rest(&engine, r#"{"instances":[1.0]}"#));
    assert_eq!(
        (code, text.as_str()),
        (Code::NotFound, "Servable not found for request: Latest(m)")
    );
}

#[test]
fn an_unknown_signature_has_a_text_per_protocol() {
    let engine = engine(Fake::default());
    let (code, text) = refusal(rest(&engine, r#"{"signature_name":"s","instances":[1.0]}"#));
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(
        text,
        "Serving signature name: \"s\" not found in signature def"
    );
    let body = predict_request("s", &[("x", &[1.0])], &[]);
    let (code, text) = refusal(grpc(&engine, Method::GrpcPredict, &body));
    assert_eq!(code, Code::FailedPrecondition);
    assert_eq!(text, "Serving signature key \"s\" not found.");
}

#[test]
fn grpc_inputs_are_checked_against_the_signature() {
    let engine = engine(Fake::default());
    let predict = |inputs: &[(&str, &[f32])], filter: &[&str]| {
        grpc(
            &engine,
            Method::GrpcPredict,
            &predict_request("", inputs, filter),
        )
    };
    assert!(predict(&[("x", &[1.0])], &[]).is_ok());
    assert_eq!(
        refusal(predict(&[], &[])).1,
        "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}."
    );
    assert_eq!(
        refusal(predict(&[("x", &[1.0]), ("z", &[1.0])], &[])).1,
        "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}."
    );
    assert_eq!(
        refusal(predict(&[("z", &[1.0])], &[])).1,
        "Signature input alias: x(feed name: x:0) not found in request and no default value provided. Inputs expected to be in the request {x}, or default input alias set: "
    );
    assert_eq!(
        refusal(predict(&[("x", &[1.0])], &["q"])).1,
        "output tensor alias not found in signature: q Outputs expected to be in the set {y}."
    );
    assert_eq!(
        refusal(predict(&[("x", &[1.0])], &["y", "y"])).1,
        "duplicate output tensor alias: y"
    );
    assert_eq!(
        refusal(grpc(&engine, Method::GrpcPredict, &[])).1,
        "Missing ModelSpec"
    );
    assert_eq!(
        refusal(grpc(&engine, Method::GrpcPredict, &[0x0a, 0])).1,
        "ModelSpec has no name specified."
    );
}

#[test]
fn a_missing_input_is_taken_from_the_signatures_defaults() {
    let mut extra = endpoint("b", DType::FLOAT, None);
    // TensorProto { dtype: DT_FLOAT, tensor_shape {}, float_val: 1.0 }
    extra.default = Some(vec![8, 1, 18, 0, 42, 4, 0, 0, 128, 63]);
    let signatures = vec![signature(
        "serving_default",
        "",
        vec![extra, endpoint("x", DType::FLOAT, None)],
        vec![endpoint("y", DType::FLOAT, None)],
    )];
    let engine = engine(Fake {
        signatures,
        ..Fake::default()
    });
    let ok = grpc(
        &engine,
        Method::GrpcPredict,
        &predict_request("", &[("x", &[1.0])], &[]),
    );
    assert!(ok.is_ok());
    let body = predict_request("", &[("x", &[1.0]), ("z", &[1.0])], &[]);
    assert_eq!(
        refusal(grpc(&engine, Method::GrpcPredict, &body)).1,
        "Inputs contains invalid name. Used request inputs: x, request input: x,z"
    );
}

#[test]
fn a_shape_that_could_abort_the_process_is_refused_before_the_run() {
    let signatures = vec![signature(
        "serving_default",
        "",
        vec![endpoint("x", DType::FLOAT, Some(&[-1, 2, 2, 1]))],
        vec![endpoint("y", DType::FLOAT, None)],
    )];
    let fake = Fake {
        signatures,
        smallest_rank: Some(4),
        ..Fake::default()
    };
    let watch = Arc::clone(&fake.watch);
    let engine = engine(fake);
    let text = "inputs.x: expected shape [-1,2,2,1], got [1,4]";
    let result = rest(&engine, r#"{"instances":[[1.0,2.0,3.0,4.0]]}"#);
    assert_eq!(refusal(result), (Code::InvalidArgument, text.to_owned()));
    let body = predict_request("", &[("x", &[1.0])], &[]);
    assert_eq!(
        refusal(grpc(&engine, Method::GrpcPredict, &body)).0,
        Code::InvalidArgument
    );
    assert_eq!(watch.runs.load(Ordering::SeqCst), 0);
}

#[test]
fn classify_and_regress_signatures_are_checked_by_their_names() {
    let engine = engine(Fake::default());
    let settings = Settings::default();
    let body = br#"{"examples":[{"x":1.0}]}"#;
    let (answer, _) = ask(&engine, &call(Method::RestClassify, "m", &settings), body);
    let (code, text) = refusal(answer.result);
    assert_eq!(code, Code::InvalidArgument);
    assert!(
        text.starts_with("No classification inputs found in SignatureDef: inputs {"),
        "{text}"
    );
    let (answer, _) = ask(&engine, &call(Method::RestRegress, "m", &settings), body);
    assert!(
        refusal(answer.result)
            .1
            .starts_with("No regression inputs found in SignatureDef: ")
    );
}

#[test]
fn a_regress_output_must_be_one_value_an_example() {
    let inputs = || vec![endpoint("inputs", DType::STRING, None)];
    let signatures = vec![
        signature(
            "r",
            "",
            inputs(),
            vec![endpoint("outputs", DType::FLOAT, None)],
        ),
        signature(
            "c",
            CLASSIFY,
            inputs(),
            vec![endpoint("scores", DType::FLOAT, None)],
        ),
    ];
    let engine = engine(Fake {
        signatures,
        ..Fake::default()
    });
    let settings = Settings::default();
    let body = br#"{"signature_name":"r","examples":[{"x":1.0}]}"#;
    let (answer, out) = ask(&engine, &call(Method::RestRegress, "m", &settings), body);
    answer.result.unwrap();
    assert!(
        String::from_utf8(out)
            .unwrap()
            .starts_with("{\n    \"results\": [")
    );
    let body = br#"{"signature_name":"c","examples":[{"x":1.0}]}"#;
    let (answer, out) = ask(&engine, &call(Method::RestClassify, "m", &settings), body);
    assert_eq!(
        refusal(answer.result).1,
        "Expected Tensor shape: [batch_size num_classes] but got [1]"
    );
    assert!(out.is_empty(), "a failed print leaves nothing behind");
}
