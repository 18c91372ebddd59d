//! gRPC Predict.

use std::collections::BTreeSet;
use std::sync::Arc;

use servable_codec::proto::predict::PredictRequest;
use servable_codec::proto::{ModelSpec, predict, tensor};
use servable_codec::{Code, DecodedTensor, Error};

use super::feed::feed;
use super::{Ask, Finish, Method, Stop, Work, joined, view};
use crate::lease::Lease;
use crate::runner::{Runner, RunnerTensor};
use crate::servable::{Signature, effective};

pub(super) fn prepare<R: Runner>(ask: &mut Ask<'_, R>, body: &[u8]) -> Result<Work<R>, Stop> {
    let request = predict::decode(body)?;
    let lease = find(ask, request.model_spec.as_ref())?;
    let spec = request.model_spec.unwrap_or_default();
    let signature = Arc::clone(
        lease
            .servable
            .signature(spec.signature_name)
            .ok_or_else(|| {
                Error::new(
                    Code::FailedPrecondition,
                    format!(
                        "Serving signature key \"{}\" not found.",
                        effective(spec.signature_name)
                    ),
                )
            })?,
    );
    if ask.call.settings.check_method_name {
        signature.check_method_name(ask.call.method)?;
    }
    let plan = signature.plan()?;
    ask.pass(&signature)?;
    check_count(&request, &signature)?;
    let servable = &lease.servable;
    let mut feeds = Vec::with_capacity(signature.inputs.len());
    for (input, tensor) in inputs(ask, &request, &signature)?.into_iter().enumerate() {
        servable.check_shape(&signature, input, &tensor.shape)?;
        feeds.push(feed(servable.runner(), plan, tensor, ask.owner)?);
    }
    let filter = filter(&request.output_filter, &signature)?;
    let plan = match &filter {
        None => Arc::clone(plan),
        // Only what is asked for is fetched: the rest of the graph does not run.
        Some(wanted) => {
            let feeds: Vec<_> = signature
                .inputs
                .iter()
                .map(|e| e.tensor_name.as_str())
                .collect();
            let fetches: Vec<_> = wanted
                .iter()
                .map(|i| signature.outputs[*i].tensor_name.as_str())
                .collect();
            servable.plan(&feeds, &fetches, &[])?
        }
    };
    let name = if spec.name.is_empty() {
        ask.call.name
    } else {
        spec.name
    };
    let model = name.to_owned();
    let finish = Finish::GrpcPredict { model, filter };
    Ok(Work {
        lease: lease.clone(),
        signature: Some(signature),
        plan,
        feeds,
        finish,
    })
}

/// Over gRPC the message names the model; over REST the path does, and the message may repeat it.
fn find<R: Runner>(ask: &mut Ask<'_, R>, spec: Option<&ModelSpec<'_>>) -> Result<Lease<R>, Error> {
    if ask.call.method != Method::RestPredict {
        return ask.find(spec);
    }
    match spec.map(|spec| spec.name) {
        Some(name) if !name.is_empty() && name != ask.call.name => Err(Error::invalid(format!(
            "model_spec.name: the path names model \"{}\", the message \"{name}\"",
            ask.call.name
        ))),
        _ => ask.find_target(),
    }
}

/// More inputs than the signature has, or fewer where nothing stands in for them.
fn check_count<R: Runner>(
    request: &PredictRequest<'_>,
    signature: &Signature<R>,
) -> Result<(), Error> {
    let (sent, wanted) = (request.inputs.len(), signature.inputs.len());
    if sent == wanted || (sent < wanted && signature.has_defaults()) {
        return Ok(());
    }
    let sent_names: BTreeSet<&str> = request.inputs.iter().map(|(name, _)| *name).collect();
    let wanted_names: BTreeSet<&str> = signature
        .inputs
        .iter()
        .map(|input| input.alias.as_str())
        .collect();
    Err(Error::invalid(format!(
        "input size does not match signature: {sent}!={wanted} len({{{}}}) != len({{{}}}). Sent extra: {{{}}}. Missing but required: {{{}}}.",
        joined(sent_names.iter().copied()),
        joined(wanted_names.iter().copied()),
        joined(sent_names.difference(&wanted_names).copied()),
        joined(wanted_names.difference(&sent_names).copied()),
    )))
}

/// One tensor per input of the signature, from the request or the signature's default.
fn inputs<'t, R: Runner>(
    ask: &Ask<'_, R>,
    request: &PredictRequest<'t>,
    signature: &'t Signature<R>,
) -> Result<Vec<DecodedTensor<'t>>, Error> {
    let limits = ask.call.settings.tensor;
    let mut tensors = Vec::with_capacity(signature.inputs.len());
    let mut used = 0;
    for input in &signature.inputs {
        // Sorted by alias, each once.
        let sent = request
            .inputs
            .binary_search_by(|(name, _)| (*name).cmp(&input.alias));
        let bytes = match (sent, &input.default) {
            (Ok(at), _) => {
                used += 1;
                request.inputs[at].1
            }
            (Err(_), Some(default)) => default.as_slice(),
            (Err(_), None) => return Err(missing(&input.alias, &input.tensor_name, signature)),
        };
        tensors.push(tensor::decode(&input.alias, bytes, &limits)?);
    }
    if used < request.inputs.len() {
        let known = |name: &&str| {
            signature
                .inputs
                .iter()
                .any(|input| input.alias.as_str() == *name)
        };
        let sent = || request.inputs.iter().map(|(name, _)| *name);
        return Err(Error::invalid(format!(
            "Inputs contains invalid name. Used request inputs: {}, request input: {}",
            joined(sent().filter(known)),
            joined(sent()),
        )));
    }
    Ok(tensors)
}

fn missing<R: Runner>(alias: &str, tensor_name: &str, signature: &Signature<R>) -> Error {
    let all = joined(signature.inputs.iter().map(|input| input.alias.as_str()));
    let defaults = signature
        .inputs
        .iter()
        .filter(|input| input.default.is_some());
    let defaults = joined(defaults.map(|input| input.alias.as_str()));
    Error::invalid(format!(
        "Signature input alias: {alias}(feed name: {tensor_name}) not found in request and no default value provided. Inputs expected to be in the request {{{all}}}, or default input alias set: {defaults}"
    ))
}

/// Indices of the outputs asked for; `None` for all.
fn filter<R: Runner>(
    names: &[&str],
    signature: &Signature<R>,
) -> Result<Option<Vec<usize>>, Error> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut wanted = Vec::with_capacity(names.len());
    for name in names {
        let Some(at) = signature
            .outputs
            .iter()
            .position(|output| output.alias == *name)
        else {
            let all = joined(signature.outputs.iter().map(|output| output.alias.as_str()));
            return Err(Error::invalid(format!(
                "output tensor alias not found in signature: {name} Outputs expected to be in the set {{{all}}}."
            )));
        };
        if wanted.contains(&at) {
            return Err(Error::invalid(format!(
                "duplicate output tensor alias: {name}"
            )));
        }
        wanted.push(at);
    }
    Ok(Some(wanted))
}

pub(super) fn finish<R: Runner, T: RunnerTensor>(
    signature: &Signature<R>,
    filter: Option<&[usize]>,
    outputs: &[T],
    (spec, as_content): (&ModelSpec<'_>, bool),
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let alias = |index: usize| signature.spec.outputs[index].alias.as_str();
    let named: Vec<_> = outputs
        .iter()
        .enumerate()
        .map(|(at, tensor)| (alias(filter.map_or(at, |filter| filter[at])), view(tensor)))
        .collect();
    predict::encode_response(spec, &named, as_content, out)
}
