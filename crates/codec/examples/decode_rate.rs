//! Prints what decoding and printing cost per number, so that figures can be quoted: `cargo run --release --example decode_rate`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints measurements"
)]

use std::hint::black_box;
use std::time::Instant;

use servable_codec::json::{predict, print};
use servable_codec::proto::tensor;
use servable_codec::{DType, JsonLimits, SignatureSpec, TensorData, TensorInfo, TensorLimits};

/// Nanoseconds of one call: the best of many short rounds, so that other processes on the machine disturb it little.
fn nanoseconds(mut work: impl FnMut()) -> f64 {
    let mut calls = 1u32;
    let mut round = |calls: u32| {
        let start = Instant::now();
        (0..calls).for_each(|_| work());
        start.elapsed().as_nanos() as f64
    };
    while round(calls) < 200_000.0 {
        calls *= 2;
    }
    let best = (0..150).map(|_| round(calls)).fold(f64::INFINITY, f64::min);
    best / f64::from(calls)
}

/// Deterministic numbers between 0 and 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn body(rows: usize, columns: usize, space: &str, mut element: impl FnMut() -> String) -> String {
    let row = |element: &mut dyn FnMut() -> String| {
        let elements: Vec<String> = (0..columns).map(|_| element()).collect();
        format!("[{}]", elements.join(&format!(",{space}")))
    };
    let rows: Vec<String> = (0..rows).map(|_| row(&mut element)).collect();
    format!(
        "{{\"instances\":{space}[{}]}}",
        rows.join(&format!(",{space}"))
    )
}

/// One image of `rows` times `columns / 3` pixels with three channels.
fn image(rows: usize, columns: usize, mut element: impl FnMut() -> String) -> String {
    let mut pixel = || format!("[{}, {}, {}]", element(), element(), element());
    let mut row = || {
        let pixels: Vec<String> = (0..columns / 3).map(|_| pixel()).collect();
        format!("[{}]", pixels.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(|_| row()).collect();
    format!("{{\"instances\": [[{}]]}}", rows.join(", "))
}

/// One image of `rows` times `columns` pixels with one channel.
fn grey(rows: usize, columns: usize, mut element: impl FnMut() -> String) -> String {
    let mut row = || {
        let pixels: Vec<String> = (0..columns).map(|_| format!("[{}]", element())).collect();
        format!("[{}]", pixels.join(","))
    };
    let rows: Vec<String> = (0..rows).map(|_| row()).collect();
    format!("{{\"instances\":[[{}]]}}", rows.join(","))
}

fn signature(dtype: DType) -> SignatureSpec {
    SignatureSpec {
        name: "serving_default".to_owned(),
        method_name: String::new(),
        inputs: vec![TensorInfo {
            alias: "x".to_owned(),
            dtype,
            shape: None,
        }],
        outputs: Vec::new(),
        text: String::new(),
    }
}

fn main() {
    let mut random = Random(42);
    let (rows, columns) = (224, 224 * 3);
    let numbers = (rows * columns) as f64;
    println!("{rows}x{columns} numbers, nanoseconds a number (and MB/s)");
    let mut bodies = Vec::new();
    bodies.push((
        "1 digit, float",
        DType::FLOAT,
        body(rows, columns, "", || format!("{:.1}", random.next())),
    ));
    bodies.push((
        "3 digits, float",
        DType::FLOAT,
        body(rows, columns, "", || format!("{:.3}", random.next())),
    ));
    bodies.push((
        "8 digits, float",
        DType::FLOAT,
        body(rows, columns, " ", || (random.next() as f32).to_string()),
    ));
    bodies.push((
        "17 digits, float",
        DType::FLOAT,
        body(rows, columns, " ", || random.next().to_string()),
    ));
    bodies.push((
        "17 digits, double",
        DType::DOUBLE,
        body(rows, columns, " ", || random.next().to_string()),
    ));
    bodies.push((
        "pixels, uint8",
        DType::UINT8,
        body(rows, columns, "", || {
            ((random.next() * 256.0) as u8).to_string()
        }),
    ));
    bodies.push((
        "ids, int64",
        DType::INT64,
        body(rows, columns, "", || {
            ((random.next() * 3e4) as u64).to_string()
        }),
    ));
    bodies.push((
        "image, 3 digits",
        DType::FLOAT,
        image(rows, columns, || format!("{:.3}", random.next())),
    ));
    bodies.push((
        "image, 8 digits",
        DType::FLOAT,
        image(rows, columns, || (random.next() as f32).to_string()),
    ));
    bodies.push((
        "image, 17 digits",
        DType::FLOAT,
        image(rows, columns, || random.next().to_string()),
    ));
    bodies.push((
        "grey, 8 digits",
        DType::FLOAT,
        grey(rows, columns, || (random.next() as f32).to_string()),
    ));
    for (name, dtype, body) in &bodies {
        let signature = signature(*dtype);
        let limits = JsonLimits::default();
        let decode =
            || predict::decode(black_box(body.as_bytes()), &limits, |_| Ok(&signature)).unwrap();
        let careful =
            || predict::decode_carefully(body.as_bytes(), &limits, |_| Ok(&signature)).unwrap();
        let fast_ns = nanoseconds(|| drop(black_box(decode()))) / numbers;
        let careful_ns = nanoseconds(|| drop(black_box(careful()))) / numbers;
        let mbs = body.len() as f64 / numbers / fast_ns * 1e3;
        let decoded = decode();
        let view = decoded.tensors[0].view();
        let mut out = Vec::new();
        let print_ns = nanoseconds(|| {
            out.clear();
            print::predict(
                predict::Format::Row,
                &[("y", view)],
                print::NonFinite::Token,
                &mut out,
            )
            .unwrap();
            black_box(&out);
        }) / numbers;
        println!(
            "{name:20} decode {fast_ns:6.2} ({mbs:4.0})  careful {careful_ns:6.2}  print {print_ns:6.2}"
        );
    }

    let signature = signature(DType::FLOAT);
    let small = br#"{"instances": [1.0, 2.0, 5.0]}"#;
    let limits = JsonLimits::default();
    let ns = nanoseconds(|| {
        drop(black_box(
            predict::decode(black_box(small), &limits, |_| Ok(&signature)).unwrap(),
        ))
    });
    println!("three floats: decode {ns:.0} ns in all");
    let decoded = predict::decode(small, &limits, |_| Ok(&signature)).unwrap();
    let mut out = Vec::new();
    let ns = nanoseconds(|| {
        out.clear();
        let outputs = [("y", decoded.tensors[0].view())];
        print::predict(
            predict::Format::Row,
            &outputs,
            print::NonFinite::Token,
            black_box(&mut out),
        )
        .unwrap();
    });
    println!("three floats: print {ns:.0} ns in all");

    let body = &bodies[2].2;
    let decoded = predict::decode(body.as_bytes(), &limits, |_| Ok(&signature)).unwrap();
    let view = decoded.tensors[0].view();
    for as_content in [false, true] {
        out.clear();
        let encode_ns = nanoseconds(|| {
            out.clear();
            tensor::encode(black_box(&view), as_content, &mut out).unwrap();
        }) / numbers;
        let decode_ns = nanoseconds(|| {
            let decoded = tensor::decode("x", black_box(&out), &TensorLimits::default()).unwrap();
            assert!(matches!(decoded.data, TensorData::Borrowed(_)));
        }) / numbers;
        println!("TensorProto, content {as_content}: encode {encode_ns:.3}, decode {decode_ns:.5}");
    }
}
