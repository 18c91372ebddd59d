//! The body of `:predict`.

use std::borrow::Cow;

use super::{careful, fast};
use crate::{DecodedTensor, JsonLimits, Result, SignatureSpec};

/// How a predict request lists its values; the response follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `instances`: one element per example, answered as `predictions`.
    Row,
    /// `inputs`: whole tensors, answered as `outputs`.
    Column,
}

/// A decoded predict request.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictBody<'b, 's> {
    /// Row or columnar.
    pub format: Format,
    /// The signature that `resolve` gave.
    pub signature: &'s SignatureSpec,
    /// One tensor per input of the signature, in that order.
    pub tensors: Vec<DecodedTensor<'b>>,
}

/// Reads a predict request.
///
/// `resolve` gets the `signature_name`, empty when the body has none, and its error is the answer, unless the body is not JSON or
/// its `signature_name` no string: those come first. It is called once; only a body that names its signature behind its values
/// in an unusual place makes it be called again, and then the first answer is forgotten.
///
/// # Errors
/// `INVALID_ARGUMENT` (and `UNIMPLEMENTED` for a dtype that JSON has no form for) with TensorFlow Serving's texts; what
/// `resolve` gave; `RESOURCE_EXHAUSTED` over `limits.max_elements`.
pub fn decode<'b, 's>(
    body: &'b [u8],
    limits: &JsonLimits,
    resolve: impl FnMut(&str) -> Result<&'s SignatureSpec>,
) -> Result<PredictBody<'b, 's>> {
    let mut resolver = Resolver::new(resolve);
    match fast::decode(body, limits, &mut resolver) {
        Some(decoded) => Ok(decoded),
        None => careful::decode(body, limits, &mut resolver),
    }
}

/// As [`decode`], without the optimistic pass: the same answers, slower. For tests that compare the two.
///
/// # Errors
/// As [`decode`].
#[doc(hidden)]
pub fn decode_carefully<'b, 's>(
    body: &'b [u8],
    limits: &JsonLimits,
    resolve: impl FnMut(&str) -> Result<&'s SignatureSpec>,
) -> Result<PredictBody<'b, 's>> {
    careful::decode(body, limits, &mut Resolver::new(resolve))
}

/// Asks for signatures and remembers the last answer, so that both passes together ask once.
pub(super) struct Resolver<'b, 's, F> {
    resolve: F,
    answer: Option<(Cow<'b, str>, Result<&'s SignatureSpec>)>,
}

impl<'b, 's, F> Resolver<'b, 's, F>
where
    F: FnMut(&str) -> Result<&'s SignatureSpec>,
{
    pub fn new(resolve: F) -> Self {
        Resolver {
            resolve,
            answer: None,
        }
    }

    pub fn signature(&mut self, name: Cow<'b, str>) -> Result<&'s SignatureSpec> {
        if let Some((known, answer)) = &self.answer
            && *known == name
        {
            return answer.clone();
        }
        let answer = (self.resolve)(&name);
        self.answer = Some((name, answer.clone()));
        answer
    }
}
