//! From a signature to its queue: what can be batched is found out once, at load.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use servable_codec::{DType, Error};

use super::lanes::LaneId;
use super::parameters::{Mode, Parameters};
use super::threads::Shared;
use crate::runner::{EndpointSource, Runner, RunnerTensor};
use crate::servable::{Servable, Signature};
use crate::shape_check::shape_text;

/// Output filters of clients that a signature keeps a route for.
const MAX_FILTERS: usize = 64;

/// Names of the inputs and of the outputs of a queue, each sorted.
type Tensors = (Vec<String>, Vec<String>);

/// The queues of one loaded model.
pub(super) struct Registry<R: Runner> {
    shared: Arc<Shared<R>>,
    pub parameters: Arc<Parameters>,
    lanes: Mutex<HashMap<Tensors, Arc<Lane<R>>>>,
}

/// One queue of the scheduler; it goes with its last route.
pub(super) struct Lane<R: Runner> {
    shared: Arc<Shared<R>>,
    pub id: LaneId,
    /// Requests in the queue. Requests that may run alone look at it without the scheduler's lock.
    pub waiting: AtomicUsize,
}

/// The way of one signature's requests into their queue.
pub struct Route<R: Runner> {
    pub(super) registry: Arc<Registry<R>>,
    pub(super) lane: Arc<Lane<R>>,
    /// Feeds and fetches in the queue's order, which is the order of their names in the graph.
    pub(super) plan: Arc<R::Plan>,
    /// The queue's inputs.
    pub(super) inputs: Vec<Input>,
    /// Where each output of a request is among the queue's outputs.
    pub(super) outputs: Vec<usize>,
    filtered: Mutex<HashMap<Vec<usize>, Arc<Route<R>>>>,
}

/// One input of a queue.
pub(super) struct Input {
    /// Position among the request's feeds.
    pub at: usize,
    pub tensor_name: String,
    pub dtype: DType,
    /// As the signature declares it; `None`: unknown rank.
    pub shape: Option<Vec<i64>>,
}

/// A signature that is run without batching, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbatched {
    /// Its name.
    pub signature: String,
    /// One sentence without a full stop.
    pub reason: String,
}

/// Makes the queues of a freshly loaded model; returns the signatures that cannot be batched.
pub(super) fn attach<R: Runner>(
    shared: &Arc<Shared<R>>,
    servable: &Servable<R>,
    parameters: Parameters,
) -> Vec<Unbatched> {
    let registry = Arc::new(Registry {
        shared: Arc::clone(shared),
        parameters: Arc::new(parameters),
        lanes: Mutex::default(),
    });
    let mut unbatched = Vec::new();
    for (name, signature) in servable.signatures() {
        // One that cannot be called at all is told of elsewhere.
        if signature.plan().is_err() {
            continue;
        }
        let all: Vec<usize> = (0..signature.outputs.len()).collect();
        let route = obstacle(signature, registry.parameters.mode)
            .map_or(Ok(()), Err)
            .and_then(|()| Route::new(&registry, servable, signature, &all).map_err(|e| e.message));
        match route {
            Ok(route) => {
                // Set once, here: the model is not published yet.
                let _ = signature.route.set(Arc::new(route));
            }
            Err(reason) => unbatched.push(Unbatched {
                signature: name.clone(),
                reason,
            }),
        }
    }
    unbatched
}

/// Why rows of several requests cannot be told apart, if they cannot.
///
/// Of an unknown rank nobody can say. Fixed parameters are an operator's word that it can, as they are in TensorFlow Serving; mode `auto`
/// leaves such signatures alone.
fn obstacle<R: Runner>(signature: &Signature<R>, mode: Mode) -> Option<String> {
    if signature.inputs.is_empty() {
        return Some("it has no input".into());
    }
    let mut names: Vec<&str> = signature
        .inputs
        .iter()
        .map(|input| input.tensor_name.as_str())
        .collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some("two inputs are one tensor".into());
    }
    let inputs = signature.inputs.iter().map(|input| ("input", input));
    let outputs = signature.outputs.iter().map(|output| ("output", output));
    inputs
        .chain(outputs)
        .find_map(|(what, endpoint)| endpoint_obstacle(what, endpoint, mode))
}

fn endpoint_obstacle(what: &str, endpoint: &EndpointSource, mode: Mode) -> Option<String> {
    let EndpointSource {
        alias,
        dtype,
        shape,
        ..
    } = endpoint;
    if dtype.size().is_none() && *dtype != DType::STRING {
        return Some(format!("{what} \"{alias}\" is of {dtype}"));
    }
    match shape.as_deref() {
        None if mode == Mode::Fixed => None,
        None => Some(format!("{what} \"{alias}\" has an unknown rank")),
        Some([first, ..]) if *first < 0 => None,
        Some(shape) => Some(format!(
            "{what} \"{alias}\" has no free first dimension: {}",
            shape_text(shape)
        )),
    }
}

impl<R: Runner> Route<R> {
    fn new(
        registry: &Arc<Registry<R>>,
        servable: &Servable<R>,
        signature: &Signature<R>,
        wanted: &[usize],
    ) -> Result<Self, Error> {
        let mut inputs: Vec<Input> = signature
            .inputs
            .iter()
            .enumerate()
            .map(|(at, input)| Input {
                at,
                tensor_name: input.tensor_name.clone(),
                dtype: input.dtype,
                shape: input.shape.clone(),
            })
            .collect();
        inputs.sort_by(|a, b| a.tensor_name.cmp(&b.tensor_name));
        let wanted: Vec<&str> = wanted
            .iter()
            .map(|at| signature.outputs[*at].tensor_name.as_str())
            .collect();
        let mut fetches = wanted.clone();
        fetches.sort_unstable();
        fetches.dedup();
        let outputs = wanted
            .iter()
            .map(|name| fetches.partition_point(|fetch| fetch < name))
            .collect();
        let feeds: Vec<&str> = inputs.iter().map(|i| i.tensor_name.as_str()).collect();
        let plan = servable.plan(&feeds, &fetches, &[])?;
        let lane = registry.lane(&feeds, &fetches);
        Ok(Self {
            registry: Arc::clone(registry),
            lane,
            plan,
            inputs,
            outputs,
            filtered: Mutex::default(),
        })
    }

    /// The route of requests that want only these outputs of the signature.
    ///
    /// # Errors
    /// A name the graph does not have.
    pub(super) fn filtered(
        &self,
        servable: &Servable<R>,
        signature: &Signature<R>,
        wanted: &[usize],
    ) -> Result<Arc<Self>, Error> {
        if let Some(route) = self.filtered.lock().get(wanted) {
            return Ok(Arc::clone(route));
        }
        let route = Arc::new(Self::new(&self.registry, servable, signature, wanted)?);
        let forgotten = {
            let mut filtered = self.filtered.lock();
            let forgotten = if filtered.len() >= MAX_FILTERS {
                std::mem::take(&mut *filtered)
            } else {
                HashMap::new()
            };
            filtered.insert(wanted.to_vec(), Arc::clone(&route));
            forgotten
        };
        // Their queues go with them, which takes the scheduler's lock.
        drop(forgotten);
        Ok(route)
    }

    /// The rows of a request.
    ///
    /// `Ok(None)` where it has to run by itself: it has no rows, or a type that only TensorFlow can refuse in its own words.
    ///
    /// # Errors
    /// `InvalidArgument` with TensorFlow Serving's text where the inputs' rows contradict each other.
    pub(super) fn rows(
        &self,
        feeds: &[R::Tensor],
        has_defaults: bool,
    ) -> Result<Option<usize>, Error> {
        let refuse = |text: &str| {
            // A default that stands in for an input has as many rows as it has.
            if has_defaults {
                Ok(None)
            } else {
                Err(Error::invalid(text))
            }
        };
        let mut rows = None;
        for input in &self.inputs {
            let feed = &feeds[input.at];
            if feed.dtype() != input.dtype {
                return Ok(None);
            }
            let Some(first) = feed.shape().first() else {
                return refuse("Batching Run() input tensors must have at least one dimension");
            };
            if *rows.get_or_insert(*first) != *first {
                return refuse("Batching Run() input tensors must have equal 0th-dimension size");
            }
        }
        match rows.map(usize::try_from) {
            None => refuse("Batching Run() must have at least one input tensor"),
            Some(Ok(rows @ 1..)) => Ok(Some(rows)),
            Some(_) => Ok(None),
        }
    }

    /// Whether a request that is cheap may run by itself now.
    pub(super) fn lets_run_alone(&self, rows: usize) -> bool {
        let parameters = &self.registry.parameters;
        parameters.may_run_alone() && rows <= parameters.max_batch_size && self.lane.is_empty()
    }

    /// From now on nothing waits for company in this queue.
    pub(crate) fn drain(&self) {
        self.lane.shared.drain(self.lane.id);
        for route in self.filtered.lock().values() {
            route.lane.shared.drain(route.lane.id);
        }
    }
}

impl<R: Runner> Registry<R> {
    fn lane(&self, feeds: &[&str], fetches: &[&str]) -> Arc<Lane<R>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut lanes = self.lanes.lock();
        // Those of forgotten filters.
        if lanes.len() > 2 * MAX_FILTERS {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let lane = lanes.entry((owned(feeds), owned(fetches)));
        Arc::clone(lane.or_insert_with(|| {
            Arc::new(Lane {
                shared: Arc::clone(&self.shared),
                id: self.shared.add_lane(&self.parameters),
                waiting: AtomicUsize::new(0),
            })
        }))
    }
}

impl<R: Runner> Lane<R> {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }
}

impl<R: Runner> Drop for Lane<R> {
    fn drop(&mut self) {
        self.shared.remove_lane(self.id);
    }
}
