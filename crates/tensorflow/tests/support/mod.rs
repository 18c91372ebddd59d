//! What the tests share: the library, the recorded models, memory with a known alignment, and
//! models made on the spot.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod made;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use servable_tensorflow::{Library, LoadOptions, OpenOptions, Plan, SavedModel, Signature, Tensor};

/// The opened library. Fails when there is none: these tests are never skipped.
pub fn library() -> &'static Library {
    Library::open(&library_path(), &OpenOptions::default()).expect("the TensorFlow library opens")
}

/// `SERVABLE_TENSORFLOW_LIBRARY`, or else the newest runtime that `servable runtime install` has
/// put into the cache.
pub fn library_path() -> PathBuf {
    if let Some(path) = env::var_os("SERVABLE_TENSORFLOW_LIBRARY") {
        return path.into();
    }
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME")
        .filter(|cache| !cache.is_empty())
        .map(PathBuf::from);
    let runtimes = cache
        .or_else(home)
        .unwrap_or_default()
        .join("servable/runtime");
    let mut found: Vec<PathBuf> = folders(&runtimes)
        .flat_map(|runtime| folders(&runtime))
        .filter(|folder| name(folder).starts_with("tensorflow"))
        .filter(|folder| Library::locate(folder).is_ok())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| {
        let at = runtimes.display();
        panic!("no TensorFlow library: set SERVABLE_TENSORFLOW_LIBRARY or run `servable runtime install` (looked in {at})")
    })
}

fn folders(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
}

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// The folder of one version of a recorded model, for example `echo/1`.
pub fn model_dir(name_and_version: &str) -> PathBuf {
    let models = env::var_os("SERVABLE_TEST_MODELS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/fixtures/models"),
        PathBuf::from,
    );
    let dir = models.join(name_and_version);
    assert!(
        dir.is_dir(),
        "{}: no such model; SERVABLE_TEST_MODELS names the folder",
        dir.display()
    );
    dir
}

/// A recorded model, loaded.
pub fn load(name_and_version: &str) -> SavedModel {
    SavedModel::load(
        library(),
        &model_dir(name_and_version),
        &LoadOptions::default(),
    )
    .expect("the model loads")
}

/// A plan for a whole signature.
pub fn plan(model: &SavedModel, signature: &str) -> Plan {
    let signature = &model.signatures()[signature];
    let (feeds, fetches) = tensor_names(signature);
    model
        .plan(&feeds, &fetches)
        .expect("the signature's tensors are in the graph")
}

/// The names of a signature's feeds and fetches.
pub fn tensor_names(signature: &Signature) -> (Vec<&str>, Vec<&str>) {
    let feeds = signature
        .inputs
        .iter()
        .map(|input| input.tensor_name.as_str())
        .collect();
    let fetches = signature
        .outputs
        .iter()
        .map(|output| output.tensor_name.as_str())
        .collect();
    (feeds, fetches)
}

/// Bytes that begin `offset` bytes after a multiple of 64.
pub struct Placed {
    block: Vec<u8>,
    start: usize,
    length: usize,
}

impl Placed {
    pub fn new(bytes: &[u8], offset: usize) -> Self {
        let mut block = vec![0; bytes.len() + 128];
        let start = block.as_ptr().align_offset(64) + offset;
        block[start..start + bytes.len()].copy_from_slice(bytes);
        Self {
            block,
            start,
            length: bytes.len(),
        }
    }

    pub fn address(&self) -> *const u8 {
        self.as_ref().as_ptr()
    }
}

impl AsRef<[u8]> for Placed {
    fn as_ref(&self) -> &[u8] {
        &self.block[self.start..self.start + self.length]
    }
}

impl AsMut<[u8]> for Placed {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.block[self.start..self.start + self.length]
    }
}

/// A float tensor.
pub fn floats(shape: &[i64], values: &[f32]) -> Tensor {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    Tensor::from_bytes(library(), 1, shape, Placed::new(&bytes, 0)).expect("a float tensor")
}

/// The values of a float tensor.
pub fn as_floats(tensor: &Tensor) -> Vec<f32> {
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    tensor.bytes().chunks_exact(4).map(number).collect()
}

/// An empty folder of this test's own.
pub fn empty_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a folder for the test");
    dir
}
