//! What request logs and record files need of the engine. See `ts/native/record.ts`.

use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{BigInt, BufferSlice, Uint8ArraySlice};
use napi_derive::napi;
use servable_codec::{Code, tfrecord};
use servable_engine::catalog::Choice;
use servable_engine::infer::recorded;
use servable_engine::{Settings, records};

use crate::error::{Result, refused, throw};
use crate::process::ENGINE;
use crate::target::{Target, TargetSpec};

/// An answered REST predict as messages.
#[napi(object, use_nullable = true)]
pub struct RecordedPredict<'env> {
    /// The signature it was resolved to.
    pub signature_name: String,
    /// A `PredictRequest`.
    pub request: BufferSlice<'env>,
    /// A `PredictResponse`; `null` where the answer does not tell its tensors.
    pub response: Option<BufferSlice<'env>>,
}

/// Reads the body and the reply of an answered REST predict as the messages gRPC would have carried. The version must still be there.
#[napi(catch_unwind)]
pub fn record_predict<'env>(
    env: &'env Env,
    target: TargetSpec,
    version: BigInt,
    body: Uint8ArraySlice<'_>,
    reply: Uint8ArraySlice<'_>,
) -> Result<RecordedPredict<'env>> {
    let target = Target::try_from(target)?;
    let version = version.get_i64().0;
    let choice = Choice::Specific(version);
    let lease = ENGINE.catalog.find(target.name(), choice).map_err(throw)?;
    let settings = Settings::default();
    let call = target.call(&settings, Duration::ZERO);
    let record = recorded::recorded(&lease.servable, version, &call, (&body, &reply));
    let record = record.map_err(throw)?;
    let buffer = |bytes: Vec<u8>| BufferSlice::from_data(env, bytes).map_err(refused);
    Ok(RecordedPredict {
        signature_name: record.signature_name,
        request: buffer(record.request)?,
        response: record.response.map(buffer).transpose()?,
    })
}

/// The checksum that TFRecord files carry.
#[napi(catch_unwind)]
pub fn masked_crc32c(bytes: Uint8ArraySlice<'_>) -> u32 {
    tfrecord::masked_crc32c(&bytes)
}

/// Counts requests of a model that were to be logged; `code` is 0 when they were written.
#[napi(catch_unwind)]
pub fn count_logged(model: String, code: u32, count: u32) {
    let code = Code::from_number(i32::try_from(code).unwrap_or(2));
    records::count_logged(&model, code, u64::from(count));
}

/// Requests to be logged of one model with one outcome.
#[napi(object, use_nullable = true)]
pub struct LoggedInfo {
    /// The model's name.
    pub model: String,
    /// Canonical code number; 0: written.
    pub code: u32,
    /// How many.
    pub count: f64,
}

/// Every model's requests to be logged since the process began.
#[napi(catch_unwind)]
pub fn logged_counters() -> Vec<LoggedInfo> {
    let list = records::logged().into_iter();
    list.map(|(model, code, count)| LoggedInfo {
        model,
        code: u32::from(code.number()),
        count: count as f64,
    })
    .collect()
}
