//! Requests whose wait ends early: late, cancelled, withdrawn, stopped.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::Instant;

use servable_codec::Code;
use servable_engine::schedule::pool::Cancel;

use crate::bench::{LONG, Tell, batched, bench, ok, patient, refusal};

#[test]
fn a_late_or_cancelled_request_does_not_run_and_the_others_do() {
    let bench = bench(batched(), &patient(4));
    let late = Instant::now();
    let cancel = Cancel::default();
    bench
        .submit_with(0, r#"{"instances":[[2]]}"#, |w| w.deadline = Some(late))
        .unwrap();
    bench
        .submit_with(1, r#"{"instances":[[2]]}"#, |w| w.cancel = cancel.clone())
        .unwrap();
    assert!(cancel.cancel());
    let closed = Box::new(Tell(2, bench.sender.clone(), false));
    bench
        .submit_with(2, r#"{"instances":[[2]]}"#, |w| w.asker = closed)
        .unwrap();
    bench.submit(3, r#"{"instances":[[2]]}"#).unwrap();
    let ends = bench.ends(4);
    assert_eq!(
        refusal(&ends[0]),
        (
            Code::ResourceExhausted,
            "Run() timeout exceeded while waiting in batching queue"
        )
    );
    assert!(ends[1].1.is_none() && ends[2].1.is_none());
    assert_eq!(ok(&ends[3]), r#"{"predictions":[[3.0]]}"#);
    assert!(!cancel.cancel());
}

#[test]
fn cancelled_requests_are_swept_out_while_their_batch_waits() {
    let bench = bench(batched(), &patient(4));
    let cancel = Cancel::default();
    bench
        .submit_with(0, r#"{"instances":[[2]]}"#, |w| w.cancel = cancel.clone())
        .unwrap();
    assert!(cancel.cancel());
    bench.engine.batcher.cancelled();
    assert!(bench.ends(1)[0].1.is_none());
    let models = bench.engine.catalog.counters();
    let (_, model) = models.iter().find(|(name, _)| name == "m").unwrap();
    assert_eq!(model.batching.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn a_withdrawn_version_answers_what_is_queued_and_goes() {
    let fake = batched();
    let watch = Arc::clone(&fake.watch);
    let bench = bench(fake, &patient(8));
    bench.submit(0, r#"{"instances":[[2]]}"#).unwrap();
    let gone = bench.engine.catalog.withdraw("m", 7).unwrap();
    assert_eq!(ok(&bench.ends(1)[0]), r#"{"predictions":[[3.0]]}"#);
    let (sender, told) = channel();
    gone.on_gone(move || sender.send(()).unwrap());
    told.recv_timeout(LONG).unwrap();
    assert!(watch.dropped.load(Ordering::SeqCst));
}

#[test]
fn a_stopping_server_waits_for_no_company() {
    let bench = bench(batched(), &patient(8));
    bench.submit(0, r#"{"instances":[[2]]}"#).unwrap();
    bench.engine.batcher.drain(true);
    ok(&bench.ends(1)[0]);
    bench.submit(1, r#"{"instances":[[2]]}"#).unwrap();
    ok(&bench.ends(1)[0]);
}
