//! REST `:predict` with a body that is one tensor: `.npy`, CSV, an image.

use std::sync::Arc;

use servable_codec::json::predict::Format;
use servable_codec::json::print;
use servable_codec::raw::image::ImageOptions;
use servable_codec::raw::{csv, image, npy};
use servable_codec::{DecodedTensor, Error, SignatureSpec, TensorView};

use super::feed::feed;
use super::{Ask, Finish, Stop, Wanted, Work, predict_rest, view};
use crate::engine::{BodyForm, Call};
use crate::runner::{Runner, RunnerTensor};
use crate::servable::Signature;

pub(super) fn prepare<R: Runner>(ask: &mut Ask<'_, R>, body: &[u8]) -> Result<Work<R>, Stop> {
    let lease = ask.find_target()?;
    let servable = &lease.servable;
    let signature = Arc::clone(predict_rest::resolve(servable, ask.call.signature_name)?);
    if ask.call.settings.check_method_name {
        signature.check_method_name(ask.call.method)?;
    }
    let plan = signature.plan()?;
    ask.pass(&signature)?;
    let tensor = decode(ask.call, body, &signature.spec)?;
    servable.check_shape(&signature, 0, &tensor.shape)?;
    let feeds = vec![feed(servable.runner(), plan, tensor, ask.owner)?];
    let plan = Arc::clone(plan);
    let signature = Some(signature);
    Ok(Work {
        lease: lease.clone(),
        signature,
        plan,
        feeds,
        finish: Finish::RestRaw,
    })
}

/// The one tensor of a body.
pub(super) fn decode<'b>(
    call: &Call<'_>,
    body: &'b [u8],
    spec: &SignatureSpec,
) -> Result<DecodedTensor<'b>, Error> {
    let limits = call.settings.tensor;
    match call.body {
        BodyForm::Csv { header } => csv::decode(body, spec, &limits, header),
        BodyForm::Image { keep_scale } => {
            let options = ImageOptions {
                keep_scale,
                ..ImageOptions::default()
            };
            image::decode(body, spec, &options)
        }
        BodyForm::Npy | BodyForm::Json | BodyForm::Protobuf => npy::decode(body, spec, &limits),
    }
}

/// Prints the answer to a body that is neither rows nor columns: as rows where every output has one a row, else as columns.
pub(super) fn finish<R: Runner, T: RunnerTensor>(
    signature: &Signature<R>,
    outputs: &[T],
    wanted: &Wanted,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let names = signature
        .spec
        .outputs
        .iter()
        .map(|info| info.alias.as_str());
    let named: Vec<(&str, TensorView<'_>)> = names.zip(outputs.iter().map(view)).collect();
    if wanted.npy_reply {
        return match named.as_slice() {
            [(name, tensor)] => npy::encode(name, tensor, out),
            several => Err(Error::invalid(format!(
                "an .npy answer holds one output, signature \"{}\" has {}: ask for JSON",
                signature.spec.name,
                several.len()
            ))),
        };
    }
    let batch = |tensor: &TensorView<'_>| tensor.shape.first().copied();
    let first = named.first().and_then(|(_, tensor)| batch(tensor));
    let is_rows = first.is_some() && named.iter().all(|(_, tensor)| batch(tensor) == first);
    let format = if is_rows { Format::Row } else { Format::Column };
    print::predict(format, &named, wanted.nonfinite, out)
}
