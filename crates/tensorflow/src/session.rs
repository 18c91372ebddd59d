//! A session and its runs.

use std::ffi::c_int;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::{SmallVec, smallvec};

use crate::c_api::{TfOperation, TfOutput, TfSession, TfTensor};
use crate::devices::{self, Device};
use crate::error::Error;
use crate::graph::Graph;
use crate::handles::SessionOptions;
use crate::library::Library;
use crate::plan::{Names, Plan};
use crate::run_options::RunOptions;
use crate::status;
use crate::tensor::Tensor;

/// Room on the stack for the feeds and fetches of nearly every signature.
type Few<T> = SmallVec<[T; 8]>;

static SESSIONS: AtomicU64 = AtomicU64::new(0);

/// An owned session. Ends when dropped; runs borrow it, so none is under way then.
pub(crate) struct Session {
    library: &'static Library,
    raw: NonNull<TfSession>,
    graph: Arc<Graph>,
    /// Never given twice, unlike an address; sessions over one graph share theirs.
    number: u64,
}

// SAFETY: TF_Session and TF_Graph may be used from any thread, several at once: they lock inside.
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}

impl Session {
    /// # Safety
    /// `raw` must be an open session over `graph`, given away by the caller.
    pub(crate) unsafe fn from_raw(
        library: &'static Library,
        raw: NonNull<TfSession>,
        graph: Graph,
    ) -> Self {
        let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
        Self {
            library,
            raw,
            graph: Arc::new(graph),
            number,
        }
    }

    /// Another session over the same graph, which takes the same plans. Its variables are not initialised.
    pub(crate) fn beside(&self, config: Option<&[u8]>) -> Result<Self, Error> {
        let options = SessionOptions::new(self.library, config)?;
        // SAFETY: a live graph and options that are only read.
        let raw = status::check(self.library, |status| unsafe {
            (self.library.api().new_session)(self.graph.raw(), options.raw.as_ptr(), status)
        })?;
        let raw =
            NonNull::new(raw).ok_or_else(|| Error::internal("TensorFlow opened no session"))?;
        Ok(Self {
            library: self.library,
            raw,
            graph: Arc::clone(&self.graph),
            number: self.number,
        })
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// A plan over operations of this session's graph.
    pub(crate) fn own_plan(
        &self,
        feeds: &[TfOutput],
        fetches: impl IntoIterator<Item = TfOutput>,
        targets: &[*const TfOperation],
    ) -> Plan {
        Plan {
            session: self.number,
            feeds: feeds.to_vec(),
            fetches: fetches.into_iter().collect(),
            targets: targets.to_vec(),
            ref_fetches: Vec::new(),
            keeps_feeds: true,
        }
    }

    /// Looks up what a run feeds and fetches.
    pub(crate) fn plan(&self, names: &Names<'_>) -> Result<Plan, Error> {
        Plan::resolve(&self.graph, self.number, names)
    }

    /// Runs `plan` to completion on `inputs`, one a feed. Blocks.
    pub(crate) fn run(
        &self,
        plan: &Plan,
        inputs: &[&Tensor],
        options: &RunOptions,
    ) -> Result<Vec<Tensor>, Error> {
        if plan.session != self.number {
            return Err(Error::internal("the plan belongs to another model"));
        }
        if inputs.len() != plan.feeds.len() {
            let text = format!(
                "expected {} input tensors, got {}",
                plan.feeds.len(),
                inputs.len()
            );
            return Err(Error::invalid_argument(text));
        }
        let copies = if plan.keeps_feeds {
            copy_shared(inputs)?
        } else {
            Vec::new()
        };
        let mut values: Few<*mut TfTensor> = inputs.iter().map(|tensor| tensor.raw()).collect();
        for (index, copy) in &copies {
            values[*index] = copy.raw();
        }
        let mut results: Few<*mut TfTensor> = smallvec![ptr::null_mut(); plan.fetches.len()];
        let options = options.lend();
        let outcome = status::check(self.library, |status| {
            // SAFETY: the session and the operations are alive (the plan is this session's); the
            // input tensors are borrowed until return; `values` and `results` have one slot a feed
            // and a fetch; the options are only read.
            unsafe {
                (self.library.api().session_run)(
                    self.raw.as_ptr(),
                    options.as_ref().map_or(ptr::null(), ptr::from_ref),
                    plan.feeds.as_ptr(),
                    values.as_ptr(),
                    count(plan.feeds.len()),
                    plan.fetches.as_ptr(),
                    results.as_mut_ptr(),
                    count(plan.fetches.len()),
                    plan.targets.as_ptr(),
                    count(plan.targets.len()),
                    ptr::null_mut(),
                    status,
                );
            }
        });
        // Owns whatever came back before looking at the outcome.
        let outputs: Vec<Option<Tensor>> = results
            .into_iter()
            .map(|raw| {
                // SAFETY: TensorFlow gives each result away.
                NonNull::new(raw).map(|raw| unsafe { Tensor::from_raw(self.library, raw) })
            })
            .collect();
        outcome?;
        let missing = || Error::internal("TF_SessionRun returned without an output");
        let mut outputs = outputs
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(missing)?;
        for &index in &plan.ref_fetches {
            if let Some(copy) = outputs[index].duplicate()? {
                outputs[index] = copy;
            }
        }
        Ok(outputs)
    }

    /// The devices the session knows.
    pub(crate) fn devices(&self) -> Result<Vec<Device>, Error> {
        // SAFETY: the session is alive.
        unsafe { devices::list(self.library, self.raw) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let api = self.library.api();
        // An error while closing leaves nothing that could be done about it; deleting follows all
        // the same. SAFETY: an open session without a run under way, since runs borrow it.
        let _ = status::check(self.library, |status| unsafe {
            (api.close_session)(self.raw.as_ptr(), status)
        });
        // SAFETY: owned, and deleted once; the graph is dropped after the last of its sessions.
        let _ = status::check(self.library, |status| unsafe {
            (api.delete_session)(self.raw.as_ptr(), status)
        });
    }
}

/// The position and copy of each input whose memory others may read.
fn copy_shared(inputs: &[&Tensor]) -> Result<Vec<(usize, Tensor)>, Error> {
    let mut copies = Vec::new();
    for (index, tensor) in inputs.iter().enumerate() {
        if tensor.is_shared()
            && let Some(copy) = tensor.duplicate()?
        {
            copies.push((index, copy));
        }
    }
    Ok(copies)
}

fn count(length: usize) -> c_int {
    c_int::try_from(length).expect("fewer feeds and fetches than 2^31")
}
