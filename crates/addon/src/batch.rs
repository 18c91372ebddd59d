//! The batcher's functions. See `ts/native/batching.ts`.

use std::time::Instant;

use napi_derive::napi;
use servable_codec::Error;
use servable_engine::Answer;
use servable_engine::counters::Stages;
use servable_engine::schedule::batch::counters::BucketsSnapshot;
use servable_engine::schedule::batch::parameters::{Mode, Parameters, RawParameters};
use servable_engine::schedule::batch::{Asker, Request, Unbatched, Waiter};
use servable_engine::tensorflow::TensorFlowModel;

use crate::error::{Result, throw};
use crate::outbox::{Outcome, Reply};
use crate::process::ENGINE;

/// `BatchingParameters` of one model; `null` where nothing is said.
#[napi(object, use_nullable = true)]
#[derive(Clone)]
pub struct NativeBatchingParameters {
    /// Rows.
    pub max_batch_size: Option<i64>,
    /// Longest wait of an incomplete batch.
    pub batch_timeout_micros: Option<i64>,
    /// Batches in one queue.
    pub max_enqueued_batches: Option<i64>,
    /// Checked here, set by `setBatchThreads`.
    pub num_batch_threads: Option<i64>,
    /// Ascending.
    pub allowed_batch_sizes: Vec<i64>,
    /// Pad inner dimensions.
    pub pad_variable_length_inputs: bool,
    /// Split large requests.
    pub enable_large_batch_splitting: bool,
    /// Rows of a batch where requests are split.
    pub max_execution_batch_size: Option<i64>,
    /// Mode `auto`: the part of a run's time that a batch may wait; `null` is the mode `fixed`.
    pub auto_share: Option<f64>,
}

impl NativeBatchingParameters {
    /// The parameters as the engine takes them.
    ///
    /// # Errors
    /// `InvalidArgument` with TensorFlow Serving's text.
    pub fn check(&self) -> std::result::Result<Parameters, Error> {
        let mode = match self.auto_share {
            None => Mode::Fixed,
            Some(share) => Mode::Auto { share },
        };
        let raw = RawParameters {
            max_batch_size: self.max_batch_size,
            batch_timeout_micros: self.batch_timeout_micros,
            max_enqueued_batches: self.max_enqueued_batches,
            num_batch_threads: self.num_batch_threads,
            allowed_batch_sizes: self.allowed_batch_sizes.clone(),
            pad_variable_length_inputs: self.pad_variable_length_inputs,
            enable_large_batch_splitting: self.enable_large_batch_splitting,
            max_execution_batch_size: self.max_execution_batch_size,
        };
        raw.check(mode)
    }
}

/// A signature that is run one request at a time although its model is batched.
#[napi(object, use_nullable = true)]
pub struct UnbatchedInfo {
    /// Its name.
    pub signature: String,
    /// Why.
    pub reason: String,
}

impl From<&Unbatched> for UnbatchedInfo {
    fn from(unbatched: &Unbatched) -> Self {
        Self {
            signature: unbatched.signature.clone(),
            reason: unbatched.reason.clone(),
        }
    }
}

/// Throws TensorFlow Serving's text for the first value that is wrong.
#[napi(catch_unwind)]
pub fn check_batching(parameters: NativeBatchingParameters) -> Result<()> {
    parameters.check().map(|_| ()).map_err(throw)
}

/// Sets the number of threads that run batches, for all models; `null` is one a core.
#[napi(catch_unwind)]
pub fn set_batch_threads(threads: Option<u32>, name: String) {
    let threads = threads.map(|threads| threads as usize);
    ENGINE.batcher.set_threads(threads, &name);
}

/// While draining no batch waits for company.
#[napi(catch_unwind)]
pub fn drain_batches(draining: bool) {
    ENGINE.batcher.drain(draining);
}

/// Numbers counted into buckets.
#[napi(object, use_nullable = true)]
pub struct BucketsInfo {
    /// Upper bounds.
    pub bounds: Vec<f64>,
    /// Not cumulative; one more than there are bounds.
    pub counts: Vec<f64>,
    /// Of all numbers.
    pub sum: f64,
}

/// Padding of the batches of one size.
#[napi(object, use_nullable = true)]
pub struct PaddingInfo {
    /// Rows of the padded batch.
    pub execution_batch_size: f64,
    /// Rows of padding.
    pub padding: BucketsInfo,
}

/// Counts of all batches of the process.
#[napi(object, use_nullable = true)]
pub struct BatchingCountersInfo {
    /// µs.
    pub queuing_latency: BucketsInfo,
    /// Runs.
    pub wrapped_run_count: f64,
    /// By size, ascending.
    pub padding_size: Vec<PaddingInfo>,
    /// Rows of requests.
    pub input_batch_size: BucketsInfo,
    /// Rows of batches, padding included.
    pub processed_batch_size: BucketsInfo,
    /// Threads that run batches.
    pub threads: u32,
    /// The name metrics have for them.
    pub thread_pool_name: String,
}

fn buckets(snapshot: BucketsSnapshot) -> BucketsInfo {
    BucketsInfo {
        bounds: snapshot.bounds.to_vec(),
        counts: snapshot.counts.iter().map(|count| *count as f64).collect(),
        sum: snapshot.sum as f64,
    }
}

/// A snapshot of the batching counters.
#[napi(catch_unwind)]
pub fn batching_counters() -> BatchingCountersInfo {
    let counters = ENGINE.batcher.counters();
    let padding = counters.padding().into_iter();
    BatchingCountersInfo {
        queuing_latency: buckets(counters.queuing_latency.snapshot()),
        wrapped_run_count: counters.wrapped_run_count() as f64,
        padding_size: padding
            .map(|(size, snapshot)| PaddingInfo {
                execution_batch_size: size as f64,
                padding: buckets(snapshot),
            })
            .collect(),
        input_batch_size: buckets(counters.input_batch_size.snapshot()),
        processed_batch_size: buckets(counters.processed_batch_size.snapshot()),
        threads: u32::try_from(ENGINE.batcher.threads()).unwrap_or(u32::MAX),
        thread_pool_name: ENGINE.batcher.thread_pool_name(),
    }
}

/// Answers one request of an event loop.
struct Answering(Reply);

impl Asker for Answering {
    fn begin(&mut self) -> bool {
        self.0.begin_run()
    }

    fn answer(self: Box<Self>, answer: Answer, reply: Vec<u8>) {
        send(self.0, answer, reply);
    }

    fn leave(self: Box<Self>) {
        self.0.drop_silently();
    }
}

/// Sends an answer with its reply's bytes.
pub fn send(reply: Reply, answer: Answer, bytes: Vec<u8>) {
    let outcome = match answer.result {
        Ok(()) => Outcome::Reply(bytes),
        Err(error) => Outcome::Failed(error),
    };
    reply.send_timed(answer.version.unwrap_or(0), outcome, answer.stages);
}

/// Gives a prepared request to the batcher.
///
/// # Errors
/// Why its queue does not take it, and the version that was found. Off the event loop (`wake`) nobody could be told by a result, so there the
/// reply is sent instead.
pub fn submit(
    request: Request<TensorFlowModel>,
    reply: Reply,
    deadline: Option<Instant>,
    wake: bool,
) -> std::result::Result<(), (i64, Error)> {
    let version = request.version();
    let waiter = Waiter {
        cancel: reply.cancel(),
        asker: Box::new(Answering(reply)),
        deadline,
        wake,
    };
    let Err((error, asker)) = ENGINE.batcher.submit(request, waiter) else {
        return Ok(());
    };
    match asker {
        Some(asker) if wake => {
            let answer = Answer {
                version: Some(version),
                result: Err(error),
                stages: Stages::default(),
            };
            asker.answer(answer, Vec::new());
            Ok(())
        }
        Some(asker) => {
            asker.leave();
            Err((version, error))
        }
        None => Err((version, error)),
    }
}
