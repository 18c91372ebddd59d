//! Which requests go into a queue: the one question that the walk of every request asks the batcher.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use servable_codec::Error;

use super::route::Route;
use super::task::Request;
use crate::engine::Call;
use crate::flight::Recorder;
use crate::infer::{Wanted, Work};
use crate::runner::Runner;
use crate::schedule::tick::Stopwatch;

/// Where a prepared request goes.
pub(crate) enum Door<R: Runner> {
    Run(Result<Work<R>, Error>),
    Batch(Box<Request<R>>),
    Pool,
}

/// Sends what is batched to its queue. Where the mode allows it, a request that is cheap here and finds its queue empty runs by itself:
/// that costs less than the way to another thread and back.
pub(crate) fn door<R: Runner>(
    work: Result<Work<R>, Error>,
    call: &Call<'_>,
    (body, flight): (&[u8], Option<&Arc<Recorder>>),
    (start, is_inline): (Stopwatch, bool),
) -> Door<R> {
    let Ok(work) = work else {
        return Door::Run(work);
    };
    let Some(signature) = work
        .signature
        .as_ref()
        .filter(|it| it.route.get().is_some())
    else {
        return Door::Run(Ok(work));
    };
    let is_cheap = is_inline && signature.cost.inline(body.len()).is_some();
    match way(&work) {
        Err(error) => Door::Run(Err(error)),
        Ok(None) if is_inline && !is_cheap => Door::Pool,
        Ok(None) => Door::Run(Ok(work)),
        Ok(Some((route, rows))) if is_cheap && route.lets_run_alone(rows) => Door::Run(Ok(work)),
        Ok(Some((route, rows))) => {
            let counters = &work.lease.counters;
            counters.pooled_runs.fetch_add(1, Ordering::Relaxed);
            let entered = counters.enter_for_long();
            let flight = flight.map(|flight| flight.ticket(call, work.servable(call.name), body));
            Door::Batch(Box::new(Request {
                work,
                route,
                rows,
                wanted: Wanted::from(call),
                flight,
                body_bytes: body.len(),
                prepared: start.spent(),
                queued: call.queued,
                _entered: entered,
            }))
        }
    }
}

/// A queue, and how many rows a request adds to it.
type Way<R> = (Arc<Route<R>>, usize);

/// The queue of a request and the rows it adds to it; `None` where it has to run by itself.
///
/// # Errors
/// `InvalidArgument` where its inputs have different numbers of rows.
fn way<R: Runner>(work: &Work<R>) -> Result<Option<Way<R>>, Error> {
    let Some((signature, route)) = work
        .signature
        .as_ref()
        .and_then(|signature| Some((signature, signature.route.get()?)))
    else {
        return Ok(None);
    };
    let route = match work.filter() {
        Some(wanted) => route.filtered(&work.lease.servable, signature, wanted)?,
        None => Arc::clone(route),
    };
    let rows = route.rows(&work.feeds, signature.has_defaults())?;
    Ok(rows.map(|rows| (route, rows)))
}
