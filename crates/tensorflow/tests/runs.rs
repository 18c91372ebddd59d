//! Runs: values, errors, threads, lifetimes, and graphs that keep what they are fed.

mod support;

use std::thread;

use servable_tensorflow::{LoadOptions, RunOptions, SavedModel, Tensor, code};
use support::{Placed, as_floats, floats, library, made};

#[test]
fn half_plus_two_answers_the_same_inline_and_on_the_pool() {
    let model = support::load("half_plus_two/1");
    let plan = support::plan(&model, "predict_two");
    assert_eq!(
        (plan.feeds(), plan.fetches(), plan.keeps_feeds()),
        (2, 2, false)
    );
    let (x, x2) = (floats(&[3], &[1.0, 2.0, 5.0]), floats(&[1], &[4.0]));
    let mut answers = Vec::new();
    for options in [
        RunOptions::inline(),
        RunOptions::pooled(),
        RunOptions::inline().with_timeout_ms(60_000),
    ] {
        let outputs = model.run(&plan, &[&x, &x2], &options).unwrap();
        assert_eq!(outputs[0].shape(), [3]);
        answers.push(outputs.iter().map(as_floats).collect::<Vec<_>>());
    }
    assert_eq!(answers[0], [vec![2.5, 3.0, 4.5], vec![5.0]]);
    assert!(answers.iter().all(|answer| answer == &answers[0]));
    let written = RunOptions::from_serialized(vec![0x08, 0]);
    assert!(model.run(&plan, &[&x, &x2], &written).is_ok());
}

#[test]
fn errors_of_a_run_keep_tensorflows_code_and_text() {
    let model = support::load("half_plus_two/1");
    let plan = support::plan(&model, "serving_default");
    let ints = Tensor::from_bytes(library(), 3, &[1], Placed::new(&[0; 4], 0)).unwrap();
    let error = model
        .run(&plan, &[&ints], &RunOptions::inline())
        .unwrap_err();
    assert_eq!(error.code, code::INVALID_ARGUMENT);
    assert!(
        error
            .message
            .contains("Expects arg[0] to be float but int32 is provided"),
        "{error}"
    );
    let error = model.run(&plan, &[], &RunOptions::inline()).unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (code::INVALID_ARGUMENT, "expected 1 input tensors, got 0")
    );

    let fails = support::load("fails/1");
    let plan = support::plan(&fails, "serving_default");
    for options in [RunOptions::inline(), RunOptions::pooled()] {
        let error = fails
            .run(&plan, &[&floats(&[1], &[-1.0])], &options)
            .unwrap_err();
        assert_eq!(error.code, code::INVALID_ARGUMENT);
        assert!(error.message.contains("x must be positive"), "{error}");
        // The status is used again on this thread; the error must not stick.
        let outputs = fails
            .run(&plan, &[&floats(&[1], &[4.0])], &options)
            .unwrap();
        assert_eq!(as_floats(&outputs[0]), [2.0]);
    }

    let other = support::load("half_plus_two/2");
    let error = other
        .run(&plan, &[&floats(&[1], &[1.0])], &RunOptions::inline())
        .unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (code::INTERNAL, "the plan belongs to another model")
    );
}

#[test]
fn a_broken_run_options_message_is_an_error() {
    let model = support::load("half_plus_two/1");
    let plan = support::plan(&model, "serving_default");
    let broken = RunOptions::from_serialized(vec![0xff; 3]);
    assert_eq!(
        model
            .run(&plan, &[&floats(&[1], &[1.0])], &broken)
            .unwrap_err()
            .code,
        code::INVALID_ARGUMENT
    );
}

#[test]
fn several_threads_run_one_model_at_once() {
    let model = support::load("multi/1");
    let plan = support::plan(&model, "with_scalar");
    thread::scope(|scope| {
        for number in 0..8_i32 {
            let (model, plan) = (&model, &plan);
            scope.spawn(move || {
                let a = floats(&[1, 2], &[1.0, 2.0]);
                let b =
                    Tensor::from_bytes(library(), 3, &[1], Placed::new(&number.to_le_bytes(), 0))
                        .unwrap();
                let options = if number % 2 == 0 {
                    RunOptions::inline()
                } else {
                    RunOptions::pooled()
                };
                for _ in 0..200 {
                    // count, product, sum: sorted.
                    let outputs = model.run(plan, &[&a, &b], &options).unwrap();
                    assert_eq!(outputs[0].bytes(), 1_i32.to_le_bytes());
                    let number = number as f32;
                    assert_eq!(as_floats(&outputs[1]), [number, 2.0 * number]);
                    assert_eq!(as_floats(&outputs[2]), [1.0 + number, 2.0 + number]);
                }
            });
        }
    });
}

#[test]
fn outputs_outlive_their_model() {
    let outputs = {
        let model = support::load("half_plus_two/1");
        let plan = support::plan(&model, "serving_default");
        model
            .run(
                &plan,
                &[&floats(&[2, 1], &[1.0, 2.0])],
                &RunOptions::pooled(),
            )
            .unwrap()
    };
    assert_eq!(as_floats(&outputs[0]), [2.5, 3.0]);
    // And can be fed to another one.
    let model = support::load("half_plus_two/2");
    let plan = support::plan(&model, "serving_default");
    let again = model
        .run(&plan, &[&outputs[0]], &RunOptions::inline())
        .unwrap();
    assert_eq!(as_floats(&again[0]), [3.25, 3.5]);
}

#[test]
fn assets_and_state_work() {
    let lookup = support::load("lookup/1");
    let words = Tensor::from_strings(library(), &[2], [&b"two"[..], b"zero"]).unwrap();
    let outputs = lookup
        .run(
            &support::plan(&lookup, "serving_default"),
            &[&words],
            &RunOptions::inline(),
        )
        .unwrap();
    assert_eq!(
        outputs[0].bytes(),
        [2_i64, 0].map(i64::to_le_bytes).concat()
    );

    let counter = support::load("counter/1");
    let plan = support::plan(&counter, "serving_default");
    for expected in [3_i64, 6, 9] {
        let by =
            Tensor::from_bytes(library(), 9, &[1], Placed::new(&3_i64.to_le_bytes(), 0)).unwrap();
        let outputs = counter.run(&plan, &[&by], &RunOptions::inline()).unwrap();
        assert_eq!(outputs[0].bytes(), expected.to_le_bytes());
    }
}

/// A graph that assigns what it is fed to a variable and adds to it later.
fn keeper() -> SavedModel {
    let handle = [
        ("dtype", made::dtype(1)),
        ("shape", made::shape(Some(&[4]))),
    ];
    let nodes = [
        made::placeholder("x", 1),
        made::node("v", "VarHandleOp", &[], &handle),
        made::node(
            "keep",
            "AssignVariableOp",
            &["v", "x"],
            &[("dtype", made::dtype(1))],
        ),
        made::node(
            "add",
            "AssignAddVariableOp",
            &["v", "x"],
            &[("dtype", made::dtype(1))],
        ),
        made::node(
            "read",
            "ReadVariableOp",
            &["v"],
            &[("dtype", made::dtype(1))],
        ),
        // The same with a reference variable of TensorFlow 1.
        made::node("ref", "VariableV2", &[], &handle),
        made::node(
            "ref_keep",
            "Assign",
            &["ref", "x"],
            &[("T", made::dtype(1))],
        ),
        made::node(
            "ref_add",
            "AssignAdd",
            &["ref", "x"],
            &[("T", made::dtype(1))],
        ),
    ];
    let dir = made::save("keeper", &nodes, &[]);
    SavedModel::load(library(), &dir, &LoadOptions::default()).expect("the model loads")
}

#[test]
fn a_graph_that_keeps_its_input_never_gets_shared_memory() {
    let model = keeper();
    let keep = model.plan_with_targets(&["x:0"], &[], &["keep"]).unwrap();
    let add = model.plan_with_targets(&["x:0"], &[], &["add"]).unwrap();
    let read = model.plan(&[], &["read:0"]).unwrap();
    assert!(keep.keeps_feeds() && add.keeps_feeds() && !read.keeps_feeds());
    assert_eq!(
        model.facts(&["x:0"], &["keep"]).keeping_op.as_deref(),
        Some("AssignVariableOp")
    );

    let shared = std::sync::Arc::new(Placed::new(&[1_f32; 4].map(f32::to_le_bytes).concat(), 0));
    struct Owner(std::sync::Arc<Placed>);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            (*self.0).as_ref()
        }
    }
    let input = Tensor::from_bytes(library(), 1, &[4], Owner(shared.clone())).unwrap();
    assert!(!input.was_copied());
    model.run(&keep, &[&input], &RunOptions::inline()).unwrap();
    drop(input);
    assert_eq!(
        std::sync::Arc::strong_count(&shared),
        1,
        "the variable does not stand on the owner's memory"
    );
    model
        .run(&add, &[&floats(&[4], &[1.0; 4])], &RunOptions::inline())
        .unwrap();
    assert_eq!(
        as_floats(&model.run(&read, &[], &RunOptions::inline()).unwrap()[0]),
        [2.0; 4]
    );
    assert_eq!(
        (*shared).as_ref(),
        [1_f32; 4].map(f32::to_le_bytes).concat(),
        "and never writes to it"
    );

    // Memory that is TensorFlow's alone is not copied: the variable takes it over.
    let mine = Placed::new(&[5_f32; 4].map(f32::to_le_bytes).concat(), 0);
    let address = mine.address();
    let input = Tensor::from_exclusive(library(), 1, &[4], mine).unwrap();
    model.run(&keep, &[&input], &RunOptions::inline()).unwrap();
    drop(input);
    let read = model.run(&read, &[], &RunOptions::inline()).unwrap();
    assert_eq!(as_floats(&read[0]), [5.0; 4]);
    assert_eq!(read[0].bytes().as_ptr(), address);
}

#[test]
fn a_fetched_reference_variable_is_a_snapshot() {
    let model = keeper();
    let keep = model.plan(&["x:0"], &["ref_keep:0"]).unwrap();
    let add = model.plan(&["x:0"], &["ref_add:0"]).unwrap();
    assert!(keep.keeps_feeds());
    let first = model
        .run(&keep, &[&floats(&[4], &[1.0; 4])], &RunOptions::inline())
        .unwrap();
    assert_eq!(first[0].dtype(), 1, "plain, not a reference");
    let second = model
        .run(&add, &[&floats(&[4], &[2.0; 4])], &RunOptions::inline())
        .unwrap();
    assert_eq!(
        as_floats(&first[0]),
        [1.0; 4],
        "the later run did not change it"
    );
    assert_eq!(as_floats(&second[0]), [3.0; 4]);
}
