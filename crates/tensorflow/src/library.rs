//! Opens libtensorflow at run time: one library a process, once, for good.

use std::env;
use std::ffi::{CStr, CString, c_char};
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library as DynamicLibrary, RTLD_LAZY, RTLD_LOCAL};
use parking_lot::{Mutex, const_mutex};
use std::sync::OnceLock;

use crate::c_api::Api;
use crate::error::{Error, OpenError};
use crate::mapped;
use crate::status;
use crate::version::Version;

/// File names of a TensorFlow library, best first: the wheel's, then the C archive's.
#[cfg(target_os = "macos")]
pub const LIBRARY_NAMES: &[&str] = &["libtensorflow_cc.2.dylib", "libtensorflow.2.dylib"];
/// File names of a TensorFlow library, best first: the wheel's, then the C archive's.
#[cfg(not(target_os = "macos"))]
pub const LIBRARY_NAMES: &[&str] = &["libtensorflow_cc.so.2", "libtensorflow.so.2"];

#[cfg(target_os = "macos")]
const NAMES_IN_WORDS: &str = "libtensorflow_cc.2.dylib or libtensorflow.2.dylib";
#[cfg(not(target_os = "macos"))]
const NAMES_IN_WORDS: &str = "libtensorflow_cc.so.2 or libtensorflow.so.2";

/// TensorFlow's own alignment of tensors where the library cannot be asked.
const DEFAULT_ALIGNMENT: usize = 64;

const LOG_LEVEL_VARIABLE: &str = "TF_CPP_MIN_LOG_LEVEL";

static CURRENT: OnceLock<&'static Library> = OnceLock::new();
static OPENING: Mutex<()> = const_mutex(());

/// How to open the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// What TensorFlow writes to stderr: 0 everything, 1 from warnings, 2 from errors, 3 only what
    /// ends the process. Set as `TF_CPP_MIN_LOG_LEVEL` before the library is opened; a value the
    /// user has put there wins. `None` sets nothing.
    pub min_log_level: Option<u8>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            min_log_level: Some(2),
        }
    }
}

impl OpenOptions {
    /// Puts the log level where TensorFlow looks for it, which [`Library::open`] does otherwise. For whoever opens the library on
    /// another thread than the one that writes the environment.
    pub fn set_log_level(&self) {
        if let (Some(level), None) = (self.min_log_level, env::var_os(LOG_LEVEL_VARIABLE)) {
            // SAFETY: happens once, before TensorFlow's threads exist. Another thread may read the
            // environment through C at this moment; that is the caller's to avoid, as documented,
            // and what every `process.env` write of Node does.
            unsafe { env::set_var(LOG_LEVEL_VARIABLE, level.to_string()) };
        }
    }
}

/// Something that does not keep the library from working and that its user should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The process had another TensorFlow mapped before this one was opened. Two of them can clash
    /// over global names.
    AnotherTensorFlow {
        /// The file of the other one.
        path: PathBuf,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnotherTensorFlow { path } => write!(
                f,
                "{}: another TensorFlow is loaded in this process; two of them may clash, use only one",
                path.display()
            ),
        }
    }
}

/// The opened TensorFlow. Lives until the process ends: TensorFlow cannot be unloaded.
pub struct Library {
    api: Api,
    path: PathBuf,
    version: Version,
    version_text: String,
    alignment: usize,
    warnings: Vec<Warning>,
}

impl Library {
    /// Opens the library at `path`, a file of any name or a folder that holds one of
    /// [`LIBRARY_NAMES`]. About half a second for the wheel's. Opening the same file again gives
    /// the library that is open.
    ///
    /// Call it early, before other threads read the environment: it may set `TF_CPP_MIN_LOG_LEVEL`.
    ///
    /// # Errors
    /// An [`OpenError`] that names the path. A library that was refused may stay mapped, but is not
    /// used.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<&'static Self, OpenError> {
        let file = find(path)?;
        let _one_at_a_time = OPENING.lock();
        if let Some(open) = Self::current() {
            if open.path == file {
                return Ok(open);
            }
            return Err(OpenError::AlreadyOpen {
                path: file,
                open: open.path.clone(),
            });
        }
        options.set_log_level();
        let warnings = mapped::other_tensorflows(&file)
            .into_iter()
            .map(|path| Warning::AnotherTensorFlow { path })
            .collect();
        let library: &'static Self = Box::leak(Box::new(load(file, warnings)?));
        Ok(CURRENT.get_or_init(|| library))
    }

    /// The library that is open, if one is.
    pub fn current() -> Option<&'static Self> {
        CURRENT.get().copied()
    }

    /// The file that `path` stands for, without loading it: `path` itself, or the library in the
    /// folder `path`.
    ///
    /// # Errors
    /// [`OpenError::NotFound`].
    pub fn locate(path: &Path) -> Result<PathBuf, OpenError> {
        find(path)
    }

    /// The release, by its numbers.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What `TF_Version` answers, for example `2.21.0` or `2.18.0-rc1`.
    pub fn version_text(&self) -> &str {
        &self.version_text
    }

    /// The file that was opened, absolute and without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives back the memory that only the opening of the library needed; answers how many bytes that was.
    ///
    /// Worth calling once, after the first model is loaded. Models may run meanwhile. 0 where the system cannot tell.
    pub fn release_opening_memory(&self) -> usize {
        // The kernel names mapped files by where they really lie.
        let file = self
            .path
            .canonicalize()
            .unwrap_or_else(|_| self.path.clone());
        file.parent()
            .map_or(0, crate::resident::release_clean_pages)
    }

    /// What its user should be told. Usually empty.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The alignment in bytes from which TensorFlow uses memory as it is; below it, it copies.
    pub fn alignment(&self) -> usize {
        self.alignment
    }

    /// Bytes of one element of the dtype with this number (`DataType`; REF types count as their
    /// base). `None` for string, resource, variant and what this TensorFlow does not know.
    pub fn element_size(&self, dtype: i32) -> Option<usize> {
        // SAFETY: any number is allowed; unknown ones answer 0.
        let size = unsafe { (self.api.data_type_size)(base_dtype(dtype)) };
        (size > 0).then_some(size)
    }

    /// Loads a library of custom ops and kernels, for every model loaded afterwards. It stays
    /// loaded.
    ///
    /// # Errors
    /// TensorFlow's code and text, which names the path.
    pub fn load_op_library(&'static self, path: &Path) -> Result<(), Error> {
        let name = c_string(path)?;
        status::check(self, |status| {
            // SAFETY: a NUL-terminated path and a live status. The handle is never deleted, so the
            // ops stay.
            unsafe { (self.api.load_library)(name.as_ptr(), status) };
        })
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("path", &self.path)
            .field("version", &self.version_text)
            .finish()
    }
}

/// A REF dtype (base + 100, a variable of a TensorFlow 1 graph) as the dtype of its values.
pub fn base_dtype(dtype: i32) -> i32 {
    if (101..200).contains(&dtype) {
        dtype - 100
    } else {
        dtype
    }
}

/// `path` for C.
pub(crate) fn c_string(path: &Path) -> Result<CString, Error> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| {
        Error::invalid_argument(format!("{}: a path cannot hold a NUL byte", path.display()))
    })
}

fn find(path: &Path) -> Result<PathBuf, OpenError> {
    let not_found = || OpenError::NotFound {
        path: path.to_path_buf(),
        names: NAMES_IN_WORDS,
    };
    let found = fs::canonicalize(path).map_err(|_| not_found())?;
    if !found.is_dir() {
        return Ok(found);
    }
    let inside = LIBRARY_NAMES
        .iter()
        .map(|name| found.join(name))
        .find(|file| file.is_file());
    inside
        .and_then(|file| fs::canonicalize(file).ok())
        .ok_or_else(not_found)
}

fn load(path: PathBuf, warnings: Vec<Warning>) -> Result<Library, OpenError> {
    // SAFETY: runs the file's initialisers, which is what opening a library means; the user has
    // named it. LOCAL keeps its names, protobuf's and abseil's among them, from those of other
    // libraries. LAZY leaves the symbols that nobody calls unresolved: a quarter of the time of opening.
    let opened = unsafe { DynamicLibrary::open(Some(&path), RTLD_LAZY | RTLD_LOCAL) };
    let dynamic = match opened {
        Ok(dynamic) => dynamic,
        Err(error) => {
            // libloading prefixes its own words; the loader's are in the source.
            let reason = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            return Err(OpenError::NotLoadable { path, reason });
        }
    };
    // SAFETY: a function without arguments that returns a static string, in every TensorFlow.
    let version_function =
        unsafe { dynamic.get::<unsafe extern "C" fn() -> *const c_char>(b"TF_Version\0") };
    let Ok(version_function) = version_function.map(|function| *function) else {
        return Err(OpenError::Foreign { path });
    };
    // From here on it is a TensorFlow, whose threads and registries do not survive being closed.
    let dynamic: &'static DynamicLibrary = Box::leak(Box::new(dynamic));
    // SAFETY: as above; the string is static in a library that stays open.
    let version_text = unsafe { CStr::from_ptr(version_function()) }
        .to_string_lossy()
        .into_owned();
    let version = match Version::parse(&version_text) {
        Some(version) if version.is_supported() => version,
        _ => {
            let (found, needed) = (version_text, Version::NEEDED);
            return Err(OpenError::Version {
                path,
                found,
                needed,
            });
        }
    };
    // SAFETY: it is a TensorFlow 2.x, and leaked.
    let api = match unsafe { Api::resolve(dynamic) } {
        Ok(api) => api,
        Err(symbol) => {
            return Err(OpenError::MissingSymbol {
                path,
                version: version_text,
                symbol,
            });
        }
    };
    let alignment = api
        .tensor_default_alignment
        .map_or(DEFAULT_ALIGNMENT, |function| {
            // SAFETY: takes nothing, returns a constant.
            unsafe { function() }
        });
    Ok(Library {
        api,
        path,
        version,
        version_text,
        alignment: alignment.max(1),
        warnings,
    })
}
