//! Loading: signatures, facts and the words for what cannot be loaded.

mod support;

use std::fs;

use servable_tensorflow::{Endpoint, LoadOptions, SavedModel, code};
use support::made;

#[test]
fn signatures_say_what_the_model_takes_and_gives() {
    let model = support::load("half_plus_two/1");
    let names: Vec<&str> = model.signatures().keys().map(String::as_str).collect();
    assert!(
        names.contains(&"serving_default") && names.contains(&"regress_x2_to_y3"),
        "{names:?}"
    );
    assert!(names.is_sorted());
    let signature = &model.signatures()["predict_two"];
    assert_eq!(signature.method_name, "tensorflow/serving/predict");
    assert_eq!(signature.unsupported, None);
    let aliases: Vec<&str> = signature
        .inputs
        .iter()
        .map(|input| input.alias.as_str())
        .collect();
    assert_eq!(aliases, ["x", "x2"]);
    let x = Endpoint {
        alias: "x".into(),
        tensor_name: "x:0".into(),
        dtype: 1,
        shape: None,
        default: None,
    };
    assert_eq!(signature.inputs[0], x);
    assert_eq!(model.signatures()["classify_labels"].inputs[0].dtype, 7);

    let echo = support::load("echo/1");
    assert_eq!(echo.signatures()["any_rank"].inputs[0].shape, None);
    assert_eq!(
        echo.signatures()["echo_int8"].inputs[0].shape,
        Some(vec![-1, 2])
    );
    assert_eq!(
        echo.signatures()["scalar_int8"].inputs[0].shape,
        Some(vec![])
    );
    let init = echo.signatures()["__saved_model_init_op"]
        .unsupported
        .as_deref();
    assert!(
        init.is_some_and(|text| text.contains("is an operation, not a tensor")),
        "{init:?}"
    );
}

#[test]
fn the_signature_map_holds_every_signature_as_saved() {
    let model = support::load("half_plus_two/1");
    let whole = model.signature_defs();
    for signature in model.signatures().values() {
        assert!(!signature.raw.is_empty());
        assert!(
            whole
                .windows(signature.raw.len())
                .any(|part| part == signature.raw),
            "{}",
            signature.name
        );
    }
    let saved = fs::read(support::model_dir("half_plus_two/1").join("saved_model.pb")).unwrap();
    let raw = &model.signatures()["serving_default"].raw;
    assert_eq!(
        saved.windows(raw.len()).filter(|part| part == raw).count(),
        1,
        "the very bytes of the file"
    );
}

#[test]
fn the_meta_data_count_variables_assets_and_bytes() {
    let half = support::load("half_plus_two/1");
    assert_eq!(half.meta().tags, ["serve"]);
    assert!(
        half.meta().tensorflow_version.starts_with("2."),
        "{}",
        half.meta().tensorflow_version
    );
    assert_eq!((half.meta().variables, half.meta().assets), (3, 0));
    assert!(half.meta().bytes > 1000, "{}", half.meta().bytes);
    assert_eq!(support::load("lookup/1").meta().assets, 1);
    let devices = half.devices().unwrap();
    assert!(
        devices
            .iter()
            .any(|device| device.kind == "CPU" && device.name.contains("CPU:0")),
        "{devices:?}"
    );
}

#[test]
fn graph_facts_tell_convolutions_and_assignments() {
    let facts = |model: &SavedModel, signature: &str| {
        let (feeds, fetches) = support::tensor_names(&model.signatures()[signature]);
        model.facts(&feeds, &fetches)
    };
    let image = support::load("image/1");
    assert_eq!(facts(&image, "serving_default").data_format_rank, Some(4));
    assert_eq!(image.meta().graph.data_format_rank, Some(4));
    assert!(
        !facts(&image, "serving_default").has_stateful_ops(),
        "restoring is not on the way"
    );
    assert!(image.meta().graph.has_stateful_ops(), "restoring assigns");

    let counter = support::load("counter/1");
    let found = facts(&counter, "serving_default");
    assert_eq!(found.keeping_op.as_deref(), Some("AssignAddVariableOp"));
    assert!(support::plan(&counter, "serving_default").keeps_feeds());
    for (name, signature) in [
        ("half_plus_two/1", "serving_default"),
        ("echo/1", "any_rank"),
        ("lookup/1", "serving_default"),
    ] {
        let model = support::load(name);
        let found = facts(&model, signature);
        assert!(
            !found.has_stateful_ops() && !found.has_data_format_ops(),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn a_folder_without_a_model_has_tensorflow_servings_text() {
    let dir = support::empty_dir("no-model");
    let error = SavedModel::load(support::library(), &dir, &LoadOptions::default()).unwrap_err();
    assert_eq!(error.code, code::NOT_FOUND);
    let expected = format!(
        "Specified file path does not appear to contain a SavedModel bundle (should have a file called `saved_model.pb`)\n\
         Specified file path: {}",
        dir.display()
    );
    assert_eq!(error.message, expected);
}

#[test]
fn a_corrupt_model_is_an_error_that_names_it() {
    let dir = support::empty_dir("corrupt");
    let saved = fs::read(support::model_dir("echo/1").join("saved_model.pb")).unwrap();
    for bytes in [&b"garbage"[..], &saved[..saved.len() / 2], &[][..]] {
        fs::write(dir.join("saved_model.pb"), bytes).unwrap();
        let error =
            SavedModel::load(support::library(), &dir, &LoadOptions::default()).unwrap_err();
        assert_ne!(error.code, code::OK);
        assert!(!error.message.is_empty(), "{error:?}");
    }
    // A model whose variables are gone.
    fs::write(
        dir.join("saved_model.pb"),
        fs::read(support::model_dir("image/1").join("saved_model.pb")).unwrap(),
    )
    .unwrap();
    let loaded = SavedModel::load(support::library(), &dir, &LoadOptions::default());
    if let Ok(model) = loaded {
        let plan = support::plan(&model, "serving_default");
        let image = support::floats(&[1, 28, 28, 1], &[1.0; 784]);
        assert!(
            model.run(&plan, &[&image], &Default::default()).is_err(),
            "no weights"
        );
    }
}

#[test]
fn wrong_tags_have_tensorflows_text() {
    let options = LoadOptions {
        tags: vec!["gpu".into()],
        config: None,
        ..LoadOptions::default()
    };
    let dir = support::model_dir("half_plus_two/1");
    let error = SavedModel::load(support::library(), &dir, &options).unwrap_err();
    assert_eq!(error.code, code::NOT_FOUND);
    let expected = "Could not find meta graph def matching supplied tags: { gpu }. \
                    To inspect available tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`";
    assert_eq!(error.message, expected);
    let options = LoadOptions {
        tags: vec!["a\0b".into()],
        config: None,
        ..LoadOptions::default()
    };
    assert_eq!(
        SavedModel::load(support::library(), &dir, &options)
            .unwrap_err()
            .code,
        code::INVALID_ARGUMENT
    );
}

#[test]
fn the_session_config_is_used_and_a_broken_one_refused() {
    let dir = support::model_dir("half_plus_two/1");
    // intra_op_parallelism_threads = 1, inter_op_parallelism_threads = 1, device_count { CPU: 2 }
    let config = vec![
        0x10, 1, 0x28, 1, 0x0a, 7, 0x0a, 3, b'C', b'P', b'U', 0x10, 2,
    ];
    let options = LoadOptions {
        config: Some(config),
        ..LoadOptions::default()
    };
    let model = SavedModel::load(support::library(), &dir, &options).unwrap();
    let devices = model.devices().unwrap();
    assert_eq!(
        devices.iter().filter(|device| device.kind == "CPU").count(),
        2,
        "{devices:?}"
    );
    let options = LoadOptions {
        config: Some(vec![0xff; 9]),
        ..LoadOptions::default()
    };
    let error = SavedModel::load(support::library(), &dir, &options).unwrap_err();
    assert_eq!(error.code, code::INVALID_ARGUMENT, "{error}");
}

#[test]
fn signatures_that_are_not_dense_are_refused_by_name_and_the_others_run() {
    let nodes = [
        made::placeholder("x", 1),
        made::node("y", "Identity", &["x"], &[("T", made::dtype(1))]),
    ];
    let dense = || [("x", made::info("x:0", 1))];
    let out = || [("y", made::info("y:0", 1))];
    let signatures = [
        ("serving_default", made::signature(&dense(), &out())),
        (
            "sparse",
            made::signature(
                &[("weights", made::sparse()), ("x", made::info("x:0", 1))],
                &out(),
            ),
        ),
        (
            "ragged",
            made::signature(&[("words", made::composite(3))], &out()),
        ),
        (
            "composite_out",
            made::signature(&dense(), &[("y", made::composite(2))]),
        ),
    ];
    let dir = made::save("not-dense", &nodes, &signatures);
    let model = SavedModel::load(support::library(), &dir, &LoadOptions::default()).unwrap();
    let refusal = |name: &str| {
        model.signatures()[name]
            .unsupported
            .clone()
            .unwrap_or_default()
    };
    let text = "signature \"sparse\" is not supported: input \"weights\" is a sparse tensor; only dense tensors are";
    assert_eq!(refusal("sparse"), text);
    assert!(
        refusal("ragged").contains("input \"words\" is a ragged tensor"),
        "{}",
        refusal("ragged")
    );
    assert!(refusal("composite_out").contains("output \"y\" is a composite tensor"));
    assert_eq!(refusal("serving_default"), "");
    let outputs = model.run(
        &support::plan(&model, "serving_default"),
        &[&support::floats(&[2], &[1.0, 2.0])],
        &Default::default(),
    );
    assert_eq!(support::as_floats(&outputs.unwrap()[0]), [1.0, 2.0]);
}

#[test]
fn defaults_of_inputs_are_given_as_saved() {
    let nodes = [
        made::placeholder("x", 1),
        made::node("y", "Identity", &["x"], &[("T", made::dtype(1))]),
    ];
    let default = made::Message::new()
        .number(1, 1)
        .bytes(5, 7f32.to_le_bytes());
    let signature = made::signature(
        &[("x", made::info("x:0", 1))],
        &[("y", made::info("y:0", 1))],
    )
    .entry(4, "x", &default);
    let dir = made::save("defaults", &nodes, &[("serving_default", signature)]);
    let model = SavedModel::load(support::library(), &dir, &LoadOptions::default()).unwrap();
    let input = &model.signatures()["serving_default"].inputs[0];
    assert_eq!(input.default.as_deref(), Some(&default.0[..]));
}

#[test]
fn unknown_tensors_have_tensorflows_texts() {
    let model = support::load("half_plus_two/1");
    let texts = [
        (
            model.plan(&["nope:0"], &["y:0"]),
            code::NOT_FOUND,
            "FeedInputs: unable to find feed output nope:0",
        ),
        (
            model.plan(&["x:0"], &["nope"]),
            code::NOT_FOUND,
            "FetchOutputs node nope: not found",
        ),
        (
            model.plan(&["x:0"], &["^y"]),
            code::NOT_FOUND,
            "FetchOutputs node ^y: not found",
        ),
        (
            model.plan(&["x:0"], &["y:3"]),
            code::INVALID_ARGUMENT,
            "FetchOutputs y:3: output index too large, must be < 1",
        ),
        (
            model.plan(&["x:1"], &["y:0"]),
            code::INVALID_ARGUMENT,
            "FeedInputs: x:1 should have output index < 1",
        ),
    ];
    for (plan, code, text) in texts {
        let error = plan.unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code, text));
    }
    assert!(
        model.plan(&["x"], &["y"]).is_ok(),
        "output 0 needs no index"
    );
}
