//! One thread's door to everything that runs elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Array, BigInt, Function, JavaScriptClassExt};
use napi_derive::napi;
use parking_lot::Mutex;
use servable_engine::schedule::lines::Line;
use servable_engine::schedule::pool::{Job, Verdict};
use servable_engine::schedule::tick::Turn;

use crate::error::{Result, refused, throw};
use crate::metrics::stage_numbers;
use crate::model::{NativeLoadOptions, NativeModel, load, load_threads};
use crate::outbox::{Completion, Outbox, Outcome, Reply};
use crate::outputs::{output_list, reply_buffer};
use crate::process::{ENGINE, LoadThreads, submit_load};
use crate::warmup::report_object;

/// Time the library's inline predicts may take of one turn of the event loop.
const TURN_BUDGET: Duration = Duration::from_millis(2);
/// Entries per completion in the list that `drain` returns: ticket, code, version, value.
const STRIDE: u32 = 4;
/// And five more, `stage_numbers`, where JavaScript asks for them.
const TIMED_STRIDE: u32 = 9;
/// The code of an entry that only lets memory go.
const UNPINNED: i32 = -1;

/// One event loop's jobs. Made once per thread.
#[napi]
pub struct NativeLoop {
    pub(crate) outbox: Arc<Outbox>,
    /// What the library's inline predicts may spend.
    pub(crate) turn: Mutex<Turn>,
    /// `drain` tells how long the parts of requests took.
    timed: AtomicBool,
}

#[napi]
impl NativeLoop {
    /// `wake` is called on this thread, without arguments, when there is something to drain. It does not keep the event
    /// loop alive: `ts/native/completions.ts` does while jobs are open.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, wake: Function<'_, (), ()>) -> Result<Self> {
        let wake = wake
            .build_threadsafe_function()
            .weak::<true>()
            .build()
            .map_err(refused)?;
        let outbox = Arc::new(Outbox::new(wake));
        // Hooks run last in, first out: this one before Node's own, which frees the wake-up function.
        env.add_env_cleanup_hook(Arc::clone(&outbox), |outbox| outbox.close())
            .map_err(refused)?;
        Ok(Self {
            outbox,
            turn: Mutex::new(Turn::new(TURN_BUDGET)),
            timed: AtomicBool::new(false),
        })
    }

    /// Everything that has ended since the last call, four entries a job: ticket, code (-1: only lets memory go), version,
    /// value (the reply, or the text of a failure). Nine after `setTimed`: the number of what the request was counted under, and
    /// what queue, decoding, run and encoding took, in microseconds.
    #[napi(catch_unwind, ts_return_type = "unknown[]")]
    pub fn drain<'env>(&self, env: &'env Env) -> Result<Array<'env>> {
        let ready = self.outbox.take();
        let timed = self.timed.load(Ordering::Relaxed);
        let stride = if timed { TIMED_STRIDE } else { STRIDE };
        let length = u32::try_from(ready.len()).unwrap_or(u32::MAX / stride) * stride;
        let mut list = env.create_array(length).map_err(refused)?;
        for (at, completion) in (0..).step_by(stride as usize).zip(ready) {
            if timed {
                for (to, number) in (at + STRIDE..).zip(stage_numbers(&completion.stages)) {
                    list.set(to, number).map_err(refused)?;
                }
            }
            put(env, &mut list, at, completion).map_err(refused)?;
        }
        Ok(list)
    }

    /// From now on `drain` tells how long the parts of requests took.
    #[napi(catch_unwind)]
    pub fn set_timed(&self) {
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Ends the ticket when none of this loop's jobs is left.
    #[napi(catch_unwind)]
    pub fn when_idle(&self, ticket: u32) {
        self.outbox.when_idle(ticket);
    }

    /// Loads a model on a load thread; the ticket ends with it.
    #[napi(catch_unwind)]
    pub fn load_model(&self, ticket: u32, options: NativeLoadOptions) -> Result<()> {
        let reply = Reply::new(&self.outbox, ticket);
        let threads = load_threads(&options);
        submit_load(threads, load_job(reply, options, threads)).map_err(throw)
    }

    /// Gives a model up; the ticket ends when its last lease has ended and its session is closed.
    #[napi(catch_unwind)]
    pub fn close_model(&self, ticket: u32, model: &NativeModel) {
        let outbox = Arc::clone(&self.outbox);
        model.close(move || {
            outbox.push(Completion::new(ticket, Outcome::Done));
        });
    }

    /// Withdraws a version; the ticket ends when its last lease has ended and its session is closed.
    #[napi(catch_unwind)]
    pub fn catalog_withdraw(&self, ticket: u32, name: String, version: BigInt) -> Result<()> {
        let gone = ENGINE
            .catalog
            .withdraw(&name, version.get_i64().0)
            .map_err(throw)?;
        let outbox = Arc::clone(&self.outbox);
        gone.on_gone(move || {
            outbox.push(Completion::new(ticket, Outcome::Done));
        });
        Ok(())
    }
}

fn load_job(mut reply: Reply, options: NativeLoadOptions, threads: LoadThreads) -> Job {
    let cancel = reply.cancel();
    let run = Box::new(move |verdict| match verdict {
        Verdict::Run if reply.begin_run() => match load(&options, threads) {
            Ok(model) => reply.send(0, Outcome::Model(model)),
            Err(error) => reply.send(0, Outcome::Failed(error)),
        },
        Verdict::Run | Verdict::Expired | Verdict::Cancelled | Verdict::Refused => {
            reply.drop_silently();
        }
    });
    Job {
        line: Line::default(),
        deadline: None,
        cancel,
        run,
    }
}

/// Writes one completion into the list.
fn put(env: &Env, list: &mut Array<'_>, at: u32, completion: Completion) -> napi::Result<()> {
    let Completion {
        ticket,
        version,
        outcome,
        ..
    } = completion;
    list.set(at, ticket)?;
    let code = match &outcome {
        Outcome::Failed(error) => i32::from(error.code.number()),
        Outcome::Unpinned => UNPINNED,
        _ => 0,
    };
    list.set(at + 1, code)?;
    // Versions that a double holds exactly are numbers, which are cheaper.
    if version.unsigned_abs() <= 1 << 53 {
        list.set(at + 2, version as f64)?;
    } else {
        list.set(at + 2, BigInt::from(version))?;
    }
    match outcome {
        Outcome::Reply(bytes) => list.set(at + 3, &reply_buffer(env, bytes)?),
        Outcome::Outputs(outputs) => list.set(at + 3, output_list(env, outputs)?),
        Outcome::Model(model) => list.set(at + 3, model.into_instance(env)?),
        Outcome::Warmed(report) => list.set(at + 3, report_object(env, &report)?),
        Outcome::Failed(error) => list.set(at + 3, error.message),
        Outcome::Done | Outcome::Unpinned => Ok(()),
    }
}
