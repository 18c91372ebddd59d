//! Warm-up of a loaded model. See `ts/native/warmup.ts`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use servable_codec::{Code, Error};
use servable_engine::schedule::lines::Line;
use servable_engine::schedule::pool::{Job, Verdict};
use servable_engine::servable::Servable;
use servable_engine::tensorflow::TensorFlowModel;
use servable_engine::warmup::{self, Plan, Report};
use servable_engine::{Settings, records};

use crate::error::{Result, throw};
use crate::event_loop::NativeLoop;
use crate::metrics::{HistogramInfo, latency};
use crate::model::NativeModel;
use crate::outbox::{Outcome, Reply};
use crate::process::submit_load;

/// How a model is warmed up. See `ts/native/warmup.ts`.
#[napi(object, use_nullable = true)]
pub struct NativeWarmupOptions {
    /// Times each record of the file is run; 0 is once.
    pub iterations: u32,
    /// Make requests from the signatures where there is no file.
    pub auto: bool,
    /// The batch sizes of those.
    pub batch_sizes: Vec<u32>,
    /// Refuse signatures of another method.
    pub check_method_name: bool,
}

#[napi]
impl NativeLoop {
    /// Warms a model up on a load thread that was not published; the ticket ends with what was done.
    #[napi(catch_unwind)]
    pub fn warm_model(
        &self,
        ticket: u32,
        model: &NativeModel,
        options: NativeWarmupOptions,
    ) -> Result<()> {
        let servable = model.servable().map_err(throw)?;
        let plan = Plan {
            iterations: options.iterations,
            auto: options.auto,
            batch_sizes: options.batch_sizes,
        };
        let settings = Settings {
            check_method_name: options.check_method_name,
            ..Settings::default()
        };
        let dir = model.export_dir().to_owned();
        let mut reply = Reply::new(&self.outbox, ticket);
        let cancel = reply.cancel();
        let run = Box::new(move |verdict| match verdict {
            Verdict::Run if reply.begin_run() => match warm(&servable, &dir, &plan, &settings) {
                Ok(report) => reply.send(0, Outcome::Warmed(report)),
                Err(error) => reply.send(0, Outcome::Failed(error)),
            },
            Verdict::Run | Verdict::Expired | Verdict::Cancelled | Verdict::Refused => {
                reply.drop_silently();
            }
        });
        let job = Job {
            line: Line::default(),
            deadline: None,
            cancel,
            run,
        };
        submit_load(model.threads(), job).map_err(throw)
    }
}

fn warm(
    servable: &Arc<Servable<TensorFlowModel>>,
    dir: &str,
    plan: &Plan,
    settings: &Settings,
) -> std::result::Result<Report, Error> {
    let start = Instant::now();
    let (result, code, read) = match warmup::run(servable, dir, plan, settings) {
        Ok(report) => {
            let read = report.records;
            (Ok(report), Code::Ok, read)
        }
        Err((error, read)) => {
            let code = error.code;
            (Err(error), code, Some(read))
        }
    };
    // As in TensorFlow Serving: made-up requests are not what this metric is about.
    if let Some(read) = read {
        records::count_warmup(dir, code, start.elapsed(), read);
    }
    result
}

/// The report as JavaScript takes it.
pub fn report_object<'env>(env: &'env Env, report: &Report) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set("records", report.records.map(|count| count as f64))?;
    object.set("runs", report.runs as f64)?;
    object.set("elapsedMs", report.elapsed.as_secs_f64() * 1000.0)?;
    let mut skipped = env.create_array(0)?;
    for (at, (signature, reason)) in (0..).zip(&report.skipped) {
        let mut entry = Object::new(env)?;
        entry.set("signature", signature)?;
        entry.set("reason", reason)?;
        skipped.set(at, entry)?;
    }
    object.set("skipped", skipped)?;
    Ok(object)
}

/// Warm-ups of one path with one outcome.
#[napi(object, use_nullable = true)]
pub struct WarmupCountersInfo {
    /// The version's directory.
    pub model_path: String,
    /// Canonical code number.
    pub code: u32,
    /// How long they took.
    pub latency: HistogramInfo,
    /// Records read.
    pub records: f64,
}

/// Every warm-up from a file since the process began, by path and outcome.
#[napi(catch_unwind)]
pub fn warmup_counters() -> Vec<WarmupCountersInfo> {
    let list = records::warmups().into_iter();
    list.map(|(model_path, code, counters)| WarmupCountersInfo {
        model_path,
        code: u32::from(code.number()),
        latency: latency(&counters.latency),
        records: counters.records.load(Ordering::Relaxed) as f64,
    })
    .collect()
}
