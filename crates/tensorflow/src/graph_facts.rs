//! What a graph does with what it is fed, found by walking its nodes and functions once at load.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::error::Error;
use crate::graph::split_tensor_name;
use crate::ops;
use crate::wire::{self, Fields, Value, first};

// Field numbers of GraphDef, FunctionDefLibrary, FunctionDef, OpDef, NodeDef, AttrValue and
// NameAttrList.
const GRAPH_NODE: u32 = 1;
const GRAPH_LIBRARY: u32 = 2;
const LIBRARY_FUNCTION: u32 = 1;
const FUNCTION_SIGNATURE: u32 = 1;
const FUNCTION_NODE: u32 = 3;
const OP_NAME: u32 = 1;
const NODE_NAME: u32 = 1;
const NODE_OP: u32 = 2;
const NODE_INPUT: u32 = 3;
const NODE_ATTR: u32 = 5;
const ATTR_LIST: u32 = 1;
const ATTR_STRING: u32 = 2;
const ATTR_FUNC: u32 = 10;
const LIST_FUNC: u32 = 9;
const FUNC_NAME: u32 = 1;

/// Facts about a graph, or the part of it that one signature runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphFacts {
    /// The smallest number of dimensions that an op with a `data_format` needs: 4 for images, 5 for
    /// volumes. `None` without such ops. TensorFlow ends the process when one of them gets fewer.
    pub data_format_rank: Option<u8>,
    /// The first op that can hold on to a tensor it is fed after the run, such as
    /// `AssignVariableOp` or `QueueEnqueueV2`.
    pub keeping_op: Option<Arc<str>>,
}

impl GraphFacts {
    /// Whether there is an op whose input must have a certain rank because of its `data_format`.
    pub fn has_data_format_ops(&self) -> bool {
        self.data_format_rank.is_some()
    }

    /// Whether there is an op that can keep a tensor it is fed (assignment, queue, stack, table
    /// insert, dataset, …).
    pub fn has_stateful_ops(&self) -> bool {
        self.keeping_op.is_some()
    }

    /// Adds what `other` has. Whether that changed anything.
    fn merge(&mut self, other: &Self) -> bool {
        let rank = match (self.data_format_rank, other.data_format_rank) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let op = self.keeping_op.clone().or_else(|| other.keeping_op.clone());
        let changed = rank != self.data_format_rank || op.is_some() != self.keeping_op.is_some();
        (self.data_format_rank, self.keeping_op) = (rank, op);
        changed
    }
}

/// A tensor by its node and output. A control input has no output.
type Edge = (u32, Option<u32>);

/// The graph's shape with the facts of each node, functions it calls included.
pub(crate) struct GraphIndex {
    names: HashMap<Box<str>, u32>,
    facts: Vec<GraphFacts>,
    inputs: Vec<Box<[Edge]>>,
    /// Variables in the graph itself.
    pub variables: usize,
}

/// The part of a `NodeDef` that matters here.
#[derive(Default)]
struct Node<'a> {
    name: &'a [u8],
    op: &'a [u8],
    inputs: Vec<&'a [u8]>,
    format: Option<&'a [u8]>,
    /// Functions named by attributes, and the op itself, which may be a function's name.
    calls: Vec<&'a [u8]>,
}

#[derive(Default)]
struct Function<'a> {
    facts: GraphFacts,
    calls: HashSet<&'a [u8]>,
}

/// Answers for ops by name, each asked once.
struct Ops<'a, F> {
    is_stateful: F,
    keeping: HashMap<&'a [u8], Option<Arc<str>>>,
}

impl<'a, F: Fn(&str) -> Option<bool>> Ops<'a, F> {
    fn facts(&mut self, node: &Node<'a>, functions: &HashSet<&'a [u8]>) -> GraphFacts {
        let op = str::from_utf8(node.op).unwrap_or_default();
        let is_stateful = &self.is_stateful;
        let keeping_op = self.keeping.entry(node.op).or_insert_with(|| {
            // A call by name; the function's body answers for it.
            let keeps = !functions.contains(node.op) && ops::keeps_inputs(op, is_stateful(op));
            keeps.then(|| Arc::from(op))
        });
        GraphFacts {
            data_format_rank: ops::data_format_rank(op, node.format),
            keeping_op: keeping_op.clone(),
        }
    }
}

impl GraphIndex {
    /// Reads a serialized `GraphDef`. `is_stateful` tells of an op by its name, if it is known.
    pub(crate) fn parse(
        graph: &[u8],
        is_stateful: impl Fn(&str) -> Option<bool>,
    ) -> Result<Self, Error> {
        let mut node_messages = Vec::new();
        let mut function_messages = Vec::new();
        for field in Fields::new(graph) {
            match field? {
                (GRAPH_NODE, Value::Bytes(node)) => node_messages.push(node),
                (GRAPH_LIBRARY, Value::Bytes(library)) => {
                    for field in Fields::new(library) {
                        if let (LIBRARY_FUNCTION, Value::Bytes(function)) = field? {
                            function_messages.push((function_name(function)?, function));
                        }
                    }
                }
                _ => {}
            }
        }
        let known = function_messages.iter().map(|(name, _)| *name).collect();
        let mut ops = Ops {
            is_stateful,
            keeping: HashMap::new(),
        };
        let mut functions = HashMap::new();
        for (name, message) in function_messages {
            functions.insert(name, Function::parse(message, &mut ops, &known)?);
        }
        spread(&mut functions);

        let nodes = node_messages
            .into_iter()
            .map(Node::parse)
            .collect::<Result<Vec<_>, _>>()?;
        let mut index = Self {
            names: HashMap::with_capacity(nodes.len()),
            facts: Vec::with_capacity(nodes.len()),
            inputs: Vec::with_capacity(nodes.len()),
            variables: 0,
        };
        for (number, node) in (0..).zip(&nodes) {
            index
                .names
                .insert(String::from_utf8_lossy(node.name).into(), number);
            let mut facts = ops.facts(node, &known);
            for function in node.calls.iter().filter_map(|name| functions.get(name)) {
                facts.merge(&function.facts);
            }
            index.facts.push(facts);
            index.variables += usize::from(ops::is_variable(
                str::from_utf8(node.op).unwrap_or_default(),
            ));
        }
        for node in &nodes {
            let edges = node
                .inputs
                .iter()
                .filter_map(|input| index.edge(str::from_utf8(input).ok()?));
            let edges = edges.collect();
            index.inputs.push(edges);
        }
        Ok(index)
    }

    /// The facts of the whole graph, functions that nothing calls left out.
    pub(crate) fn all(&self) -> GraphFacts {
        let mut facts = GraphFacts::default();
        for node in &self.facts {
            facts.merge(node);
        }
        facts
    }

    /// The facts of what runs when `fetches` (tensors or operations) are asked for and `feeds` are
    /// given.
    pub(crate) fn reached<'n>(
        &self,
        feeds: impl IntoIterator<Item = &'n str>,
        fetches: impl IntoIterator<Item = &'n str>,
    ) -> GraphFacts {
        let fed: HashSet<Edge> = feeds
            .into_iter()
            .filter_map(|name| self.edge(name))
            .collect();
        let mut facts = GraphFacts::default();
        let mut seen = vec![false; self.facts.len()];
        let mut open: Vec<Edge> = fetches
            .into_iter()
            .filter_map(|name| self.edge(name))
            .collect();
        while let Some(edge) = open.pop() {
            let node = edge.0 as usize;
            if fed.contains(&edge) || std::mem::replace(&mut seen[node], true) {
                continue;
            }
            facts.merge(&self.facts[node]);
            open.extend_from_slice(&self.inputs[node]);
        }
        facts
    }

    fn edge(&self, name: &str) -> Option<Edge> {
        if let Some(node) = name.strip_prefix('^') {
            return self.names.get(node).map(|number| (*number, None));
        }
        let (node, output) = split_tensor_name(name)?;
        self.names
            .get(node)
            .map(|number| (*number, u32::try_from(output).ok()))
    }
}

impl<'a> Node<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, Error> {
        let mut node = Self::default();
        for field in Fields::new(message) {
            match field? {
                (NODE_NAME, Value::Bytes(name)) => node.name = name,
                (NODE_OP, Value::Bytes(op)) => {
                    node.op = op;
                    node.calls.push(op);
                }
                (NODE_INPUT, Value::Bytes(input)) => node.inputs.push(input),
                (NODE_ATTR, Value::Bytes(entry)) => node.parse_attribute(entry)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn parse_attribute(&mut self, entry: &'a [u8]) -> Result<(), Error> {
        let (key, value) = wire::map_entry(entry)?;
        for field in Fields::new(value) {
            match field? {
                (ATTR_STRING, Value::Bytes(format)) if key == b"data_format" => {
                    self.format = Some(format)
                }
                (ATTR_FUNC, Value::Bytes(function)) => self.calls.push(called(function)?),
                (ATTR_LIST, Value::Bytes(list)) => {
                    for field in Fields::new(list) {
                        if let (LIST_FUNC, Value::Bytes(function)) = field? {
                            self.calls.push(called(function)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl<'a> Function<'a> {
    fn parse<F: Fn(&str) -> Option<bool>>(
        message: &'a [u8],
        ops: &mut Ops<'a, F>,
        known: &HashSet<&'a [u8]>,
    ) -> Result<Self, Error> {
        let mut function = Self::default();
        for field in Fields::new(message) {
            if let (FUNCTION_NODE, Value::Bytes(node)) = field? {
                let node = Node::parse(node)?;
                function.facts.merge(&ops.facts(&node, known));
                function
                    .calls
                    .extend(node.calls.iter().filter(|name| known.contains(*name)));
            }
        }
        Ok(function)
    }
}

/// Gives each function the facts of those it calls, until nothing changes: functions may call each
/// other in a circle.
fn spread(functions: &mut HashMap<&[u8], Function<'_>>) {
    let names: Vec<&[u8]> = functions.keys().copied().collect();
    loop {
        let mut changed = false;
        for name in &names {
            let Some(function) = functions.get(name) else {
                continue;
            };
            let mut facts = function.facts.clone();
            let mut grew = false;
            for callee in function
                .calls
                .iter()
                .filter_map(|callee| functions.get(callee))
            {
                grew |= facts.merge(&callee.facts);
            }
            if let (true, Some(function)) = (grew, functions.get_mut(name)) {
                function.facts = facts;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

fn function_name(function: &[u8]) -> Result<&[u8], Error> {
    let signature = first(function, FUNCTION_SIGNATURE)?;
    first(signature, OP_NAME)
}

fn called(name_attr_list: &[u8]) -> Result<&[u8], Error> {
    first(name_attr_list, FUNC_NAME)
}

#[cfg(test)]
mod tests;
