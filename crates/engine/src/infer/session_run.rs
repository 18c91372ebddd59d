//! gRPC SessionRun: feeds, fetches and targets by the graph's own names.

use std::collections::BTreeMap;
use std::sync::Arc;

use servable_codec::Error;
use servable_codec::proto::{session_run, tensor};

use super::feed::feed;
use super::{Ask, Finish, Stop, Work};
use crate::runner::Runner;
use crate::servable::{Servable, Signature, effective};

pub(super) fn prepare<R: Runner>(ask: &mut Ask<'_, R>, body: &[u8]) -> Result<Work<R>, Stop> {
    let request = session_run::decode(body)?;
    let lease = ask.find(request.model_spec.as_ref())?;
    let spec = request.model_spec.unwrap_or_default();
    let servable = Arc::clone(&lease.servable);
    let runner = servable.runner();
    let aliases = match request.tensor_name_is_alias {
        true => Some(servable.signature(spec.signature_name).ok_or_else(|| {
            Error::invalid(format!(
                "No signature was found with the name: {}",
                effective(spec.signature_name)
            ))
        })?),
        false => None,
    };
    let feed_names: Vec<&str> = request
        .feed
        .iter()
        .map(|(name, _)| graph_name(aliases, name))
        .collect();
    let fetch_names: Vec<&str> = request
        .fetch
        .iter()
        .map(|name| graph_name(aliases, name))
        .collect();
    let plan = servable.plan(&feed_names, &fetch_names, &request.target)?;
    let inputs = known_inputs(&servable);
    let mut feeds = Vec::with_capacity(request.feed.len());
    for ((name, bytes), graph_name) in request.feed.iter().zip(&feed_names) {
        let decoded = tensor::decode(name, bytes, &ask.call.settings.tensor)?;
        if let Some((signature, index)) = inputs.get(graph_name) {
            servable.check_shape(signature, *index, &decoded.shape)?;
        }
        feeds.push(feed(runner, &plan, decoded, ask.owner)?);
    }
    let finish = Finish::SessionRun {
        spec: (spec.name.to_owned(), spec.signature_name.to_owned()),
        fetches: request
            .fetch
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
    };
    Ok(Work {
        lease,
        signature: None,
        plan,
        feeds,
        finish,
    })
}

/// The graph's name of an alias; a name that is no alias stays as it is.
fn graph_name<'n, R: Runner>(aliases: Option<&'n Arc<Signature<R>>>, name: &'n str) -> &'n str {
    let Some(signature) = aliases else {
        return name;
    };
    signature
        .inputs
        .iter()
        .chain(&signature.outputs)
        .find(|endpoint| endpoint.alias == name)
        .map_or(name, |endpoint| endpoint.tensor_name.as_str())
}

/// Every signature input by its graph name, for the shape check.
fn known_inputs<R: Runner>(servable: &Servable<R>) -> BTreeMap<&str, (&Signature<R>, usize)> {
    let all = servable.signatures().values();
    all.flat_map(|signature| {
        let inputs = signature.inputs.iter().enumerate();
        inputs.map(move |(index, input)| (input.tensor_name.as_str(), (signature.as_ref(), index)))
    })
    .collect()
}
