//! A REST predict that was answered, as the messages that gRPC would have carried: what request logs hold.

use servable_codec::json::predict as json;
use servable_codec::proto::{ModelSpec, Version, predict};
use servable_codec::raw::npy;
use servable_codec::{Code, DType, DecodedTensor, Error, SignatureSpec, TensorInfo};

use super::{predict_raw, predict_rest};
use crate::engine::{BodyForm, Call};
use crate::runner::Runner;
use crate::servable::Servable;

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The signature it was resolved to.
    pub signature_name: String,
    /// A `PredictRequest`.
    pub request: Vec<u8>,
    /// A `PredictResponse`; `None` where the answer's text has lost what its tensors were, as `null` for NaN.
    pub response: Option<Vec<u8>>,
}

/// Reads a body and its reply again. Costs about what the request cost without its run.
///
/// # Errors
/// As the request itself, which was answered: `NotFound` when its signature has gone meanwhile.
pub fn recorded<R: Runner>(
    servable: &Servable<R>,
    version: i64,
    call: &Call<'_>,
    (body, reply): (&[u8], &[u8]),
) -> Result<Recorded, Error> {
    let resolve = |name: &str| Ok(&predict_rest::resolve(servable, name)?.spec);
    let (spec, tensors) = match call.body {
        BodyForm::Json => {
            let decoded = json::decode(body, &call.settings.json, resolve)?;
            (decoded.signature, decoded.tensors)
        }
        BodyForm::Protobuf => {
            return Err(Error::new(
                Code::Internal,
                "a protobuf body is its own record",
            ));
        }
        BodyForm::Npy | BodyForm::Csv { .. } | BodyForm::Image { .. } => {
            let spec = resolve(call.signature_name)?;
            (spec, vec![predict_raw::decode(call, body, spec)?])
        }
    };
    let model_spec = ModelSpec {
        name: call.name,
        version: Version::Specific(version),
        signature_name: &spec.name,
    };
    let mut request = Vec::new();
    let named = named(&spec.inputs, &tensors);
    let as_content = is_numeric(&tensors);
    predict::encode_request(&model_spec, &named, &[], as_content, &mut request)?;
    Ok(Recorded {
        signature_name: spec.name.clone(),
        request,
        response: response(call, spec, &model_spec, reply),
    })
}

/// Numbers are compact as `tensor_content`; many readers take strings only as `string_val`.
fn is_numeric(tensors: &[DecodedTensor<'_>]) -> bool {
    tensors.iter().all(|tensor| tensor.dtype != DType::STRING)
}

fn named<'t>(
    infos: &'t [TensorInfo],
    tensors: &'t [DecodedTensor<'_>],
) -> Vec<(&'t str, servable_codec::TensorView<'t>)> {
    let names = infos.iter().map(|info| info.alias.as_str());
    names.zip(tensors.iter().map(DecodedTensor::view)).collect()
}

/// Reads an answer with the kernels for requests: rows are rows and columns columns, only their keys differ.
fn response(
    call: &Call<'_>,
    spec: &SignatureSpec,
    model_spec: &ModelSpec<'_>,
    reply: &[u8],
) -> Option<Vec<u8>> {
    let answer = SignatureSpec {
        inputs: spec.outputs.clone(),
        outputs: Vec::new(),
        ..spec.clone()
    };
    let mut out = Vec::new();
    let mut write = |tensors: &[DecodedTensor<'_>]| {
        let named = named(&answer.inputs, tensors);
        predict::encode_response(model_spec, &named, is_numeric(tensors), &mut out)
    };
    if call.npy_reply && call.body != BodyForm::Json {
        write(&[npy::decode(reply, &answer, &call.settings.tensor).ok()?]).ok()?;
    } else {
        let body = as_request(reply)?;
        let decoded = json::decode(&body, &call.settings.json, |_| Ok(&answer)).ok()?;
        write(&decoded.tensors).ok()?;
    }
    Some(out)
}

/// `{"predictions": …}` as `{"instances": …}`, `{"outputs": …}` as `{"inputs": …}`.
fn as_request(reply: &[u8]) -> Option<Vec<u8>> {
    let start = reply.trim_ascii_start().strip_prefix(b"{")?;
    let start = start.trim_ascii_start();
    let (key, rest) = [
        (&b"{\"instances\""[..], &b"\"predictions\""[..]),
        (&b"{\"inputs\""[..], &b"\"outputs\""[..]),
    ]
    .into_iter()
    .find_map(|(key, was)| Some((key, start.strip_prefix(was)?)))?;
    Some([key, rest].concat())
}
