//! What mode `auto` leaves alone and fixed parameters do not.

use std::time::Duration;

use servable_codec::DType;
use servable_engine::infer::Method;
use servable_engine::schedule::batch::parameters::{Mode, RawParameters};
use servable_engine::schedule::tick::Turn;
use servable_engine::{Placed, Settings};

use crate::bench::{batched, bench_with, ok, patient};
use crate::support::{Fake, PREDICT, call, endpoint, signature};

#[test]
fn signatures_whose_rows_cannot_be_told_apart_are_named_with_the_reason() {
    let one = |name: &str, input: Option<&[i64]>, output: Option<&[i64]>| {
        let inputs = vec![endpoint("x", DType::FLOAT, input)];
        let outputs = vec![endpoint("y", DType::FLOAT, output)];
        signature(name, PREDICT, inputs, outputs)
    };
    let fake = Fake {
        signatures: vec![
            one("serving_default", Some(&[-1]), Some(&[-1])),
            one("fixed", Some(&[1, 3]), Some(&[-1])),
            one("scalar", Some(&[-1]), Some(&[])),
            one("unknown", None, Some(&[-1])),
            signature(
                "none",
                PREDICT,
                vec![],
                vec![endpoint("y", DType::FLOAT, Some(&[-1]))],
            ),
        ],
        ..Fake::default()
    };
    let auto = Mode::Auto { share: 0.2 };
    let bench = bench_with(fake, &patient(2), auto);
    let mut reasons: Vec<_> = bench
        .unbatched
        .iter()
        .map(|it| (it.signature.as_str(), it.reason.as_str()))
        .collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            ("fixed", r#"input "x" has no free first dimension: [1,3]"#),
            ("none", "it has no input"),
            ("scalar", r#"output "y" has no free first dimension: []"#),
            ("unknown", r#"input "x" has an unknown rank"#),
        ]
    );
    let body = br#"{"signature_name":"fixed","instances":[[1,2,3]]}"#;
    assert!(matches!(
        bench.place(Method::RestPredict, body),
        Placed::Answered(_)
    ));
}

#[test]
fn auto_lets_a_cheap_request_run_on_its_own_thread_and_fixed_does_not() {
    for (mode, raw, expected) in [
        (Mode::Auto { share: 0.2 }, RawParameters::default(), true),
        (Mode::Fixed, RawParameters::default(), false),
        (
            Mode::Auto { share: 0.2 },
            RawParameters {
                max_batch_size: Some(4),
                allowed_batch_sizes: vec![4],
                ..RawParameters::default()
            },
            false,
        ),
    ] {
        let bench = bench_with(batched(), &raw, mode);
        for number in 0..200 {
            bench.submit(number, r#"{"instances":[[1]]}"#).unwrap();
            ok(&bench.ends(1)[0]);
        }
        let settings = Settings::default();
        let call = call(Method::RestPredict, "m", &settings);
        let mut turn = Turn::new(Duration::from_secs(1));
        let body = br#"{"instances":[[1]]}"#;
        let placed = bench
            .engine
            .answer_inline(&call, body, &mut turn, &mut Vec::new());
        assert_eq!(matches!(placed, Placed::Answered(_)), expected, "{mode:?}");
        assert!(expected || matches!(placed, Placed::Batch(_)));
    }
}
