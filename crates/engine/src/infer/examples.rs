//! Classify and regress: a batch of serialized `tf.Example`s in, labels and scores or values out.

use std::sync::Arc;

use servable_codec::json::examples as json_examples;
use servable_codec::json::print::{self, NonFinite};
use servable_codec::proto::{ModelSpec, inference};
use servable_codec::{Classifications, DType, Error, ViewData};

use super::{Ask, Finish, Method, Stop, Work};
use crate::lease::Lease;
use crate::runner::{Runner, RunnerTensor};
use crate::servable::{Servable, Signature, effective};
use crate::shape_check::shape_text;

const INPUTS: &str = "inputs";

/// Which of the fetched outputs mean what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Positions of `classes` and `scores` among the outputs.
    Classify {
        classes: Option<usize>,
        scores: Option<usize>,
    },
    /// Position of `outputs`.
    Regress(usize),
}

impl Columns {
    /// The same columns at other positions.
    pub fn map(self, at: impl Fn(usize) -> usize) -> Self {
        match self {
            Columns::Classify { classes, scores } => Columns::Classify {
                classes: classes.map(&at),
                scores: scores.map(&at),
            },
            Columns::Regress(output) => Columns::Regress(at(output)),
        }
    }
}

pub(super) fn prepare_rest<R: Runner>(ask: &mut Ask<'_, R>, body: &[u8]) -> Result<Work<R>, Stop> {
    // The whole body is converted before the model is looked up.
    let decoded = json_examples::decode(body)?;
    let lease = ask.find_target()?;
    let examples: Vec<&[u8]> = decoded.examples.iter().map(Vec::as_slice).collect();
    prepare(ask, lease, &decoded.signature_name, &examples, None)
}

pub(super) fn prepare_grpc<R: Runner>(ask: &mut Ask<'_, R>, body: &[u8]) -> Result<Work<R>, Stop> {
    let request = match ask.call.method {
        Method::GrpcClassify => inference::decode_classify(body)?,
        _ => inference::decode_regress(body)?,
    };
    let lease = ask.find(request.model_spec.as_ref())?;
    let spec = request.model_spec.unwrap_or_default();
    let examples: Vec<&[u8]> = request.examples.iter().map(AsRef::as_ref).collect();
    prepare(
        ask,
        lease,
        spec.signature_name,
        &examples,
        Some(spec.name.to_owned()),
    )
}

fn prepare<R: Runner>(
    ask: &mut Ask<'_, R>,
    lease: Lease<R>,
    signature_name: &str,
    examples: &[&[u8]],
    model: Option<String>,
) -> Result<Work<R>, Stop> {
    let servable = &lease.servable;
    let signature = Arc::clone(servable.signature(signature_name).ok_or_else(|| {
        Error::invalid(format!(
            "No signature was found with the name: {}",
            effective(signature_name)
        ))
    })?);
    if ask.call.settings.check_method_name {
        signature.check_method_name(ask.call.method)?;
    }
    let columns = match ask.call.method {
        Method::RestClassify | Method::GrpcClassify => check_classify(&signature)?,
        _ => check_regress(&signature)?,
    };
    let plan = Arc::clone(signature.plan()?);
    ask.pass(&signature)?;
    let feeds = vec![example_tensor(servable, examples)?];
    let finish = Finish::Examples {
        model,
        columns,
        batch: examples.len(),
    };
    Ok(Work {
        lease: lease.clone(),
        signature: Some(signature),
        plan,
        feeds,
        finish,
    })
}

/// The batch as one string tensor.
pub(super) fn example_tensor<R: Runner>(
    servable: &Servable<R>,
    examples: &[&[u8]],
) -> Result<R::Tensor, Error> {
    if examples.is_empty() {
        return Err(Error::invalid("Input is empty."));
    }
    let batch = i64::try_from(examples.len()).unwrap_or(i64::MAX);
    servable
        .runner()
        .string_tensor(&[batch], examples.iter().copied())
}

/// Whether a signature can classify; only the names of its inputs and outputs matter.
pub(super) fn check_classify<R: Runner>(signature: &Signature<R>) -> Result<Columns, Error> {
    let spec = &signature.spec;
    if spec.inputs.len() != 1 {
        return Err(Error::invalid("Expected one input Tensor."));
    }
    if !(1..=2).contains(&spec.outputs.len()) {
        return Err(Error::invalid(format!(
            "Expected one or two output Tensors, found {}",
            spec.outputs.len()
        )));
    }
    if spec.inputs[0].alias != INPUTS {
        return Err(Error::invalid(format!(
            "No classification inputs found in SignatureDef: {}",
            spec.text
        )));
    }
    let position = |name: &str| spec.outputs.iter().position(|output| output.alias == name);
    let (classes, scores) = (position("classes"), position("scores"));
    if classes.is_none() && scores.is_none() {
        return Err(Error::invalid(format!(
            "Expected classification signature outputs to contain at least one of \"classes\" or \"scores\". Signature was: {}",
            spec.text
        )));
    }
    Ok(Columns::Classify { classes, scores })
}

/// Whether a signature can regress.
pub(super) fn check_regress<R: Runner>(signature: &Signature<R>) -> Result<Columns, Error> {
    let spec = &signature.spec;
    if spec.inputs.len() != 1 {
        return Err(Error::invalid("Expected one input Tensor."));
    }
    if spec.outputs.len() != 1 {
        return Err(Error::invalid("Expected one output Tensor."));
    }
    if spec.inputs[0].alias != INPUTS {
        return Err(Error::invalid(format!(
            "No regression inputs found in SignatureDef: {}",
            spec.text
        )));
    }
    if spec.outputs[0].alias != "outputs" {
        return Err(Error::invalid(format!(
            "No regression outputs found in SignatureDef: {}",
            spec.text
        )));
    }
    Ok(Columns::Regress(0))
}

/// The outputs of a classify run, checked.
pub(super) fn classifications<T: RunnerTensor>(
    (classes, scores): (Option<usize>, Option<usize>),
    batch: usize,
    outputs: &[T],
) -> Result<Classifications<'_>, Error> {
    let label_tensor = classes.map(|at| &outputs[at]);
    let score_tensor = scores.map(|at| &outputs[at]);
    if let Some(tensor) = label_tensor {
        check_column(tensor, "classes", DType::STRING, batch)?;
    }
    if let Some(tensor) = score_tensor {
        check_column(tensor, "scores", DType::FLOAT, batch)?;
    }
    let width = |tensor: &T| tensor.shape()[1];
    let classes = match (label_tensor.map(width), score_tensor.map(width)) {
        (Some(labels), Some(scores)) if labels != scores => {
            return Err(Error::invalid(format!(
                "Tensors class and score should match in dim_size(1). Got {labels} vs. {scores}"
            )));
        }
        (labels, scores) => labels.or(scores).unwrap_or(0),
    };
    Ok(Classifications {
        batch,
        classes: usize::try_from(classes).unwrap_or(0),
        labels: label_tensor.and_then(|tensor| match tensor.data() {
            ViewData::Strings(strings) => Some(strings),
            ViewData::Bytes(_) => None,
        }),
        scores: score_tensor.and_then(|tensor| match tensor.data() {
            ViewData::Bytes(bytes) => Some(bytes),
            ViewData::Strings(_) => None,
        }),
    })
}

fn check_column<T: RunnerTensor>(
    tensor: &T,
    name: &str,
    dtype: DType,
    batch: usize,
) -> Result<(), Error> {
    let shape = tensor.shape();
    if shape.len() != 2 {
        return Err(Error::invalid(format!(
            "Expected Tensor shape: [batch_size num_classes] but got {}",
            shape_text(shape)
        )));
    }
    if tensor.dtype() != dtype {
        return Err(Error::invalid(format!(
            "Expected {name} Tensor of {}. Got: {}",
            dtype.enum_name(),
            tensor.dtype().enum_name()
        )));
    }
    if usize::try_from(shape[0]) != Ok(batch) {
        return Err(Error::invalid(format!(
            "Expected {name} output batch size of {batch}. Got: {}",
            shape[0]
        )));
    }
    Ok(())
}

/// The output of a regress run, checked: one float32 per example.
pub(super) fn regressions<T: RunnerTensor>(
    output: usize,
    batch: usize,
    outputs: &[T],
) -> Result<&[u8], Error> {
    let tensor = &outputs[output];
    let size = match *tensor.shape() {
        [size] | [size, 1] => size,
        _ => {
            return Err(Error::invalid(format!(
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {}",
                shape_text(tensor.shape())
            )));
        }
    };
    if usize::try_from(size) != Ok(batch) {
        return Err(Error::invalid(format!(
            "Input batch size did not match output batch size: {batch} vs. {size}"
        )));
    }
    match (tensor.dtype(), tensor.data()) {
        (DType::FLOAT, ViewData::Bytes(bytes)) => Ok(bytes),
        (dtype, _) => Err(Error::invalid(format!(
            "Expected output Tensor of DT_FLOAT.  Got: {}",
            dtype.enum_name()
        ))),
    }
}

pub(super) fn finish<T: RunnerTensor>(
    columns: &Columns,
    batch: usize,
    outputs: &[T],
    (spec, nonfinite): (Option<&ModelSpec<'_>>, NonFinite),
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    match *columns {
        Columns::Classify { classes, scores } => {
            let result = classifications((classes, scores), batch, outputs)?;
            match spec {
                Some(spec) => inference::encode_classification_response(spec, &result, out),
                None => print::classifications(&result, nonfinite, out),
            }
        }
        Columns::Regress(output) => {
            let values = regressions(output, batch, outputs)?;
            match spec {
                Some(spec) => inference::encode_regression_response(spec, values, out),
                None => print::regressions(values, nonfinite, out),
            }
        }
    }
}
