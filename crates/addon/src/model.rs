//! A loaded model as JavaScript holds it.

use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Instant;

use napi::Env;
use napi::bindgen_prelude::{BufferSlice, Uint8Array};
use napi_derive::napi;
use parking_lot::Mutex;
use servable_codec::{Code, Error};
use servable_engine::counters::loads;
use servable_engine::lease::Gone;
use servable_engine::runner::{EndpointSource, Runner};
use servable_engine::schedule::batch::Unbatched;
use servable_engine::servable::{Servable, Signature};
use servable_engine::shape_check::InputShapeCheck;
use servable_engine::tensorflow::{self, TensorFlowModel};
use servable_tensorflow::LoadOptions;

use crate::batch::{NativeBatchingParameters, UnbatchedInfo};
use crate::error::{Result, refused, throw};
use crate::process::{ENGINE, LoadThreads};
use crate::runtime::library;

/// What to load and how. See `ts/native/model.ts`.
#[napi(object, use_nullable = true)]
pub struct NativeLoadOptions {
    /// The folder that holds `saved_model.pb`.
    pub export_dir: String,
    /// The tags of the MetaGraph.
    pub tags: Vec<String>,
    /// A serialized `ConfigProto`.
    pub config_proto: Option<Uint8Array>,
    /// Leaves TensorFlow's remapper on where it only costs time.
    pub always_remap: bool,
    /// `auto`, `strict` or `off`.
    pub input_shape_check: String,
    /// Ops that are allowed although they reach beyond the model; `null` does not look.
    pub allowed_ops: Option<Vec<String>>,
    /// How its requests are batched; `null`: they are not.
    pub batching: Option<NativeBatchingParameters>,
}

/// What a model says about itself.
#[napi(object, use_nullable = true)]
pub struct ModelDescription {
    /// As it was given.
    pub export_dir: String,
    /// The tags of the loaded MetaGraph.
    pub tags: Vec<String>,
    /// The TensorFlow that saved it.
    pub tensorflow_version: String,
    /// The devices of its session.
    pub devices: Vec<String>,
    /// Whether TensorFlow's remapper is left off.
    pub is_unfused: bool,
    /// Bytes of its files.
    pub bytes: f64,
    /// Sorted by name.
    pub signatures: Vec<SignatureInfo>,
    /// Signatures that could not be batched.
    pub unbatched: Vec<UnbatchedInfo>,
}

/// One signature.
#[napi(object, use_nullable = true)]
pub struct SignatureInfo {
    /// Its name.
    pub name: String,
    /// Such as `tensorflow/serving/predict`.
    pub method_name: String,
    /// Sorted by name.
    pub inputs: Vec<TensorInfo>,
    /// Sorted by name.
    pub outputs: Vec<TensorInfo>,
    /// Why it cannot be called.
    pub unsupported: Option<String>,
}

/// One named input or output.
#[napi(object, use_nullable = true)]
pub struct TensorInfo {
    /// The name requests use.
    pub name: String,
    /// The graph's name.
    pub tensor_name: String,
    /// TensorFlow's number of the element type.
    pub dtype: i32,
    /// Dimensions, -1 for a free one; `null`: unknown rank.
    pub shape: Option<Vec<i64>>,
    /// Whether the signature holds a value for it.
    pub has_default: bool,
}

type Loaded = Servable<TensorFlowModel>;

/// A loaded model. Once published the catalog owns it, and this only knows when it is gone.
#[napi]
pub struct NativeModel {
    export_dir: String,
    /// What loaded it also warms it: a first run may start threads that stay.
    threads: LoadThreads,
    servable: Mutex<Option<Arc<Loaded>>>,
    gone: Gone,
    unbatched: Vec<Unbatched>,
}

/// Once the first model is loaded, what only the opening of libtensorflow needed is given back: some 200 MB.
static FIRST_LOAD: Once = Once::new();

/// The threads to load a model on. TensorFlow starts its process-wide compute threads from the first thread that loads.
pub fn load_threads(options: &NativeLoadOptions) -> LoadThreads {
    if FIRST_LOAD.is_completed() && !options.to_load().has_own_threads() {
        LoadThreads::Low
    } else {
        LoadThreads::Usual
    }
}

impl NativeLoadOptions {
    fn to_load(&self) -> LoadOptions {
        LoadOptions {
            tags: self.tags.clone(),
            config: self.config_proto.as_ref().map(|bytes| bytes.to_vec()),
            always_remap: self.always_remap,
        }
    }
}

/// Loads a model on the calling thread. Blocks.
pub fn load(
    options: &NativeLoadOptions,
    threads: LoadThreads,
) -> std::result::Result<NativeModel, Error> {
    let check = match options.input_shape_check.as_str() {
        "strict" => InputShapeCheck::Strict,
        "off" => InputShapeCheck::Off,
        _ => InputShapeCheck::Auto,
    };
    let load_options = options.to_load();
    let dir = Path::new(&options.export_dir);
    let library = library()?;
    if let Some(allowed) = &options.allowed_ops {
        servable_tensorflow::check_ops(dir, allowed).map_err(tensorflow::error)?;
    }
    let begun = Instant::now();
    let model = TensorFlowModel::load(library, dir, &load_options);
    loads::record(&options.export_dir, begun.elapsed(), model.is_ok());
    let model = model?;
    let servable = Servable::new(model, check);
    let path = options.export_dir.clone();
    servable.gone().on_gone(move || loads::leave(&path));
    let unbatched = match &options.batching {
        None => Vec::new(),
        Some(batching) => ENGINE.batcher.attach(&servable, batching.check()?)?,
    };
    FIRST_LOAD.call_once(|| {
        library.release_opening_memory();
    });
    let gone = servable.gone().clone();
    let servable = Mutex::new(Some(Arc::new(servable)));
    Ok(NativeModel {
        export_dir: options.export_dir.clone(),
        threads,
        servable,
        gone,
        unbatched,
    })
}

impl NativeModel {
    /// The threads that loaded it.
    pub fn threads(&self) -> LoadThreads {
        self.threads
    }

    /// The servable while this handle owns it.
    ///
    /// # Errors
    /// `FailedPrecondition` once it was closed or published.
    pub fn servable(&self) -> std::result::Result<Arc<Loaded>, Error> {
        self.servable.lock().clone().ok_or_else(closed)
    }

    /// The folder it was loaded from, as it was given.
    pub fn export_dir(&self) -> &str {
        &self.export_dir
    }

    /// Gives the servable to the catalog.
    ///
    /// # Errors
    /// `FailedPrecondition` once it was closed or published, or whatever `give` answers; it then stays here.
    pub fn give(
        &self,
        give: impl FnOnce(Arc<Loaded>) -> std::result::Result<(), Error>,
    ) -> std::result::Result<(), Error> {
        let mut servable = self.servable.lock();
        give(Arc::clone(servable.as_ref().ok_or_else(closed)?))?;
        *servable = None;
        Ok(())
    }

    /// Lets the servable go; `then` runs when its session is closed.
    pub fn close(&self, then: impl FnOnce() + Send + 'static) {
        self.gone.on_gone(then);
        drop(self.servable.lock().take());
    }
}

fn closed() -> Error {
    Error::new(Code::FailedPrecondition, "the model is closed")
}

#[napi]
impl NativeModel {
    /// What the model says about itself.
    #[napi(catch_unwind)]
    pub fn describe(&self) -> Result<ModelDescription> {
        let servable = self.servable().map_err(throw)?;
        let model = servable.runner().model();
        let meta = model.meta();
        // A session that cannot list its devices still works.
        let devices = model.devices().unwrap_or_default();
        Ok(ModelDescription {
            export_dir: self.export_dir.clone(),
            tags: meta.tags.clone(),
            tensorflow_version: meta.tensorflow_version.clone(),
            devices: devices.into_iter().map(|device| device.name).collect(),
            is_unfused: model.is_unfused(),
            bytes: meta.bytes as f64,
            signatures: servable
                .signatures()
                .values()
                .map(|s| signature_info(s))
                .collect(),
            unbatched: self.unbatched.iter().map(UnbatchedInfo::from).collect(),
        })
    }

    /// The serialized `SignatureDefMap`.
    #[napi(catch_unwind)]
    pub fn signature_def_map<'env>(&self, env: &'env Env) -> Result<BufferSlice<'env>> {
        let servable = self.servable().map_err(throw)?;
        BufferSlice::copy_from(env, servable.runner().signature_def_map()).map_err(refused)
    }
}

fn signature_info(signature: &Signature<TensorFlowModel>) -> SignatureInfo {
    SignatureInfo {
        name: signature.spec.name.clone(),
        method_name: signature.spec.method_name.clone(),
        inputs: signature.inputs.iter().map(tensor_info).collect(),
        outputs: signature.outputs.iter().map(tensor_info).collect(),
        unsupported: signature
            .plan
            .as_ref()
            .err()
            .map(|error| error.message.clone()),
    }
}

fn tensor_info(endpoint: &EndpointSource) -> TensorInfo {
    TensorInfo {
        name: endpoint.alias.clone(),
        tensor_name: endpoint.tensor_name.clone(),
        dtype: endpoint.dtype.number(),
        shape: endpoint.shape.clone(),
        has_default: endpoint.default.is_some(),
    }
}
