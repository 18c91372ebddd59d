//! Signatures: what a model takes and gives, read from the `SignatureDef` entries of its
//! `MetaGraphDef`.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::library::base_dtype;
use crate::wire::{self, Fields, Value};

/// A named input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The name that requests use.
    pub alias: String,
    /// The tensor in the graph, `name:index`. Empty where it is not one dense tensor.
    pub tensor_name: String,
    /// The dtype's number (`DataType`); a REF type is given as its base, which is what runs take
    /// and give.
    pub dtype: i32,
    /// The sizes, -1 where any size goes. `None`: any rank.
    pub shape: Option<Vec<i64>>,
    /// A serialized `TensorProto` that stands in for an input that is not sent. `None` for outputs
    /// and most inputs.
    pub default: Option<Vec<u8>>,
}

/// One way to call a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its key, for example `serving_default`.
    pub name: String,
    /// For example `tensorflow/serving/predict`.
    pub method_name: String,
    /// Sorted by alias.
    pub inputs: Vec<Endpoint>,
    /// Sorted by alias.
    pub outputs: Vec<Endpoint>,
    /// Why it cannot be run, naming the endpoint; the model's other signatures can be. `None`
    /// nearly always.
    pub unsupported: Option<String>,
    /// The serialized `SignatureDef`, as it was saved.
    pub raw: Vec<u8>,
}

/// The kinds of tensors an endpoint can stand for.
enum Encoding {
    Dense,
    Sparse,
    Ragged,
    Composite,
}

// Field numbers of SignatureDef, TensorInfo and what lies in them.
const SIGNATURE_INPUTS: u32 = 1;
const SIGNATURE_OUTPUTS: u32 = 2;
const SIGNATURE_METHOD_NAME: u32 = 3;
const SIGNATURE_DEFAULTS: u32 = 4;
const INFO_NAME: u32 = 1;
const INFO_DTYPE: u32 = 2;
const INFO_SHAPE: u32 = 3;
const INFO_COO_SPARSE: u32 = 4;
const INFO_COMPOSITE: u32 = 5;
const COMPOSITE_TYPE_SPEC: u32 = 1;
const TYPE_SPEC_CLASS: u32 = 1;
/// `TypeSpecProto.TypeSpecClass`: SPARSE_TENSOR_SPEC, RAGGED_TENSOR_SPEC.
const SPARSE_TENSOR_SPEC: u64 = 1;
const RAGGED_TENSOR_SPEC: u64 = 3;
const SHAPE_DIM: u32 = 2;
const SHAPE_UNKNOWN_RANK: u32 = 3;
const DIM_SIZE: u32 = 1;

impl Signature {
    /// Reads a serialized `SignatureDef`.
    pub(crate) fn parse(name: &str, raw: &[u8]) -> Result<Self, Error> {
        let mut inputs = BTreeMap::new();
        let mut outputs = BTreeMap::new();
        let mut defaults = BTreeMap::new();
        let mut method_name = String::new();
        for field in Fields::new(raw) {
            match field? {
                (SIGNATURE_INPUTS, Value::Bytes(entry)) => insert(&mut inputs, entry)?,
                (SIGNATURE_OUTPUTS, Value::Bytes(entry)) => insert(&mut outputs, entry)?,
                (SIGNATURE_METHOD_NAME, Value::Bytes(text)) => method_name = wire::text(text),
                (SIGNATURE_DEFAULTS, Value::Bytes(entry)) => insert(&mut defaults, entry)?,
                _ => {}
            }
        }
        let mut refusals = Vec::new();
        let mut read = |side: &str, entries: &BTreeMap<String, &[u8]>| {
            let mut endpoints = Vec::with_capacity(entries.len());
            for (alias, info) in entries {
                let (endpoint, encoding) = Endpoint::parse(alias, info)?;
                if let Some(kind) = refusal(&endpoint, &encoding) {
                    refusals.push(format!("{side} \"{alias}\" is {kind}"));
                }
                endpoints.push(endpoint);
            }
            Ok::<_, Error>(endpoints)
        };
        let mut inputs = read("input", &inputs)?;
        let outputs = read("output", &outputs)?;
        for input in &mut inputs {
            input.default = defaults.get(&input.alias).map(|default| default.to_vec());
        }
        let unsupported = (!refusals.is_empty()).then(|| {
            format!(
                "signature \"{name}\" is not supported: {}; only dense tensors are",
                refusals.join(", ")
            )
        });
        Ok(Self {
            name: name.to_owned(),
            method_name,
            inputs,
            outputs,
            unsupported,
            raw: raw.to_vec(),
        })
    }
}

impl Endpoint {
    /// Reads a serialized `TensorInfo`.
    fn parse(alias: &str, info: &[u8]) -> Result<(Self, Encoding), Error> {
        let mut endpoint = Self {
            alias: alias.to_owned(),
            tensor_name: String::new(),
            dtype: 0,
            // A shape that was never set is a scalar's for TensorFlow as well.
            shape: Some(Vec::new()),
            default: None,
        };
        let mut encoding = Encoding::Dense;
        for field in Fields::new(info) {
            match field? {
                (INFO_NAME, Value::Bytes(name)) => {
                    endpoint.tensor_name = wire::text(name);
                    encoding = Encoding::Dense;
                }
                (INFO_DTYPE, Value::Varint(dtype)) => endpoint.dtype = base_dtype(dtype as i32),
                (INFO_SHAPE, Value::Bytes(shape)) => endpoint.shape = parse_shape(shape)?,
                (INFO_COO_SPARSE, Value::Bytes(_)) => encoding = Encoding::Sparse,
                (INFO_COMPOSITE, Value::Bytes(composite)) => encoding = parse_composite(composite)?,
                _ => {}
            }
        }
        if !matches!(encoding, Encoding::Dense) {
            endpoint.tensor_name.clear();
        }
        Ok((endpoint, encoding))
    }
}

/// In words what keeps an endpoint from being fed or fetched.
fn refusal(endpoint: &Endpoint, encoding: &Encoding) -> Option<&'static str> {
    match encoding {
        Encoding::Sparse => Some("a sparse tensor"),
        Encoding::Ragged => Some("a ragged tensor"),
        Encoding::Composite => Some("a composite tensor"),
        Encoding::Dense if endpoint.tensor_name.is_empty() => Some("without a tensor"),
        // `__saved_model_init_op` and `__saved_model_train_op` name an operation.
        Encoding::Dense if endpoint.dtype == 0 => Some("an operation, not a tensor"),
        Encoding::Dense => None,
    }
}

fn insert<'a>(map: &mut BTreeMap<String, &'a [u8]>, entry: &'a [u8]) -> Result<(), Error> {
    let (key, value) = wire::map_entry(entry)?;
    map.insert(wire::text(key), value);
    Ok(())
}

fn parse_shape(shape: &[u8]) -> Result<Option<Vec<i64>>, Error> {
    let mut sizes = Vec::new();
    for field in Fields::new(shape) {
        match field? {
            (SHAPE_DIM, Value::Bytes(dim)) => {
                let mut size = 0;
                for field in Fields::new(dim) {
                    if let (DIM_SIZE, Value::Varint(value)) = field? {
                        size = value.cast_signed();
                    }
                }
                sizes.push(size);
            }
            (SHAPE_UNKNOWN_RANK, Value::Varint(1..)) => return Ok(None),
            _ => {}
        }
    }
    Ok(Some(sizes))
}

fn parse_composite(composite: &[u8]) -> Result<Encoding, Error> {
    let mut encoding = Encoding::Composite;
    for field in Fields::new(composite) {
        if let (COMPOSITE_TYPE_SPEC, Value::Bytes(spec)) = field? {
            for field in Fields::new(spec) {
                match field? {
                    (TYPE_SPEC_CLASS, Value::Varint(SPARSE_TENSOR_SPEC)) => {
                        encoding = Encoding::Sparse
                    }
                    (TYPE_SPEC_CLASS, Value::Varint(RAGGED_TENSOR_SPEC)) => {
                        encoding = Encoding::Ragged
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(encoding)
}
