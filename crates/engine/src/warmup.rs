//! Runs a model that requests do not find yet, so that the first of them is not the first.
//!
//! With a file of recorded requests those are replayed, and any failure fails the load, as in TensorFlow Serving. Without one,
//! requests of zeros are made from the signatures, and what fails is only told.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use servable_codec::json::print::NonFinite;
use servable_codec::proto::prediction_log::{self, LoggedRequest};
use servable_codec::proto::{ModelSpec, Version, is_malformed, predict};
use servable_codec::tfrecord::RecordReader;
use servable_codec::{Code, Error, TensorView, ViewData};

use crate::body::Body;
use crate::catalog::Choice;
use crate::counters::ModelCounters;
use crate::engine::{BodyForm, Call, Settings, answer_from};
use crate::infer::{Method, Models};
use crate::lease::Lease;
use crate::runner::{EndpointSource, Runner};
use crate::servable::{DEFAULT_SIGNATURE, Servable, Signature};

/// The file below a version's directory, TensorFlow Serving's.
pub const WARMUP_FILE: &str = "assets.extra/tf_serving_warmup_requests";
/// More records than this fail the load.
pub const MAX_RECORDS: u64 = 1000;
/// A record that cannot be read is shown in the error up to this length.
const SHOWN_BYTES: usize = 512;
/// A made-up request is at most this large, all inputs together.
const MAX_MADE_BYTES: usize = 64 << 20;
/// No made-up request begins later than this: a model of many signatures must not wait for all of them.
const MADE_TIME: Duration = Duration::from_secs(3);

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Times each record is run; 0 is once.
    pub iterations: u32,
    /// Make requests from the signatures where there is no file.
    pub auto: bool,
    /// The batch sizes of those.
    pub batch_sizes: Vec<u32>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Records read from the file; `None` without a file.
    pub records: Option<u64>,
    /// Requests run.
    pub runs: u64,
    /// Signatures that were not run on made-up requests, and why.
    pub skipped: Vec<(String, String)>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Warms a model up. Blocks.
///
/// # Errors
/// With TensorFlow Serving's texts: a record that cannot be read or run, or more than [`MAX_RECORDS`]; and how many were read.
pub fn run<R: Runner>(
    servable: &Arc<Servable<R>>,
    export_dir: &str,
    plan: &Plan,
    settings: &Settings,
) -> Result<Report, (Error, u64)> {
    let start = Instant::now();
    let warmup = Warmup {
        lease: Lease {
            servable: Arc::clone(servable),
            version: 0,
            // Not the model's: these are no requests of clients.
            counters: Arc::new(ModelCounters::new("")),
        },
        settings,
    };
    let path = Path::new(export_dir).join(WARMUP_FILE);
    let mut report = Report::default();
    match File::open(&path) {
        Ok(file) => {
            let mut read = 0;
            let replayed = warmup.replay(file, &path, plan.iterations.max(1), &mut read);
            replayed.map_err(|error| (error, read))?;
            report.records = Some(read);
            report.runs = read * u64::from(plan.iterations.max(1));
        }
        Err(error) if is_missing(&error) => {
            if plan.auto {
                warmup.make_up(&plan.batch_sizes, &mut report);
            }
        }
        Err(error) => {
            let text = format!("{}; {error}", path.display());
            return Err((Error::new(Code::FailedPrecondition, text), 0));
        }
    }
    report.elapsed = start.elapsed();
    Ok(report)
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

struct Warmup<'a, R: Runner> {
    lease: Lease<R>,
    settings: &'a Settings,
}

impl<R: Runner> Warmup<'_, R> {
    /// Runs every record of the file; `read` counts them.
    fn replay(&self, file: File, path: &Path, times: u32, read: &mut u64) -> Result<(), Error> {
        let mut records = RecordReader::new(BufReader::new(file));
        let mut record = Vec::new();
        while records.next(&mut record)? {
            let Ok(logged) = prediction_log::decode(&record) else {
                return Err(unparsable(&record, path));
            };
            // A record without a request is skipped, but counts.
            if let Some(request) = logged {
                let (method, bytes) = runnable(request)?;
                let body = Body::new(bytes.to_vec());
                for round in 0..times {
                    let result = self.ask(method, &body, round > 0);
                    result.map_err(|error| {
                        if is_malformed(&error) {
                            unparsable(&record, path)
                        } else {
                            error
                        }
                    })?;
                }
            }
            *read += 1;
            if *read > MAX_RECORDS {
                return Err(Error::invalid(format!(
                    "Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {}",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    /// Runs one request as a client's would run; `learn` if later ones will cost the same.
    fn ask(&self, method: Method, body: &Body, learn: bool) -> Result<(), Error> {
        let call = Call {
            method,
            name: "",
            choice: Choice::Latest,
            nonfinite: NonFinite::Token,
            body: BodyForm::Json,
            signature_name: "",
            npy_reply: false,
            queued: Duration::ZERO,
            answered: None,
            settings: self.settings,
        };
        let models = Models::Only(&self.lease);
        answer_from(models, &call, (body, None), learn, &mut Vec::new()).result
    }

    /// Runs every signature that can be run on zeros.
    fn make_up(&self, batch_sizes: &[u32], report: &mut Report) {
        let start = Instant::now();
        let mut signatures: Vec<_> = self.lease.servable.signatures().values().collect();
        // The one that most requests mean comes first.
        signatures.sort_by_key(|signature| signature.spec.name != DEFAULT_SIGNATURE);
        for signature in signatures {
            let outcome = self.make_up_signature(signature, batch_sizes, start, &mut report.runs);
            if let Err(reason) = outcome {
                report.skipped.push((signature.spec.name.clone(), reason));
            }
        }
    }

    fn make_up_signature(
        &self,
        signature: &Signature<R>,
        batch_sizes: &[u32],
        start: Instant,
        runs: &mut u64,
    ) -> Result<(), String> {
        let inputs = made_inputs(self.lease.servable.runner(), signature)?;
        let sizes = if inputs.iter().all(|input| is_free(input)) {
            batch_sizes
        } else {
            // The shapes leave no choice.
            &[1]
        };
        for &size in sizes {
            if start.elapsed() > MADE_TIME {
                return Err(format!("no time left after {MADE_TIME:?}"));
            }
            let body = made_request(signature, &inputs, i64::from(size))?;
            // Zeros teach nothing of what requests cost: a loop as long as its input says would be taken for a tiny model, and
            // its first real request would run on the event loop.
            let made = self.ask(Method::GrpcPredict, &body, false);
            made.map_err(|error| format!("batch of {size}: {}", error.status_text()))?;
            *runs += 1;
        }
        Ok(())
    }
}

fn runnable(request: LoggedRequest<'_>) -> Result<(Method, &[u8]), Error> {
    match request {
        LoggedRequest::Predict(bytes) => Ok((Method::GrpcPredict, bytes)),
        LoggedRequest::Classify(bytes) => Ok((Method::GrpcClassify, bytes)),
        LoggedRequest::Regress(bytes) => Ok((Method::GrpcRegress, bytes)),
        LoggedRequest::MultiInference(bytes) => Ok((Method::GrpcMultiInference, bytes)),
        LoggedRequest::SessionRun(_) | LoggedRequest::PredictStreamed => Err(Error::new(
            Code::Unimplemented,
            format!("Unsupported log_type for warmup: {}", request.number()),
        )),
    }
}

fn unparsable(record: &[u8], path: &Path) -> Error {
    let shown = String::from_utf8_lossy(&record[..record.len().min(SHOWN_BYTES)]);
    Error::invalid(format!(
        "Failed to parse warmup record: {shown} from {}",
        path.display()
    ))
}

fn is_free(input: &EndpointSource) -> bool {
    let first = input.shape.as_ref().and_then(|shape| shape.first());
    first.is_some_and(|size| *size < 0)
}

/// The inputs that a made-up request must have, or why there can be none.
fn made_inputs<'s, R: Runner>(
    runner: &R,
    signature: &'s Signature<R>,
) -> Result<Vec<&'s EndpointSource>, String> {
    let plan = signature.plan().map_err(|error| error.message)?;
    if runner.keeps_feeds(plan) {
        return Err("it assigns variables or keeps other state".to_owned());
    }
    let inputs: Vec<_> = signature
        .inputs
        .iter()
        .filter(|input| input.default.is_none())
        .collect();
    for input in &inputs {
        let alias = &input.alias;
        let Some(shape) = &input.shape else {
            return Err(format!("inputs.{alias} has an unknown rank"));
        };
        if input.dtype.size().is_none() {
            return Err(format!("inputs.{alias} is of {}", input.dtype));
        }
        // Zero rows of pixels would fail at best.
        if signature.smallest_rank.is_some() && shape.iter().skip(1).any(|size| *size < 0) {
            return Err(format!("inputs.{alias} leaves the size of an image open"));
        }
    }
    Ok(inputs)
}

/// A `PredictRequest` of zeros: `size` rows where the first dimension is free, other free dimensions are 1.
fn made_request<R: Runner>(
    signature: &Signature<R>,
    inputs: &[&EndpointSource],
    size: i64,
) -> Result<Body, String> {
    let too_large = || format!("batch of {size}: more than {MAX_MADE_BYTES} bytes");
    let mut shapes = Vec::with_capacity(inputs.len());
    let mut largest = 0;
    for input in inputs {
        let sizes = input.shape.iter().flatten().enumerate();
        let shape: Vec<i64> = sizes
            .map(|(axis, dim)| match (*dim < 0, axis) {
                (false, _) => *dim,
                (true, 0) => size,
                (true, _) => 1,
            })
            .collect();
        let bytes = shape
            .iter()
            .try_fold(input.dtype.size().unwrap_or(0), |bytes, dim| {
                bytes.checked_mul(usize::try_from(*dim).ok()?)
            });
        let bytes = bytes
            .filter(|bytes| *bytes <= MAX_MADE_BYTES)
            .ok_or_else(too_large)?;
        largest = largest.max(bytes);
        shapes.push((shape, bytes));
    }
    if shapes.iter().map(|(_, bytes)| bytes).sum::<usize>() > MAX_MADE_BYTES {
        return Err(too_large());
    }
    let zeros = vec![0; largest];
    let named: Vec<_> = inputs
        .iter()
        .zip(&shapes)
        .map(|(input, (shape, bytes))| {
            let data = ViewData::Bytes(&zeros[..*bytes]);
            let dtype = input.dtype;
            (input.alias.as_str(), TensorView { dtype, shape, data })
        })
        .collect();
    let spec = ModelSpec {
        name: "",
        version: Version::Latest,
        signature_name: &signature.spec.name,
    };
    let mut request = Vec::new();
    predict::encode_request(&spec, &named, &[], true, &mut request)
        .map_err(|error| error.message)?;
    Ok(Body::new(request))
}
