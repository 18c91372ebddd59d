//! The errors of this crate: opening the library, and everything after it.

use std::path::PathBuf;

use thiserror::Error as ThisError;

use crate::version::Version;

/// TensorFlow's codes (`TF_Code`), which are also gRPC's.
pub mod code {
    /// No error.
    pub const OK: i32 = 0;
    /// The work was given up, usually by whoever asked for it.
    pub const CANCELLED: i32 = 1;
    /// An error without a better code.
    pub const UNKNOWN: i32 = 2;
    /// The request is wrong whatever the state of the system.
    pub const INVALID_ARGUMENT: i32 = 3;
    /// The time given was over.
    pub const DEADLINE_EXCEEDED: i32 = 4;
    /// A file, model or tensor does not exist.
    pub const NOT_FOUND: i32 = 5;
    /// It exists already.
    pub const ALREADY_EXISTS: i32 = 6;
    /// The caller may not do this.
    pub const PERMISSION_DENIED: i32 = 7;
    /// Memory or another quota is used up.
    pub const RESOURCE_EXHAUSTED: i32 = 8;
    /// The system is not in the state this needs.
    pub const FAILED_PRECONDITION: i32 = 9;
    /// Given up because of a conflict.
    pub const ABORTED: i32 = 10;
    /// Past the valid range.
    pub const OUT_OF_RANGE: i32 = 11;
    /// Not supported.
    pub const UNIMPLEMENTED: i32 = 12;
    /// A broken invariant.
    pub const INTERNAL: i32 = 13;
    /// Not possible now; a later attempt may succeed.
    pub const UNAVAILABLE: i32 = 14;
    /// Data is lost or corrupt.
    pub const DATA_LOSS: i32 = 15;
    /// The caller is not known.
    pub const UNAUTHENTICATED: i32 = 16;
}

/// A failed call: TensorFlow's code and its text, unchanged, or this crate's own in the same form.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("{message}")]
pub struct Error {
    /// One of [`code`].
    pub code: i32,
    /// One sentence or more, as a client may see it.
    pub message: String,
}

impl Error {
    /// An error with this code and text.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_ARGUMENT, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(code::INTERNAL, message)
    }
}

/// Why a TensorFlow library was not opened. Every text begins with the path it is about.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file, or a folder without a TensorFlow library in it.
    #[error("{}: no TensorFlow library here, expected {names}", path.display())]
    NotFound {
        /// The path asked for.
        path: PathBuf,
        /// The file names that are accepted.
        names: &'static str,
    },
    /// The system's loader refused the file: another architecture, a missing dependency, no
    /// permission, not a library.
    #[error("{}: cannot be loaded: {reason}", path.display())]
    NotLoadable {
        /// The file tried.
        path: PathBuf,
        /// The loader's own words.
        reason: String,
    },
    /// It is a shared library, but not TensorFlow: `TF_Version` is missing.
    #[error("{}: not a TensorFlow library, it does not export TF_Version", path.display())]
    Foreign {
        /// The file tried.
        path: PathBuf,
    },
    /// A TensorFlow of a release that is too old, too new or cannot be read.
    #[error("{}: TensorFlow {found} is {}, need {needed}", path.display(), verdict(found))]
    Version {
        /// The file tried.
        path: PathBuf,
        /// What `TF_Version` answered.
        found: String,
        /// The range that is supported.
        needed: &'static str,
    },
    /// A TensorFlow of the right release, built without a function that is needed.
    #[error("{}: TensorFlow {version} does not export {symbol}", path.display())]
    MissingSymbol {
        /// The file tried.
        path: PathBuf,
        /// What `TF_Version` answered.
        version: String,
        /// The first function that is missing.
        symbol: &'static str,
    },
    /// Another library is open already; a process can hold one.
    #[error("{}: this process already uses {}; a process can hold one TensorFlow", path.display(), open.display())]
    AlreadyOpen {
        /// The path asked for.
        path: PathBuf,
        /// The one that is open.
        open: PathBuf,
    },
}

impl OpenError {
    /// The code this is answered with, one of [`code`].
    pub fn code(&self) -> i32 {
        match self {
            Self::NotFound { .. } => code::NOT_FOUND,
            _ => code::FAILED_PRECONDITION,
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

fn verdict(found: &str) -> &'static str {
    match Version::parse(found) {
        Some(version) if version < Version::OLDEST => "too old",
        Some(_) => "too new",
        None => "not a version",
    }
}
