//! The nodes of a `GraphDef` or a function, and what leads to what. Borrowed from the serialized message.

use std::collections::HashMap;

use crate::error::Error;
use crate::wire::{self, Fields, Value, all, first};

// Field numbers of NodeDef, AttrValue and NameAttrList.
const NAME: u32 = 1;
const NODE_OP: u32 = 2;
const NODE_INPUT: u32 = 3;
const NODE_ATTR: u32 = 5;
const ATTR_FUNC: u32 = 10;

/// How far one looks through ops that hand their input on.
const MAX_HOPS: usize = 16;

/// The nodes of a graph or a function, by name.
pub(crate) struct Body<'a> {
    pub nodes: Vec<Node<'a>>,
    names: HashMap<&'a [u8], usize>,
}

impl<'a> Body<'a> {
    pub(crate) fn new(nodes: Vec<Node<'a>>) -> Self {
        let names = (0..)
            .zip(&nodes)
            .map(|(number, node)| (node.name, number))
            .collect();
        Self { nodes, names }
    }

    /// The nodes that run for these tensors.
    pub(crate) fn reached(&self, fetches: &[&[u8]]) -> Vec<usize> {
        let mut seen = vec![false; self.nodes.len()];
        let mut open: Vec<usize> = fetches
            .iter()
            .filter_map(|name| self.number(name))
            .collect();
        let mut reached = Vec::new();
        while let Some(number) = open.pop() {
            if !std::mem::replace(&mut seen[number], true) {
                reached.push(number);
                let inputs = &self.nodes[number].inputs;
                open.extend(inputs.iter().filter_map(|input| self.number(input)));
            }
        }
        reached
    }

    fn number(&self, tensor: &[u8]) -> Option<usize> {
        let name = tensor.strip_prefix(b"^").unwrap_or(tensor);
        let name = name.split(|byte| *byte == b':').next()?;
        self.names.get(name).copied()
    }

    /// The node behind an input, past those that hand on what they get. `None` for the argument of a function.
    pub(crate) fn producer(&self, input: &[u8]) -> Option<&Node<'a>> {
        let mut node = &self.nodes[self.number(input)?];
        for _ in 0..MAX_HOPS {
            match node.op {
                b"Identity" | b"StopGradient" | b"Reshape" | b"Squeeze" | b"ExpandDims"
                | b"Cast" => {
                    node = &self.nodes[self.number(node.inputs.first()?)?];
                }
                _ => return Some(node),
            }
        }
        None
    }
}

/// The part of a `NodeDef` that matters here.
pub(crate) struct Node<'a> {
    pub name: &'a [u8],
    pub op: &'a [u8],
    pub inputs: Vec<&'a [u8]>,
    attributes: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Node<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Error> {
        let attributes = all(message, NODE_ATTR)?.into_iter().map(wire::map_entry);
        Ok(Self {
            name: first(message, NAME)?,
            op: first(message, NODE_OP)?,
            inputs: all(message, NODE_INPUT)?,
            attributes: attributes.collect::<Result<_, _>>()?,
        })
    }

    fn attribute(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.attributes
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| *value)
    }

    /// The number in field `field` of an attribute's value.
    pub(crate) fn number(&self, key: &[u8], field: u32) -> Result<Option<u64>, Error> {
        let mut number = None;
        for found in Fields::new(self.attribute(key).unwrap_or_default()) {
            if let (at, Value::Varint(value)) = found?
                && at == field
            {
                number = Some(value);
            }
        }
        Ok(number)
    }

    /// The function that the node calls.
    pub(crate) fn called(&self) -> Option<&'a [u8]> {
        let calls = matches!(self.op, b"PartitionedCall" | b"StatefulPartitionedCall");
        let function = self.attribute(b"f").filter(|_| calls)?;
        first(first(function, ATTR_FUNC).ok()?, NAME).ok()
    }
}
