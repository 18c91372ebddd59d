//! From a request's bytes to feeds, and from outputs to a reply's bytes.
//!
//! A request is three steps: [`prepare`] decodes and checks it, [`Work::run`] runs it, [`Work::finish`] prints the reply.
//! `Work` borrows nothing of the request, so whoever schedules it (event loop, pool, later a batcher) is free to hold it.

pub mod direct;
mod examples;
mod feed;
mod multi;
mod predict_grpc;
mod predict_raw;
mod predict_rest;
pub mod recorded;
mod session_run;
mod wanted;

use std::sync::Arc;

use servable_codec::json::predict::Format;
use servable_codec::proto::{ModelSpec, Version};
use servable_codec::{Code, Error, TensorView};

use crate::body::Body;
use crate::catalog::{Catalog, Choice};
use crate::counters::{ModelCounters, Protocol, Subject};
use crate::engine::{BodyForm, Call};
use crate::lease::Lease;
use crate::runner::{RunMode, Runner, RunnerTensor};
use crate::schedule::tick::Spent;
use crate::servable::Signature;
use examples::Columns;
pub use wanted::Wanted;

/// What a request asks for, and in which protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(
    missing_docs,
    reason = "protocol and TensorFlow Serving's name of the method"
)]
pub enum Method {
    RestPredict,
    RestClassify,
    RestRegress,
    GrpcPredict,
    GrpcClassify,
    GrpcRegress,
    GrpcMultiInference,
    GrpcSessionRun,
}

impl Method {
    /// Number of methods.
    pub const COUNT: usize = 8;

    /// Every method with the name the boundary uses.
    pub const ALL: [(Method, &'static str); Self::COUNT] = [
        (Method::RestPredict, "rest.predict"),
        (Method::RestClassify, "rest.classify"),
        (Method::RestRegress, "rest.regress"),
        (Method::GrpcPredict, "grpc.predict"),
        (Method::GrpcClassify, "grpc.classify"),
        (Method::GrpcRegress, "grpc.regress"),
        (Method::GrpcMultiInference, "grpc.multiInference"),
        (Method::GrpcSessionRun, "grpc.sessionRun"),
    ];

    /// The protocol it belongs to.
    pub fn protocol(self) -> Protocol {
        match self {
            Method::RestPredict | Method::RestClassify | Method::RestRegress => Protocol::Rest,
            Method::GrpcPredict
            | Method::GrpcClassify
            | Method::GrpcRegress
            | Method::GrpcMultiInference
            | Method::GrpcSessionRun => Protocol::Grpc,
        }
    }

    /// The method of a boundary name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(method, _)| *method)
    }
}

/// Why preparing stopped.
pub enum Stop {
    /// The gate said no: prepare it again on the pool.
    Pool,
    /// The request is refused.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

/// Where a request's servable is looked for.
pub(crate) enum Models<'a, R: Runner> {
    /// Among all that are published.
    Catalog(&'a Catalog<R>),
    /// It is this one, whatever the request names.
    Only(&'a Lease<R>),
}

impl<R: Runner> Clone for Models<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Runner> Copy for Models<'_, R> {}

/// What preparing needs besides the body.
pub(crate) struct Ask<'a, R: Runner> {
    pub call: &'a Call<'a>,
    pub models: Models<'a, R>,
    /// The body's owner, where tensors may stand on its memory.
    pub owner: Option<&'a Body>,
    /// Asked once the signature is known, before its tensors are decoded.
    pub gate: &'a mut dyn FnMut(&Signature<R>) -> bool,
    /// Set as soon as the servable is known, so that failures are counted and answered under its version.
    pub lease: &'a mut Option<Lease<R>>,
    /// Set where the model is known and none of its versions answers.
    pub blamed: &'a mut Option<Arc<ModelCounters>>,
}

impl<R: Runner> Ask<'_, R> {
    /// Leases the servable of a gRPC request's spec.
    fn find(&mut self, spec: Option<&ModelSpec<'_>>) -> Result<Lease<R>, Error> {
        if let Models::Only(_) = self.models {
            return self.find_target();
        }
        let spec = spec.ok_or_else(|| Error::invalid("Missing ModelSpec"))?;
        if spec.name.is_empty() {
            return Err(Error::invalid("ModelSpec has no name specified."));
        }
        let choice = match spec.version {
            Version::Latest => Choice::Latest,
            Version::Specific(version) => Choice::Specific(version),
            Version::Label(label) => Choice::Label(label),
        };
        self.lease(spec.name, choice)
    }

    /// Leases the servable of a REST request's path.
    fn find_target(&mut self) -> Result<Lease<R>, Error> {
        self.lease(self.call.name, self.call.choice)
    }

    fn lease(&mut self, name: &str, choice: Choice<'_>) -> Result<Lease<R>, Error> {
        let lease = match self.models {
            Models::Catalog(catalog) => catalog.find(name, choice).inspect_err(|_| {
                *self.blamed = Some(catalog.counters_of(name));
            })?,
            Models::Only(lease) => lease.clone(),
        };
        *self.lease = Some(lease.clone());
        Ok(lease)
    }

    fn pass(&mut self, signature: &Signature<R>) -> Result<(), Stop> {
        if (self.gate)(signature) {
            Ok(())
        } else {
            Err(Stop::Pool)
        }
    }
}

/// A request that only needs to be run.
pub struct Work<R: Runner> {
    pub(crate) lease: Lease<R>,
    /// The signature the cost is booked to, where it is one.
    pub(crate) signature: Option<Arc<Signature<R>>>,
    plan: Arc<R::Plan>,
    pub(crate) feeds: Vec<R::Tensor>,
    finish: Finish<R>,
}

/// How the reply is printed.
enum Finish<R: Runner> {
    RestPredict {
        format: Format,
    },
    RestRaw,
    GrpcPredict {
        model: String,
        /// Indices of the signature's outputs that were fetched; `None`: all.
        filter: Option<Vec<usize>>,
    },
    Examples {
        /// The name to echo over gRPC; `None`: the reply is JSON.
        model: Option<String>,
        columns: Columns,
        batch: usize,
    },
    Multi(multi::Tasks<R>),
    SessionRun {
        spec: (String, String),
        fetches: Vec<String>,
    },
}

/// Decodes and checks one request.
///
/// # Errors
/// `Stop::Pool` when the gate refused, else the client's error with TensorFlow Serving's code and text.
pub(crate) fn prepare<R: Runner>(mut ask: Ask<'_, R>, body: &[u8]) -> Result<Work<R>, Stop> {
    match ask.call.method {
        Method::RestPredict => match ask.call.body {
            BodyForm::Json => predict_rest::prepare(&mut ask, body),
            BodyForm::Protobuf => predict_grpc::prepare(&mut ask, body),
            _ => predict_raw::prepare(&mut ask, body),
        },
        Method::GrpcPredict => predict_grpc::prepare(&mut ask, body),
        Method::RestClassify | Method::RestRegress => examples::prepare_rest(&mut ask, body),
        Method::GrpcClassify | Method::GrpcRegress => examples::prepare_grpc(&mut ask, body),
        Method::GrpcMultiInference => multi::prepare(&mut ask, body),
        Method::GrpcSessionRun => session_run::prepare(&mut ask, body),
    }
}

impl<R: Runner> Work<R> {
    /// Runs to completion on the calling thread. Blocks.
    ///
    /// # Errors
    /// TensorFlow's code and text.
    pub fn run(&self, mode: RunMode) -> Result<Vec<R::Tensor>, Error> {
        let feeds: Vec<&R::Tensor> = self.feeds.iter().collect();
        self.lease.servable.runner().run(&self.plan, &feeds, mode)
    }

    /// Prints the reply into `out`.
    ///
    /// # Errors
    /// Outputs that the method cannot print, with TensorFlow Serving's texts.
    pub fn finish<T: RunnerTensor>(
        &self,
        outputs: &[T],
        wanted: &Wanted,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let version = self.lease.version;
        match &self.finish {
            Finish::RestPredict { format } => {
                predict_rest::finish(self.signature()?, *format, outputs, wanted.nonfinite, out)
            }
            Finish::RestRaw => predict_raw::finish(self.signature()?, outputs, wanted, out),
            Finish::GrpcPredict { model, filter } => {
                let signature = self.signature()?;
                let spec = echo(model, version, &signature.spec.name);
                let as_content = wanted.as_tensor_content;
                predict_grpc::finish(
                    signature,
                    filter.as_deref(),
                    outputs,
                    (&spec, as_content),
                    out,
                )
            }
            Finish::Examples {
                model,
                columns,
                batch,
            } => {
                let name = &self.signature()?.spec.name;
                let spec = model.as_ref().map(|model| echo(model, version, name));
                examples::finish(
                    columns,
                    *batch,
                    outputs,
                    (spec.as_ref(), wanted.nonfinite),
                    out,
                )
            }
            Finish::Multi(tasks) => tasks.finish(version, outputs, out),
            Finish::SessionRun {
                spec: (model, signature),
                fetches,
            } => {
                let spec = echo(model, version, signature);
                let named: Vec<_> = fetches
                    .iter()
                    .map(String::as_str)
                    .zip(outputs.iter().map(view))
                    .collect();
                let as_content = wanted.as_tensor_content;
                servable_codec::proto::session_run::encode(&spec, &named, as_content, out)
            }
        }
    }

    /// Name and version of what is run; `path_name` is the name in a REST request's path.
    pub(crate) fn servable<'a>(&'a self, path_name: &'a str) -> (&'a str, i64) {
        let name = match &self.finish {
            Finish::GrpcPredict { model, .. }
            | Finish::Examples {
                model: Some(model), ..
            } => model,
            Finish::SessionRun { spec, .. } => &spec.0,
            Finish::Multi(tasks) => &tasks.model,
            Finish::RestPredict { .. } | Finish::RestRaw | Finish::Examples { model: None, .. } => {
                path_name
            }
        };
        let name = if name.is_empty() { path_name } else { name };
        (name, self.lease.version)
    }

    /// What the request is counted under, once its version was published.
    pub(crate) fn subject(&self) -> Option<&Subject> {
        let of_signature = self.signature.as_ref().and_then(|it| it.subject.get());
        let subject = of_signature.or_else(|| self.lease.servable.subject());
        subject.map(Arc::as_ref)
    }

    /// The examples of a MultiInference request.
    pub(crate) fn examples(&self) -> Option<usize> {
        match &self.finish {
            Finish::Multi(tasks) => Some(tasks.examples()),
            _ => None,
        }
    }

    /// Indices of the signature's outputs that are fetched; `None`: all.
    pub(crate) fn filter(&self) -> Option<&[usize]> {
        match &self.finish {
            Finish::GrpcPredict { filter, .. } => filter.as_deref(),
            _ => None,
        }
    }

    /// Whether requests of this size are best run by the calling thread alone.
    pub(crate) fn is_small(&self, body_bytes: usize) -> bool {
        self.signature
            .as_ref()
            .is_some_and(|signature| signature.cost.is_small(body_bytes))
    }

    /// Books the measured cost; `alone` if the calling thread did all of it.
    pub(crate) fn record_cost(&self, body_bytes: usize, spent: Spent, alone: bool) {
        if let Some(signature) = &self.signature {
            signature.cost.record(body_bytes, spent, alone);
        }
    }

    fn signature(&self) -> Result<&Signature<R>, Error> {
        self.signature
            .as_deref()
            .ok_or_else(|| Error::new(Code::Internal, "a request without a signature"))
    }
}

/// The spec a reply carries: the version that answered, the signature as resolved, never a label.
fn echo<'a>(name: &'a str, version: i64, signature_name: &'a str) -> ModelSpec<'a> {
    ModelSpec {
        name,
        version: Version::Specific(version),
        signature_name,
    }
}

/// An output as the printers take it.
fn view<T: RunnerTensor>(tensor: &T) -> TensorView<'_> {
    TensorView {
        dtype: tensor.dtype(),
        shape: tensor.shape(),
        data: tensor.data(),
    }
}

/// Names as TensorFlow Serving joins them: `a,b`.
fn joined<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(",")
}
