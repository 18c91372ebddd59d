//! One request on the pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use servable_codec::{Code, Error};
use servable_engine::schedule::pool::{Job, Verdict};
use servable_engine::{Body, Placed, Settings};

use crate::batch;
use crate::outbox::{Outcome, Reply};
use crate::process::ENGINE;
use crate::target::Target;

/// A request for the pool, which has `waited` so far.
pub fn on_pool(
    mut reply: Reply,
    (target, settings): (Arc<Target>, Settings),
    body: Body,
    (waited, deadline): (Duration, Option<Instant>),
) -> Job {
    let line = target.line(body.bytes());
    let cancel = reply.cancel();
    let answered = cancel.clone();
    let queued_at = Instant::now();
    let run = Box::new(move |verdict| match verdict {
        Verdict::Run if reply.begin_run() => {
            let mut out = Vec::new();
            let mut call = target.call(&settings, waited + queued_at.elapsed());
            call.answered = Some(&answered);
            let placed = ENGINE.answer(&call, &body, &mut out);
            // Before the reply: whoever waits for it may count on the body being free.
            drop(body);
            match placed {
                Placed::Answered(answer) => batch::send(reply, answer, out),
                Placed::Batch(request) => {
                    // A refusal is sent as the reply.
                    let _ = batch::submit(*request, reply, deadline, true);
                }
                Placed::Pool => {
                    let text = "the pool refused its own request";
                    reply.send(0, Outcome::Failed(Error::new(Code::Internal, text)));
                }
            }
        }
        Verdict::Expired => {
            drop(body);
            let call = target.call(&settings, Duration::ZERO);
            ENGINE.refused(&call, Code::DeadlineExceeded);
            let text = "Timed out waiting for notification";
            reply.send(0, Outcome::Failed(Error::new(Code::DeadlineExceeded, text)));
        }
        Verdict::Run | Verdict::Cancelled | Verdict::Refused => {
            drop(body);
            reply.drop_silently();
        }
    });
    Job {
        line,
        deadline,
        cancel,
        run,
    }
}

/// The moment in so many milliseconds; 0 is none.
pub fn deadline_in(remaining_ms: f64) -> Option<Instant> {
    let remaining =
        (remaining_ms > 0.0).then(|| Duration::try_from_secs_f64(remaining_ms / 1000.0));
    Instant::now().checked_add(remaining?.ok()?)
}
