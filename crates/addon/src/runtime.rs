//! Opening libtensorflow.

use std::path::Path;

use napi_derive::napi;
use servable_codec::{Code, Error};
use servable_tensorflow::{Library, OpenOptions};

use crate::error::{Result, throw, throw_tensorflow};

/// The open libtensorflow.
#[napi(object, use_nullable = true)]
pub struct NativeRuntimeInfo {
    /// Such as `2.21.0`.
    pub version: String,
    /// The file, without symbolic links.
    pub path: String,
    /// What its user should be told; usually empty.
    pub warnings: Vec<String>,
}

fn info(library: &Library) -> NativeRuntimeInfo {
    NativeRuntimeInfo {
        version: library.version_text().to_owned(),
        path: library.path().display().to_string(),
        warnings: library.warnings().iter().map(ToString::to_string).collect(),
    }
}

/// The library, or the error that says how to get one.
pub fn library() -> std::result::Result<&'static Library, Error> {
    Library::current().ok_or_else(|| {
        Error::new(
            Code::FailedPrecondition,
            "libtensorflow is not open: call openRuntime with its path first",
        )
    })
}

/// Opens the library at `path`, once per process.
#[napi(catch_unwind)]
pub fn open_runtime(path: String) -> Result<NativeRuntimeInfo> {
    let library = Library::open(Path::new(&path), &OpenOptions::default())
        .map_err(|error| throw_tensorflow(error.into()))?;
    Ok(info(library))
}

/// The open library, or `null`.
#[napi(catch_unwind)]
pub fn runtime_info() -> Option<NativeRuntimeInfo> {
    Library::current().map(info)
}

/// Loads a library of custom operations.
#[napi(catch_unwind)]
pub fn load_op_library(path: String) -> Result<()> {
    library()
        .map_err(throw)?
        .load_op_library(Path::new(&path))
        .map_err(throw_tensorflow)
}
