//! The pool: deadlines, cancelling, the bounded queue, panics.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use servable_codec::Code;
use servable_engine::schedule::lines::Line;
use servable_engine::schedule::pool::{Cancel, Job, Pool, Verdict};

const LONG: Duration = Duration::from_secs(20);

fn job(verdicts: &Sender<Verdict>, deadline: Option<Instant>, cancel: &Cancel) -> Job {
    let verdicts = verdicts.clone();
    let run = Box::new(move |verdict| verdicts.send(verdict).unwrap());
    Job {
        line: Line::default(),
        deadline,
        cancel: cancel.clone(),
        run,
    }
}

/// Holds the pool's only thread until the sender is dropped.
fn block(pool: &Pool) -> Sender<()> {
    let (release, wait) = mpsc::channel::<()>();
    let (started, running) = mpsc::channel();
    let run = Box::new(move |_| {
        started.send(()).unwrap();
        let _ = wait.recv();
    });
    pool.submit(Job {
        line: Line::default(),
        deadline: None,
        cancel: Cancel::default(),
        run,
    })
    .unwrap();
    running.recv_timeout(LONG).unwrap();
    release
}

fn next(verdicts: &Receiver<Verdict>) -> Verdict {
    verdicts.recv_timeout(LONG).unwrap()
}

#[test]
fn a_deadline_is_checked_when_the_job_is_popped() {
    let pool = Pool::start("t", 1, 8).unwrap();
    let (sender, verdicts) = mpsc::channel();
    let release = block(&pool);
    let soon = Instant::now() + Duration::from_millis(1);
    pool.submit(job(&sender, Some(soon), &Cancel::default()))
        .unwrap();
    pool.submit(job(
        &sender,
        Some(Instant::now() + LONG),
        &Cancel::default(),
    ))
    .unwrap();
    while Instant::now() < soon {
        std::hint::spin_loop();
    }
    drop(release);
    assert_eq!(next(&verdicts), Verdict::Expired);
    assert_eq!(next(&verdicts), Verdict::Run);
}

#[test]
fn a_cancelled_job_is_not_run() {
    let pool = Pool::start("t", 1, 8).unwrap();
    let (sender, verdicts) = mpsc::channel();
    let release = block(&pool);
    let cancel = Cancel::default();
    pool.submit(job(&sender, None, &cancel)).unwrap();
    cancel.cancel();
    drop(release);
    assert_eq!(next(&verdicts), Verdict::Cancelled);
}

#[test]
fn a_wait_that_would_be_too_long_is_refused_once_many_wait() {
    let pool = Pool::start("t", 1, 1000)
        .unwrap()
        .with_longest_wait(Duration::from_millis(100));
    let (sender, verdicts) = mpsc::channel();
    // Teaches the pool what a job takes.
    let (done, slept) = mpsc::channel();
    let run = Box::new(move |_| {
        std::thread::sleep(Duration::from_millis(20));
        done.send(()).unwrap();
    });
    let cancel = Cancel::default();
    pool.submit(Job {
        line: Line::default(),
        deadline: None,
        cancel: cancel.clone(),
        run,
    })
    .unwrap();
    slept.recv_timeout(LONG).unwrap();
    let release = block(&pool);
    for waiting in 0..64 {
        assert!(!pool.is_full(Line::default()), "{waiting} wait");
        assert!(
            pool.submit(job(&sender, None, &cancel)).is_ok(),
            "{waiting} wait"
        );
    }
    assert!(
        pool.is_full(Line::default()),
        "whoever comes now would be refused"
    );
    let error = pool.submit(job(&sender, None, &cancel)).unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert_eq!(next(&verdicts), Verdict::Refused);
    let patient = pool.submit_patiently(job(&sender, None, &cancel));
    assert!(patient.is_ok(), "whoever would rather wait may");
    drop(release);
    assert_eq!(next(&verdicts), Verdict::Run);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let pool = Pool::start("t", 1, 2).unwrap();
    let (sender, verdicts) = mpsc::channel();
    let release = block(&pool);
    for _ in 0..2 {
        pool.submit(job(&sender, None, &Cancel::default())).unwrap();
    }
    let error = pool
        .submit(job(&sender, None, &Cancel::default()))
        .unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert_eq!(
        error.message,
        "The inference queue is full: 2 requests are waiting for 1 threads"
    );
    assert_eq!(next(&verdicts), Verdict::Refused);
    drop(release);
    assert_eq!(
        (next(&verdicts), next(&verdicts)),
        (Verdict::Run, Verdict::Run)
    );
}

#[test]
fn a_panic_costs_neither_the_thread_nor_the_jobs_behind_it() {
    let pool = Pool::start("t", 1, 8).unwrap();
    let (sender, verdicts) = mpsc::channel();
    let run = Box::new(|_| panic!("on purpose"));
    pool.submit(Job {
        line: Line::default(),
        deadline: None,
        cancel: Cancel::default(),
        run,
    })
    .unwrap();
    pool.submit(job(&sender, None, &Cancel::default())).unwrap();
    assert_eq!(next(&verdicts), Verdict::Run);
}

/// Holds one thread with a job of a model until the sender is dropped.
fn hold(pool: &Pool, model: &str) -> Sender<()> {
    let (release, wait) = mpsc::channel::<()>();
    let (started, running) = mpsc::channel();
    let run = Box::new(move |_| {
        started.send(()).unwrap();
        let _ = wait.recv();
    });
    pool.submit(of(model, run)).unwrap();
    running.recv_timeout(LONG).unwrap();
    release
}

fn of(model: &str, run: Box<dyn FnOnce(Verdict) + Send>) -> Job {
    Job {
        line: Line::of(model),
        deadline: None,
        cancel: Cancel::default(),
        run,
    }
}

#[test]
fn a_fast_model_is_answered_while_a_slow_one_holds_all_threads_and_its_line_is_full() {
    let pool = Pool::start("t", 2, 8).unwrap();
    // Teaches the pool that the slow model's runs take their time.
    let (done, slept) = mpsc::channel();
    let run = Box::new(move |_| {
        std::thread::sleep(Duration::from_millis(400));
        done.send(()).unwrap();
    });
    pool.submit(of("slow", run)).unwrap();
    slept.recv_timeout(LONG).unwrap();
    let held = [hold(&pool, "slow"), hold(&pool, "slow")];
    let (order, ends) = mpsc::channel();
    let job = |model: &'static str| {
        let order = order.clone();
        of(
            model,
            Box::new(move |verdict| order.send((model, verdict)).unwrap()),
        )
    };
    for _ in 0..8 {
        pool.submit(job("slow")).unwrap();
    }
    assert!(pool.is_full(Line::of("slow")));
    assert!(pool.submit(job("slow")).is_err());
    assert_eq!(ends.recv_timeout(LONG).unwrap(), ("slow", Verdict::Refused));
    for _ in 0..20 {
        assert!(!pool.is_full(Line::of("fast")), "it has places of its own");
        pool.submit(job("fast")).unwrap();
        assert_eq!(ends.recv_timeout(LONG).unwrap(), ("fast", Verdict::Run));
    }
    assert_eq!(pool.waiting(), 8, "the slow ones still wait");
    drop(held);
    for _ in 0..8 {
        assert_eq!(ends.recv_timeout(LONG).unwrap(), ("slow", Verdict::Run));
    }
}

#[test]
fn what_waits_is_still_done_when_the_pool_is_dropped() {
    let pool = Pool::start("t", 2, 8).unwrap();
    let (sender, verdicts) = mpsc::channel();
    let held = [block(&pool), block(&pool)];
    for _ in 0..4 {
        pool.submit(job(&sender, None, &Cancel::default())).unwrap();
    }
    drop(pool);
    drop(held);
    for _ in 0..4 {
        assert_eq!(next(&verdicts), Verdict::Run);
    }
    drop(sender);
    assert!(
        verdicts.recv_timeout(LONG).is_err(),
        "the threads hold nothing any more"
    );
}
