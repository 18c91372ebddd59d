//! gRPC MultiInference: several classify and regress signatures on one batch of examples, in one run.

use std::sync::Arc;

use servable_codec::proto::inference::{self, InferenceResult, InferenceTask};
use servable_codec::{Code, Error};

use super::examples::{
    Columns, check_classify, check_regress, classifications, example_tensor, regressions,
};
use super::{Ask, Finish, Stop, Work, echo};
use crate::runner::{Runner, RunnerTensor};
use crate::servable::{CLASSIFY, REGRESS, Servable, Signature, effective};

/// The tasks of one request, their columns counted among all that is fetched.
pub(super) struct Tasks<R: Runner> {
    pub(super) model: String,
    tasks: Vec<(Arc<Signature<R>>, Columns)>,
    batch: usize,
}

pub(super) fn prepare<R: Runner>(ask: &mut Ask<'_, R>, body: &[u8]) -> Result<Work<R>, Stop> {
    let request = inference::decode_multi(body)?;
    // The first task alone decides model and version; without tasks there is an empty spec.
    let first = request
        .tasks
        .first()
        .and_then(|task| task.model_spec)
        .unwrap_or_default();
    let lease = ask.find(Some(&first))?;
    let servable = Arc::clone(&lease.servable);
    let mut tasks: Vec<(Arc<Signature<R>>, Columns)> = Vec::with_capacity(request.tasks.len());
    let mut feeds: Vec<&str> = Vec::new();
    let mut fetches: Vec<String> = Vec::new();
    for task in &request.tasks {
        let (signature, columns) = resolve(&servable, task, first.name, &tasks)?;
        // Signatures may share outputs; each is fetched once.
        let positions: Vec<usize> = signature
            .outputs
            .iter()
            .map(|output| {
                let known = fetches.iter().position(|name| *name == output.tensor_name);
                known.unwrap_or_else(|| {
                    fetches.push(output.tensor_name.clone());
                    fetches.len() - 1
                })
            })
            .collect();
        tasks.push((signature, columns.map(|output| positions[output])));
    }
    for (signature, _) in &tasks {
        for input in &signature.inputs {
            if !feeds.contains(&input.tensor_name.as_str()) {
                feeds.push(&input.tensor_name);
            }
        }
    }
    let fetch_names: Vec<&str> = fetches.iter().map(String::as_str).collect();
    let plan = servable.plan(&feeds, &fetch_names, &[])?;
    let examples: Vec<&[u8]> = request.examples.iter().map(AsRef::as_ref).collect();
    let tensors = feeds
        .iter()
        .map(|_| example_tensor(&servable, &examples))
        .collect::<Result<Vec<_>, _>>()?;
    let tasks = Tasks {
        model: first.name.to_owned(),
        tasks,
        batch: examples.len(),
    };
    let finish = Finish::Multi(tasks);
    Ok(Work {
        lease,
        signature: None,
        plan,
        feeds: tensors,
        finish,
    })
}

fn resolve<R: Runner>(
    servable: &Servable<R>,
    task: &InferenceTask<'_>,
    model: &str,
    earlier: &[(Arc<Signature<R>>, Columns)],
) -> Result<(Arc<Signature<R>>, Columns), Error> {
    let spec = task.model_spec.unwrap_or_default();
    if spec.name.is_empty() {
        return Err(Error::invalid("Found ModelSpec with an empty model name."));
    }
    if spec.name != model {
        return Err(Error::invalid(
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ));
    }
    let name = effective(spec.signature_name);
    if earlier
        .iter()
        .any(|(signature, _)| signature.spec.name == name)
    {
        return Err(Error::invalid(format!(
            "Duplicate evaluation of signature: {name}"
        )));
    }
    let signature = servable.signature(name).ok_or_else(|| {
        Error::invalid(format!(
            "Requested signature not found in model graph: {name}"
        ))
    })?;
    let columns = match task.method_name {
        CLASSIFY => check_classify(signature)?,
        REGRESS => check_regress(signature)?,
        other => {
            return Err(Error::new(
                Code::Unimplemented,
                format!("Unsupported signature method_name: {other}"),
            ));
        }
    };
    signature.plan()?;
    Ok((Arc::clone(signature), columns))
}

impl<R: Runner> Tasks<R> {
    /// Examples of the request.
    pub(super) fn examples(&self) -> usize {
        self.batch
    }

    pub fn finish<T: RunnerTensor>(
        &self,
        version: i64,
        outputs: &[T],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut results = Vec::with_capacity(self.tasks.len());
        for (signature, columns) in &self.tasks {
            let result = match *columns {
                Columns::Classify { classes, scores } => InferenceResult::Classification(
                    classifications((classes, scores), self.batch, outputs)?,
                ),
                Columns::Regress(output) => {
                    InferenceResult::Regression(regressions(output, self.batch, outputs)?)
                }
            };
            results.push((echo(&self.model, version, &signature.spec.name), result));
        }
        inference::encode_multi_response(&results, out)
    }
}
