//! What a run feeds and fetches, looked up once.

use crate::c_api::{TfOperation, TfOutput};
use crate::error::{Error, code};
use crate::graph::{Graph, Use};

/// What a plan is made of, by name.
pub(crate) struct Names<'a> {
    pub feeds: &'a [&'a str],
    pub fetches: &'a [&'a str],
    /// Operations that are run without fetching anything from them.
    pub targets: &'a [&'a str],
    /// Whether an op on the way can keep a feed.
    pub keeps_feeds: bool,
}

/// Feeds, fetches and targets of a run, looked up in the graph once. Belongs to the model that made
/// it.
pub struct Plan {
    /// The session's number, so that a plan is never used with another one.
    pub(crate) session: u64,
    pub(crate) feeds: Vec<TfOutput>,
    pub(crate) fetches: Vec<TfOutput>,
    pub(crate) targets: Vec<*const TfOperation>,
    /// Fetches that are variables of a TensorFlow 1 graph, which later runs overwrite in place.
    pub(crate) ref_fetches: Vec<usize>,
    pub(crate) keeps_feeds: bool,
}

// SAFETY: pointers to operations, which live and do not change as long as the session; `run` checks
// that it is that session.
unsafe impl Send for Plan {}
// SAFETY: as above.
unsafe impl Sync for Plan {}

impl Plan {
    /// Looks everything up in the graph of session number `session`.
    pub(crate) fn resolve(graph: &Graph, session: u64, names: &Names<'_>) -> Result<Self, Error> {
        let outputs = |names: &[&str], purpose| {
            let found = names.iter().map(|name| graph.output(name, purpose));
            found.collect::<Result<Vec<_>, _>>()
        };
        let feeds = outputs(names.feeds, Use::Feed)?;
        let fetches = outputs(names.fetches, Use::Fetch)?;
        let targets = names
            .targets
            .iter()
            .map(|name| match graph.operation(name) {
                Some(operation) => Ok(operation.as_ptr().cast_const()),
                None => {
                    let text = format!("PruneForTargets: Some target nodes not found: {name} ");
                    Err(Error::new(code::NOT_FOUND, text))
                }
            });
        let targets = targets.collect::<Result<_, _>>()?;
        let ref_fetches = (0..fetches.len())
            .filter(|i| graph.is_ref(fetches[*i]))
            .collect();
        let keeps_feeds = names.keeps_feeds;
        Ok(Self {
            session,
            feeds,
            fetches,
            targets,
            ref_fetches,
            keeps_feeds,
        })
    }

    /// How many tensors a run takes.
    pub fn feeds(&self) -> usize {
        self.feeds.len()
    }

    /// How many tensors a run gives.
    pub fn fetches(&self) -> usize {
        self.fetches.len()
    }

    /// Whether an op on the way can hold on to a tensor it is fed after the run (assignment, queue,
    /// …). Such runs are given copies of inputs whose memory is shared.
    pub fn keeps_feeds(&self) -> bool {
        self.keeps_feeds
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("feeds", &self.feeds.len())
            .field("fetches", &self.fetches.len())
            .finish_non_exhaustive()
    }
}
