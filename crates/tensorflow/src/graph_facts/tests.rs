use super::GraphIndex;
use crate::wire::{
    put_bytes,
    samples::{message, node},
};

fn text(value: &str) -> Vec<u8> {
    message(&[(2, value.as_bytes())])
}

/// An attribute that names a function.
fn call(function: &str) -> Vec<u8> {
    message(&[(10, &message(&[(1, function.as_bytes())]))])
}

/// An attribute that is a list of functions.
fn calls(functions: &[&str]) -> Vec<u8> {
    let mut list = Vec::new();
    for function in functions {
        put_bytes(&mut list, 9, &message(&[(1, function.as_bytes())]));
    }
    message(&[(1, &list)])
}

fn function(name: &str, nodes: &[Vec<u8>]) -> Vec<u8> {
    let mut function = message(&[(1, &message(&[(1, name.as_bytes())]))]);
    for node in nodes {
        put_bytes(&mut function, 3, node);
    }
    function
}

fn graph(nodes: &[Vec<u8>], functions: &[Vec<u8>]) -> GraphIndex {
    let mut library = Vec::new();
    for function in functions {
        put_bytes(&mut library, 1, function);
    }
    let mut graph = Vec::new();
    for node in nodes {
        put_bytes(&mut graph, 1, node);
    }
    put_bytes(&mut graph, 2, &library);
    GraphIndex::parse(&graph, |op| Some(op.starts_with("Stateful"))).unwrap()
}

#[test]
fn only_what_a_fetch_needs_counts_and_a_feed_cuts_off_what_lies_behind_it() {
    let index = graph(
        &[
            node("queue", "QueueDequeueV2", &[], &[]),
            node("put", "QueueEnqueueV2", &["queue:0"], &[]),
            node("x", "Identity", &["queue:1", "^put"], &[]),
            node("y", "MatMul", &["x", "w"], &[]),
            node("w", "VarHandleOp", &[], &[]),
            node("image", "Conv2D", &["x"], &[("data_format", text("NCHW"))]),
            node(
                "volume",
                "Conv3D",
                &["x"],
                &[("data_format", text("NDHWC"))],
            ),
        ],
        &[],
    );
    assert_eq!(index.variables, 1);
    assert_eq!(index.all().data_format_rank, Some(4));
    let keeping = |feeds: &[&'static str], fetch| {
        index
            .reached(feeds.iter().copied(), [fetch])
            .keeping_op
            .as_deref()
            .map(str::to_owned)
    };
    assert_eq!(
        keeping(&[], "y:0").as_deref(),
        Some("QueueEnqueueV2"),
        "through a control input"
    );
    assert_eq!(keeping(&["x:0"], "y:0"), None);
    assert_eq!(keeping(&["x"], "y"), None, "names without an index");
    assert_eq!(
        keeping(&["x:1"], "y").as_deref(),
        Some("QueueEnqueueV2"),
        "another output is fed"
    );
    let rank = |fetch| index.reached(["x:0"], [fetch]).data_format_rank;
    assert_eq!(
        (rank("y"), rank("image"), rank("volume"), rank("nowhere")),
        (None, Some(4), Some(5), None)
    );
}

#[test]
fn functions_count_where_they_are_called_even_in_a_circle() {
    let index = graph(
        &[
            node("a", "StatefulPartitionedCall", &[], &[("f", call("outer"))]),
            node(
                "b",
                "Case",
                &[],
                &[("branches", calls(&["plain", "outer"]))],
            ),
            node("c", "inner", &[], &[]),
            node("d", "PartitionedCall", &[], &[("f", call("plain"))]),
            node("e", "PartitionedCall", &[], &[("f", call("nowhere"))]),
        ],
        &[
            function(
                "outer",
                &[node("n", "While", &[], &[("body", call("inner"))])],
            ),
            function(
                "inner",
                &[
                    node("again", "PartitionedCall", &[], &[("f", call("outer"))]),
                    node("keep", "AssignVariableOp", &[], &[]),
                    node("pool", "MaxPool", &[], &[]),
                ],
            ),
            function("plain", &[node("n", "MatMul", &[], &[])]),
            function("unused", &[node("n", "Conv3D", &[], &[])]),
        ],
    );
    for name in ["a", "b", "c"] {
        let facts = index.reached([], [name]);
        assert_eq!(
            facts.keeping_op.as_deref(),
            Some("AssignVariableOp"),
            "{name}"
        );
        assert_eq!(
            facts.data_format_rank,
            Some(4),
            "{name}: without the attribute, by its default"
        );
    }
    for name in ["d", "e"] {
        assert!(!index.reached([], [name]).has_stateful_ops(), "{name}");
    }
}

#[test]
fn a_custom_op_that_is_stateful_is_taken_to_keep_what_it_gets() {
    let index = graph(
        &[
            node("a", "StatefulCustom", &[], &[]),
            node("b", "Custom", &[], &[]),
        ],
        &[],
    );
    assert!(index.reached([], ["a"]).has_stateful_ops());
    assert!(!index.reached([], ["b"]).has_stateful_ops());
}

#[test]
fn a_loop_in_the_graph_ends() {
    let index = graph(
        &[
            node("merge", "Merge", &["next"], &[]),
            node(
                "next",
                "NextIteration",
                &["merge", "^gone", "bad:name"],
                &[],
            ),
        ],
        &[],
    );
    assert!(!index.reached([], ["next"]).has_stateful_ops());
}

#[test]
fn broken_graphs_are_errors_not_panics() {
    let whole = {
        let mut graph = Vec::new();
        put_bytes(
            &mut graph,
            1,
            &node("a", "Conv2D", &["b"], &[("data_format", text("NHWC"))]),
        );
        put_bytes(
            &mut graph,
            2,
            &message(&[(1, &function("f", &[node("n", "Op", &[], &[])]))]),
        );
        graph
    };
    assert!(GraphIndex::parse(&whole, |_| None).is_ok());
    for end in 1..whole.len() {
        // Some cuts fall between fields; none may panic.
        let _ = GraphIndex::parse(&whole[..end], |_| None);
    }
    assert!(GraphIndex::parse(&[0x0a, 5, 1], |_| None).is_err());
}
