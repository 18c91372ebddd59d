//! Predict without a wire format: the library's tensors in, tensors out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use servable_codec::proto::tensor;
use servable_codec::{ALIGNMENT, AlignedBuf, Code, DType, Error, TensorLimits};

use super::feed::feed;
use crate::counters::{INPUT_BORROWS, INPUT_COPIES};
use crate::runner::{RunMode, Runner};
use crate::schedule::lines::Line;
use crate::schedule::tick::Stopwatch;
use crate::servable::{Servable, Signature};

/// One input as the library has it.
pub struct Input<B> {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Vec<i64>,
    /// Elements, row by row.
    pub data: InputData<B>,
}

/// The elements of an input.
pub enum InputData<B> {
    /// A copy made for this run.
    Copied(AlignedBuf),
    /// The caller's memory, which stays in place as long as the owner lives.
    Shared(B),
    /// All strings in one block, element `i` ends at `ends[i]`.
    Strings {
        /// All bytes.
        block: Vec<u8>,
        /// Ends, not descending, the last one within the block.
        ends: Vec<usize>,
    },
}

/// One resolved call of the library.
pub struct Direct<R: Runner> {
    servable: Arc<Servable<R>>,
    signature: Arc<Signature<R>>,
    plan: Arc<R::Plan>,
}

impl<R: Runner> Direct<R> {
    /// Resolves a call. `outputs` are positions among the signature's outputs; `None` fetches all.
    ///
    /// # Errors
    /// `NotFound` for an unknown signature, or why it cannot be called.
    pub fn new(
        servable: Arc<Servable<R>>,
        signature: &str,
        outputs: Option<&[usize]>,
    ) -> Result<Self, Error> {
        let found = servable.signature(signature).cloned().ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!("signature \"{signature}\": not in the model"),
            )
        })?;
        let whole = Arc::clone(found.plan()?);
        let plan = match outputs {
            None => whole,
            Some(outputs) => {
                let feeds: Vec<_> = found
                    .inputs
                    .iter()
                    .map(|e| e.tensor_name.as_str())
                    .collect();
                let fetches = outputs
                    .iter()
                    .map(|at| {
                        found
                            .outputs
                            .get(*at)
                            .map(|output| output.tensor_name.as_str())
                    })
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| Error::invalid("an output the signature does not have"))?;
                servable.plan(&feeds, &fetches, &[])?
            }
        };
        Ok(Self {
            servable,
            signature: found,
            plan,
        })
    }

    /// Where the call waits for the pool: with those of the same model.
    pub fn line(&self) -> Line {
        Line::numbered(Arc::as_ptr(&self.servable).addr() as u64)
    }

    /// The expected cost if the call may run on the event loop.
    pub fn inline(&self, input_bytes: usize) -> Option<Duration> {
        self.signature.cost.inline(input_bytes)
    }

    /// Runs to completion. Blocks. `inputs` are the signature's, in order; `None` takes the signature's default. The call
    /// has begun with `start`.
    ///
    /// # Errors
    /// `InvalidArgument` names the first input that does not fit; otherwise TensorFlow's code and text.
    pub fn run<B>(
        &self,
        inputs: Vec<Option<Input<B>>>,
        (input_bytes, mode): (usize, RunMode),
        start: Stopwatch,
    ) -> Result<Vec<R::Tensor>, Error>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        if inputs.len() != self.signature.inputs.len() {
            return Err(Error::invalid(format!(
                "expected {} inputs, got {}",
                self.signature.inputs.len(),
                inputs.len()
            )));
        }
        let feeds = inputs
            .into_iter()
            .enumerate()
            .map(|(at, input)| self.feed(at, input))
            .collect::<Result<Vec<_>, _>>()?;
        let feeds: Vec<&R::Tensor> = feeds.iter().collect();
        let cost = &self.signature.cost;
        let mode = if cost.is_small(input_bytes) {
            RunMode::Inline
        } else {
            mode
        };
        let outputs = self.servable.runner().run(&self.plan, &feeds, mode);
        let alone = mode == RunMode::Inline;
        cost.record(input_bytes, start.spent(), alone);
        outputs
    }

    fn feed<B>(&self, at: usize, input: Option<Input<B>>) -> Result<R::Tensor, Error>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        let runner = self.servable.runner();
        let source = &self.signature.inputs[at];
        let Some(input) = input else {
            let missing = || Error::invalid(format!("inputs.{}: missing", source.alias));
            let default = source.default.as_deref().ok_or_else(missing)?;
            let decoded = tensor::decode(&source.alias, default, &TensorLimits::default())?;
            return feed(runner, &self.plan, decoded, None);
        };
        let Input { dtype, shape, data } = input;
        if dtype != source.dtype {
            let (alias, wanted) = (&source.alias, source.dtype);
            return Err(Error::invalid(format!(
                "inputs.{alias}: expected {wanted}, got {dtype}"
            )));
        }
        self.servable.check_shape(&self.signature, at, &shape)?;
        match data {
            InputData::Copied(buffer) => {
                INPUT_COPIES.fetch_add(1, Ordering::Relaxed);
                runner.tensor(dtype, &shape, buffer)
            }
            InputData::Shared(owner) => {
                let address = owner.as_ref().as_ptr() as usize;
                if address.is_multiple_of(ALIGNMENT) && !runner.keeps_feeds(&self.plan) {
                    INPUT_BORROWS.fetch_add(1, Ordering::Relaxed);
                    return runner.shared_tensor(dtype, &shape, owner);
                }
                INPUT_COPIES.fetch_add(1, Ordering::Relaxed);
                runner.tensor(dtype, &shape, AlignedBuf::from(owner.as_ref()))
            }
            InputData::Strings { block, ends } => {
                let mut start = 0;
                let mut parts = Vec::with_capacity(ends.len());
                for end in ends {
                    let part = block.get(start..end);
                    parts.push(part.ok_or_else(|| Error::invalid("a string out of its block"))?);
                    start = end;
                }
                runner.string_tensor(&shape, parts.into_iter())
            }
        }
    }
}
