//! A safe binding of TensorFlow's C API. The library is opened at run time, never linked:
//! [`Library::open`], then [`SavedModel::load`], [`SavedModel::plan`] and [`SavedModel::run`] on
//! [`Tensor`]s.
//!
//! Knows nothing of protocols or Node. All of the workspace's `unsafe` that concerns TensorFlow is
//! here, behind a surface that cannot be misused: handles are freed once, plans do not leave their
//! session, and memory lent to TensorFlow is owned by what it frees it with.

mod allocator;
mod c_api;
mod dense;
mod devices;
mod error;
mod file_ops;
mod graph;
mod graph_facts;
mod handles;
mod last_words;
mod library;
mod load_options;
mod mapped;
mod meta_graph;
mod nodes;
mod nvml;
mod onednn;
mod ops;
mod plan;
mod resident;
mod run_options;
mod saved_model;
mod session;
mod shape;
mod signature;
mod status;
mod strings;
mod tensor;
mod twin;
mod version;
mod wire;

pub use allocator::{limit_arenas, memory_trims, trim_memory};
pub use devices::Device;
pub use error::{Error, OpenError, code};
pub use file_ops::{FILE_OPS, check_ops};
pub use graph_facts::GraphFacts;
pub use last_words::on_end;
pub use library::{LIBRARY_NAMES, Library, OpenOptions, Warning, base_dtype};
pub use load_options::LoadOptions;
pub use meta_graph::ModelMeta;
pub use nvml::{Gpu, LIBRARY_NAME as NVML_LIBRARY, Nvml};
pub use plan::Plan;
pub use run_options::RunOptions;
pub use saved_model::{SERVE_TAG, SavedModel};
pub use signature::{Endpoint, Signature};
pub use strings::StringsView;
pub use tensor::{DT_STRING, Tensor, copies};
pub use version::Version;
