//! One batch: merged, run once, and handed back to its requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use servable_codec::{Code, Error};

use super::counters::BatchingCounters;
use super::fit::sort_out;
use super::lanes::{Batch, Piece};
use super::merge;
use super::task::{Replies, Task};
use crate::counters::SESSION_RUN_NS;
use crate::flight::Ticket;
use crate::runner::{RunMode, Runner, RunnerTensor};
use crate::schedule::tick::Stopwatch;

type Pieces<R> = [Piece<Task<R>>];

/// Runs a batch to completion; answers every request whose last rows it had. Returns how long its runs took.
pub(super) fn execute<R: Runner>(
    batch: Batch<Task<R>>,
    counters: &BatchingCounters,
) -> Option<Duration> {
    let mut replies = Replies::default();
    let now = Instant::now();
    let mut pieces = batch.pieces;
    pieces.retain(|piece| {
        let book = (counters, &mut replies);
        piece.task.begin(piece.since, now, book)
    });
    let (pieces, misfits) = sort_out(pieces);
    for (piece, error) in misfits {
        piece.task.fail(error, &mut replies);
    }
    if pieces.is_empty() {
        return None;
    }
    let began = Instant::now();
    run_all(&pieces, counters, &mut replies);
    Some(began.elapsed())
}

/// Runs the pieces together. Where TensorFlow refuses them as invalid, halves are tried, so that only the request at fault
/// is refused; never where a run may have changed the model's variables.
fn run_all<R: Runner>(pieces: &Pieces<R>, counters: &BatchingCounters, replies: &mut Replies) {
    let Some(Piece { task: first, .. }) = pieces.first() else {
        return;
    };
    let watch = Stopwatch::start(true);
    match run(pieces, counters) {
        Ok((outputs, mode)) => {
            let took = watch.spent().wall;
            let outputs = Arc::new(outputs);
            let mut start = 0;
            for piece in pieces {
                piece.task.give(piece, (&outputs, start), took, replies);
                if start == 0 {
                    // What one request costs is at most what the batch did.
                    let spent = watch.spent().and(first.request.prepared);
                    let work = &first.request.work;
                    work.record_cost(first.request.body_bytes, spent, mode == RunMode::Inline);
                }
                start += piece.rows.len();
            }
        }
        Err(error) => {
            let work = &first.request.work;
            let runner = work.lease.servable.runner();
            let may_repeat = error.code == Code::InvalidArgument
                && pieces.len() > 1
                && !runner.keeps_feeds(&first.request.route.plan);
            if may_repeat {
                let (left, right) = pieces.split_at(pieces.len() / 2);
                run_all(left, counters, replies);
                run_all(right, counters, replies);
            } else {
                for piece in pieces {
                    piece.task.fail(error.clone(), replies);
                }
            }
        }
    }
}

fn run<R: Runner>(
    pieces: &Pieces<R>,
    counters: &BatchingCounters,
) -> Result<(Vec<R::Tensor>, RunMode), Error> {
    let request = &pieces[0].task.request;
    let (work, route) = (&request.work, &request.route);
    let parameters = &route.registry.parameters;
    let runner = work.lease.servable.runner();
    let rows: usize = pieces.iter().map(|piece| piece.rows.len()).sum();
    let padded = parameters.padded(rows);
    // What is known to be small is run without TensorFlow's thread hop.
    let mode = if work.is_small(request.body_bytes) {
        RunMode::Inline
    } else {
        RunMode::Pool
    };
    let tickets = pieces
        .iter()
        .filter_map(|piece| piece.task.request.flight.as_ref());
    let in_flight: Vec<_> = tickets.filter_map(Ticket::begin).collect();
    let began = Instant::now();
    let is_alone = pieces.len() == 1 && rows == request.rows && padded == rows;
    let outputs = if is_alone {
        let inputs = route.inputs.iter();
        let feeds: Vec<_> = inputs.map(|input| &work.feeds[input.at]).collect();
        runner.run(&route.plan, &feeds, mode)
    } else {
        let merged = merge::feeds(runner, pieces, padded)?;
        let feeds: Vec<_> = merged.iter().collect();
        runner.run(&route.plan, &feeds, mode)
    };
    drop(in_flight);
    SESSION_RUN_NS.fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
    counters.ran(rows, padded, !parameters.allowed.is_empty());
    let model = &work.lease.counters.batching;
    let add = |counter: &std::sync::atomic::AtomicU64, number: usize| {
        counter.fetch_add(number as u64, Ordering::Relaxed);
    };
    add(&model.runs, 1);
    add(&model.rows, rows);
    add(&model.room, parameters.max_execution);
    let outputs = outputs?;
    for output in &outputs {
        check(output, padded)?;
    }
    Ok((outputs, mode))
}

/// Whether the rows of an output can be handed back to the requests.
fn check<T: RunnerTensor>(output: &T, rows: usize) -> Result<(), Error> {
    let text = match output.shape().first() {
        None => "Batched output tensor has 0 dimensions",
        Some(first) if usize::try_from(*first) != Ok(rows) => {
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors"
        }
        Some(_) => return Ok(()),
    };
    Err(Error::new(Code::FailedPrecondition, text))
}
