//! Opening libtensorflow.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;
use servable_codec::{Code, Error};
use servable_tensorflow::{Library, OpenOptions};

use crate::error::{Result, throw, throw_tensorflow};
use crate::process::ENGINE;

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

/// An opening of the library on one of Node's threads.
pub struct Opening(String);

impl Task for Opening {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        let open = || Library::open(Path::new(&self.0), &OpenOptions::default()).is_ok();
        // Whatever went wrong is told, with its code, by the `openRuntime` that follows.
        catch_unwind(AssertUnwindSafe(open)).ok();
        Ok(())
    }

    fn resolve(&mut self, _env: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}

/// Tries to open the library at `path` off the JavaScript thread; resolves when that has ended, whether it is open or not.
///
/// On a thread of Node's, because it waits for those when a process ends: TensorFlow's constructors must not run beside destructors.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn open_runtime_aside(path: String) -> AsyncTask<Opening> {
    // The environment is this thread's to write.
    OpenOptions::default().set_log_level();
    // A thread's first look into the catalog registers a destructor with the C library, which waits for the loader's lock: here, not
    // while the library is being opened (seen as 0.2 s in which nothing else was loaded).
    drop(ENGINE.catalog.list());
    AsyncTask::new(Opening(path))
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
