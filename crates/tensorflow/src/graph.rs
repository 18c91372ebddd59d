//! A graph and look-ups of its operations and tensors by name.

use std::ffi::{CString, c_int};
use std::ptr::NonNull;

use crate::c_api::{TfGraph, TfOperation, TfOutput};
use crate::error::{Error, code};
use crate::library::Library;

/// REF dtypes are the base dtype plus this.
const REF_OFFSET: i32 = 100;

/// An owned graph.
pub(crate) struct Graph {
    library: &'static Library,
    raw: NonNull<TfGraph>,
}

impl Graph {
    pub(crate) fn new(library: &'static Library) -> Self {
        // SAFETY: takes nothing; owned and freed in `drop`.
        let raw = unsafe { (library.api().new_graph)() };
        Self {
            library,
            raw: NonNull::new(raw).expect("TF_NewGraph allocates or aborts"),
        }
    }

    pub(crate) fn library(&self) -> &'static Library {
        self.library
    }

    pub(crate) fn raw(&self) -> *mut TfGraph {
        self.raw.as_ptr()
    }

    /// The operation of this name.
    pub(crate) fn operation(&self, name: &str) -> Option<NonNull<TfOperation>> {
        let name = CString::new(name).ok()?;
        // SAFETY: a live graph (locked inside the call) and a NUL-terminated name.
        NonNull::new(unsafe {
            (self.library.api().graph_operation_by_name)(self.raw(), name.as_ptr())
        })
    }

    /// The tensor of this name, `operation:index` or `operation` for its output 0.
    pub(crate) fn output(&self, name: &str, purpose: Use) -> Result<TfOutput, Error> {
        let (operation, index) = split_tensor_name(name).ok_or_else(|| purpose.not_found(name))?;
        let oper = self
            .operation(operation)
            .ok_or_else(|| purpose.not_found(name))?
            .as_ptr();
        // SAFETY: a live operation.
        let outputs = unsafe { (self.library.api().operation_num_outputs)(oper) };
        if index >= outputs {
            return Err(purpose.index_too_large(name, outputs));
        }
        Ok(TfOutput { oper, index })
    }

    /// Whether the tensor is a variable of a TensorFlow 1 graph.
    pub(crate) fn is_ref(&self, output: TfOutput) -> bool {
        // SAFETY: an output of a live operation; `output` checked its index.
        unsafe { (self.library.api().operation_output_type)(output) > REF_OFFSET }
    }
}

// SAFETY: TF_Graph locks inside; any thread may use and delete it.
unsafe impl Send for Graph {}
// SAFETY: as above.
unsafe impl Sync for Graph {}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once, after the sessions that use it.
        unsafe { (self.library.api().delete_graph)(self.raw()) };
    }
}

/// `name:index` as operation and index; without an index it is 0. `None` for control inputs
/// (`^name`) and other text.
pub(crate) fn split_tensor_name(name: &str) -> Option<(&str, c_int)> {
    let (operation, index) = match name.rsplit_once(':') {
        Some((operation, index)) if index.bytes().all(|byte| byte.is_ascii_digit()) => {
            (operation, index.parse().ok()?)
        }
        Some(_) => return None,
        None => (name, 0),
    };
    (!operation.is_empty() && !operation.starts_with('^')).then_some((operation, index))
}

/// What a tensor is looked up for; decides between TensorFlow's texts.
#[derive(Clone, Copy)]
pub(crate) enum Use {
    Feed,
    Fetch,
}

impl Use {
    fn not_found(self, name: &str) -> Error {
        let text = match self {
            Self::Feed => format!("FeedInputs: unable to find feed output {name}"),
            Self::Fetch => format!("FetchOutputs node {name}: not found"),
        };
        Error::new(code::NOT_FOUND, text)
    }

    fn index_too_large(self, name: &str, outputs: c_int) -> Error {
        Error::invalid_argument(match self {
            Self::Feed => format!("FeedInputs: {name} should have output index < {outputs}"),
            Self::Fetch => {
                format!("FetchOutputs {name}: output index too large, must be < {outputs}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::split_tensor_name;

    #[test]
    fn tensor_names_split_into_operation_and_index() {
        assert_eq!(split_tensor_name("x:0"), Some(("x", 0)));
        assert_eq!(split_tensor_name("scope/x:12"), Some(("scope/x", 12)));
        assert_eq!(split_tensor_name("x"), Some(("x", 0)));
        for wrong in ["", "^x", ":0", "x:", "x:y", "x:-1", "x:99999999999"] {
            assert_eq!(split_tensor_name(wrong), None, "{wrong}");
        }
    }
}
