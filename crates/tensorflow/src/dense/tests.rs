use super::{LOAD_OPS, RUN_OPS, Variable, WHOLE_OPS, dense_variables};
use crate::wire::{
    put_bytes,
    samples::{message, node},
};

const FLOAT: u8 = 1;
const INT64: u8 = 9;
const HALF: u8 = 19;

/// A node whose `T` is float.
fn float(name: &str, op: &str, inputs: &[&str]) -> Vec<u8> {
    node(name, op, inputs, &[("T", vec![0x30, FLOAT])])
}

fn variable(name: &str) -> Vec<u8> {
    node(name, "VarHandleOp", &[], &[("dtype", vec![0x30, FLOAT])])
}

fn read(name: &str, of: &str) -> Vec<u8> {
    node(name, "ReadVariableOp", &[of], &[])
}

/// A call of function `of`.
fn call(name: &str, of: &str, inputs: &[&str]) -> Vec<u8> {
    let function = message(&[(10, &message(&[(1, of.as_bytes())]))]);
    node(name, "StatefulPartitionedCall", inputs, &[("f", function)])
}

/// A `SavedModel` with one graph tagged `serve` and one signature, which gives `y:0`.
fn model(nodes: &[Vec<u8>], functions: &[(&str, &[Vec<u8>])]) -> Vec<u8> {
    let mut library = Vec::new();
    for (name, nodes) in functions {
        let mut function = message(&[(1, &message(&[(1, name.as_bytes())]))]);
        nodes
            .iter()
            .for_each(|node| put_bytes(&mut function, 3, node));
        put_bytes(&mut library, 1, &function);
    }
    let mut graph = Vec::new();
    nodes.iter().for_each(|node| put_bytes(&mut graph, 1, node));
    put_bytes(&mut graph, 2, &library);
    let output = message(&[(1, b"y"), (2, &message(&[(1, b"y:0")]))]);
    let signature = message(&[(1, b"serving_default"), (2, &message(&[(2, &output)]))]);
    let meta = message(&[
        (1, &message(&[(4, b"serve")])),
        (2, &graph),
        (5, &signature),
    ]);
    message(&[(2, &meta)])
}

fn dense(model: &[u8]) -> Option<Vec<Variable>> {
    dense_variables(model, &["serve".to_owned()])
}

/// `y` of one layer, after which come `rest`: `sum` is the layer's output, `m` its product, `b` its bias, `x` its input.
fn layer(rest: &[Vec<u8>]) -> Option<Vec<Variable>> {
    let mut nodes = vec![
        node("x", "Placeholder", &[], &[]),
        variable("w"),
        variable("c"),
        read("v", "w"),
        read("b", "c"),
        float("m", "MatMul", &["x", "v"]),
        float("sum", "BiasAdd", &["m", "b"]),
    ];
    nodes.extend_from_slice(rest);
    dense(&model(&nodes, &[]))
}

#[test]
fn the_ops_looked_up_by_bisection_are_sorted() {
    assert!(RUN_OPS.is_sorted() && WHOLE_OPS.is_sorted() && LOAD_OPS.is_sorted());
}

#[test]
fn a_dense_layer_passes_with_the_variables_it_reads() {
    let mut variables = layer(&[float("y", "Relu", &["sum"])]).unwrap();
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    let expected = ["c", "w"].map(|name| Variable {
        name: name.to_owned(),
        dtype: 1,
    });
    assert_eq!(variables, expected);
}

#[test]
fn layers_in_functions_pass_and_what_the_functions_call_is_looked_at() {
    let inner = |op| {
        [
            read("v", "w"),
            float("matmul", "MatMul", &["x", "v:value:0"]),
            float("act", op, &["matmul:product:0"]),
        ]
    };
    let outer = [call("inner", "inner_fn", &["x", "w"])];
    let with = |op| {
        let nodes = [
            node("x", "Placeholder", &[], &[]),
            variable("w"),
            call("y", "outer_fn", &["x", "w"]),
        ];
        dense(&model(
            &nodes,
            &[("outer_fn", &outer), ("inner_fn", &inner(op))],
        ))
    };
    assert_eq!(with("Relu").map(|variables| variables.len()), Some(1));
    assert_eq!(with("Sigmoid"), None);
    assert_eq!(with("AssignVariableOp"), None);
}

#[test]
fn activations_and_products_whose_last_bits_differ_do_not_pass() {
    for op in [
        "Sigmoid",
        "Tanh",
        "Elu",
        "Erf",
        "Conv2D",
        "BatchMatMulV2",
        "SomebodysOp",
    ] {
        assert_eq!(layer(&[float("y", op, &["sum"])]), None, "{op}");
    }
    let product =
        |attributes: &[(&str, Vec<u8>)]| layer(&[node("y", "MatMul", &["sum", "v"], attributes)]);
    let dtype = |dtype| ("T", vec![0x30, dtype]);
    assert!(product(&[dtype(FLOAT), ("transpose_b", vec![0x28, 0])]).is_some());
    assert_eq!(
        product(&[dtype(FLOAT), ("transpose_b", vec![0x28, 1])]),
        None
    );
    assert_eq!(
        product(&[dtype(FLOAT), ("transpose_a", vec![0x28, 1])]),
        None
    );
    assert_eq!(product(&[dtype(HALF)]), None);
    assert_eq!(product(&[]), None);
}

#[test]
fn ops_that_turn_nan_into_a_number_do_not_pass() {
    let cast = |from, to| {
        let attributes = [("SrcT", vec![0x30, from]), ("DstT", vec![0x30, to])];
        layer(&[node("y", "Cast", &["sum"], &attributes)])
    };
    assert_eq!(cast(FLOAT, INT64), None);
    assert!(cast(INT64, FLOAT).is_some());
    assert_eq!(layer(&[float("y", "ArgMax", &["sum"])]), None);
    assert_eq!(layer(&[float("y", "Greater", &["sum", "b"])]), None);
    let whole = node("y", "Greater", &["sum", "b"], &[("T", vec![0x30, INT64])]);
    assert!(layer(&[whole]).is_some());
}

#[test]
fn a_sum_passes_as_a_bias_or_away_from_layers() {
    let sum = |a: &str, b: &str| float("y", "AddV2", &[a, b]);
    assert!(layer(&[sum("m", "b")]).is_some());
    assert!(layer(&[float("i", "Identity", &["b"]), sum("i", "m")]).is_some());
    let relus = [float("r", "Relu", &["sum"]), float("q", "Relu", &["m"])];
    assert!(layer(&[&relus[..], &[sum("r", "q")]].concat()).is_some());
    // The remapper would make one op of a layer and what is added to it.
    assert_eq!(layer(&[sum("sum", "b")]), None);
    assert_eq!(layer(&[sum("sum", "m")]), None);
    assert_eq!(layer(&[sum("m", "x")]), None);
    assert_eq!(layer(&[relus[0].clone(), sum("r", "sum")]), None);
    // What is behind a factor may come to the light when that is 1.
    let one = node("one", "Const", &[], &[]);
    assert_eq!(
        layer(&[one, float("p", "Mul", &["sum", "one"]), sum("p", "b")]),
        None
    );
    assert!(layer(&[float("p", "Mul", &["sum", "b"]), sum("p", "b")]).is_some());
}

#[test]
fn the_floor_of_a_deviation_passes_and_a_leaky_relu_in_two_ops_does_not() {
    let root = float("root", "Sqrt", &["b"]);
    let floor = float("floor", "Maximum", &["root", "b"]);
    let scaled = float("y", "RealDiv", &["sum", "floor"]);
    assert!(layer(&[root, floor, scaled]).is_some());
    let scaled = float("scaled", "Mul", &["sum", "b"]);
    assert_eq!(
        layer(&[scaled, float("y", "Maximum", &["scaled", "sum"])]),
        None
    );
}

#[test]
fn saving_and_restoring_may_be_in_the_graph_but_not_in_what_a_signature_runs() {
    let assign = |name| float(name, "AssignVariableOp", &["w", "sum"]);
    let y = float("y", "Relu", &["sum"]);
    assert!(layer(&[y.clone(), assign("restore")]).is_some());
    assert_eq!(layer(&[assign("y")]), None);
    let after = float("y", "Relu", &["sum", "^count"]);
    assert_eq!(layer(&[assign("count"), after]), None);
    assert_eq!(
        layer(&[y.clone(), float("train", "Conv2D", &["sum"])]),
        None
    );
    assert_eq!(layer(&[y, call("train", "gone", &[])]), None);
}

#[test]
fn models_without_matrices_of_variables_other_tags_and_broken_files_do_not_pass() {
    let nodes = [node("y", "Placeholder", &[], &[])];
    assert_eq!(dense(&model(&nodes, &[])), None);
    let nodes = |weights: &str| {
        [
            node("x", "Placeholder", &[], &[]),
            variable("w"),
            read("v", "w"),
            node("k", "Const", &[], &[]),
            float("y", "MatMul", &["x", weights]),
        ]
    };
    assert_eq!(dense(&model(&nodes("x"), &[])), None);
    assert_eq!(dense(&model(&nodes("k"), &[])), None);
    let whole = model(&nodes("v"), &[]);
    assert!(dense(&whole).is_some());
    assert_eq!(
        dense_variables(&whole, &["serve".to_owned(), "gpu".to_owned()]),
        None
    );
    assert_eq!(dense(&whole[..whole.len() - 3]), None);
    assert_eq!(dense(&[]), None);
}
