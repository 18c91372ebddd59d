//! SavedModels: loading, what they say about themselves, and running them.

use std::collections::BTreeMap;
use std::ffi::{CString, c_int};
use std::fs;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::dense::{self, Variable};
use crate::devices::Device;
use crate::error::{Error, code};
use crate::graph::Graph;
use crate::graph_facts::{GraphFacts, GraphIndex};
use crate::handles::{Buffer, SessionOptions};
use crate::library::{Library, c_string};
use crate::load_options::LoadOptions;
use crate::meta_graph::{MetaGraph, ModelMeta};
use crate::onednn;
use crate::plan::{Names, Plan};
use crate::run_options::RunOptions;
use crate::session::Session;
use crate::signature::Signature;
use crate::status;
use crate::tensor::Tensor;
use crate::twin::Twin;

/// The tag of graphs made for serving.
pub const SERVE_TAG: &str = "serve";

/// Any of these makes a folder a SavedModel: binary, text, or binary in parts.
const MODEL_FILES: &[&str] = &["saved_model.pb", "saved_model.pbtxt", "saved_model.cpb"];

/// Folders deeper than this are not counted, nor links that lead round in a circle.
const MAX_FOLDER_DEPTH: usize = 32;

/// Whether no session has found another device yet.
static ONLY_CPUS: AtomicBool = AtomicBool::new(true);

/// Larger models are left as TensorFlow has them: in their runs the arithmetic counts.
const MAX_DENSE_BYTES: u64 = 8 << 20;

/// A loaded SavedModel. Closes its session when dropped; tensors that came out of it live on.
pub struct SavedModel {
    session: Session,
    /// Where the session does without TensorFlow's remapper: one with it.
    twin: Option<Twin>,
    signatures: BTreeMap<String, Signature>,
    signature_defs: Vec<u8>,
    meta: ModelMeta,
    graph: GraphIndex,
}

impl SavedModel {
    /// Loads the SavedModel in `dir`, restores its variables and runs its initialisation. Blocks,
    /// for large models for long.
    ///
    /// # Errors
    /// `NOT_FOUND` with TensorFlow Serving's text when `dir` holds no SavedModel, with TensorFlow's
    /// when no graph has the tags; otherwise TensorFlow's code and text.
    pub fn load(
        library: &'static Library,
        dir: &Path,
        options: &LoadOptions,
    ) -> Result<Self, Error> {
        require_model_file(dir)?;
        let bytes = folder_bytes(dir, 0);
        let variables = unfused_variables(dir, bytes, options);
        let config = variables.is_some().then(|| options.unfused_config());
        let (mut session, mut buffer) = open(
            library,
            dir,
            options,
            config.as_deref().or(options.config.as_deref()),
        )?;
        let mut twin = variables.map(|variables| Twin::new(options.config.clone(), variables));
        if twin.is_some() && !session.devices()?.iter().all(|device| device.kind == "CPU") {
            // Elsewhere the remapper is worth its time, and nobody has compared the bits.
            ONLY_CPUS.store(false, Ordering::Relaxed);
            twin = None;
            drop((session, buffer));
            (session, buffer) = open(library, dir, options, options.config.as_deref())?;
        }
        let parsed = MetaGraph::parse(library, buffer.bytes())?;
        let meta = ModelMeta {
            bytes,
            ..parsed.meta
        };
        let MetaGraph {
            signatures,
            signature_defs,
            graph,
            ..
        } = parsed;
        Ok(Self {
            session,
            twin,
            signatures,
            signature_defs,
            meta,
            graph,
        })
    }

    /// Every signature by name, those that cannot be run included.
    pub fn signatures(&self) -> &BTreeMap<String, Signature> {
        &self.signatures
    }

    /// A serialized `tensorflow.serving.SignatureDefMap` with the signatures exactly as they were
    /// saved, sorted by name.
    pub fn signature_defs(&self) -> &[u8] {
        &self.signature_defs
    }

    /// What the model says about itself.
    pub fn meta(&self) -> &ModelMeta {
        &self.meta
    }

    /// The facts of what runs for these fetches when these feeds are given; names as in
    /// [`plan`](Self::plan).
    pub fn facts(&self, feeds: &[&str], fetches: &[&str]) -> GraphFacts {
        self.graph
            .reached(feeds.iter().copied(), fetches.iter().copied())
    }

    /// Whether TensorFlow's remapper is left off, see [`LoadOptions::always_remap`].
    pub fn is_unfused(&self) -> bool {
        self.twin.is_some()
    }

    /// The devices that the session knows.
    ///
    /// # Errors
    /// TensorFlow's code and text.
    pub fn devices(&self) -> Result<Vec<Device>, Error> {
        self.session.devices()
    }

    /// Looks up feeds and fetches, tensors by `name:index` (`name` is `name:0`), for any number of
    /// runs.
    ///
    /// # Errors
    /// `NOT_FOUND` or `INVALID_ARGUMENT` with TensorFlow's text, naming the first that the graph
    /// does not have.
    pub fn plan(&self, feeds: &[&str], fetches: &[&str]) -> Result<Plan, Error> {
        self.plan_with_targets(feeds, fetches, &[])
    }

    /// As [`plan`](Self::plan), with operations to run without fetching anything from them.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn plan_with_targets(
        &self,
        feeds: &[&str],
        fetches: &[&str],
        targets: &[&str],
    ) -> Result<Plan, Error> {
        let facts = self.graph.reached(
            feeds.iter().copied(),
            fetches.iter().chain(targets).copied(),
        );
        let keeps_feeds = facts.has_stateful_ops();
        self.session.plan(&Names {
            feeds,
            fetches,
            targets,
            keeps_feeds,
        })
    }

    /// Runs `plan` to completion on `inputs`, one a feed in the plan's order; gives one tensor a
    /// fetch. Blocks; several threads may run the same model at once.
    ///
    /// Inputs are borrowed for the call. Outputs own their memory, which can be that of an input
    /// (Identity), and may outlive the model.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for another number of inputs than feeds; otherwise TensorFlow's code and
    /// text, unchanged.
    pub fn run(
        &self,
        plan: &Plan,
        inputs: &[&Tensor],
        options: &RunOptions,
    ) -> Result<Vec<Tensor>, Error> {
        let outcome = self.session.run(plan, inputs, options);
        match &self.twin {
            Some(twin) => twin.settle(&self.session, plan, (inputs, options), outcome),
            None => outcome,
        }
    }
}

impl std::fmt::Debug for SavedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedModel")
            .field("signatures", &self.signatures.keys())
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}

/// Opens a session over the SavedModel in `dir`, and its `MetaGraphDef`.
fn open(
    library: &'static Library,
    dir: &Path,
    options: &LoadOptions,
    config: Option<&[u8]>,
) -> Result<(Session, Buffer), Error> {
    let path = c_string(dir)?;
    let tags: Vec<CString> = options
        .tags
        .iter()
        .map(|tag| CString::new(tag.as_str()))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::invalid_argument("a tag cannot hold a NUL byte"))?;
    let tag_pointers: Vec<_> = tags.iter().map(|tag| tag.as_ptr()).collect();
    let tag_count =
        c_int::try_from(tags.len()).map_err(|_| Error::invalid_argument("too many tags"))?;
    let session_options = SessionOptions::new(library, config)?;
    let graph = Graph::new(library);
    let buffer = Buffer::new(library);
    // The restore runs on this thread, with this thread's priority, and not on the threads that
    // answer requests.
    let run_options = RunOptions::inline();
    let lent = run_options.lend();
    let run_options = lent.as_ref().map_or(ptr::null(), ptr::from_ref);
    let raw = status::check(library, |status| {
        // SAFETY: every pointer is alive until the call returns; the graph is empty, the tag
        // array has `tag_count` strings.
        unsafe {
            (library.api().load_session_from_saved_model)(
                session_options.raw.as_ptr(),
                run_options,
                path.as_ptr(),
                tag_pointers.as_ptr(),
                tag_count,
                graph.raw(),
                buffer.raw.as_ptr(),
                status,
            )
        }
    })?;
    let raw = NonNull::new(raw).ok_or_else(|| Error::internal("TensorFlow loaded no session"))?;
    // SAFETY: an open session over `graph`, ours from here on.
    let session = unsafe { Session::from_raw(library, raw, graph) };
    Ok((session, buffer))
}

/// The variables of a model that is better off without TensorFlow's remapper; `None` for one that is not, or may not be.
fn unfused_variables(dir: &Path, bytes: u64, options: &LoadOptions) -> Option<Vec<Variable>> {
    let worth_a_look = (1..=MAX_DENSE_BYTES).contains(&bytes) && ONLY_CPUS.load(Ordering::Relaxed);
    if !(worth_a_look && options.may_choose() && onednn::fuses_with_onednn()) {
        return None;
    }
    // TensorFlow reads it anew; what is wrong with it is TensorFlow's to say.
    let saved_model = fs::read(dir.join("saved_model.pb")).ok()?;
    dense::dense_variables(&saved_model, &options.tags)
}

fn require_model_file(dir: &Path) -> Result<(), Error> {
    // TensorFlow may reach places that this process' file functions do not, such as gs://.
    let remote = dir.to_str().is_some_and(|dir| dir.contains("://"));
    if remote || MODEL_FILES.iter().any(|name| dir.join(name).exists()) {
        return Ok(());
    }
    let text = format!(
        "Specified file path does not appear to contain a SavedModel bundle (should have a file called `saved_model.pb`)\n\
         Specified file path: {}",
        dir.display()
    );
    Err(Error::new(code::NOT_FOUND, text))
}

/// The size of all files in a folder and the folders in it; what cannot be read counts nothing.
fn folder_bytes(dir: &Path, depth: usize) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    entries
        .flatten()
        .filter_map(|entry| {
            fs::metadata(entry.path())
                .ok()
                .map(|metadata| (entry.path(), metadata))
        })
        .map(|(path, metadata)| match metadata.is_dir() {
            true if depth < MAX_FOLDER_DEPTH => folder_bytes(&path, depth + 1),
            true => 0,
            false => metadata.len(),
        })
        .sum()
}
