//! The runner of real models: [`servable_tensorflow`].

use std::path::Path;
use std::sync::atomic::Ordering;

use servable_codec::{AlignedBuf, Code, DType, Error, Strings, ViewData};
use servable_tensorflow as tf;

use crate::counters::SESSION_RUNS;
use crate::runner::{EndpointSource, RunMode, Runner, RunnerTensor, SignatureSource};

/// A SavedModel in libtensorflow.
pub struct TensorFlowModel {
    library: &'static tf::Library,
    model: tf::SavedModel,
    inline: tf::RunOptions,
    pooled: tf::RunOptions,
}

/// A tensor in TensorFlow's memory.
pub struct TensorFlowTensor {
    tensor: tf::Tensor,
    dtype: DType,
}

/// An error of the binding in the engine's words: the codes are the same numbers.
pub fn error(error: tf::Error) -> Error {
    Error::new(Code::from_number(error.code), error.message)
}

impl TensorFlowModel {
    /// Loads a SavedModel. Blocks, for large models for long.
    ///
    /// # Errors
    /// TensorFlow's code and text.
    pub fn load(
        library: &'static tf::Library,
        dir: &Path,
        options: &tf::LoadOptions,
    ) -> Result<Self, Error> {
        let model = tf::SavedModel::load(library, dir, options).map_err(error)?;
        let (inline, pooled) = (tf::RunOptions::inline(), tf::RunOptions::pooled());
        Ok(Self {
            library,
            model,
            inline,
            pooled,
        })
    }

    /// The loaded model.
    pub fn model(&self) -> &tf::SavedModel {
        &self.model
    }
}

impl TensorFlowTensor {
    fn new(tensor: tf::Tensor) -> Result<Self, Error> {
        let number = tensor.dtype();
        let dtype = DType::from_i32(number).ok_or_else(|| {
            Error::new(
                Code::Unimplemented,
                format!("a tensor of the unknown dtype {number}"),
            )
        })?;
        Ok(Self { tensor, dtype })
    }

    /// The tensor itself.
    pub fn tensor(&self) -> &tf::Tensor {
        &self.tensor
    }

    /// The same numbers in memory of their own.
    ///
    /// # Errors
    /// `InvalidArgument` for a tensor without numbers.
    pub fn copy(&self) -> Result<Self, Error> {
        let buffer = Exclusive(AlignedBuf::from(self.tensor.bytes()));
        let (number, shape) = (self.dtype.number(), self.tensor.shape());
        let library = tf::Library::current()
            .ok_or_else(|| Error::new(Code::Internal, "a tensor without its library"))?;
        let tensor = tf::Tensor::from_exclusive(library, number, shape, buffer);
        Self::new(tensor.map_err(error)?)
    }

    /// Whether nothing else, such as the model, stands on this memory.
    pub fn is_only_owner(&mut self) -> bool {
        self.tensor.is_only_owner()
    }
}

impl RunnerTensor for TensorFlowTensor {
    fn dtype(&self) -> DType {
        self.dtype
    }

    fn shape(&self) -> &[i64] {
        self.tensor.shape()
    }

    fn data(&self) -> ViewData<'_> {
        if self.dtype == DType::STRING {
            ViewData::Strings(self)
        } else {
            ViewData::Bytes(self.tensor.bytes())
        }
    }
}

impl Strings for TensorFlowTensor {
    fn len(&self) -> usize {
        self.tensor.len()
    }

    fn get(&self, index: usize) -> &[u8] {
        self.tensor
            .strings()
            .map_or(b"", |strings| strings.get(index))
    }
}

/// Lends a buffer that nobody else can reach.
struct Exclusive(AlignedBuf);

impl AsMut<[u8]> for Exclusive {
    fn as_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_slice()
    }
}

impl Runner for TensorFlowModel {
    type Tensor = TensorFlowTensor;
    type Plan = tf::Plan;

    fn signatures(&self) -> Vec<SignatureSource> {
        self.model.signatures().values().map(source).collect()
    }

    fn smallest_rank(&self, feeds: &[&str], fetches: &[&str]) -> Option<usize> {
        self.model
            .facts(feeds, fetches)
            .data_format_rank
            .map(usize::from)
    }

    fn signature_def_map(&self) -> &[u8] {
        self.model.signature_defs()
    }

    fn plan(&self, feeds: &[&str], fetches: &[&str], targets: &[&str]) -> Result<tf::Plan, Error> {
        self.model
            .plan_with_targets(feeds, fetches, targets)
            .map_err(error)
    }

    fn keeps_feeds(&self, plan: &tf::Plan) -> bool {
        plan.keeps_feeds()
    }

    fn tensor(
        &self,
        dtype: DType,
        shape: &[i64],
        buffer: AlignedBuf,
    ) -> Result<TensorFlowTensor, Error> {
        let tensor =
            tf::Tensor::from_exclusive(self.library, dtype.number(), shape, Exclusive(buffer));
        TensorFlowTensor::new(tensor.map_err(error)?)
    }

    fn shared_tensor<B>(
        &self,
        dtype: DType,
        shape: &[i64],
        owner: B,
    ) -> Result<TensorFlowTensor, Error>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        let tensor = tf::Tensor::from_bytes(self.library, dtype.number(), shape, owner);
        TensorFlowTensor::new(tensor.map_err(error)?)
    }

    fn string_tensor<'a, I>(&self, shape: &[i64], strings: I) -> Result<TensorFlowTensor, Error>
    where
        I: ExactSizeIterator<Item = &'a [u8]>,
    {
        let tensor = tf::Tensor::from_strings(self.library, shape, strings);
        TensorFlowTensor::new(tensor.map_err(error)?)
    }

    fn run(
        &self,
        plan: &tf::Plan,
        feeds: &[&TensorFlowTensor],
        mode: RunMode,
    ) -> Result<Vec<TensorFlowTensor>, Error> {
        let feeds: Vec<&tf::Tensor> = feeds.iter().map(|feed| &feed.tensor).collect();
        let options = match mode {
            RunMode::Inline => &self.inline,
            RunMode::Pool => &self.pooled,
        };
        SESSION_RUNS.fetch_add(1, Ordering::Relaxed);
        let outputs = self.model.run(plan, &feeds, options).map_err(error)?;
        outputs.into_iter().map(TensorFlowTensor::new).collect()
    }
}

/// A signature in the engine's words. An endpoint whose type the codecs do not know makes it one that cannot be called.
fn source(signature: &tf::Signature) -> SignatureSource {
    let mut unsupported = signature.unsupported.clone();
    let mut endpoints = |list: &[tf::Endpoint]| {
        let mut known = Vec::with_capacity(list.len());
        for endpoint in list {
            let Some(dtype) = DType::from_i32(endpoint.dtype) else {
                unsupported.get_or_insert_with(|| {
                    format!(
                        "signature \"{}\": \"{}\" has no element type (dtype {})",
                        signature.name, endpoint.alias, endpoint.dtype
                    )
                });
                continue;
            };
            known.push(EndpointSource {
                alias: endpoint.alias.clone(),
                tensor_name: endpoint.tensor_name.clone(),
                dtype,
                shape: endpoint.shape.clone(),
                default: endpoint.default.clone(),
            });
        }
        known
    };
    let (inputs, outputs) = (endpoints(&signature.inputs), endpoints(&signature.outputs));
    let (name, method_name) = (signature.name.clone(), signature.method_name.clone());
    SignatureSource {
        name,
        method_name,
        inputs,
        outputs,
        unsupported,
    }
}
