//! Models that run without TensorFlow's remapper: nobody can tell, but by the clock.

mod support;

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::thread;

use servable_tensorflow::{LoadOptions, Plan, RunOptions, SavedModel, Tensor, code};
use support::{as_floats, floats, made};

/// Where the models of this file are left unfused, if oneDNN is on.
const HERE: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

fn load(dir: &Path, always_remap: bool) -> SavedModel {
    static ONEDNN: Once = Once::new();
    // SAFETY: before the library is opened, and the other tests of this file wait here; nothing else runs yet.
    ONEDNN.call_once(|| unsafe { env::set_var("TF_ENABLE_ONEDNN_OPTS", "1") });
    let options = LoadOptions {
        always_remap,
        ..LoadOptions::default()
    };
    SavedModel::load(support::library(), dir, &options).expect("the model loads")
}

fn dense(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/dense");
    fixtures.join(name).join("1")
}

/// Values that look like any, the same in every run.
fn rows(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 22) as f32 - 2.0
    };
    (0..count * 6).map(|_| next()).collect()
}

fn bits(outputs: &[Tensor]) -> Vec<Vec<u8>> {
    outputs
        .iter()
        .map(|output| output.bytes().to_vec())
        .collect()
}

/// The outputs of both, as bits: a NaN equals itself.
fn both(models: &[(SavedModel, Plan); 2], x: &Tensor) -> [Vec<Vec<u8>>; 2] {
    let options = RunOptions::inline();
    models
        .each_ref()
        .map(|(model, plan)| bits(&model.run(plan, &[x], &options).expect("the model runs")))
}

fn unfused_and_fused(dir: &Path) -> [(SavedModel, Plan); 2] {
    [false, true].map(|always| {
        let model = load(dir, always);
        assert_eq!(model.is_unfused(), HERE && !always);
        let plan = support::plan(&model, "serving_default");
        (model, plan)
    })
}

#[test]
fn results_have_the_same_bits_as_with_the_remapper() {
    let models = unfused_and_fused(&dense("mlp"));
    for count in [1, 2, 3, 8, 32, 100] {
        for seed in 0..20 {
            let x = floats(&[count as i64, 6], &rows(count, seed));
            let [unfused, fused] = both(&models, &x);
            assert_eq!(unfused, fused, "{count} rows, seed {seed}");
        }
    }
}

#[test]
fn what_is_not_a_number_comes_out_as_with_the_remapper() {
    let models = unfused_and_fused(&dense("mlp"));
    for strange in [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        -0.0,
        1e-42,
    ] {
        let mut values = rows(3, 7);
        values[8] = strange;
        let [unfused, fused] = both(&models, &floats(&[3, 6], &values));
        assert_eq!(unfused, fused, "{strange}");
    }
}

#[test]
fn errors_name_the_ops_that_they_name_with_the_remapper() {
    let texts = unfused_and_fused(&dense("mlp")).map(|(model, plan)| {
        let error = model.run(&plan, &[&floats(&[1, 5], &[0.0; 5])], &RunOptions::inline());
        let error = error.unwrap_err();
        assert_eq!(error.code, code::INVALID_ARGUMENT);
        error.message
    });
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn strange_and_usual_runs_do_not_disturb_each_other() {
    let models = unfused_and_fused(&dense("mlp"));
    let usual = floats(&[2, 6], &rows(2, 3));
    let mut values = rows(2, 4);
    values[3] = f32::NAN;
    let strange = floats(&[2, 6], &values);
    let expected = [&usual, &strange].map(|x| both(&models, x)[1].clone());
    // A model of its own, whose second session all threads want at once.
    let (model, plan) = &unfused_and_fused(&dense("mlp"))[0];
    thread::scope(|scope| {
        for turn in 0..4 {
            let (expected, inputs) = (&expected, [&usual, &strange]);
            scope.spawn(move || {
                for round in 0..50 {
                    let which = (turn + round) % 2;
                    let outputs = model.run(plan, &[inputs[which]], &RunOptions::inline());
                    assert_eq!(bits(&outputs.unwrap()), expected[which]);
                }
            });
        }
    });
}

#[test]
fn models_that_assign_and_configs_with_graph_options_are_left_alone() {
    assert!(!load(&dense("counting"), false).is_unfused());
    assert!(!load(&support::model_dir("image/1"), false).is_unfused());
    assert!(!load(&support::model_dir("half_plus_two/1"), false).is_unfused());
    let options = LoadOptions {
        // graph_options { place_pruned_graph: true }
        config: Some(vec![0x52, 2, 0x30, 1]),
        ..LoadOptions::default()
    };
    let model = SavedModel::load(support::library(), &dense("mlp"), &options).unwrap();
    assert!(!model.is_unfused());
}

/// relu(x · w), and an op that sets w, which no signature runs.
fn settable() -> PathBuf {
    let float = || ("T", made::dtype(1));
    let typed = || ("dtype", made::dtype(1));
    let handle = [
        typed(),
        ("shape", made::shape(Some(&[2, 2]))),
        ("shared_name", made::Message::new().bytes(2, "w")),
    ];
    let nodes = [
        made::placeholder("x", 1),
        made::placeholder("new", 1),
        made::node("w", "VarHandleOp", &[], &handle),
        made::node("set", "AssignVariableOp", &["w", "new"], &[typed()]),
        made::node("v", "ReadVariableOp", &["w"], &[typed()]),
        made::node("m", "MatMul", &["x", "v"], &[float()]),
        made::node("y", "Relu", &["m"], &[float()]),
    ];
    let signature = made::signature(
        &[("x", made::info("x:0", 1))],
        &[("y", made::info("y:0", 1))],
    );
    made::save("settable", &nodes, &[("serving_default", signature)])
}

#[test]
fn variables_that_are_set_by_name_are_seen_by_strange_runs_as_well() {
    let [(model, plan), (always, fused_plan)] = &unfused_and_fused(&settable());
    let options = RunOptions::inline();
    for scale in [1.0, 2.0, 3.0] {
        let w = floats(&[2, 2], &[scale; 4]);
        for model in [model, always] {
            let set = model.plan_with_targets(&["new:0"], &[], &["set"]).unwrap();
            model.run(&set, &[&w], &options).unwrap();
        }
        let x = floats(&[2, 2], &[1.0, f32::NAN, 1.0, 1.0]);
        let outputs = model.run(plan, &[&x], &options).unwrap();
        assert_eq!(as_floats(&outputs[0])[2..], [2.0 * scale; 2]);
        let fused = always.run(fused_plan, &[&x], &options).unwrap();
        assert_eq!(bits(&outputs), bits(&fused));
    }
}
