//! The two passes over a predict body held against each other, and numbers there and back, on generated bodies.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use proptest::prelude::*;
use servable_codec::json::predict::{Format, PredictBody, decode, decode_carefully};
use servable_codec::{DType, DecodedTensor, Error, JsonLimits, SignatureSpec, TensorData};
use support::{doubles, floats, list, same, signature};

fn equal(a: &Result<PredictBody<'_, '_>, Error>, b: &Result<PredictBody<'_, '_>, Error>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => {
            let tensors = |body: &PredictBody<'_, '_>| body.tensors.len();
            let pairs = || a.tensors.iter().zip(&b.tensors);
            a.format == b.format && tensors(a) == tensors(b) && pairs().all(|(x, y)| same(x, y))
        }
        (Err(a), Err(b)) => a == b,
        _ => false,
    }
}

/// A value of a body: mostly of one shape, sometimes not.
fn value(leaf: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let join = |elements: Vec<String>| format!("[{}]", elements.join(", "));
    let row = (leaf.clone(), 0..4usize).prop_map(move |(leaf, n)| join(vec![leaf; n]));
    let square = (row.clone(), 1..3usize).prop_map(move |(row, n)| join(vec![row; n]));
    let mixed = prop::collection::vec(prop_oneof![leaf.clone(), row.clone()], 0..4).prop_map(join);
    prop_oneof![4 => leaf, 4 => row, 4 => square, 1 => mixed]
}

fn leaf() -> BoxedStrategy<String> {
    prop_oneof![
        3 => any::<f64>().prop_map(|value| format!("{value:?}").replace("inf", "Infinity")),
        3 => any::<f32>().prop_map(|value| format!("{value}").replace("inf", "Infinity")),
        3 => any::<i16>().prop_map(|value| value.to_string()),
        2 => any::<u64>().prop_map(|value| value.to_string()),
        2 => "-?(0|[1-9][0-9]{0,21})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        1 => "-?[0-9]{0,3}\\.?[0-9]{0,3}[eE+.]?[0-9]{0,2}",
        1 => Just("true".to_owned()),
        2 => "\"[a-z\\\\\"é\u{7f}]{0,12}\"",
        2 => "\\{ ?\"b64\": ?\"[A-Za-z+/]{0,9}={0,2}\" ?\\}",
        1 => prop::sample::select(vec!["null", "NaN", "-Infinity", "Inf", "{}", "[]", "nul", "\"\\u00e9\\n\""]).prop_map(str::to_owned),
    ]
    .boxed()
}

fn body() -> impl Strategy<Value = String> {
    let element = || value(leaf());
    let named = |element: BoxedStrategy<String>| {
        (
            element.clone(),
            element,
            prop::sample::select(vec!["x", "y", "b64"]),
        )
            .prop_map(|(x, y, key)| format!("{{\"x\": {x}, \"{key}\" :{y}}}"))
    };
    let single = |element: BoxedStrategy<String>| element.prop_map(|x| format!("{{\"x\":{x}}}"));
    let any_element = prop_oneof![
        3 => element(),
        1 => named(element().boxed()),
        1 => single(element().boxed()),
    ]
    .boxed();
    let rows = (
        any_element.clone(),
        0..4usize,
        any_element.clone(),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(first, n, other, mix)| {
            let mut elements = vec![first; n];
            if mix {
                elements.push(other);
            }
            format!("\"instances\":[{}]", elements.join(","))
        });
    let columns = any_element.prop_map(|value| format!("\"inputs\": {value}"));
    let extra = prop::sample::select(vec![
        "",
        ", \"signature_name\": \"s\"",
        ",\"z\": [1, {}]",
        ",",
        " x",
    ]);
    let front = prop::sample::select(vec![
        "{",
        " {",
        "{\"signature_name\": \"s\", ",
        "\u{feff}{",
        "{\"z\": 1,",
    ]);
    (
        front,
        prop_oneof![rows, columns],
        extra,
        prop::sample::select(vec!["}", "} \n", "}x", ""]),
    )
        .prop_map(|(front, values, extra, end)| format!("{front}{values}{extra}{end}"))
}

fn signatures() -> Vec<SignatureSpec> {
    let mut all: Vec<SignatureSpec> = DType::all()
        .map(|dtype| signature(&[("x", dtype)]))
        .collect();
    all.push(signature(&[("x", DType::FLOAT), ("y", DType::INT32)]));
    all.push(signature(&[("x", DType::STRING), ("y", DType::STRING)]));
    all.push(signature(&[("b64", DType::STRING)]));
    all.push(signature(&[("b64", DType::FLOAT), ("x", DType::FLOAT)]));
    all.push(signature(&[]));
    all
}

fn check_passes(body: &[u8], spec: &SignatureSpec) -> Result<(), TestCaseError> {
    let limits = JsonLimits {
        max_depth: 3,
        max_elements: 20,
    };
    let fast = decode(body, &limits, |_| Ok(spec));
    let careful = decode_carefully(body, &limits, |_| Ok(spec));
    prop_assert!(equal(&fast, &careful), "{fast:?}\n{careful:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn both_passes_give_the_same_answer(body in body(), spec in prop::sample::select(signatures())) {
        check_passes(body.as_bytes(), &spec)?;
    }

    #[test]
    fn both_passes_give_the_same_answer_on_damaged_bodies(
        body in body(),
        spec in prop::sample::select(signatures()),
        at: prop::sample::Index,
        byte in prop::sample::select(b"[]{},:\"\\0-.e 1tN\0\xff".to_vec()),
        how in 0..3,
    ) {
        let mut bytes = body.into_bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => bytes.truncate(at),
        }
        check_passes(&bytes, &spec)?;
    }

    #[test]
    fn any_double_survives_print_and_decode(values in prop::collection::vec(any::<f64>(), 1..20)) {
        let mut bytes = Vec::new();
        values.iter().for_each(|value| bytes.extend_from_slice(&value.to_ne_bytes()));
        print_and_decode(DType::DOUBLE, &bytes)?;
    }

    #[test]
    fn any_float_survives_print_and_decode(values in prop::collection::vec(any::<u32>(), 1..20)) {
        let mut bytes = Vec::new();
        values.iter().for_each(|value| bytes.extend_from_slice(&value.to_ne_bytes()));
        print_and_decode(DType::FLOAT, &bytes)?;
    }

    #[test]
    fn any_decimal_is_the_nearest_double(text in "(0|[1-9][0-9]{0,21})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?") {
        let body = list(&[&text]);
        let wanted: f64 = text.parse().unwrap();
        prop_assert_eq!(doubles(&body)[0].to_bits(), wanted.to_bits());
        prop_assert_eq!(floats(&body)[0].to_bits(), (wanted as f32).to_bits());
    }
}

fn print_and_decode(dtype: DType, bytes: &[u8]) -> Result<(), TestCaseError> {
    use servable_codec::json::print::{NonFinite, predict};
    let tensor = DecodedTensor {
        dtype,
        shape: [(bytes.len() / dtype.size().unwrap()) as i64]
            .into_iter()
            .collect(),
        data: TensorData::Owned(bytes.into()),
    };
    let mut out = Vec::new();
    predict(
        Format::Row,
        &[("y", tensor.view())],
        NonFinite::Token,
        &mut out,
    )
    .unwrap();
    let text = String::from_utf8(out)
        .unwrap()
        .replace("predictions", "instances");
    let spec = signature(&[("x", dtype)]);
    let back = support::decode(text.as_bytes(), &spec).unwrap();
    prop_assert!(same(&back.tensors[0], &tensor), "{text}");
    Ok(())
}
