//! Reads a `MetaGraphDef`: signatures, tags and facts.

use std::collections::BTreeMap;
use std::ffi::CString;

use crate::error::Error;
use crate::graph_facts::{GraphFacts, GraphIndex};
use crate::library::Library;
use crate::signature::Signature;
use crate::status;
use crate::wire::{self, Fields, Value};

// Field numbers of MetaGraphDef, MetaInfoDef and SignatureDefMap.
const META_INFO: u32 = 1;
const META_GRAPH: u32 = 2;
const META_SIGNATURE: u32 = 5;
const META_ASSET: u32 = 6;
const INFO_TAG: u32 = 4;
const INFO_TENSORFLOW_VERSION: u32 = 5;
const MAP_SIGNATURE: u32 = 1;

/// What a SavedModel says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelMeta {
    /// Every tag of the loaded graph.
    pub tags: Vec<String>,
    /// The release it was saved with; empty if it does not say.
    pub tensorflow_version: String,
    /// Facts of the whole graph, training and restoring included;
    /// [`facts`](crate::SavedModel::facts) has those of one signature.
    pub graph: GraphFacts,
    /// Variables in the graph.
    pub variables: usize,
    /// Asset files the graph refers to.
    pub assets: usize,
    /// The size of all files in its folder, in bytes.
    pub bytes: u64,
}

/// A `MetaGraphDef`, read.
pub(crate) struct MetaGraph {
    pub signatures: BTreeMap<String, Signature>,
    pub signature_defs: Vec<u8>,
    pub meta: ModelMeta,
    pub graph: GraphIndex,
}

impl MetaGraph {
    /// Reads the serialized message. The folder's size is left 0.
    pub(crate) fn parse(library: &'static Library, message: &[u8]) -> Result<Self, Error> {
        let (mut tags, mut tensorflow_version, mut assets) = (Vec::new(), String::new(), 0);
        let mut graph: &[u8] = &[];
        let mut entries = BTreeMap::new();
        for field in Fields::new(message) {
            match field? {
                (META_INFO, Value::Bytes(info)) => {
                    for field in Fields::new(info) {
                        match field? {
                            (INFO_TAG, Value::Bytes(tag)) => tags.push(wire::text(tag)),
                            (INFO_TENSORFLOW_VERSION, Value::Bytes(text)) => {
                                tensorflow_version = wire::text(text)
                            }
                            _ => {}
                        }
                    }
                }
                (META_GRAPH, Value::Bytes(found)) => graph = found,
                (META_SIGNATURE, Value::Bytes(entry)) => {
                    let (name, signature) = wire::map_entry(entry)?;
                    entries.insert(wire::text(name), (entry, signature));
                }
                (META_ASSET, Value::Bytes(_)) => assets += 1,
                _ => {}
            }
        }
        let mut signatures = BTreeMap::new();
        let mut signature_defs = Vec::new();
        for (name, (entry, signature)) in entries {
            // Both are maps from strings to SignatureDef, so an entry of one is an entry of the
            // other.
            wire::put_bytes(&mut signature_defs, MAP_SIGNATURE, entry);
            let signature = Signature::parse(&name, signature)?;
            signatures.insert(name, signature);
        }
        let graph = GraphIndex::parse(graph, |op| is_stateful(library, op))?;
        let (variables, facts) = (graph.variables, graph.all());
        let meta = ModelMeta {
            tags,
            tensorflow_version,
            graph: facts,
            variables,
            assets,
            bytes: 0,
        };
        Ok(Self {
            signatures,
            signature_defs,
            meta,
            graph,
        })
    }
}

/// TensorFlow's word on an op. `None` when this release cannot be asked or does not know it.
fn is_stateful(library: &'static Library, op: &str) -> Option<bool> {
    let function = library.api().op_is_stateful?;
    let name = CString::new(op).ok()?;
    // SAFETY: a NUL-terminated name and a live status.
    status::check(library, |status| unsafe {
        function(name.as_ptr(), status) != 0
    })
    .ok()
}
