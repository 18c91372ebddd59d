//! The body of `:classify` and `:regress`.

use std::borrow::Cow;

use super::base64;
use super::careful::{signature_name, text};
use super::dump::dump;
use super::number::Literal;
use super::syntax::check;
use super::value::{Elements, Kind, Members, Value};
use crate::limits::MAX_REPEATED_CONTEXT_BYTES;
use crate::proto::example::{Feature, Kind as ListKind, encode};
use crate::{Code, Error, Result};

/// A decoded classify or regress request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExamplesBody {
    /// The requested signature; empty for the default one.
    pub signature_name: String,
    /// Serialized `tf.Example`s, the context's bytes already in front of each: the graph's parser merges the two, and the
    /// example's features win.
    pub examples: Vec<Vec<u8>>,
}

/// Reads a classify or regress request, which are the same.
///
/// # Errors
/// `INVALID_ARGUMENT` with TensorFlow Serving's texts (which say "classify" for both methods); `RESOURCE_EXHAUSTED` if the
/// context, repeated for every example, takes more than 256 MiB.
pub fn decode(body: &[u8]) -> Result<ExamplesBody> {
    let document = check(body)?;
    let root = Value::new(body, document.root);
    let name = text(signature_name(&document)?).into_owned();
    let context = match document.member("context") {
        Some(start) => example(Value::new(body, start), &[])?,
        None => Vec::new(),
    };
    let complaint = |text: &str| Error::invalid(format!("JSON Value: {} {text}", dump(root)));
    let Some(start) = document.member("examples") else {
        return Err(complaint(
            "When method is classify, key 'examples' is expected and was not found",
        ));
    };
    let list = Value::new(body, start);
    if list.kind() != Kind::Array {
        return Err(complaint("Expecting 'examples' value to be an list/array"));
    }
    let mut examples = Vec::new();
    for value in Elements::new(list) {
        if context.len().saturating_mul(examples.len()) > MAX_REPEATED_CONTEXT_BYTES {
            let message = format!(
                "the context takes more than {MAX_REPEATED_CONTEXT_BYTES} bytes with the examples"
            );
            return Err(Error::new(Code::ResourceExhausted, message));
        }
        examples.push(example(value, &context)?);
    }
    if examples.is_empty() {
        return Err(complaint("'examples' value is an empty array"));
    }
    Ok(ExamplesBody {
        signature_name: name,
        examples,
    })
}

/// One object as a serialized `tf.Example` behind the context's bytes.
fn example(value: Value<'_>, context: &[u8]) -> Result<Vec<u8>> {
    if value.kind() != Kind::Object {
        return Err(Error::invalid(format!(
            "Example must be JSON object but got JSON {}",
            value.kind().name()
        )));
    }
    let mut features: Vec<(Cow<'_, [u8]>, Feature)> = Vec::new();
    for (key, value) in Members::new(value) {
        features.push((key.text(), feature(&text(key.text()), value)?));
    }
    // Of equal names the last wins; the sort keeps their order.
    features.sort_by(|(a, _), (b, _)| a.cmp(b));
    features.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            std::mem::swap(&mut later.1, &mut kept.1);
        }
        same
    });
    let mut out = context.to_vec();
    encode(features.iter(), &mut out);
    Ok(out)
}

/// A feature from a value or a list of values, all of one kind.
fn feature(name: &str, value: Value<'_>) -> Result<Feature> {
    let mut feature = Feature::default();
    if value.kind() == Kind::Array {
        for element in Elements::new(value) {
            push(&mut feature, name, element)?;
        }
    } else {
        push(&mut feature, name, value)?;
    }
    Ok(feature)
}

fn push(feature: &mut Feature, name: &str, value: Value<'_>) -> Result<()> {
    match value.kind() {
        Kind::String => {
            expect(feature, name, ListKind::Bytes)?;
            feature.push_bytes(&value.text());
        }
        Kind::True | Kind::False => {
            expect(feature, name, ListKind::Int64)?;
            feature.push_int64(i64::from(value.kind() == Kind::True));
        }
        Kind::Number => match value.number() {
            Literal::Double(number) => {
                expect(feature, name, ListKind::Float)?;
                feature.push_float(number as f32);
            }
            Literal::Negative(number) => push_integer(feature, name, number)?,
            Literal::Unsigned(number) => match i64::try_from(number) {
                Ok(number) => push_integer(feature, name, number)?,
                Err(_) => {
                    let message =
                        format!("Feature: {name} has uint64_t element. Only int64_t is supported.");
                    return Err(Error::invalid(message));
                }
            },
        },
        kind => {
            let Some(encoded) = value.base64() else {
                return Err(Error::invalid(format!(
                    "Feature: {name} has element with unexpected JSON type: {}",
                    kind.name()
                )));
            };
            expect(feature, name, ListKind::Bytes)?;
            let mut bytes = Vec::new();
            base64::decode_into(&encoded.text(), &mut bytes)
                .map_err(|_| Error::invalid("Unable to base64 decode"))?;
            feature.push_bytes(&bytes);
        }
    }
    Ok(())
}

fn push_integer(feature: &mut Feature, name: &str, number: i64) -> Result<()> {
    expect(feature, name, ListKind::Int64)?;
    feature.push_int64(number);
    Ok(())
}

fn expect(feature: &Feature, name: &str, kind: ListKind) -> Result<()> {
    match feature.kind() {
        Some(present) if present != kind => Err(Error::invalid(format!(
            "Unexpected element type in feature: {name} expecting type: {}",
            present.name()
        ))),
        _ => Ok(()),
    }
}
