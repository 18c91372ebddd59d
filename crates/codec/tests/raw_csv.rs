//! CSV bodies: RFC 4180's quoting and line ends, types, where a mistake is.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use proptest::prelude::*;
use servable_codec::raw::csv;
use servable_codec::{
    Code, DType, DecodedTensor, Error, SignatureSpec, TensorData, TensorInfo, TensorLimits,
};
use support::raw;

const LIMITS: TensorLimits = TensorLimits {
    max_bytes: 1 << 16,
    max_elements: u64::MAX,
};

fn signature(dtype: DType, shape: Option<&[i64]>) -> SignatureSpec {
    let mut spec = support::signature(&[("x", dtype)]);
    spec.inputs[0].shape = shape.map(<[i64]>::to_vec);
    spec
}

/// Decodes for an input of shape `[-1, -1]`.
fn decode(body: &[u8], dtype: DType) -> Result<DecodedTensor<'_>, Error> {
    csv::decode(body, &signature(dtype, Some(&[-1, -1])), &LIMITS, false)
}

fn floats(body: &str) -> (Vec<i64>, Vec<f32>) {
    let tensor = decode(body.as_bytes(), DType::FLOAT).unwrap();
    let values = raw(&tensor)
        .chunks_exact(4)
        .map(|c| f32::from_ne_bytes(c.try_into().unwrap()))
        .collect();
    (tensor.shape.to_vec(), values)
}

fn strings(body: &str) -> (Vec<i64>, Vec<String>) {
    let tensor = decode(body.as_bytes(), DType::STRING).unwrap();
    let TensorData::Strings(column) = &tensor.data else {
        panic!("numbers");
    };
    let texts = column
        .iter()
        .map(|text| String::from_utf8(text.to_vec()).unwrap())
        .collect();
    (tensor.shape.to_vec(), texts)
}

fn refusal(body: &str, dtype: DType) -> String {
    let error = decode(body.as_bytes(), dtype).unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument, "{}", error.message);
    error.message
}

#[test]
fn rows_and_fields_make_the_shape() {
    let wanted = (vec![2, 3], vec![1.0, -2.5, 1e3, 4.0, 5.0, 6.0]);
    for body in [
        "1,-2.5,1e3\n4,5,6",
        "1,-2.5,1e3\n4,5,6\n",
        "1,-2.5,1e3\r\n4,5,6\r\n",
        "1,-2.5,1e3\n4,5,6\r",
        "\n\r\n1,-2.5,1e3\n\n4,5,6\n\n",
        " 1 ,\t-2.5, 1e3\n4 ,5,6 \n",
        "\"1\",\"-2.5\",\"1e3\"\r\n\"4\",\"5\",\"6\"\r",
        "\u{feff}1,-2.5,1e3\n4,5,6",
    ] {
        assert_eq!(floats(body), wanted, "{body:?}");
    }
    let (shape, values) = floats("nan,inf,-Infinity");
    assert_eq!(shape, [1, 3]);
    assert!(values[0].is_nan() && values[1] == f32::INFINITY && values[2] == f32::NEG_INFINITY);
}

#[test]
fn quoted_fields_hold_commas_quotes_and_lines() {
    let body = "\"a,b\",\"say \"\"hi\"\"\",\"\"\n\"two\nlines\",plain \"text\",\"\"\"\"\n";
    let wanted = [
        "a,b",
        "say \"hi\"",
        "",
        "two\nlines",
        "plain \"text\"",
        "\"",
    ];
    assert_eq!(
        strings(body),
        (vec![2, 3], wanted.map(str::to_owned).to_vec())
    );
    assert_eq!(strings("a,,\n,é,").1, ["a", "", "", "", "é", ""]);
    assert_eq!(strings(" a , b ").1, [" a ", " b "]);
}

#[test]
fn a_header_is_skipped_when_it_is_said_to_be_there() {
    let spec = signature(DType::FLOAT, Some(&[-1, 2]));
    let read = |body: &'static str| csv::decode(body.as_bytes(), &spec, &LIMITS, true);
    let tensor = read("height,\"wei\nght\"\n1,2\n").unwrap();
    assert_eq!(tensor.shape.as_slice(), [1, 2]);
    assert_eq!(
        read("height,weight\n").unwrap_err().message,
        "csv body: no rows"
    );
    let error = read("height,\"wei\nght\"\n1,x\n").unwrap_err();
    assert_eq!(
        error.message,
        "csv body: line 3, field 2: want float, got \"x\""
    );
}

#[test]
fn an_input_of_one_dimension_takes_one_field_a_row() {
    let spec = signature(DType::FLOAT, Some(&[-1]));
    let tensor = csv::decode(b"1\n2\n3\n", &spec, &LIMITS, false).unwrap();
    assert_eq!(tensor.shape.as_slice(), [3]);
    let error = csv::decode(b"1,2\n", &spec, &LIMITS, false).unwrap_err();
    assert_eq!(
        error.message,
        "csv body: line 1 has 2 fields, input \"x\" has one dimension and takes one a row"
    );
    let unknown = csv::decode(b"1\n2\n", &signature(DType::FLOAT, None), &LIMITS, false);
    assert_eq!(unknown.unwrap().shape.as_slice(), [2, 1]);
    for shape in [&[][..], &[-1, 2, 2]] {
        let spec = signature(DType::FLOAT, Some(shape));
        let error = csv::decode(b"1\n", &spec, &LIMITS, false).unwrap_err();
        let rank = shape.len();
        assert_eq!(
            error.message,
            format!("csv body: input \"x\" has {rank} dimensions, rows of fields fill 1 or 2")
        );
    }
}

#[test]
fn every_number_type_keeps_its_range() {
    let integers: [(DType, &str, &str); 8] = [
        (DType::INT8, "-128,127", "128"),
        (DType::UINT8, "0,255", "-1"),
        (DType::INT16, "-32768,32767", "32768"),
        (DType::UINT16, "0,65535", "65536"),
        (DType::INT32, "-2147483648,2147483647", "2147483648"),
        (DType::UINT32, "0,4294967295", "4294967296"),
        (
            DType::INT64,
            "-9223372036854775808,9223372036854775807",
            "9223372036854775808",
        ),
        (
            DType::UINT64,
            "0,18446744073709551615",
            "18446744073709551616",
        ),
    ];
    for (dtype, ends, beyond) in integers {
        let tensor = decode(ends.as_bytes(), dtype).unwrap();
        assert_eq!(raw(&tensor).len(), 2 * dtype.size().unwrap(), "{dtype}");
        for wrong in [beyond, "1.0", "1e2", "", "0x1", "1 2", "--1", "²"] {
            let message = refusal(&format!("1\n\"{wrong}\""), dtype);
            let wanted = format!("csv body: line 2, field 1: want {dtype}, got \"{wrong}\"");
            assert_eq!(message, wanted);
        }
    }
    let doubles = decode(b"0.1", DType::DOUBLE).unwrap();
    assert_eq!(raw(&doubles), 0.1f64.to_ne_bytes());
    let halves = decode(b"0.1,-2.5,1e9", DType::HALF).unwrap();
    let bits: Vec<u8> = [0x2e66u16, 0xc100, 0x7c00]
        .iter()
        .flat_map(|b| b.to_ne_bytes())
        .collect();
    assert_eq!(raw(&halves), bits);
    let brains = decode(b"-2.5", DType::BFLOAT16).unwrap();
    assert_eq!(raw(&brains), 0xc020u16.to_ne_bytes());
    let truths = decode(b"true,FALSE,1,0, True", DType::BOOL).unwrap();
    assert_eq!(raw(&truths), [1, 0, 1, 0, 1]);
    assert!(refusal("yes", DType::BOOL).ends_with("want bool, got \"yes\""));
    assert_eq!(
        refusal("1", DType::COMPLEX64),
        "csv body: complex64 has no CSV form, send JSON"
    );
}

#[test]
fn mistakes_are_named_by_line_and_field() {
    for (body, wanted) in [
        ("", "csv body: no rows"),
        ("\n\r\n", "csv body: no rows"),
        (
            "1,2\n3",
            "csv body: line 2 has 1 fields, the first row has 2",
        ),
        (
            "1,2\n\n\n3,4,5",
            "csv body: line 4 has 3 fields, the first row has 2",
        ),
        (
            "1,2\n3,x\n",
            "csv body: line 2, field 2: want float, got \"x\"",
        ),
        ("1,2,\n", "csv body: line 1, field 3: want float, got \"\""),
        ("1\n\"2\n", "csv body: line 2: a quote is never closed"),
        (
            "1\n\"2\"3\n",
            "csv body: line 2: text after a closing quote",
        ),
        (
            "1\n\"2\"\r3\n",
            "csv body: line 2: text after a closing quote",
        ),
        (
            "\"\n\n1\"\n\n2,3\n",
            "csv body: line 5 has 2 fields, the first row has 1",
        ),
        (
            "1;2\n",
            "csv body: line 1, field 1: want float, got \"1;2\"",
        ),
    ] {
        assert_eq!(refusal(body, DType::FLOAT), wanted, "{body:?}");
    }
    let long = refusal(&"é".repeat(100), DType::FLOAT);
    assert!(
        long.ends_with(&format!("got \"{}\"", "é".repeat(32))),
        "{long}"
    );
    let error = decode(b"\xff,1\n", DType::INT32).unwrap_err();
    assert!(error.message.ends_with("got \"\u{fffd}\""));
}

#[test]
fn more_than_the_limit_is_refused() {
    let numbers = "1\n".repeat(1 << 14);
    assert!(decode(numbers.as_bytes(), DType::FLOAT).is_ok());
    let error = decode([numbers.as_bytes(), b"1"].concat().as_slice(), DType::FLOAT).unwrap_err();
    assert_eq!(error.code, Code::ResourceExhausted);
    assert_eq!(
        error.message,
        "csv body: the elements take more than 65536 bytes"
    );
    // A string counts with TensorFlow's handle of 24 bytes.
    assert!(decode("\"\"\n".repeat(2730).as_bytes(), DType::STRING).is_ok());
    let error = decode("\"\"\n".repeat(2731).as_bytes(), DType::STRING).unwrap_err();
    assert_eq!(error.code, Code::ResourceExhausted);
}

#[test]
fn a_body_cannot_choose_among_inputs() {
    let mut spec = signature(DType::FLOAT, None);
    spec.inputs.push(TensorInfo {
        alias: "y".to_owned(),
        dtype: DType::FLOAT,
        shape: None,
    });
    let error = csv::decode(b"1", &spec, &LIMITS, false).unwrap_err();
    assert!(
        error
            .message
            .starts_with("csv body: signature \"serving_default\" has 2 inputs")
    );
}

/// RFC 4180: quotes doubled, every field quoted.
fn write(rows: &[Vec<String>], end: &str) -> String {
    let quote = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
    rows.iter()
        .map(|row| row.iter().map(quote).collect::<Vec<_>>().join(",") + end)
        .collect()
}

proptest! {
    #[test]
    fn round_trip(
        (rows, crlf) in (1usize..5, 1usize..4, any::<bool>()).prop_flat_map(|(rows, width, crlf)| {
            let field = "[a-z,\"\r\né ]{0,6}";
            let rows = prop::collection::vec(prop::collection::vec(field, width), rows);
            (rows, Just(crlf))
        })
    ) {
        let text = write(&rows, if crlf { "\r\n" } else { "\n" });
        let (shape, values) = strings(&text);
        prop_assert_eq!(shape, vec![rows.len() as i64, rows[0].len() as i64]);
        prop_assert_eq!(values, rows.concat());
    }

    #[test]
    fn numbers_round_trip(values in prop::collection::vec(any::<f32>(), 1..20)) {
        let text: Vec<String> = values.iter().map(f32::to_string).collect();
        let (_, read) = floats(&text.join("\n"));
        for (a, b) in values.iter().zip(&read) {
            prop_assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(bytes: Vec<u8>, text in "[\",\r\n1a]*", header: bool) {
        for dtype in [DType::FLOAT, DType::STRING, DType::INT8, DType::BOOL] {
            let spec = signature(dtype, None);
            let _ = csv::decode(&bytes, &spec, &LIMITS, header);
            let _ = csv::decode(text.as_bytes(), &spec, &LIMITS, header);
        }
    }
}
