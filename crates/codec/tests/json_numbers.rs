//! Numbers of predict bodies at the edges of their types.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use servable_codec::DType;
use support::{doubles, floats, list, one};

#[test]
fn doubles_are_the_nearest_ones() {
    let literals = [
        "0.1",
        "0.3",
        "123456789012345678",
        "0.12345678901234568",
        "12345678901234567890.5",
        "1e22",
        "1e23",
        "9007199254740993",
        "9007199254740993.0",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623157e308",
        "1e-400",
        "0.000000000000000000000000001",
        "8.41e+21",
        "9.5e-22",
        "1E5",
        "1e+5",
        "1.0000000000000000000000000000000000000001",
        "0e999",
        "-0.0",
        "6.02e23",
        "7.2057594037927933e16",
        "0.500000000000000166533453693773481063544750213623046875",
        "3.518437208883201171875e13",
    ];
    let got = doubles(&list(&literals));
    for (literal, value) in literals.iter().zip(got) {
        let wanted: f64 = literal.parse().unwrap();
        assert_eq!(value.to_bits(), wanted.to_bits(), "{literal}");
    }
}

#[test]
fn floats_are_doubles_rounded_again() {
    let literals = [
        "0.1",
        "16777217",
        "16777216.999999999",
        "16777217.000000001",
        "3.4028235e38",
        "3.4028235677973366e38",
        "1e39",
        "1.401298464324817e-45",
        "7.006492321624085e-46",
        "7.006492321624086e-46",
        "1e-60",
        "0.3333333333333333333",
        "1.00000005960464477539",
        "1.000000059604644775390625",
        "1.0000000596046447754",
        "8589973504.0000000001",
        "9007200328482817",
        "1.17549435e-38",
        "1.1754942e-38",
    ];
    for (literal, value) in literals.iter().zip(floats(&list(&literals))) {
        let wanted = literal.parse::<f64>().unwrap() as f32;
        assert_eq!(value.to_bits(), wanted.to_bits(), "{literal}");
    }
    assert_eq!(
        floats(&list(&["-0", "-0.0", "0"])).map_bits(),
        [0, 1 << 31, 0]
    );
    assert_eq!(
        floats(&list(&["Inf", "-Inf", "Infinity", "-Infinity"]))
            .map_bits()
            .len(),
        4
    );
    assert!(
        floats(&list(&["NaN", "-NaN"]))
            .iter()
            .all(|value| value.is_nan())
    );
}

trait MapBits {
    fn map_bits(&self) -> Vec<u32>;
}

impl MapBits for Vec<f32> {
    fn map_bits(&self) -> Vec<u32> {
        self.iter().map(|value| value.to_bits()).collect()
    }
}

#[test]
fn integers_fit_their_type_or_are_refused() {
    let cases: [(DType, &str, &str, &[&str]); 8] = [
        (DType::INT8, "-128", "127", &["-129", "128"]),
        (DType::UINT8, "0", "255", &["-1", "256"]),
        (DType::INT16, "-32768", "32767", &["-32769", "32768"]),
        (DType::UINT16, "0", "65535", &["-1", "65536"]),
        (
            DType::INT32,
            "-2147483648",
            "2147483647",
            &["-2147483649", "2147483648", "1.0", "1e2", "NaN"],
        ),
        (DType::UINT32, "0", "4294967295", &["-1", "4294967296"]),
        (
            DType::INT64,
            "-9223372036854775808",
            "9223372036854775807",
            &["-9223372036854775809", "9223372036854775808"],
        ),
        (
            DType::UINT64,
            "0",
            "18446744073709551615",
            &["-1", "18446744073709551616", "100000000000000000000"],
        ),
    ];
    for (dtype, low, high, beyond) in cases {
        let (shape, bytes) = one(dtype, &list(&[low, high, "-0"])).unwrap();
        assert_eq!(
            (shape, bytes.len()),
            (vec![3], 3 * dtype.size().unwrap()),
            "{dtype}"
        );
        for literal in beyond {
            let text = one(dtype, &list(&[literal])).unwrap_err();
            assert!(
                text.ends_with(&format!(" Type: Number is not of expected type: {dtype}")),
                "{text}"
            );
        }
    }
    assert_eq!(one(DType::UINT8, &list(&["255", "0"])).unwrap().1, [255, 0]);
    assert_eq!(
        one(DType::UINT8, r#"{"inputs": [[1, 2], [3, 300]]}"#).unwrap_err(),
        "JSON Value: 300 Type: Number is not of expected type: uint8"
    );
}

#[test]
fn halves_bfloat16s_and_truth_values_are_read() {
    let halves = one(DType::HALF, &list(&["1", "-2.0", "65504", "1e9", "0.1"]))
        .unwrap()
        .1;
    let bits: Vec<u16> = halves
        .chunks_exact(2)
        .map(|c| u16::from_ne_bytes(c.try_into().unwrap()))
        .collect();
    assert_eq!(bits, [0x3c00, 0xc000, 0x7bff, 0x7c00, 0x2e66]);
    let brains = one(
        DType::BFLOAT16,
        r#"{"inputs": [[1.5, 3], [NaN, -Infinity]]}"#,
    )
    .unwrap();
    let bits: Vec<u16> = brains
        .1
        .chunks_exact(2)
        .map(|c| u16::from_ne_bytes(c.try_into().unwrap()))
        .collect();
    assert_eq!(
        (brains.0, bits),
        (vec![2, 2], vec![0x3fc0, 0x4040, 0x7fc0, 0xff80])
    );
    assert_eq!(
        one(DType::BOOL, &list(&["true", "false"])).unwrap().1,
        [1, 0]
    );
}
