//! The order of batches, without threads and with a clock of the test's.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use servable_codec::{Code, Error};
use servable_engine::schedule::batch::lanes::{Batch, LaneId, Lanes, Next, Waiting};
use servable_engine::schedule::batch::parameters::{Mode, Parameters, RawParameters};

const MS: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Ask {
    id: usize,
    gone: AtomicBool,
}

impl Waiting for Ask {
    fn is_gone(&self, _now: Instant) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

fn ask(id: usize) -> Arc<Ask> {
    let gone = AtomicBool::new(false);
    Arc::new(Ask { id, gone })
}

fn parameters(raw: RawParameters) -> Arc<Parameters> {
    Arc::new(raw.check(Mode::Fixed).unwrap())
}

fn small(max: i64, enqueued: i64, timeout: Duration) -> RawParameters {
    RawParameters {
        max_batch_size: Some(max),
        max_enqueued_batches: Some(enqueued),
        batch_timeout_micros: Some(timeout.as_micros() as i64),
        ..RawParameters::default()
    }
}

fn submit(lanes: &mut Lanes<Ask>, lane: LaneId, rows: usize, now: Instant) -> Result<(), Error> {
    submit_as(lanes, lane, &ask(0), (rows, now))
}

fn submit_as(
    lanes: &mut Lanes<Ask>,
    lane: LaneId,
    ask: &Arc<Ask>,
    what: (usize, Instant),
) -> Result<(), Error> {
    lanes.submit(lane, ask, what, &mut Vec::new()).map(|_| ())
}

fn take(lanes: &mut Lanes<Ask>, now: Instant) -> (LaneId, Batch<Ask>) {
    match lanes.next(now) {
        Next::Run(lane, batch) => (lane, batch),
        Next::Sleep(due) => panic!("nothing to run, due {due:?}"),
    }
}

fn sleeps(lanes: &mut Lanes<Ask>, now: Instant) -> Option<Instant> {
    match lanes.next(now) {
        Next::Run(_, batch) => panic!("a batch of {} rows", batch.rows),
        Next::Sleep(due) => due,
    }
}

#[test]
fn an_incomplete_batch_waits_for_its_time_and_not_longer() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    let lane = lanes.add(parameters(small(4, 10, MS * 10)));
    submit(&mut lanes, lane, 1, now).unwrap();
    submit(&mut lanes, lane, 2, now + MS * 3).unwrap();
    assert_eq!(sleeps(&mut lanes, now + MS * 9), Some(now + MS * 10));
    assert_eq!(take(&mut lanes, now + MS * 10).1.rows, 3);
    assert_eq!(sleeps(&mut lanes, now + MS * 10), None);
}

#[test]
fn a_full_batch_runs_at_once() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    let lane = lanes.add(parameters(small(4, 10, MS * 10)));
    submit(&mut lanes, lane, 3, now).unwrap();
    submit(&mut lanes, lane, 1, now).unwrap();
    assert_eq!(take(&mut lanes, now).1.rows, 4);
}

#[test]
fn a_request_that_does_not_fit_closes_the_batch() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    let lane = lanes.add(parameters(small(4, 10, MS * 10)));
    submit(&mut lanes, lane, 3, now).unwrap();
    submit(&mut lanes, lane, 2, now).unwrap();
    assert_eq!(take(&mut lanes, now).1.rows, 3);
    assert_eq!(sleeps(&mut lanes, now), Some(now + MS * 10));
}

#[test]
fn without_a_time_a_thread_takes_what_is_there() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    let lane = lanes.add(parameters(small(4, 10, Duration::ZERO)));
    submit(&mut lanes, lane, 1, now).unwrap();
    assert_eq!(take(&mut lanes, now).1.rows, 1);
}

#[test]
fn lanes_take_turns_however_much_one_of_them_has() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    let greedy = lanes.add(parameters(small(1, 10, Duration::ZERO)));
    let modest = lanes.add(parameters(small(1, 10, Duration::ZERO)));
    for _ in 0..5 {
        submit(&mut lanes, greedy, 1, now).unwrap();
    }
    for _ in 0..2 {
        submit(&mut lanes, modest, 1, now).unwrap();
    }
    let order: Vec<_> = (0..7).map(|_| take(&mut lanes, now).0).collect();
    assert_eq!(
        order,
        [greedy, modest, greedy, modest, greedy, greedy, greedy]
    );
}

#[test]
fn a_full_lane_refuses_with_tensorflow_servings_text() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    let lane = lanes.add(parameters(small(2, 2, MS)));
    for _ in 0..4 {
        submit(&mut lanes, lane, 1, now).unwrap();
    }
    let error = submit(&mut lanes, lane, 1, now).unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert_eq!(
        error.message,
        "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and max_enqueued_batches is 2"
    );
    let error = submit(&mut lanes, lane, 3, now).unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument);
    assert_eq!(
        error.message,
        "Task size 3 is larger than maximum input batch size 2"
    );
}

#[test]
fn what_nobody_waits_for_makes_room() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    let lane = lanes.add(parameters(small(2, 1, MS)));
    let (left, stays) = (ask(1), ask(2));
    submit_as(&mut lanes, lane, &left, (1, now)).unwrap();
    submit_as(&mut lanes, lane, &stays, (1, now)).unwrap();
    assert!(submit(&mut lanes, lane, 1, now).is_err());
    left.gone.store(true, Ordering::Relaxed);
    let mut gone = Vec::new();
    lanes.submit(lane, &ask(3), (1, now), &mut gone).unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].task.id, 1);
    let ids: Vec<_> = take(&mut lanes, now)
        .1
        .pieces
        .iter()
        .map(|p| p.task.id)
        .collect();
    assert_eq!(ids, [2, 3]);
}

#[test]
fn a_large_request_is_spread_over_batches() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    let raw = RawParameters {
        enable_large_batch_splitting: true,
        max_execution_batch_size: Some(4),
        ..small(10, 3, MS)
    };
    let lane = lanes.add(parameters(raw));
    submit_as(&mut lanes, lane, &ask(1), (3, now)).unwrap();
    submit_as(&mut lanes, lane, &ask(2), (6, now)).unwrap();
    let error = submit(&mut lanes, lane, 8, now).unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert_eq!(
        error.message,
        "The batch scheduling queue to which this task was submitted is full; task size is 8 but scheduling capacity is only 3 (num_enqueued_batches=3, max_enqueued_batches=3, open_batch_size=1, max_execution_batch_size=4)"
    );
    let mut ranges = Vec::new();
    for _ in 0..3 {
        let (_, batch) = take(&mut lanes, now + MS);
        assert!(batch.rows <= 4);
        ranges.extend(batch.pieces.iter().map(|p| (p.task.id, p.rows.clone())));
    }
    assert_eq!(ranges, [(1, 0..3), (2, 0..1), (2, 1..5), (2, 5..6)]);
}

#[test]
fn a_draining_lane_waits_for_nobody() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    let (one, other) = (
        lanes.add(parameters(small(4, 10, MS * 10))),
        lanes.add(parameters(small(4, 10, MS * 10))),
    );
    submit(&mut lanes, one, 1, now).unwrap();
    submit(&mut lanes, other, 1, now).unwrap();
    assert!(sleeps(&mut lanes, now).is_some());
    lanes.drain(other);
    assert_eq!(take(&mut lanes, now).0, other);
    assert!(sleeps(&mut lanes, now).is_some());
    lanes.drain_all(true);
    assert_eq!(take(&mut lanes, now).0, one);
    lanes.drain_all(false);
    submit(&mut lanes, one, 1, now).unwrap();
    assert!(sleeps(&mut lanes, now).is_some());
}

#[test]
fn auto_runs_a_lone_request_at_once_and_keeps_to_its_share_under_load() {
    let (mut lanes, start) = (Lanes::default(), Instant::now());
    let auto = RawParameters::default()
        .check(Mode::Auto { share: 0.2 })
        .unwrap();
    let lane = lanes.add(Arc::new(auto));
    let run = MS * 10;
    let mut now = start;
    // One client: the next request comes with the answer.
    for _ in 0..20 {
        submit(&mut lanes, lane, 1, now).unwrap();
        assert_eq!(take(&mut lanes, now).1.rows, 1);
        now += run;
        lanes.ran(lane, run);
    }
    // Many clients: one request every 100 µs, and a thread that is always free.
    let mut waited = 0;
    let mut opened: Option<Instant> = None;
    for _ in 0..2000 {
        now += MS / 10;
        submit(&mut lanes, lane, 1, now).unwrap();
        let first = *opened.get_or_insert(now);
        if let Next::Run(lane, _) = lanes.next(now) {
            assert!(now - first <= run / 5 + MS / 10, "{:?}", now - first);
            waited += usize::from(now > first);
            opened = None;
            lanes.ran(lane, run);
        }
    }
    assert!(waited > 10, "{waited} batches waited");
    // An idle server again.
    now += Duration::from_secs(1);
    if opened.is_some() {
        take(&mut lanes, now);
    }
    now += Duration::from_secs(1);
    submit(&mut lanes, lane, 1, now).unwrap();
    assert_eq!(take(&mut lanes, now).1.rows, 1);
}

proptest! {
    /// Whatever comes in whatever order: each row of each accepted request comes out once, in order, in batches within the limits.
    #[test]
    fn no_row_is_lost_or_doubled(
        max in 1i64..20,
        execution in 1i64..20,
        enqueued in 1i64..6,
        timeout in 0u32..5,
        split: bool,
        steps in prop::collection::vec((0usize..3, 1usize..25, 0u32..4), 1..80),
    ) {
        let (mut lanes, mut now) = (Lanes::default(), Instant::now());
        let raw = RawParameters {
            enable_large_batch_splitting: split,
            max_execution_batch_size: Some(execution.min(max)),
            ..small(max, enqueued, MS * timeout)
        };
        let most = if split { execution.min(max) } else { max } as usize;
        let ids: Vec<_> = (0..2).map(|_| lanes.add(parameters(raw.clone()))).collect();
        let mut accepted = BTreeMap::new();
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        let mut collect = |batch: Batch<Ask>| {
            let rows: usize = batch.pieces.iter().map(|piece| piece.rows.len()).sum();
            assert!(rows > 0 && rows <= most && rows == batch.rows);
            for piece in batch.pieces {
                let next = seen.entry(piece.task.id).or_default();
                assert_eq!(piece.rows.start, *next);
                *next = piece.rows.end;
            }
        };
        for (number, (lane, rows, wait)) in steps.into_iter().enumerate() {
            match ids.get(lane) {
                Some(id) => match submit_as(&mut lanes, *id, &ask(number), (rows, now)) {
                    Ok(()) => {
                        assert!(rows <= max as usize);
                        accepted.insert(number, rows);
                    }
                    Err(error) if rows > max as usize => assert_eq!(error.code, Code::InvalidArgument),
                    Err(error) => assert_eq!(error.code, Code::Unavailable),
                },
                None => {
                    now += MS * wait;
                    if let Next::Run(_, batch) = lanes.next(now) {
                        collect(batch);
                    }
                }
            }
        }
        lanes.drain_all(true);
        while let Next::Run(_, batch) = lanes.next(now) {
            collect(batch);
        }
        prop_assert_eq!(seen, accepted);
    }
}
