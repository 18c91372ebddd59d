//! What the metrics page is made of. See `ts/native/counters.ts`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use servable_codec::Code;
use servable_engine::counters::{
    LATENCY_BOUNDS_US, Latency, ModelCounters, Protocol, ProtocolCounters, SESSION_RUN_NS,
    SESSION_RUNS, STAGE_BOUNDS_NS, StageTimes, Stages, Subject, loads, named,
};
use servable_engine::infer::Method;

use crate::process::{ENGINE, pool_info};

/// A count of values per bucket.
#[napi(object, use_nullable = true)]
pub struct HistogramInfo {
    /// Not cumulative; one more than there are bounds.
    pub buckets: Vec<f64>,
    /// In the unit of the bounds.
    pub sum: f64,
}

fn histogram((buckets, sum): (Vec<u64>, f64)) -> HistogramInfo {
    let buckets = buckets.into_iter().map(|count| count as f64).collect();
    HistogramInfo { buckets, sum }
}

/// Durations in microseconds.
pub(crate) fn latency(latency: &Latency) -> HistogramInfo {
    histogram(latency.snapshot())
}

fn stage(times: &StageTimes) -> HistogramInfo {
    histogram(times.snapshot())
}

/// The counts of one method.
#[napi(object, use_nullable = true)]
pub struct MethodCountersInfo {
    /// Such as `rest.predict`; `rest.` for REST requests that are no inference.
    pub method: String,
    /// By canonical code number.
    pub requests: Vec<f64>,
    /// Microseconds; successes only.
    pub latency: HistogramInfo,
    /// The run alone.
    pub run_latency: HistogramInfo,
}

/// The counts of one version, signature and protocol.
#[napi(object, use_nullable = true)]
pub struct SubjectInfo {
    /// `null` for requests that reached no version.
    pub version: Option<BigInt>,
    /// Empty for requests that reached no signature.
    pub signature: String,
    /// `rest` or `grpc`.
    pub protocol: String,
    /// By canonical code number.
    pub requests: Vec<f64>,
    /// Queue, decode, run, encode and all of them, in seconds; successes only.
    pub stages: Vec<HistogramInfo>,
}

/// The counts of one model.
#[napi(object, use_nullable = true)]
pub struct ModelCountersInfo {
    /// Its name.
    pub name: String,
    /// Methods that were called.
    pub methods: Vec<MethodCountersInfo>,
    /// Those that were asked for.
    pub subjects: Vec<SubjectInfo>,
    /// Examples of MultiInference requests.
    pub examples: HistogramInfo,
    /// Requests run on the event loop.
    pub inline_runs: f64,
    /// Requests run on the pool, or in batches.
    pub pooled_runs: f64,
    /// Batches that ran.
    pub batch_runs: f64,
    /// Rows of requests in them.
    pub batch_rows: f64,
    /// Rows they had room for.
    pub batch_room: f64,
    /// Requests that wait in batching queues.
    pub batch_waiting: f64,
    /// Requests that have their version and no answer yet.
    pub in_flight: f64,
}

fn numbers(counts: &[u64]) -> Vec<f64> {
    counts.iter().map(|count| *count as f64).collect()
}

fn methods(counters: &ModelCounters) -> Vec<MethodCountersInfo> {
    let of_inference = Method::ALL
        .iter()
        .map(|(it, name)| (*name, counters.method(*it)));
    of_inference
        .chain(std::iter::once(("rest.", &counters.other)))
        .map(|(name, counters)| (name, counters, counters.requests()))
        .filter(|(_, _, requests)| requests.iter().any(|count| *count > 0))
        .map(|(name, counters, requests)| MethodCountersInfo {
            method: name.to_owned(),
            requests: numbers(&requests),
            latency: latency(&counters.latency),
            run_latency: latency(&counters.run_latency),
        })
        .collect()
}

fn subject_info(subject: &Subject, protocol: &str, counters: &ProtocolCounters) -> SubjectInfo {
    let ProtocolCounters {
        queue,
        decode,
        run,
        encode,
        total,
        ..
    } = counters;
    SubjectInfo {
        version: subject.version.map(BigInt::from),
        signature: subject.signature.clone(),
        protocol: protocol.to_owned(),
        requests: numbers(&counters.requests()),
        stages: [queue, decode, run, encode, total].map(stage).into(),
    }
}

fn subjects(counters: &ModelCounters) -> Vec<SubjectInfo> {
    let all = counters.subjects.all();
    let each = all.iter().flat_map(|subject| {
        Protocol::ALL.iter().filter_map(move |(protocol, name)| {
            let counters = subject.protocol(*protocol);
            let is_used = counters.requests().iter().any(|count| *count > 0);
            is_used.then(|| subject_info(subject, name, counters))
        })
    });
    each.collect()
}

/// Every model's counters, sorted by name: first those of requests that name no model, last those that name an unknown one.
#[napi(catch_unwind)]
pub fn model_counters() -> Vec<ModelCountersInfo> {
    let counters = ENGINE.catalog.counters().into_iter();
    counters
        .map(|(name, counters)| {
            let (examples, sum) = counters.examples.snapshot();
            ModelCountersInfo {
                name,
                methods: methods(&counters),
                subjects: subjects(&counters),
                examples: histogram((examples, sum as f64)),
                inline_runs: counters.inline_runs.load(Ordering::Relaxed) as f64,
                pooled_runs: counters.pooled_runs.load(Ordering::Relaxed) as f64,
                batch_runs: counters.batching.runs.load(Ordering::Relaxed) as f64,
                batch_rows: counters.batching.rows.load(Ordering::Relaxed) as f64,
                batch_room: counters.batching.room.load(Ordering::Relaxed) as f64,
                batch_waiting: counters.batching.waiting.load(Ordering::Relaxed) as f64,
                in_flight: counters.in_flight() as f64,
            }
        })
        .collect()
}

/// The requests of one model so far.
#[napi(object, use_nullable = true)]
pub struct RequestCountInfo {
    /// The model.
    pub name: String,
    /// Requests that reached one of its versions.
    pub requests: f64,
}

/// How many requests each model has had.
#[napi(catch_unwind)]
pub fn request_counts() -> Vec<RequestCountInfo> {
    let counters = ENGINE.catalog.counters().into_iter();
    counters
        .map(|(name, it)| {
            let inline = it.inline_runs.load(Ordering::Relaxed);
            let requests = (inline + it.pooled_runs.load(Ordering::Relaxed)) as f64;
            RequestCountInfo { name, requests }
        })
        .collect()
}

/// The upper bounds of all latency buckets, in microseconds.
#[napi(catch_unwind)]
pub fn latency_bounds_us() -> Vec<f64> {
    LATENCY_BOUNDS_US.to_vec()
}

/// The upper bounds of the stages' buckets, in nanoseconds.
#[napi(catch_unwind)]
pub fn stage_bounds_ns() -> Vec<f64> {
    numbers(&STAGE_BOUNDS_NS)
}

/// Counts a REST request that is no inference, under the model it names.
#[napi(catch_unwind)]
pub fn count_rest(model: String, code: u32, took_us: f64) {
    let code = Code::from_number(i32::try_from(code).unwrap_or(2));
    let took = Duration::try_from_secs_f64(took_us / 1e6).unwrap_or_default();
    ENGINE.catalog.counters_of(&model).count_other(code, took);
}

/// Loads from one path.
#[napi(object, use_nullable = true)]
pub struct LoadCountersInfo {
    /// The version's folder.
    pub path: String,
    /// Loads that succeeded.
    pub succeeded: f64,
    /// Loads that failed.
    pub failed: f64,
    /// What the successful ones took, in microseconds.
    pub took_us: f64,
    /// The same as a histogram.
    pub times: HistogramInfo,
}

/// What the process has once.
#[napi(object, use_nullable = true)]
pub struct ProcessCountersInfo {
    /// Runs of sessions.
    pub session_runs: f64,
    /// What they took, in microseconds.
    pub session_run_us: f64,
    /// Threads of the inference pool.
    pub pool_threads: u32,
    /// Jobs that wait for it.
    pub pool_waiting: u32,
    /// Jobs it runs.
    pub pool_running: u32,
    /// By path.
    pub loads: Vec<LoadCountersInfo>,
}

/// The counters of the process.
#[napi(catch_unwind)]
pub fn process_counters() -> ProcessCountersInfo {
    let pool = pool_info();
    ProcessCountersInfo {
        session_runs: SESSION_RUNS.load(Ordering::Relaxed) as f64,
        session_run_us: SESSION_RUN_NS.load(Ordering::Relaxed) as f64 / 1000.0,
        pool_threads: pool.threads,
        pool_waiting: pool.waiting,
        pool_running: pool.running,
        loads: loads::each(|path, it| LoadCountersInfo {
            path: path.to_owned(),
            succeeded: it.succeeded as f64,
            failed: it.failed as f64,
            took_us: it.took.as_micros() as f64,
            times: histogram(it.times.snapshot()),
        }),
    }
}

/// What a request was counted under.
#[napi(object, use_nullable = true)]
pub struct SubjectName {
    /// The model.
    pub model: String,
    /// `null` where it reached no version.
    pub version: Option<BigInt>,
    /// Empty where it reached no signature.
    pub signature: String,
}

/// What requests with this number were counted under; `null` once it is forgotten.
#[napi(catch_unwind)]
pub fn subject_name(id: u32) -> Option<SubjectName> {
    Subject::find(id).map(|subject| SubjectName {
        model: subject.model.to_string(),
        version: subject.version.map(BigInt::from),
        signature: subject.signature.clone(),
    })
}

/// One series of a metric by name.
#[napi(object, use_nullable = true)]
pub struct NamedSeries {
    /// The metric.
    pub name: String,
    /// Its labels, as they were given.
    pub labels: String,
    /// A counter's or gauge's value; a histogram's sum.
    pub value: f64,
    /// A histogram's counts, not cumulative; else `null`.
    pub buckets: Option<Vec<f64>>,
}

/// Adds to a counter that all threads share.
#[napi(catch_unwind)]
pub fn named_add(name: String, labels: String, by: f64, overflow: String) {
    named::add(&name, &labels, by, &overflow);
}

/// Sets a gauge that all threads share.
#[napi(catch_unwind)]
pub fn named_set(name: String, labels: String, to: f64, overflow: String) {
    named::set(&name, &labels, to, &overflow);
}

/// Counts a value into a bucket of a histogram that all threads share.
#[napi(catch_unwind)]
pub fn named_observe(name: String, labels: String, at: (u32, u32), value: f64, overflow: String) {
    let at = (at.0 as usize, at.1 as usize);
    named::observe(&name, &labels, at, value, &overflow);
}

/// Forgets a series.
#[napi(catch_unwind)]
pub fn named_remove(name: String, labels: String) {
    named::remove(&name, &labels);
}

/// Every series, sorted by name and labels.
#[napi(catch_unwind)]
pub fn named_snapshot() -> Vec<NamedSeries> {
    let series = named::snapshot().into_iter();
    series
        .map(|(name, labels, value)| {
            let (value, buckets) = match value {
                named::Value::Number(number) => (number, None),
                named::Value::Buckets(counts, sum) => (sum, Some(numbers(&counts))),
            };
            NamedSeries {
                name,
                labels,
                value,
                buckets,
            }
        })
        .collect()
}

/// What JavaScript is told of stages: the subject's number, then microseconds.
pub fn stage_numbers(stages: &Stages) -> [f64; 5] {
    let us = |time: Duration| time.as_nanos() as f64 / 1000.0;
    let Stages {
        subject,
        queue,
        decode,
        run,
        encode,
    } = *stages;
    [
        f64::from(subject),
        us(queue),
        us(decode),
        us(run),
        us(encode),
    ]
}
