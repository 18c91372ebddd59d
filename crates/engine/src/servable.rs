//! A loaded model with everything a request needs resolved: signatures, plans, costs and checks.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use servable_codec::{Code, Error, SignatureSpec, TensorInfo};

use crate::counters::{ModelCounters, Subject};
use crate::infer::Method;
use crate::lease::{Gone, reap};
use crate::runner::{EndpointSource, Runner, SignatureSource};
use crate::schedule::batch::Route;
use crate::schedule::tick::Cost;
use crate::shape_check::InputShapeCheck;

/// The signature a request means when it names none.
pub const DEFAULT_SIGNATURE: &str = "serving_default";

/// A loaded model. Its session is closed when the last reference goes, on the reaper's thread.
pub struct Servable<R: Runner> {
    /// Taken out only by `drop`.
    runner: Option<R>,
    signatures: BTreeMap<String, Arc<Signature<R>>>,
    plans: Plans<R>,
    shape_check: InputShapeCheck,
    gone: Gone,
    /// Where requests are counted that reach none of its signatures; set once it is published.
    subject: OnceLock<Arc<Subject>>,
}

/// Plans of feeds and fetches that are no whole signature, by their names.
type Plans<R> = Mutex<HashMap<String, Arc<<R as Runner>::Plan>>>;

/// Clients choose output filters and fetches, so what is kept of them is bounded.
const MAX_PLANS: usize = 64;

/// One signature, resolved.
pub struct Signature<R: Runner> {
    /// What the codecs need of it.
    pub spec: SignatureSpec,
    /// Parallel to `spec.inputs`.
    pub inputs: Vec<EndpointSource>,
    /// Parallel to `spec.outputs`.
    pub outputs: Vec<EndpointSource>,
    /// All inputs, all outputs; the failure is kept for the requests that call it.
    pub plan: Result<Arc<R::Plan>, Error>,
    /// See [`Runner::smallest_rank`].
    pub smallest_rank: Option<usize>,
    /// Its measured cost.
    pub cost: Cost,
    /// Where its requests are counted; set once it is published, so that warm-ups are not.
    pub subject: OnceLock<Arc<Subject>>,
    /// The way into its batching queue, where it is batched. Set before the model is published.
    pub route: OnceLock<Arc<Route<R>>>,
}

impl<R: Runner> Servable<R> {
    /// Resolves what a freshly loaded model offers.
    pub fn new(runner: R, shape_check: InputShapeCheck) -> Self {
        let signatures = runner
            .signatures()
            .into_iter()
            .map(|source| {
                (
                    source.name.clone(),
                    Arc::new(Signature::new(&runner, source)),
                )
            })
            .collect();
        let (plans, gone) = (Mutex::default(), Gone::default());
        Self {
            runner: Some(runner),
            signatures,
            plans,
            shape_check,
            gone,
            subject: OnceLock::new(),
        }
    }

    /// From now on requests are counted, under `version`. The first call counts.
    pub fn count_under(&self, counters: &ModelCounters, version: i64) {
        let names = self.signatures.keys().map(String::as_str);
        let mut subjects = counters.subjects.enter(version, names).into_iter();
        if let Some(subject) = subjects.next() {
            let _ = self.subject.set(subject);
        }
        for (signature, subject) in self.signatures.values().zip(subjects) {
            let _ = signature.subject.set(subject);
        }
    }

    /// Where requests are counted that reach none of its signatures.
    pub fn subject(&self) -> Option<&Arc<Subject>> {
        self.subject.get()
    }

    /// The model itself.
    pub fn runner(&self) -> &R {
        self.runner
            .as_ref()
            .expect("taken out only when the servable is dropped")
    }

    /// All signatures, by name.
    pub fn signatures(&self) -> &BTreeMap<String, Arc<Signature<R>>> {
        &self.signatures
    }

    /// The signature of this name; the empty name is `serving_default`.
    pub fn signature(&self, name: &str) -> Option<&Arc<Signature<R>>> {
        self.signatures.get(effective(name))
    }

    /// True if any signature may run inline with a body of this size or is batched: only then decoding on the event loop can
    /// pay off.
    pub fn may_inline(&self, body_bytes: usize) -> bool {
        self.signatures
            .values()
            .any(|signature| signature.may_inline(body_bytes))
    }

    /// No request gets here any more: what is queued waits no longer for company.
    pub(crate) fn drain_batches(&self) {
        for route in self.signatures.values().filter_map(|it| it.route.get()) {
            route.drain();
        }
    }

    /// Tells when the session is closed.
    pub fn gone(&self) -> &Gone {
        &self.gone
    }

    /// Refuses a feed whose shape could abort the process.
    ///
    /// # Errors
    /// `InvalidArgument`, see [`InputShapeCheck`].
    pub fn check_shape(
        &self,
        signature: &Signature<R>,
        input: usize,
        shape: &[i64],
    ) -> Result<(), Error> {
        self.shape_check.check(
            &signature.spec.inputs[input],
            shape,
            signature.smallest_rank,
        )
    }

    /// A plan of any feeds, fetches and targets, kept for the next request like it.
    ///
    /// # Errors
    /// A name the graph does not have.
    pub fn plan(
        &self,
        feeds: &[&str],
        fetches: &[&str],
        targets: &[&str],
    ) -> Result<Arc<R::Plan>, Error> {
        // No graph name holds a newline or a tab.
        let key = [feeds, fetches, targets]
            .map(|names| names.join("\n"))
            .join("\t");
        if let Some(plan) = self.plans.lock().get(&key) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(self.runner().plan(feeds, fetches, targets)?);
        let mut plans = self.plans.lock();
        if plans.len() >= MAX_PLANS {
            plans.clear();
        }
        plans.insert(key, Arc::clone(&plan));
        Ok(plan)
    }
}

impl<R: Runner> Drop for Servable<R> {
    fn drop(&mut self) {
        if let Some(runner) = self.runner.take() {
            // Plans belong to the session and must not outlive it.
            let signatures = std::mem::take(&mut self.signatures);
            let plans = std::mem::take(self.plans.get_mut());
            reap((signatures, plans, runner), self.gone.clone());
        }
    }
}

impl<R: Runner> Signature<R> {
    fn new(runner: &R, source: SignatureSource) -> Self {
        let text = text_format(&source);
        let (plan, smallest_rank) = match &source.unsupported {
            Some(reason) => (Err(Error::new(Code::Unimplemented, reason.clone())), None),
            None => {
                let feeds: Vec<_> = source
                    .inputs
                    .iter()
                    .map(|e| e.tensor_name.as_str())
                    .collect();
                let fetches: Vec<_> = source
                    .outputs
                    .iter()
                    .map(|e| e.tensor_name.as_str())
                    .collect();
                let plan = runner.plan(&feeds, &fetches, &[]).map(Arc::new);
                (plan, runner.smallest_rank(&feeds, &fetches))
            }
        };
        let spec = SignatureSpec {
            name: source.name,
            method_name: source.method_name,
            inputs: source.inputs.iter().map(info).collect(),
            outputs: source.outputs.iter().map(info).collect(),
            text,
        };
        let (inputs, outputs, cost) = (source.inputs, source.outputs, Cost::default());
        Self {
            spec,
            inputs,
            outputs,
            plan,
            smallest_rank,
            cost,
            subject: OnceLock::new(),
            route: OnceLock::new(),
        }
    }

    /// The plan of all inputs and outputs.
    ///
    /// # Errors
    /// Why the signature cannot be called.
    pub fn plan(&self) -> Result<&Arc<R::Plan>, Error> {
        self.plan.as_ref().map_err(Clone::clone)
    }

    /// Whether a request with a body of this size is decoded by the event loop: it is cheap, or another thread runs it then.
    pub fn may_inline(&self, body_bytes: usize) -> bool {
        self.route.get().is_some() || self.cost.inline(body_bytes).is_some()
    }

    /// True if any input has a default.
    pub fn has_defaults(&self) -> bool {
        self.inputs.iter().any(|input| input.default.is_some())
    }

    /// Refuses a signature whose method name is another method's, for `--enable_signature_method_name_check`.
    ///
    /// # Errors
    /// TensorFlow Serving's codes and texts.
    pub fn check_method_name(&self, method: Method) -> Result<(), Error> {
        const PREDICT: &str = "tensorflow/serving/predict";
        let was = self.spec.method_name.as_str();
        match method {
            Method::RestPredict | Method::GrpcPredict => match was {
                PREDICT | CLASSIFY | REGRESS => Ok(()),
                _ => Err(Error::new(
                    Code::Internal,
                    format!(
                        "Expected prediction signature method_name to be one of {{{PREDICT}, {CLASSIFY}, {REGRESS}}}. Was: {was}"
                    ),
                )),
            },
            Method::RestClassify | Method::GrpcClassify if was != CLASSIFY => {
                Err(Error::invalid(format!(
                    "Expected classification signature method_name to be {CLASSIFY}. Was: {was}"
                )))
            }
            Method::RestRegress | Method::GrpcRegress if was != REGRESS => Err(Error::invalid(
                format!("Expected regression signature method_name to be {REGRESS}. Was: {was}"),
            )),
            _ => Ok(()),
        }
    }
}

/// The method name of classify signatures.
pub const CLASSIFY: &str = "tensorflow/serving/classify";
/// The method name of regress signatures.
pub const REGRESS: &str = "tensorflow/serving/regress";

/// The name a request means.
pub fn effective(signature_name: &str) -> &str {
    if signature_name.is_empty() {
        DEFAULT_SIGNATURE
    } else {
        signature_name
    }
}

fn info(endpoint: &EndpointSource) -> TensorInfo {
    TensorInfo {
        alias: endpoint.alias.clone(),
        dtype: endpoint.dtype,
        shape: endpoint.shape.clone(),
    }
}

/// The `SignatureDef` in protobuf's text format, for the errors that print it.
fn text_format(source: &SignatureSource) -> String {
    let mut text = String::new();
    for (field, endpoints) in [("inputs", &source.inputs), ("outputs", &source.outputs)] {
        for endpoint in endpoints {
            let _ = write!(
                text,
                "{field} {{\n  key: {}\n  value {{\n    name: {}\n    dtype: {}\n    tensor_shape {{\n",
                quoted(&endpoint.alias),
                quoted(&endpoint.tensor_name),
                endpoint.dtype.enum_name()
            );
            match &endpoint.shape {
                None => text.push_str("      unknown_rank: true\n"),
                Some(shape) => {
                    for size in shape {
                        // proto3 does not print a zero.
                        let size = if *size == 0 {
                            String::new()
                        } else {
                            format!("        size: {size}\n")
                        };
                        let _ = write!(text, "      dim {{\n{size}      }}\n");
                    }
                }
            }
            text.push_str("    }\n  }\n}\n");
        }
    }
    if !source.method_name.is_empty() {
        let _ = writeln!(text, "method_name: {}", quoted(&source.method_name));
    }
    text
}

/// A string literal of the text format.
fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'\'' => {
                literal.push('\\');
                literal.push(byte as char);
            }
            b'\n' => literal.push_str("\\n"),
            b'\r' => literal.push_str("\\r"),
            b'\t' => literal.push_str("\\t"),
            0x20..=0x7e => literal.push(byte as char),
            _ => {
                let _ = write!(literal, "\\{byte:03o}");
            }
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use servable_codec::DType;

    use super::*;

    #[test]
    fn the_text_of_a_signature_is_protobufs() {
        let endpoint = |alias: &str, shape: Option<Vec<i64>>| EndpointSource {
            alias: alias.into(),
            tensor_name: format!("{alias}:0"),
            dtype: DType::FLOAT,
            shape,
            default: None,
        };
        let text = text_format(&SignatureSource {
            name: "s".into(),
            method_name: "tensorflow/serving/predict".into(),
            inputs: vec![endpoint("x", Some(vec![-1, 0]))],
            outputs: vec![endpoint("y", None)],
            unsupported: None,
        });
        assert_eq!(
            text,
            "inputs {\n  key: \"x\"\n  value {\n    name: \"x:0\"\n    dtype: DT_FLOAT\n    tensor_shape {\n      dim {\n        size: -1\n      }\n      dim {\n      }\n    }\n  }\n}\noutputs {\n  key: \"y\"\n  value {\n    name: \"y:0\"\n    dtype: DT_FLOAT\n    tensor_shape {\n      unknown_rank: true\n    }\n  }\n}\nmethod_name: \"tensorflow/serving/predict\"\n"
        );
        assert_eq!(quoted("a\"b\né"), "\"a\\\"b\\n\\303\\251\"");
    }
}
