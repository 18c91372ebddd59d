//! Predict of the library: typed arrays in, typed arrays out. See `ts/saved-model.ts`.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Array, Float64Array, JsObjectValue, Object, Uint8ArraySlice};
use napi_derive::napi;
use servable_codec::{AlignedBuf, DType, Error};
use servable_engine::infer::direct::{Direct, Input, InputData};
use servable_engine::runner::RunMode;
use servable_engine::schedule::pool::{Job, Verdict};
use servable_engine::schedule::tick::Stopwatch;
use servable_engine::tensorflow::{TensorFlowModel, TensorFlowTensor};

use crate::error::{Result, refused, throw};
use crate::event_loop::NativeLoop;
use crate::model::NativeModel;
use crate::outbox::{Outcome, Reply};
use crate::outputs::{OutputTensor, output_list};
use crate::pin::{Pin, Pinned};
use crate::process::submit_patiently;
use crate::queue::PIN_BYTES;

/// What to call.
#[napi(object, use_nullable = true)]
pub struct PredictCall {
    /// The signature's name.
    pub signature: String,
    /// Positions among its outputs; `null` for all.
    pub outputs: Option<Vec<u32>>,
}

type Inputs = Vec<Option<Input<Pinned>>>;

#[napi]
impl NativeLoop {
    /// Runs a model on the library's tensors.
    ///
    /// `inputs` are the signature's, in order: `{ dtype, shape, data, ends }` (`ends` only for strings, else `null`), or `null`
    /// for the signature's default. Returns the outputs when the model is tiny, else `null`: the ticket then ends with them.
    /// Inputs of 64 KiB and more are read in place until the ticket is reported unpinned.
    #[napi(catch_unwind, ts_return_type = "unknown[] | null")]
    pub fn predict<'env>(
        &self,
        env: &'env Env,
        ticket: u32,
        model: &NativeModel,
        call: PredictCall,
        #[napi(
            ts_arg_type = "({ dtype: number; shape: readonly number[]; data: Uint8Array; ends: Float64Array | null } | null)[]"
        )]
        inputs: Array<'_>,
    ) -> Result<Option<Array<'env>>> {
        let servable = model.servable().map_err(throw)?;
        let outputs: Option<Vec<usize>> = call
            .outputs
            .map(|outputs| outputs.into_iter().map(|at| at as usize).collect());
        let direct = Direct::new(servable, &call.signature, outputs.as_deref()).map_err(throw)?;
        let mut read = Reader {
            event_loop: self,
            ticket,
            pin: None,
            bytes: 0,
        };
        let inputs = read.inputs(&inputs)?;
        let (bytes, pinned) = (read.bytes, read.pin.is_some());
        let expected = direct.inline(bytes).filter(|_| !pinned);
        if expected.is_some_and(|expected| self.turn.lock().allows(expected)) {
            let start = self.turn.lock().measure();
            let outputs = direct
                .run(inputs, (bytes, RunMode::Inline), start)
                .map_err(throw)?;
            self.turn.lock().spend(start.spent());
            let outputs = outputs.into_iter().map(OutputTensor::new).collect();
            return output_list(env, outputs).map(Some).map_err(refused);
        }
        drop(read);
        submit_patiently(self.predict_job(ticket, direct, (inputs, bytes))).map_err(throw)?;
        Ok(None)
    }

    /// The event loop has begun a new turn: inline predicts may spend their budget again.
    #[napi(catch_unwind)]
    pub fn begin_turn(&self) {
        self.turn.lock().begin();
    }

    /// Withdraws a predict: it is not run if it still waits.
    #[napi(catch_unwind)]
    pub fn cancel(&self, ticket: u32) {
        let _ = self.outbox.cancel(ticket);
    }

    fn predict_job(
        &self,
        ticket: u32,
        direct: Direct<TensorFlowModel>,
        (inputs, bytes): (Inputs, usize),
    ) -> Job {
        let mut reply = Reply::new(&self.outbox, ticket);
        let cancel = reply.cancel();
        let line = direct.line();
        let run = Box::new(move |verdict| match verdict {
            Verdict::Run if reply.begin_run() => {
                let lent = lent_ranges(&inputs);
                let outcome =
                    match direct.run(inputs, (bytes, RunMode::Pool), Stopwatch::start(true)) {
                        Ok(outputs) => match hand_over(outputs, &lent) {
                            Ok(outputs) => Outcome::Outputs(outputs),
                            Err(error) => Outcome::Failed(error),
                        },
                        Err(error) => Outcome::Failed(error),
                    };
                // The model may be closed as soon as the answer is there.
                drop(direct);
                reply.send(0, outcome);
            }
            Verdict::Run | Verdict::Expired | Verdict::Cancelled | Verdict::Refused => {
                // Before the ticket ends: whoever waits for it may count on model and inputs being free.
                drop((inputs, direct));
                reply.drop_silently();
            }
        });
        Job {
            line,
            deadline: None,
            cancel,
            run,
        }
    }
}

/// Reads JavaScript's inputs.
struct Reader<'a> {
    event_loop: &'a NativeLoop,
    ticket: u32,
    pin: Option<Arc<Pin>>,
    bytes: usize,
}

impl Reader<'_> {
    fn inputs(&mut self, list: &Array<'_>) -> Result<Inputs> {
        (0..list.len())
            .map(
                |at| match list.get::<Option<Object>>(at).map_err(refused)?.flatten() {
                    None => Ok(None),
                    Some(object) => self.input(&object).map(Some),
                },
            )
            .collect()
    }

    fn input(&mut self, object: &Object<'_>) -> Result<Input<Pinned>> {
        let number: i32 = object.get_named_property("dtype").map_err(refused)?;
        let dtype = DType::from_i32(number)
            .ok_or_else(|| throw(Error::invalid(format!("dtype {number}: unknown"))))?;
        let shape: Vec<i64> = object.get_named_property("shape").map_err(refused)?;
        let data: Uint8ArraySlice<'_> = object.get_named_property("data").map_err(refused)?;
        let bytes: &[u8] = &data;
        self.bytes += bytes.len();
        let ends: Option<Float64Array> = object.get_named_property("ends").map_err(refused)?;
        let data = match ends {
            Some(ends) => InputData::Strings {
                block: bytes.to_vec(),
                ends: ends.iter().map(|end| *end as usize).collect(),
            },
            None if bytes.len() < PIN_BYTES => InputData::Copied(AlignedBuf::from(bytes)),
            None => {
                let pin = self
                    .pin
                    .get_or_insert_with(|| Pin::new(&self.event_loop.outbox, self.ticket));
                // SAFETY: `saved-model.ts` keeps the arrays by this ticket until it is reported unpinned.
                InputData::Shared(unsafe { Pinned::new(bytes, Arc::clone(pin)) })
            }
        };
        Ok(Input { dtype, shape, data })
    }
}

/// Addresses of the caller's memory that the run reads in place.
fn lent_ranges(inputs: &Inputs) -> Vec<std::ops::Range<usize>> {
    let lent = inputs
        .iter()
        .flatten()
        .filter_map(|input| match &input.data {
            InputData::Shared(owner) => Some(owner.as_ref()),
            _ => None,
        });
    lent.map(|bytes| {
        let start = bytes.as_ptr() as usize;
        start..start + bytes.len()
    })
    .collect()
}

/// Outputs for JavaScript. One that stands on an input's memory (Identity) is copied: the input's owner may write to it, and
/// gets it back when the run has ended.
fn hand_over(
    outputs: Vec<TensorFlowTensor>,
    lent: &[std::ops::Range<usize>],
) -> std::result::Result<Vec<OutputTensor>, Error> {
    let output = |tensor: TensorFlowTensor| {
        let address = tensor.tensor().bytes().as_ptr() as usize;
        if !lent.iter().any(|range| range.contains(&address)) {
            return Ok(OutputTensor::new(tensor));
        }
        tensor.copy().map(OutputTensor::new)
    };
    outputs.into_iter().map(output).collect()
}
