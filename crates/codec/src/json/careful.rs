//! The careful pass of a predict request: any syntactically right body, every rule, every error text.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::dump::dump;
use super::fill::{Bounds, Filled, fill};
use super::predict::{Format, PredictBody, Resolver};
use super::scalar::Store;
use super::syntax::{Document, check};
use super::value::{Elements, Kind, Members, Value};
use crate::{
    Code, DecodedTensor, Error, JsonLimits, MAX_RANK, Result, Shape, SignatureSpec, TensorInfo,
};

/// Decodes a body, or says what is wrong with it.
pub(super) fn decode<'b, 's, F>(
    body: &'b [u8],
    limits: &JsonLimits,
    resolver: &mut Resolver<'b, 's, F>,
) -> Result<PredictBody<'b, 's>>
where
    F: FnMut(&str) -> Result<&'s SignatureSpec>,
{
    let document = check(body)?;
    let root = Value::new(body, document.root);
    let name = signature_name(&document)?;
    let name = text(name);
    let signature = resolver.signature(name.clone())?;
    if signature.inputs.is_empty() {
        let name = if name.is_empty() { "DEFAULT" } else { &name };
        return Err(Error::invalid(format!(
            "Failed to get input map for signature: {name}"
        )));
    }
    let inputs = &signature.inputs;
    let (format, tensors) = match (document.member("instances"), document.member("inputs")) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(format!(
                "JSON Value: {} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
                dump(root)
            )));
        }
        (Some(start), None) => (
            Format::Row,
            rows(root, Value::new(body, start), inputs, limits)?,
        ),
        (None, Some(start)) => (
            Format::Column,
            columns(Value::new(body, start), inputs, limits)?,
        ),
        (None, None) => return Err(Error::invalid("Missing 'inputs' or 'instances' key")),
    };
    Ok(PredictBody {
        format,
        signature,
        tensors,
    })
}

/// The root's `signature_name`, empty if there is none.
///
/// # Errors
/// `INVALID_ARGUMENT` if the root is no object or the name no string.
pub(super) fn signature_name<'b>(document: &Document<'b>) -> Result<Cow<'b, [u8]>> {
    let root = Value::new(document.bytes, document.root);
    if root.kind() != Kind::Object {
        return Err(Error::invalid(format!(
            "JSON Value: {} Is not object",
            dump(root)
        )));
    }
    let Some(start) = document.member("signature_name") else {
        return Ok(Cow::Borrowed(b""));
    };
    let value = Value::new(document.bytes, start);
    if value.kind() != Kind::String {
        return Err(Error::invalid(format!(
            "JSON Value: {} not formatted correctly. 'signature_name' key must be a string value.",
            dump(root)
        )));
    }
    Ok(value.text())
}

/// Text of a checked body, which is UTF-8.
pub(super) fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Cow::Owned(text),
            Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        },
    }
}

/// One input as its values come in, element by element of `instances`.
struct Column<'b> {
    store: Store<'b>,
    /// Shape and size of the first element, which all others must have.
    first: Option<(Shape, usize)>,
    elements: usize,
}

impl<'b> Column<'b> {
    fn new(body: &'b [u8], info: &TensorInfo) -> Self {
        Column {
            store: Store::new(info.dtype, body, 0),
            first: None,
            elements: 0,
        }
    }

    /// Adds one element of `instances`, or one member of one; gives where it ends.
    fn add(&mut self, value: Value<'b>, info: &TensorInfo, limits: &JsonLimits) -> Result<usize> {
        let bounds = Bounds {
            // The list of instances is a dimension too.
            rank: limits.max_depth.min(MAX_RANK - 1),
            elements: limits.max_elements,
            taken: self.elements,
        };
        let Filled {
            shape,
            elements,
            end,
        } = fill(value, info.dtype, bounds, &mut self.store)?;
        self.elements += elements;
        match &self.first {
            None => self.first = Some((shape, elements)),
            Some((_, expected)) if *expected != elements => {
                return Err(Error::invalid(format!(
                    "Expecting tensor size: {expected} but got: {elements}"
                )));
            }
            Some((expected, _)) if *expected != shape => {
                return Err(Error::invalid(format!(
                    "Expecting shape {} but got: {}",
                    shape_text(expected),
                    shape_text(&shape)
                )));
            }
            Some(_) => {}
        }
        Ok(end)
    }

    /// The tensor of `count` instances. A key that stood twice in an object left values too many; they are dropped.
    fn finish(mut self, info: &TensorInfo, count: usize) -> DecodedTensor<'b> {
        let (element, size) = self.first.unwrap_or_default();
        self.store.truncate(info.dtype, count.saturating_mul(size));
        let mut shape = Shape::from_slice(&[count as i64]);
        shape.extend_from_slice(&element);
        DecodedTensor {
            dtype: info.dtype,
            shape,
            data: self.store.into_data(),
        }
    }
}

/// A shape the way messages print it: `[2,3]`, a scalar `[]`.
fn shape_text(shape: &[i64]) -> String {
    let dims: Vec<String> = shape.iter().map(i64::to_string).collect();
    format!("[{}]", dims.join(","))
}

/// `instances`: a list of values for the only input, or of objects with a value per input.
fn rows<'b>(
    root: Value<'b>,
    instances: Value<'b>,
    inputs: &[TensorInfo],
    limits: &JsonLimits,
) -> Result<Vec<DecodedTensor<'b>>> {
    if instances.kind() != Kind::Array {
        return Err(Error::invalid(format!(
            "JSON Value: {} Expecting 'instances' to be an list/array",
            dump(root)
        )));
    }
    let mut elements = Elements::new(instances);
    let Some(first) = Elements::new(instances).next() else {
        return Err(Error::invalid(format!(
            "JSON Value: {} No values in 'instances' array",
            dump(root)
        )));
    };
    let named = first.is_named();
    if !named && inputs.len() > 1 {
        return Err(Error::invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per \
             tensorinfo_map",
        ));
    }
    let mut columns: Vec<Column<'b>> = inputs
        .iter()
        .map(|info| Column::new(instances.bytes, info))
        .collect();
    let mut count = 0;
    while let Some(element) = elements.next() {
        if element.is_named() != named {
            let (wanted, got) = if named {
                ("object", "list")
            } else {
                ("value/list", "object")
            };
            return Err(Error::invalid(format!(
                "Expecting {wanted} but got {got} at item {count} of input list"
            )));
        }
        if named {
            named_row(element, count, inputs, &mut columns, limits)?;
        } else {
            let end = columns[0]
                .add(element, &inputs[0], limits)
                .map_err(|error| {
                    wrap(error, |inner| {
                        format!(
                            "Failed to process element: {count} of 'instances' list. Error: {inner}"
                        )
                    })
                })?;
            elements.ends_at(end);
        }
        count += 1;
    }
    Ok(columns
        .into_iter()
        .zip(inputs)
        .map(|(column, info)| column.finish(info, count))
        .collect())
}

/// Wraps an error about one element; what is no fault of the value goes through as it is.
fn wrap(error: Error, text: impl FnOnce(&str) -> String) -> Error {
    match error.code {
        Code::ResourceExhausted => error,
        _ => Error::invalid(text(&error.status_text())),
    }
}

/// One object of `instances`; its keys must be the names of the inputs, no more, no fewer.
fn named_row<'b>(
    element: Value<'b>,
    index: usize,
    inputs: &[TensorInfo],
    columns: &mut [Column<'b>],
    limits: &JsonLimits,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    let mut members = Members::new(element);
    while let Some((key, value)) = members.next() {
        let name = text(key.text());
        let added = match inputs.iter().position(|info| info.alias == name) {
            Some(at) => {
                seen.insert(at);
                columns[at].add(value, &inputs[at], limits)
            }
            None => Err(Error::invalid(format!(
                "JSON object: does not have named input: {name}"
            ))),
        };
        let end = added.map_err(|error| {
            wrap(error, |inner| {
                format!("Failed to process element: {index} key: {name} of 'instances' list. Error: {inner}")
            })
        })?;
        members.ends_at(end);
    }
    if seen.len() == inputs.len() {
        return Ok(());
    }
    let names: Vec<&str> = inputs.iter().map(|info| info.alias.as_str()).collect();
    Err(Error::invalid(format!(
        "Failed to process element: {index} of 'instances' list. JSON object: {} keys must be equal to: {}",
        dump(element),
        names.join(",")
    )))
}

/// `inputs`: one value for the only input, or an object with a value for every input.
fn columns<'b>(
    value: Value<'b>,
    inputs: &[TensorInfo],
    limits: &JsonLimits,
) -> Result<Vec<DecodedTensor<'b>>> {
    if !value.is_named() {
        let [info] = inputs else {
            return Err(Error::invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per \
                 tensorinfo_map",
            ));
        };
        return Ok(vec![tensor(value, info, limits)?]);
    }
    // The first of equal keys counts; names no input has are ignored.
    let mut found: Vec<Option<Value<'b>>> = vec![None; inputs.len()];
    for (key, value) in Members::new(value) {
        let name = key.text();
        if let Some(at) = inputs
            .iter()
            .position(|info| info.alias.as_bytes() == &*name)
        {
            found[at].get_or_insert(value);
        }
    }
    let tensors = inputs.iter().zip(found).map(|(info, value)| match value {
        Some(value) => tensor(value, info, limits),
        None => Err(Error::invalid(format!(
            "Missing named input: {} in 'inputs' object.",
            info.alias
        ))),
    });
    tensors.collect()
}

fn tensor<'b>(
    value: Value<'b>,
    info: &TensorInfo,
    limits: &JsonLimits,
) -> Result<DecodedTensor<'b>> {
    let bounds = Bounds {
        rank: limits.max_depth.min(MAX_RANK),
        elements: limits.max_elements,
        taken: 0,
    };
    let mut store = Store::new(info.dtype, value.bytes, 0);
    let filled = fill(value, info.dtype, bounds, &mut store)?;
    Ok(DecodedTensor {
        dtype: info.dtype,
        shape: filled.shape,
        data: store.into_data(),
    })
}
