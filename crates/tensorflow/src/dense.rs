//! Small models of dense layers, which TensorFlow's remapper makes slower.
//!
//! It fuses `MatMul`, `BiasAdd` and `Relu` into one op of oneDNN, whose set-up costs more than the arithmetic of such a model: a MNIST MLP
//! runs in 10.6 µs without it and in 15.0 with. The results have the same bits in the shapes that pass here, as fuzzing showed; what is
//! left out (other activations, convolutions, constant and transposed weights, sums of two layers) differs in the last ones.

use std::collections::{HashMap, HashSet};

use crate::error::Error;
use crate::nodes::{Body, Node};
use crate::wire::{self, all, first};

// Field numbers of SavedModel, MetaGraphDef, MetaInfoDef, SignatureDef, TensorInfo, GraphDef, FunctionDefLibrary, FunctionDef, OpDef
// and AttrValue.
const SAVED_META_GRAPH: u32 = 2;
const META_INFO: u32 = 1;
const META_GRAPH: u32 = 2;
const META_SIGNATURE: u32 = 5;
const INFO_TAG: u32 = 4;
const SIGNATURE_OUTPUT: u32 = 2;
const TENSOR_NAME: u32 = 1;
const GRAPH_NODE: u32 = 1;
const GRAPH_LIBRARY: u32 = 2;
const LIBRARY_FUNCTION: u32 = 1;
const FUNCTION_SIGNATURE: u32 = 1;
const FUNCTION_NODE: u32 = 3;
const NAME: u32 = 1;
const ATTR_BOOL: u32 = 5;
const ATTR_TYPE: u32 = 6;

const DT_FLOAT: u64 = 1;
const DT_DOUBLE: u64 = 2;
/// Half, bfloat16, float and double: types that have a NaN.
const FLOATING: [u64; 4] = [1, 2, 14, 19];

/// Ops that a signature may run, whatever their types and inputs. None takes part in a pattern of the remapper but those that
/// [`passes`] looks at, and none of them turns a NaN into a number.
const RUN_OPS: &[&str] = &[
    "BiasAdd",
    "ConcatV2",
    "Const",
    "ExpandDims",
    "GatherV2",
    "Identity",
    "IdentityN",
    "LeakyRelu",
    "Mean",
    "Mul",
    "Neg",
    "NoOp",
    "Pack",
    "Placeholder",
    "PlaceholderWithDefault",
    "Prod",
    "Range",
    "ReadVariableOp",
    "RealDiv",
    "Relu",
    "Relu6",
    "Reshape",
    "ResourceGather",
    "Rsqrt",
    "Shape",
    "Softmax",
    "Sqrt",
    "Squeeze",
    "StopGradient",
    "StridedSlice",
    "Sub",
    "Sum",
    "Transpose",
    "VarHandleOp",
];

/// Ops that compute indices and sizes: welcome on whole numbers.
const WHOLE_OPS: &[&str] = &[
    "Equal",
    "FloorMod",
    "Greater",
    "GreaterEqual",
    "Less",
    "LessEqual",
    "Maximum",
    "Minimum",
    "NotEqual",
    "SelectV2",
];

/// Ops that save, restore and initialise variables: they may be in the graph where no signature runs them.
const LOAD_OPS: &[&str] = &[
    "AssignVariableOp",
    "DisableCopyOnRead",
    "MergeV2Checkpoints",
    "RestoreV2",
    "SaveV2",
    "Select",
    "ShardedFilename",
    "StaticRegexFullMatch",
    "StringJoin",
    "VarIsInitializedOp",
];

/// A variable that a signature reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The name of its `VarHandleOp`.
    pub name: String,
    /// Its `DataType`.
    pub dtype: i32,
}

/// The variables that the signatures of a serialized `SavedModel` read, if they are made of nothing but dense layers that give the same
/// results unfused. `None` for other models, and where the file cannot be made sense of.
pub(crate) fn dense_variables(saved_model: &[u8], tags: &[String]) -> Option<Vec<Variable>> {
    let read = || -> Result<Option<Vec<Variable>>, Error> {
        let wanted: HashSet<&[u8]> = tags.iter().map(|tag| tag.as_bytes()).collect();
        for meta in all(saved_model, SAVED_META_GRAPH)? {
            let mut found = HashSet::new();
            for info in all(meta, META_INFO)? {
                found.extend(all(info, INFO_TAG)?);
            }
            if found == wanted {
                return of_meta_graph(meta);
            }
        }
        Ok(None)
    };
    read().ok().flatten()
}

fn of_meta_graph(meta: &[u8]) -> Result<Option<Vec<Variable>>, Error> {
    let (mut nodes, mut functions) = (Vec::new(), HashMap::new());
    for graph in all(meta, META_GRAPH)? {
        for node in all(graph, GRAPH_NODE)? {
            nodes.push(Node::parse(node)?);
        }
        for library in all(graph, GRAPH_LIBRARY)? {
            for function in all(library, LIBRARY_FUNCTION)? {
                let signature = first(function, FUNCTION_SIGNATURE)?;
                let nodes = all(function, FUNCTION_NODE)?;
                let nodes = nodes
                    .into_iter()
                    .map(Node::parse)
                    .collect::<Result<_, _>>()?;
                functions.insert(first(signature, NAME)?, Body::new(nodes));
            }
        }
    }
    let graph = Body::new(nodes);
    let mut fetches = Vec::new();
    for entry in all(meta, META_SIGNATURE)? {
        for output in all(wire::map_entry(entry)?.1, SIGNATURE_OUTPUT)? {
            fetches.push(first(wire::map_entry(output)?.1, TENSOR_NAME)?);
        }
    }
    let reached = graph.reached(&fetches);
    let mut walk = Walk {
        functions: &functions,
        seen: HashSet::new(),
        matrices: 0,
    };
    let mut variables = Vec::new();
    for &number in &reached {
        let node = &graph.nodes[number];
        if !walk.runs(&graph, node) {
            return Ok(None);
        }
        if node.op == b"VarHandleOp" {
            let dtype = node
                .number(b"dtype", ATTR_TYPE)?
                .and_then(|it| i32::try_from(it).ok());
            let Some(dtype) = dtype else { return Ok(None) };
            variables.push(Variable {
                name: wire::text(node.name),
                dtype,
            });
        }
    }
    // The rest of the graph can be asked for as well, by name.
    let matrices = walk.matrices;
    let loads = |node: &Node<'_>| walk.loads(&graph, node);
    Ok((matrices > 0 && graph.nodes.iter().all(loads)).then_some(variables))
}

/// The functions of a graph, and those already looked at.
struct Walk<'a, 'g> {
    functions: &'g HashMap<&'a [u8], Body<'a>>,
    seen: HashSet<&'a [u8]>,
    matrices: usize,
}

impl<'a> Walk<'a, '_> {
    /// Whether a signature may run this node, and all that it calls.
    fn runs(&mut self, body: &Body<'a>, node: &Node<'a>) -> bool {
        let Some(name) = node.called() else {
            self.matrices += usize::from(node.op == b"MatMul");
            return passes(body, node);
        };
        let Some(function) = self.functions.get(name) else {
            return false;
        };
        !self.seen.insert(name)
            || function.nodes.iter().all(|inner| {
                // A variable that lives inside of a function has no handle in the graph.
                inner.op != b"VarHandleOp" && self.runs(function, inner)
            })
    }

    /// Whether this node may be in the graph, with all that it calls.
    fn loads(&self, body: &Body<'a>, node: &Node<'a>) -> bool {
        let mut open = vec![(body, node)];
        let mut seen = self.seen.clone();
        while let Some((body, node)) = open.pop() {
            match node.called() {
                Some(name) => {
                    let Some(function) = self.functions.get(name) else {
                        return false;
                    };
                    if seen.insert(name) {
                        open.extend(function.nodes.iter().map(|inner| (function, inner)));
                    }
                }
                None if is_one_of(LOAD_OPS, node.op) || passes(body, node) => {}
                None => return false,
            }
        }
        true
    }
}

/// What stands at the input of a sum, as far as the remapper could fuse it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A variable's value or a constant.
    Parameter,
    Matrix,
    /// Neither a product of matrices nor a sum.
    Settled,
    Open,
}

/// Whether the node, which calls no function, may run unfused.
fn passes(body: &Body<'_>, node: &Node<'_>) -> bool {
    let dtype = |key: &[u8]| node.number(key, ATTR_TYPE).ok().flatten().unwrap_or(0);
    let is_set = |key: &[u8]| node.number(key, ATTR_BOOL).ok().flatten() == Some(1);
    match node.op {
        b"MatMul" => {
            let flipped = is_set(b"transpose_a") || is_set(b"transpose_b");
            // Constant weights are packed by oneDNN, which sums in another order then.
            let weights = node.inputs.get(1).and_then(|input| body.producer(input));
            let by_variable = weights.is_some_and(|node| node.op == b"ReadVariableOp");
            dtype(b"T") == DT_FLOAT && !flipped && by_variable
        }
        b"Add" | b"AddV2" => dtype(b"T") != DT_FLOAT || is_plain_sum(body, node),
        b"Cast" => {
            let to = dtype(b"DstT");
            !FLOATING.contains(&dtype(b"SrcT")) || to == DT_FLOAT || to == DT_DOUBLE
        }
        // The floor under a deviation; of a product it could be a leaky `Relu` in two ops.
        b"Maximum" if FLOATING.contains(&dtype(b"T")) => {
            let ops: Vec<_> = node
                .inputs
                .iter()
                .map(|input| body.producer(input))
                .collect();
            let is = |op: &[u8]| ops.iter().flatten().any(|node| node.op == op);
            is(b"Sqrt") && !is(b"Mul")
        }
        op if is_one_of(WHOLE_OPS, op) => !FLOATING.contains(&dtype(b"T")),
        op => is_one_of(RUN_OPS, op),
    }
}

/// Whether a sum is the bias of a layer, or has nothing to do with one.
fn is_plain_sum(body: &Body<'_>, node: &Node<'_>) -> bool {
    let mut kinds = node.inputs.iter().map(|input| kind(body, input));
    match (kinds.next(), kinds.next()) {
        (Some(Kind::Parameter), Some(Kind::Matrix))
        | (Some(Kind::Matrix), Some(Kind::Parameter)) => true,
        (Some(a), Some(b)) => {
            let is_settled = |kind| matches!(kind, Kind::Parameter | Kind::Settled);
            is_settled(a) && is_settled(b)
        }
        _ => false,
    }
}

fn kind(body: &Body<'_>, input: &[u8]) -> Kind {
    let Some(node) = body.producer(input) else {
        return Kind::Open;
    };
    match node.op {
        b"Const" | b"ReadVariableOp" => Kind::Parameter,
        b"MatMul" => Kind::Matrix,
        b"Relu" | b"Relu6" | b"LeakyRelu" | b"Softmax" | b"Rsqrt" | b"ResourceGather" => {
            Kind::Settled
        }
        // A factor of 1 or a term of 0 would be optimized away, and what is behind it be seen.
        b"Mul" | b"Sub" if node.inputs.iter().all(|input| !is_constant(body, input)) => {
            Kind::Settled
        }
        _ => Kind::Open,
    }
}

fn is_constant(body: &Body<'_>, input: &[u8]) -> bool {
    body.producer(input).is_none_or(|node| node.op == b"Const")
}

fn is_one_of(ops: &[&str], op: &[u8]) -> bool {
    ops.binary_search_by(|known| known.as_bytes().cmp(op))
        .is_ok()
}

#[cfg(test)]
mod tests;
