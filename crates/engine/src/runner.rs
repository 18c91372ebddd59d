//! The seam to TensorFlow: everything the engine asks of a model, so that its tests need no libtensorflow.

use servable_codec::{AlignedBuf, DType, Error, ViewData};

/// A model that can be run.
pub trait Runner: Send + Sync + 'static {
    /// A tensor in the memory the model runs on. Cheap to drop, on any thread.
    type Tensor: RunnerTensor + Send + Sync + 'static;
    /// Feeds and fetches resolved to the graph's nodes.
    type Plan: Send + Sync + 'static;

    /// The model's signatures. Called once, at load.
    fn signatures(&self) -> Vec<SignatureSource>;

    /// Fewest dimensions that the ops with a `data_format` need which run for these feeds and fetches, where there are any:
    /// TensorFlow ends the process when one gets fewer. Called once per signature, at load.
    fn smallest_rank(&self, feeds: &[&str], fetches: &[&str]) -> Option<usize>;

    /// The serialized `tensorflow.serving.SignatureDefMap`.
    fn signature_def_map(&self) -> &[u8];

    /// Resolves graph names, such as `x:0`, for any number of runs; `targets` are run without being fetched. May walk the
    /// whole graph.
    ///
    /// # Errors
    /// A name the graph does not have.
    fn plan(&self, feeds: &[&str], fetches: &[&str], targets: &[&str])
    -> Result<Self::Plan, Error>;

    /// Whether a run of `plan` may keep a feed's memory after it has ended (variables, queues, stacks, custom ops).
    fn keeps_feeds(&self, plan: &Self::Plan) -> bool;

    /// A tensor that takes over `buffer`.
    ///
    /// # Errors
    /// `InvalidArgument` where dtype, shape and length do not fit.
    fn tensor(
        &self,
        dtype: DType,
        shape: &[i64],
        buffer: AlignedBuf,
    ) -> Result<Self::Tensor, Error>;

    /// A tensor over bytes that others read too; copied where they are not aligned as the model needs.
    ///
    /// # Errors
    /// `InvalidArgument` where dtype, shape and length do not fit.
    fn shared_tensor<B>(
        &self,
        dtype: DType,
        shape: &[i64],
        owner: B,
    ) -> Result<Self::Tensor, Error>
    where
        B: AsRef<[u8]> + Send + 'static;

    /// A string tensor, copied from `strings`.
    ///
    /// # Errors
    /// `InvalidArgument` where shape and number of strings do not fit.
    fn string_tensor<'a, I>(&self, shape: &[i64], strings: I) -> Result<Self::Tensor, Error>
    where
        I: ExactSizeIterator<Item = &'a [u8]>;

    /// Runs to completion. Outputs come in the plan's order and own their memory.
    ///
    /// # Errors
    /// The model's own code and text.
    fn run(
        &self,
        plan: &Self::Plan,
        feeds: &[&Self::Tensor],
        mode: RunMode,
    ) -> Result<Vec<Self::Tensor>, Error>;
}

/// What can be read like a tensor: one that a runner has made, or one request's rows of it.
pub trait RunnerTensor {
    /// Element type.
    fn dtype(&self) -> DType;
    /// Dimensions.
    fn shape(&self) -> &[i64];
    /// The elements, row by row.
    fn data(&self) -> ViewData<'_>;
}

/// Where a run's work happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMode {
    /// On the calling thread: right for tiny models, whose cost is the hop to another thread.
    Inline,
    /// On the runner's own threads as it likes.
    Pool,
}

/// One signature as the model's file has it.
#[derive(Debug, Clone)]
pub struct SignatureSource {
    /// The key requests use.
    pub name: String,
    /// Such as `tensorflow/serving/predict`.
    pub method_name: String,
    /// Sorted by alias.
    pub inputs: Vec<EndpointSource>,
    /// Sorted by alias.
    pub outputs: Vec<EndpointSource>,
    /// Why it cannot be called, where it cannot.
    pub unsupported: Option<String>,
}

/// One named input or output of a signature.
#[derive(Debug, Clone)]
pub struct EndpointSource {
    /// The name requests use.
    pub alias: String,
    /// The graph's name, such as `x:0`.
    pub tensor_name: String,
    /// Element type.
    pub dtype: DType,
    /// `None`: unknown rank; -1: free.
    pub shape: Option<Vec<i64>>,
    /// A serialized `TensorProto` that stands in for an input the request leaves out.
    pub default: Option<Vec<u8>>,
}
