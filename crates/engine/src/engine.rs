//! One request from bytes to bytes, inline or on the pool, with its counts.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use servable_codec::json::print::NonFinite;
use servable_codec::{Code, Error, JsonLimits, TensorLimits};

use crate::body::Body;
use crate::catalog::{Catalog, Choice};
use crate::counters::{ModelCounters, SESSION_RUN_NS, Stages};
use crate::flight::Recorder;
use crate::infer::{Ask, Method, Models, Stop, Wanted, Work, prepare};
use crate::lease::Lease;
use crate::runner::{RunMode, Runner};
use crate::schedule::batch::door::{Door, door};
use crate::schedule::batch::{Batcher, Request};
use crate::schedule::pool::Cancel;
use crate::schedule::tick::{Spent, Stopwatch, Turn};

/// What holds for every request of a queue.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Limits on JSON bodies.
    pub json: JsonLimits,
    /// Limits on tensors in protobuf bodies.
    pub tensor: TensorLimits,
    /// gRPC replies carry `tensor_content` instead of typed fields.
    pub as_tensor_content: bool,
    /// Refuse signatures whose method name is another method's.
    pub check_method_name: bool,
    /// The caller has models loaded that are not there yet and asks again: it counts the requests that fail for it.
    pub on_demand: bool,
}

/// What the body of a REST predict is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyForm {
    /// TensorFlow Serving's JSON.
    #[default]
    Json,
    /// A serialized `PredictRequest`; the reply is a `PredictResponse`.
    Protobuf,
    /// NumPy's file format.
    Npy,
    /// Rows of fields.
    Csv {
        /// The first row is names.
        header: bool,
    },
    /// A JPEG or PNG file.
    Image {
        /// Float inputs get 0…255 instead of 0…1.
        keep_scale: bool,
    },
}

/// One request but for its body.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What is asked for.
    pub method: Method,
    /// REST only: the model in the path.
    pub name: &'a str,
    /// REST only: the version or label in the path.
    pub choice: Choice<'a>,
    /// REST only: how NaN and the infinities are printed.
    pub nonfinite: NonFinite,
    /// REST predict only: what the body is written in.
    pub body: BodyForm,
    /// REST predict only: the signature of a body that cannot name one; empty for the default one.
    pub signature_name: &'a str,
    /// REST predict only: the reply is an `.npy` file instead of JSON.
    pub npy_reply: bool,
    /// How long it has waited before it comes here.
    pub queued: Duration,
    /// Set by whoever has answered the request meanwhile and counted it: it is not counted again.
    pub answered: Option<&'a Cancel>,
    /// The queue's settings.
    pub settings: &'a Settings,
}

/// How a request ended. The reply's bytes are where the caller wanted them.
#[derive(Debug)]
pub struct Answer {
    /// The version that answered, where one was found.
    pub version: Option<i64>,
    /// The reply is complete, or why there is none.
    pub result: Result<(), Error>,
    /// How long its parts took; those it did not come to are zero.
    pub stages: Stages,
}

/// What became of a request.
pub enum Placed<R: Runner> {
    /// It is answered.
    Answered(Answer),
    /// It is prepared, and its signature's requests are batched: give it to [`Batcher::submit`].
    Batch(Box<Request<R>>),
    /// It is not known to be cheap: answer it on the pool.
    Pool,
}

/// The catalog, the batcher and the walk of a request.
pub struct Engine<R: Runner> {
    /// What is loaded.
    pub catalog: Catalog<R>,
    /// Records what runs; only where a supervisor wants to know.
    pub flight: OnceLock<Arc<Recorder>>,
    /// Where requests wait that run together.
    pub batcher: Batcher<R>,
}

impl<R: Runner> Default for Engine<R> {
    fn default() -> Self {
        Self {
            catalog: Catalog::default(),
            flight: OnceLock::new(),
            batcher: Batcher::default(),
        }
    }
}

impl<R: Runner> Engine<R> {
    /// Answers on the calling thread if the request is known to be cheap, and prepares it there if it is batched. The time that
    /// takes is booked to `turn`. The reply is appended to `out`.
    pub fn answer_inline(
        &self,
        call: &Call<'_>,
        body: &[u8],
        turn: &mut Turn,
        out: &mut Vec<u8>,
    ) -> Placed<R> {
        if matches!(
            call.method,
            Method::GrpcMultiInference | Method::GrpcSessionRun
        ) {
            return Placed::Pool;
        }
        let is_rest = matches!(
            call.method,
            Method::RestPredict | Method::RestClassify | Method::RestRegress
        );
        // Before decoding: a REST request names its model in the path. An unknown model is answered here, cheaply.
        if is_rest
            && let Ok(lease) = self.catalog.find(call.name, call.choice)
            && !lease.servable.may_inline(body.len())
        {
            return Placed::Pool;
        }
        let start = turn.measure();
        let is_on = turn.is_on();
        let models = Models::Catalog(&self.catalog);
        let (mut lease, mut blamed) = (None, None);
        let work = prepare(
            Ask {
                call,
                models,
                owner: None,
                gate: &mut |signature| is_on && signature.may_inline(body.len()),
                lease: &mut lease,
                blamed: &mut blamed,
            },
            body,
        );
        let work = match work {
            Ok(work) => Ok(work),
            Err(Stop::Pool) => return Placed::Pool,
            Err(Stop::Failed(error)) => Err(error),
        };
        let work = match door(work, call, (body, self.flight.get()), (start, true)) {
            Door::Run(work) => work,
            Door::Batch(request) => {
                turn.spend(start.spent());
                return Placed::Batch(request);
            }
            Door::Pool => return Placed::Pool,
        };
        if let Some(lease) = &lease {
            lease.counters.inline_runs.fetch_add(1, Ordering::Relaxed);
        }
        let (answer, spent) = conclude(
            (models, call),
            (body, self.flight.get()),
            (work, lease, blamed),
            (start, RunMode::Inline, true),
            out,
        );
        turn.spend(spent);
        Placed::Answered(answer)
    }

    /// Answers on the calling thread, however long it takes, unless the request is batched. The reply is appended to `out`.
    pub fn answer(&self, call: &Call<'_>, body: &Body, out: &mut Vec<u8>) -> Placed<R> {
        let start = Stopwatch::start(true);
        let models = Models::Catalog(&self.catalog);
        let (work, lease, blamed) = prepare_here(models, call, body);
        let flight = self.flight.get();
        let work = match door(work, call, (body.bytes(), flight), (start, false)) {
            Door::Run(work) => work,
            Door::Batch(request) => return Placed::Batch(request),
            Door::Pool => Err(Error::new(Code::Internal, "the pool has no pool")),
        };
        let prepared = (work, lease, blamed);
        let answer = run_here((models, call), (body, flight), prepared, (start, true), out);
        Placed::Answered(answer)
    }

    /// Counts a request that was answered before it came to the engine, or instead of it.
    pub fn refused(&self, call: &Call<'_>, code: Code) {
        self.catalog
            .counters_of(call.name)
            .refuse(call.method, code);
    }
}

/// Answers with what `models` has, never in a batch; `learn` if the cost is one that later requests will have.
pub(crate) fn answer_from<R: Runner>(
    models: Models<'_, R>,
    call: &Call<'_>,
    (body, flight): (&Body, Option<&Arc<Recorder>>),
    learn: bool,
    out: &mut Vec<u8>,
) -> Answer {
    let start = Stopwatch::start(true);
    let prepared = prepare_here(models, call, body);
    run_here(
        (models, call),
        (body, flight),
        prepared,
        (start, learn),
        out,
    )
}

/// Prepares a request off the event loop, however long it takes.
fn prepare_here<R: Runner>(models: Models<'_, R>, call: &Call<'_>, body: &Body) -> Prepared<R> {
    let (mut lease, mut blamed) = (None, None);
    let work = prepare(
        Ask {
            call,
            models,
            owner: Some(body),
            gate: &mut |_| true,
            lease: &mut lease,
            blamed: &mut blamed,
        },
        body.bytes(),
    );
    let work = work.map_err(|stop| match stop {
        Stop::Failed(error) => error,
        Stop::Pool => Error::new(Code::Internal, "the pool refused its own request"),
    });
    (work, lease, blamed)
}

fn run_here<R: Runner>(
    who: (Models<'_, R>, &Call<'_>),
    (body, flight): (&Body, Option<&Arc<Recorder>>),
    (work, lease, blamed): Prepared<R>,
    (start, learn): (Stopwatch, bool),
    out: &mut Vec<u8>,
) -> Answer {
    if let Some(lease) = &lease {
        lease.counters.pooled_runs.fetch_add(1, Ordering::Relaxed);
    }
    let how = (start, RunMode::Pool, learn);
    conclude(who, (body.bytes(), flight), (work, lease, blamed), how, out).0
}

/// Runs and prints what was prepared, and counts it.
fn conclude<R: Runner>(
    (models, call): (Models<'_, R>, &Call<'_>),
    (body, flight): (&[u8], Option<&Arc<Recorder>>),
    (work, lease, blamed): Prepared<R>,
    (start, mode, learn): (Stopwatch, RunMode, bool),
    out: &mut Vec<u8>,
) -> (Answer, Spent) {
    let (reply_start, body_bytes) = (out.len(), body.len());
    let mut measured = None;
    let mut stages = Stages {
        queue: call.queued,
        ..Stages::default()
    };
    let counted = lease.as_ref().map(|lease| &lease.counters);
    let _in_flight = counted.map(|counters| counters.enter());
    let subject = match (&work, &lease) {
        (Ok(work), _) => work.subject(),
        (Err(_), Some(lease)) => lease.servable.subject().map(Arc::as_ref),
        (Err(_), None) => None,
    };
    stages.subject = subject.map_or(0, |subject| subject.id);
    let result = match &work {
        Err(error) => {
            stages.decode = start.wall.elapsed();
            Err(error.clone())
        }
        Ok(work) => {
            let run_start = Instant::now();
            stages.decode = run_start - start.wall;
            // What is known to be small is run without TensorFlow's thread hop wherever it runs.
            let mode = if work.is_small(body_bytes) {
                RunMode::Inline
            } else {
                mode
            };
            let in_flight =
                flight.and_then(|flight| flight.begin(call, work.servable(call.name), body));
            let outputs = work.run(mode);
            drop(in_flight);
            stages.run = run_start.elapsed();
            SESSION_RUN_NS.fetch_add(stages.run.as_nanos() as u64, Ordering::Relaxed);
            let result =
                outputs.and_then(|outputs| work.finish(&outputs, &Wanted::from(call), out));
            // A failed run has its cost too.
            let spent = start.spent();
            measured = Some(spent);
            if learn {
                work.record_cost(body_bytes, spent, mode == RunMode::Inline);
            }
            stages.encode = spent.wall.saturating_sub(stages.decode + stages.run);
            result
        }
    };
    if result.is_err() {
        // A printer that failed half way leaves nothing behind.
        out.truncate(reply_start);
    }
    if !call.answered.is_some_and(Cancel::is_cancelled) {
        let code = result.as_ref().err().map_or(Code::Ok, |error| error.code);
        match (counted, subject) {
            (Some(counters), Some(subject)) => {
                counters.count(call.method, subject, code, &stages);
                if let (Ok(work), Code::Ok) = (&work, code)
                    && let Some(examples) = work.examples()
                {
                    counters.examples.record(examples);
                }
            }
            (Some(counters), None) => counters.refuse(call.method, code),
            (None, _) if call.settings.on_demand && code == Code::Unavailable => {}
            (None, _) => {
                if let Models::Catalog(catalog) = models {
                    let blamed = blamed.unwrap_or_else(|| catalog.counters_of(call.name));
                    blamed.refuse(call.method, code);
                }
            }
        }
    }
    let answer = Answer {
        version: lease.as_ref().map(|lease| lease.version),
        result,
        stages,
    };
    (answer, measured.unwrap_or_else(|| start.spent()))
}

/// A request that is ready to run or refused, the servable it is for, and who is counted where none is.
type Prepared<R> = (
    Result<Work<R>, Error>,
    Option<Lease<R>>,
    Option<Arc<ModelCounters>>,
);
