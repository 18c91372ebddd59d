//! REST `:predict`.

use std::cell::OnceCell;
use std::sync::Arc;

use servable_codec::Error;
use servable_codec::json::predict::{self, Format};
use servable_codec::json::print::{self, NonFinite};

use super::feed::feed;
use super::{Ask, Finish, Stop, Work, view};
use crate::lease::Lease;
use crate::runner::{Runner, RunnerTensor};
use crate::servable::{Servable, Signature, effective};

pub(super) fn prepare<R: Runner>(ask: &mut Ask<'_, R>, body: &[u8]) -> Result<Work<R>, Stop> {
    // The JSON is looked at before the model: a malformed body on an unknown model is 400, not 404.
    let found = OnceCell::<(Lease<R>, Arc<Signature<R>>)>::new();
    let mut pool = false;
    let limits = ask.call.settings.json;
    let decoded = predict::decode(body, &limits, |name| {
        let lease = ask.find_target()?;
        let signature = Arc::clone(resolve(&lease.servable, name)?);
        if ask.call.settings.check_method_name {
            signature.check_method_name(ask.call.method)?;
        }
        signature.plan()?;
        if ask.pass(&signature).is_err() {
            pool = true;
            return Err(Error::invalid("runs on the pool"));
        }
        Ok(&found.get_or_init(|| (lease, signature)).1.spec)
    });
    if pool {
        return Err(Stop::Pool);
    }
    let decoded = decoded?;
    let format = decoded.format;
    let tensors = decoded.tensors;
    let Some((lease, signature)) = found.get() else {
        return Err(Stop::Failed(Error::new(
            servable_codec::Code::Internal,
            "the signature was not resolved",
        )));
    };
    let servable = &lease.servable;
    let plan = signature.plan()?;
    let mut feeds = Vec::with_capacity(tensors.len());
    for (input, tensor) in tensors.into_iter().enumerate() {
        servable.check_shape(signature, input, &tensor.shape)?;
        feeds.push(feed(servable.runner(), plan, tensor, ask.owner)?);
    }
    Ok(Work {
        lease: lease.clone(),
        signature: Some(Arc::clone(signature)),
        plan: Arc::clone(plan),
        feeds,
        finish: Finish::RestPredict { format },
    })
}

/// The signature of a REST predict, with REST's own texts.
pub(super) fn resolve<'s, R: Runner>(
    servable: &'s Servable<R>,
    name: &str,
) -> Result<&'s Arc<Signature<R>>, Error> {
    let signature = servable.signature(name).ok_or_else(|| {
        Error::invalid(format!(
            "Serving signature name: \"{}\" not found in signature def",
            effective(name)
        ))
    })?;
    if signature.spec.inputs.is_empty() {
        let name = if name.is_empty() { "DEFAULT" } else { name };
        return Err(Error::invalid(format!(
            "Failed to get input map for signature: {name}"
        )));
    }
    Ok(signature)
}

pub(super) fn finish<R: Runner, T: RunnerTensor>(
    signature: &Signature<R>,
    format: Format,
    outputs: &[T],
    nonfinite: NonFinite,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let named: Vec<_> = signature
        .spec
        .outputs
        .iter()
        .map(|info| info.alias.as_str())
        .zip(outputs.iter().map(view))
        .collect();
    print::predict(format, &named, nonfinite, out)
}
