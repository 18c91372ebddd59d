//! The catalog's functions. See `ts/native/catalog.ts`.

use std::sync::atomic::Ordering;

use napi::Env;
use napi::bindgen_prelude::{BigInt, BufferSlice};
use napi_derive::napi;
use servable_engine::catalog::{Choice, ModelStatus, Source, State, VersionStatus};
use servable_engine::counters::{INPUT_BORROWS, INPUT_COPIES};
use servable_engine::runner::Runner;

use crate::error::{Result, refused, throw};
use crate::model::NativeModel;
use crate::process::ENGINE;

/// One version's status.
#[napi(object, use_nullable = true)]
pub struct VersionStatusInfo {
    /// Its number.
    pub version: BigInt,
    /// `START`, `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
    pub state: String,
    /// Canonical code number.
    pub code: u32,
    /// Why it failed.
    pub message: String,
}

/// One label.
#[napi(object, use_nullable = true)]
pub struct LabelInfo {
    /// Its name.
    pub label: String,
    /// What it points at.
    pub version: BigInt,
}

/// One model's status.
#[napi(object, use_nullable = true)]
pub struct ModelStatusInfo {
    /// Its name.
    pub name: String,
    /// Descending.
    pub versions: Vec<VersionStatusInfo>,
    /// Sorted by label.
    pub labels: Vec<LabelInfo>,
}

/// Where a model's versions come from.
#[napi(object, use_nullable = true)]
pub struct SourceInfo {
    /// Its versions wait for the first request.
    pub on_demand: bool,
    /// Canonical code number of what is wrong with its base path; 0: nothing.
    pub code: u32,
    /// What is wrong with it.
    pub message: String,
}

/// A version's signatures.
#[napi(object, use_nullable = true)]
pub struct MetadataInfo<'env> {
    /// The version chosen.
    pub version: BigInt,
    /// A serialized `SignatureDefMap`.
    pub signature_def_map: BufferSlice<'env>,
}

const STATES: [(State, &str); 5] = [
    (State::Start, "START"),
    (State::Loading, "LOADING"),
    (State::Available, "AVAILABLE"),
    (State::Unloading, "UNLOADING"),
    (State::End, "END"),
];

fn status_info(status: ModelStatus) -> ModelStatusInfo {
    let versions = status
        .versions
        .into_iter()
        .map(|version| VersionStatusInfo {
            version: BigInt::from(version.version),
            state: STATES
                .iter()
                .find(|(state, _)| *state == version.state)
                .map_or("", |(_, name)| name)
                .to_owned(),
            code: u32::from(version.code),
            message: version.message,
        });
    let labels = status.labels.into_iter().map(|(label, version)| LabelInfo {
        label,
        version: BigInt::from(version),
    });
    ModelStatusInfo {
        name: status.name,
        versions: versions.collect(),
        labels: labels.collect(),
    }
}

/// From now on requests find this version.
#[napi(catch_unwind)]
pub fn catalog_publish(name: String, version: BigInt, model: &NativeModel) -> Result<()> {
    let version = version.get_i64().0;
    model
        .give(|servable| ENGINE.catalog.publish(&name, version, servable))
        .map_err(throw)
}

/// Replaces a model's labels.
#[napi(catch_unwind)]
pub fn catalog_set_labels(name: String, labels: Vec<LabelInfo>) {
    let labels = labels
        .into_iter()
        .map(|label| (label.label, label.version.get_i64().0))
        .collect();
    ENGINE.catalog.set_labels(&name, labels);
}

/// Replaces what status answers say of a model.
#[napi(catch_unwind)]
pub fn catalog_set_status(name: String, versions: Vec<VersionStatusInfo>) {
    let versions = versions.into_iter().map(|version| VersionStatus {
        version: version.version.get_i64().0,
        state: STATES
            .iter()
            .find(|(_, name)| *name == version.state)
            .map_or(State::Start, |(state, _)| *state),
        code: u8::try_from(version.code).unwrap_or(2),
        message: version.message,
    });
    ENGINE.catalog.set_status(&name, versions.collect());
}

/// Replaces what is known of a model's source.
#[napi(catch_unwind)]
pub fn catalog_set_source(name: String, source: SourceInfo) {
    let source = Source {
        on_demand: source.on_demand,
        code: u8::try_from(source.code).unwrap_or(2),
        message: source.message,
    };
    ENGINE.catalog.set_source(&name, source);
}

/// What is known of a model's source, or `null`.
#[napi(catch_unwind)]
pub fn catalog_source(name: String) -> Option<SourceInfo> {
    ENGINE.catalog.source(&name).map(|source| SourceInfo {
        on_demand: source.on_demand,
        code: u32::from(source.code),
        message: source.message,
    })
}

/// Forgets a model.
#[napi(catch_unwind)]
pub fn catalog_remove(name: String) {
    ENGINE.catalog.remove(&name);
}

/// One model's status, or `null`.
#[napi(catch_unwind)]
pub fn catalog_status(name: String) -> Option<ModelStatusInfo> {
    ENGINE.catalog.status(&name).map(status_info)
}

/// Every model's status, sorted by name.
#[napi(catch_unwind)]
pub fn catalog_list() -> Vec<ModelStatusInfo> {
    ENGINE.catalog.list().into_iter().map(status_info).collect()
}

/// The signatures of a version: by number, by label, or the newest.
#[napi(catch_unwind)]
pub fn catalog_metadata(
    env: &Env,
    name: String,
    version: Option<BigInt>,
    label: Option<String>,
) -> Result<MetadataInfo<'_>> {
    let choice = match (&version, &label) {
        (Some(version), _) => Choice::Specific(version.get_i64().0),
        (None, Some(label)) => Choice::Label(label),
        (None, None) => Choice::Latest,
    };
    let lease = ENGINE.catalog.find(&name, choice).map_err(throw)?;
    let map = lease.servable.runner().signature_def_map();
    let signature_def_map = BufferSlice::copy_from(env, map).map_err(refused)?;
    Ok(MetadataInfo {
        version: BigInt::from(lease.version),
        signature_def_map,
    })
}

/// Whether this process should receive requests.
#[napi(catch_unwind)]
pub fn catalog_set_ready(ready: bool) {
    ENGINE.catalog.set_ready(ready);
}

/// What `catalogSetReady` set; false at first.
#[napi(catch_unwind)]
pub fn catalog_ready() -> bool {
    ENGINE.catalog.ready()
}

/// How inputs came into tensors, since the process began. For tests and benchmarks.
#[napi(object, use_nullable = true)]
pub struct CopyCounters {
    /// Inputs copied once on their way from the request into a tensor.
    pub copies: f64,
    /// Inputs read where the request has them.
    pub borrows: f64,
    /// Copies TensorFlow made because of alignment.
    pub tensorflow_copies: f64,
}

/// A snapshot of the copy counters.
#[napi(catch_unwind)]
pub fn copy_counters() -> CopyCounters {
    CopyCounters {
        copies: INPUT_COPIES.load(Ordering::Relaxed) as f64,
        borrows: INPUT_BORROWS.load(Ordering::Relaxed) as f64,
        tensorflow_copies: servable_tensorflow::copies() as f64,
    }
}
