//! What the metrics of one request cost: `cargo run --release -p servable-engine --example metrics_cost [threads]`.
//!
//! Counts as the engine does for a request that succeeds, on as many threads as asked for, all on the same model: the worst case.

#![allow(clippy::print_stdout, reason = "a measurement is for people")]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use servable_codec::Code;
use servable_engine::counters::{ModelCounters, Stages};
use servable_engine::infer::Method;

const REQUESTS: u32 = 2_000_000;

fn main() {
    let threads = std::env::args().nth(1).and_then(|it| it.parse().ok());
    let threads: u32 = threads.unwrap_or(1);
    let counters = Arc::new(ModelCounters::new("m"));
    let subject = Arc::clone(&counters.subjects.enter(1, ["serving_default"].into_iter())[1]);
    let began = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (counters, subject) = (Arc::clone(&counters), Arc::clone(&subject));
            thread::spawn(move || {
                for i in 0..REQUESTS {
                    let _in_flight = counters.enter();
                    let start = Instant::now();
                    let stages = Stages {
                        subject: subject.id,
                        queue: Duration::from_nanos(u64::from(i % 50_000)),
                        decode: start.elapsed(),
                        run: Duration::from_micros(18),
                        encode: Duration::from_micros(2),
                    };
                    counters.count(Method::RestPredict, &subject, Code::Ok, &stages);
                }
            })
        })
        .collect();
    for worker in workers {
        let _ = worker.join();
    }
    let nanos = began.elapsed().as_nanos() as f64 / f64::from(REQUESTS);
    println!("{threads} threads: {nanos:.0} ns a request and thread, two clock reads included");
}
