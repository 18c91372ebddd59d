//! The messages of Classify, Regress and MultiInference. Examples are never parsed: their bytes go to the graph as they came.

use std::borrow::Cow;

use super::ModelSpec;
use super::wire::{Malformed, Reader, Value, bytes_field_len, check_size, put_bytes, put_header};
use crate::limits::MAX_REPEATED_CONTEXT_BYTES;
use crate::results::float_at;
use crate::{Classifications, Code, Error, Result};

/// A `ClassificationRequest` or `RegressionRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InferenceRequest<'b> {
    /// `None` if the message has no `model_spec`.
    pub model_spec: Option<ModelSpec<'b>>,
    /// Serialized `tf.Example`s as they came, the context's bytes in front of each.
    pub examples: Vec<Cow<'b, [u8]>>,
}

/// One task of a [`MultiInferenceRequest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InferenceTask<'b> {
    /// `None` if the task has no `model_spec`.
    pub model_spec: Option<ModelSpec<'b>>,
    /// For example `tensorflow/serving/classify`.
    pub method_name: &'b str,
}

/// A `MultiInferenceRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultiInferenceRequest<'b> {
    /// The tasks in the order of the request.
    pub tasks: Vec<InferenceTask<'b>>,
    /// Serialized `tf.Example`s as they came, the context's bytes in front of each.
    pub examples: Vec<Cow<'b, [u8]>>,
}

/// One `InferenceResult` of a `MultiInferenceResponse`.
#[derive(Clone, Copy)]
pub enum InferenceResult<'a> {
    /// The answer of a classify task.
    Classification(Classifications<'a>),
    /// The answer of a regress task: one float32 per example in the machine's byte order.
    Regression(&'a [u8]),
}

/// Reads a `ClassificationRequest`.
///
/// # Errors
/// `INVALID_ARGUMENT` if the bytes are not such a message; `RESOURCE_EXHAUSTED` if the context, repeated for every example,
/// takes more than 256 MiB.
pub fn decode_classify(body: &[u8]) -> Result<InferenceRequest<'_>> {
    decode_inference(body, "ClassificationRequest")
}

/// Reads a `RegressionRequest`.
///
/// # Errors
/// As [`decode_classify`].
pub fn decode_regress(body: &[u8]) -> Result<InferenceRequest<'_>> {
    decode_inference(body, "RegressionRequest")
}

fn decode_inference<'b>(body: &'b [u8], message: &str) -> Result<InferenceRequest<'b>> {
    let mut model_spec = None;
    let mut input = Input::default();
    let read = each_field(body, |number, bytes| match number {
        1 => ModelSpec::merge_into(&mut model_spec, bytes),
        2 => input.merge(bytes),
        _ => Ok(()),
    });
    read.map_err(|malformed| malformed.request(message))?;
    Ok(InferenceRequest {
        model_spec,
        examples: input.examples()?,
    })
}

/// Reads a `MultiInferenceRequest`.
///
/// # Errors
/// As [`decode_classify`].
pub fn decode_multi(body: &[u8]) -> Result<MultiInferenceRequest<'_>> {
    let mut tasks = Vec::new();
    let mut input = Input::default();
    let read = each_field(body, |number, bytes| match number {
        1 => {
            tasks.push(read_task(bytes)?);
            Ok(())
        }
        2 => input.merge(bytes),
        _ => Ok(()),
    });
    read.map_err(|malformed| malformed.request("MultiInferenceRequest"))?;
    Ok(MultiInferenceRequest {
        tasks,
        examples: input.examples()?,
    })
}

fn read_task(bytes: &[u8]) -> std::result::Result<InferenceTask<'_>, Malformed> {
    let mut task = InferenceTask::default();
    each_field(bytes, |number, bytes| {
        match number {
            1 => ModelSpec::merge_into(&mut task.model_spec, bytes)?,
            2 => task.method_name = Value::Bytes(bytes).text()?.unwrap_or_default(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(task)
}

/// Calls `each` with every length-delimited field.
fn each_field<'b>(
    bytes: &'b [u8],
    mut each: impl FnMut(u32, &'b [u8]) -> std::result::Result<(), Malformed>,
) -> std::result::Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    while let Some((number, value)) = reader.next()? {
        if let Value::Bytes(bytes) = value {
            each(number, bytes)?;
        }
    }
    Ok(())
}

/// `Input`: a list of examples, with a context or without.
#[derive(Default)]
struct Input<'b> {
    examples: Vec<&'b [u8]>,
    /// The parts of the context: merging two messages is putting their bytes one behind the other.
    context: Vec<&'b [u8]>,
    with_context: bool,
}

impl<'b> Input<'b> {
    fn merge(&mut self, bytes: &'b [u8]) -> std::result::Result<(), Malformed> {
        each_field(bytes, |number, list| {
            let with_context = match number {
                1 => false,
                2 => true,
                _ => return Ok(()),
            };
            if with_context != self.with_context {
                // The other member of the oneof: what was read before is gone.
                *self = Input {
                    with_context,
                    ..Input::default()
                };
            }
            each_field(list, |number, example| {
                match number {
                    1 => self.examples.push(example),
                    2 if with_context => self.context.push(example),
                    _ => {}
                }
                Ok(())
            })
        })
    }

    /// The examples with the context's bytes in front: the graph's parser merges them, and the example's features win.
    fn examples(self) -> Result<Vec<Cow<'b, [u8]>>> {
        let context = self.context.concat();
        if context.is_empty() {
            return Ok(self.examples.into_iter().map(Cow::Borrowed).collect());
        }
        let repeated = context.len().saturating_mul(self.examples.len());
        if repeated > MAX_REPEATED_CONTEXT_BYTES {
            let count = self.examples.len();
            let message = format!("the context takes {repeated} bytes with the {count} examples");
            return Err(Error::new(Code::ResourceExhausted, message));
        }
        Ok(self
            .examples
            .iter()
            .map(|example| Cow::Owned([&context, *example].concat()))
            .collect())
    }
}

/// Appends a `ClassificationResponse`.
///
/// # Errors
/// `INTERNAL` if labels or scores do not have `batch × classes` elements or a label is not UTF-8, which protobuf text must be;
/// `RESOURCE_EXHAUSTED` over 2 GiB. `out` is then as it was.
pub fn encode_classification_response(
    model_spec: &ModelSpec<'_>,
    result: &Classifications<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let result = InferenceResult::Classification(*result);
    encode_response(model_spec, &result, out)
}

/// Appends a `RegressionResponse`; `values` is one float32 per example in the machine's byte order.
///
/// # Errors
/// `INTERNAL` if `values` is not whole floats; `RESOURCE_EXHAUSTED` over 2 GiB. `out` is then as it was.
pub fn encode_regression_response(
    model_spec: &ModelSpec<'_>,
    values: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    encode_response(model_spec, &InferenceResult::Regression(values), out)
}

fn encode_response(
    model_spec: &ModelSpec<'_>,
    result: &InferenceResult<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    result.check()?;
    let len = bytes_field_len(1, result.len()) + bytes_field_len(2, model_spec.encoded_len());
    check_size(len)?;
    out.reserve(len);
    result.put(1, out);
    model_spec.put(out, 2);
    Ok(())
}

/// Appends a `MultiInferenceResponse`: one result per task, in order.
///
/// # Errors
/// As [`encode_classification_response`].
pub fn encode_multi_response(
    results: &[(ModelSpec<'_>, InferenceResult<'_>)],
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut lens = Vec::with_capacity(results.len());
    for (model_spec, result) in results {
        result.check()?;
        let field = result.field();
        lens.push(
            bytes_field_len(1, model_spec.encoded_len()) + bytes_field_len(field, result.len()),
        );
    }
    let len = lens.iter().map(|&len| bytes_field_len(1, len)).sum();
    check_size(len)?;
    out.reserve(len);
    for ((model_spec, result), len) in results.iter().zip(lens) {
        put_header(out, 1, len);
        model_spec.put(out, 1);
        result.put(result.field(), out);
    }
    Ok(())
}

impl InferenceResult<'_> {
    fn check(&self) -> Result<()> {
        match self {
            InferenceResult::Regression(values) if values.len() % 4 == 0 => Ok(()),
            InferenceResult::Regression(_) => Err(Error::new(
                Code::Internal,
                "regression values are not whole floats",
            )),
            InferenceResult::Classification(result) => {
                result.check()?;
                let pairs = result.batch * result.classes;
                match (0..pairs).find(|&pair| std::str::from_utf8(result.label(pair)).is_err()) {
                    None => Ok(()),
                    Some(pair) => Err(Error::new(
                        Code::Internal,
                        format!("classes: label {pair} is not valid UTF-8"),
                    )),
                }
            }
        }
    }

    /// The number in `InferenceResult`.
    fn field(&self) -> u32 {
        match self {
            InferenceResult::Classification(_) => 2,
            InferenceResult::Regression(_) => 3,
        }
    }

    /// Bytes of the `ClassificationResult` or `RegressionResult`.
    fn len(&self) -> usize {
        match self {
            InferenceResult::Regression(values) => (0..values.len() / 4)
                .map(|i| bytes_field_len(1, float_len(float_at(values, i))))
                .sum(),
            InferenceResult::Classification(result) => (0..result.batch)
                .map(|example| bytes_field_len(1, classes_len(result, example)))
                .sum(),
        }
    }

    fn put(&self, field: u32, out: &mut Vec<u8>) {
        put_header(out, field, self.len());
        match self {
            InferenceResult::Regression(values) => {
                for value in (0..values.len() / 4).map(|i| float_at(values, i)) {
                    put_header(out, 1, float_len(value));
                    put_float(out, 1, value);
                }
            }
            InferenceResult::Classification(result) => {
                for example in 0..result.batch {
                    put_header(out, 1, classes_len(result, example));
                    for pair in pairs(result, example) {
                        let (label, score) = (result.label(pair), result.score(pair));
                        put_header(out, 1, class_len(label, score));
                        if !label.is_empty() {
                            put_bytes(out, 1, label);
                        }
                        put_float(out, 2, score);
                    }
                }
            }
        }
    }
}

fn pairs(result: &Classifications<'_>, example: usize) -> std::ops::Range<usize> {
    example * result.classes..(example + 1) * result.classes
}

fn classes_len(result: &Classifications<'_>, example: usize) -> usize {
    pairs(result, example)
        .map(|pair| bytes_field_len(1, class_len(result.label(pair), result.score(pair))))
        .sum()
}

fn class_len(label: &[u8], score: f32) -> usize {
    let label = if label.is_empty() {
        0
    } else {
        bytes_field_len(1, label.len())
    };
    label + float_len(score)
}

/// Bytes of a proto3 float field; positive zero, and only that, is left out.
fn float_len(value: f32) -> usize {
    if value.to_bits() == 0 { 0 } else { 5 }
}

fn put_float(out: &mut Vec<u8>, field: u8, value: f32) {
    if value.to_bits() != 0 {
        out.push(field << 3 | 5);
        out.extend_from_slice(&value.to_le_bytes());
    }
}
