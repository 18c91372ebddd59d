//! An engine with one batched model, and requests that tell how they ended.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use servable_codec::{Code, DType, Error};
use servable_engine::infer::Method;
use servable_engine::schedule::batch::parameters::{Mode, RawParameters};
use servable_engine::schedule::batch::{Asker, Unbatched, Waiter};
use servable_engine::schedule::pool::Cancel;
use servable_engine::{Answer, Body, Engine, Placed, Settings};

use crate::support::{Fake, PREDICT, call, endpoint, signature};

pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) type Ended = (usize, Option<(Result<(), Error>, String)>);

/// Sends what it is told, `None` for a leave, under its number.
pub(crate) struct Tell(pub(crate) usize, pub(crate) Sender<Ended>, pub(crate) bool);

impl Asker for Tell {
    fn begin(&mut self) -> bool {
        self.2
    }
    fn answer(self: Box<Self>, answer: Answer, reply: Vec<u8>) {
        assert_eq!(answer.version, Some(7));
        let text = String::from_utf8(reply).unwrap();
        self.1.send((self.0, Some((answer.result, text)))).unwrap();
    }
    fn leave(self: Box<Self>) {
        self.1.send((self.0, None)).unwrap();
    }
}

/// An engine with one batched model, and what its requests were told.
pub(crate) struct Bench {
    pub(crate) engine: Engine<Fake>,
    pub(crate) sender: Sender<Ended>,
    pub(crate) told: Receiver<Ended>,
    pub(crate) unbatched: Vec<Unbatched>,
}

pub(crate) fn batched() -> Fake {
    Fake {
        records: true,
        signatures: vec![signature(
            "serving_default",
            PREDICT,
            vec![endpoint("x", DType::FLOAT, Some(&[-1, -1]))],
            vec![endpoint("y", DType::FLOAT, Some(&[-1, -1]))],
        )],
        ..Fake::default()
    }
}

/// Batches wait until they are full, or drained.
pub(crate) fn patient(max: i64) -> RawParameters {
    RawParameters {
        max_batch_size: Some(max),
        batch_timeout_micros: Some(i64::try_from(LONG.as_micros()).unwrap()),
        ..RawParameters::default()
    }
}

pub(crate) fn bench(fake: Fake, raw: &RawParameters) -> Bench {
    bench_with(fake, raw, Mode::Fixed)
}

pub(crate) fn bench_with(fake: Fake, raw: &RawParameters, mode: Mode) -> Bench {
    let engine = Engine::default();
    let servable = fake.servable();
    engine.batcher.set_threads(Some(2), "test");
    let unbatched = engine
        .batcher
        .attach(&servable, raw.check(mode).unwrap())
        .unwrap();
    engine.catalog.publish("m", 7, servable).unwrap();
    let (sender, told) = channel();
    Bench {
        engine,
        sender,
        told,
        unbatched,
    }
}

impl Bench {
    pub(crate) fn place(&self, method: Method, body: &[u8]) -> Placed<Fake> {
        let settings = Settings::default();
        let call = call(method, "m", &settings);
        self.engine
            .answer(&call, &Body::new(body.to_vec()), &mut Vec::new())
    }

    pub(crate) fn submit_with(
        &self,
        number: usize,
        body: &str,
        change: impl FnOnce(&mut Waiter),
    ) -> Result<(), Error> {
        let Placed::Batch(request) = self.place(Method::RestPredict, body.as_bytes()) else {
            panic!("{body} was not to be batched");
        };
        let asker = Box::new(Tell(number, self.sender.clone(), true));
        let (cancel, deadline) = (Cancel::default(), None);
        let mut waiter = Waiter {
            asker,
            cancel,
            deadline,
            wake: true,
        };
        change(&mut waiter);
        self.engine
            .batcher
            .submit(*request, waiter)
            .map_err(|(error, asker)| {
                drop(asker);
                error
            })
    }

    pub(crate) fn submit(&self, number: usize, body: &str) -> Result<(), Error> {
        self.submit_with(number, body, |_| ())
    }

    /// What `count` requests were told, by number.
    pub(crate) fn ends(&self, count: usize) -> Vec<Ended> {
        let mut ends: Vec<_> = (0..count)
            .map(|_| self.told.recv_timeout(LONG).unwrap())
            .collect();
        ends.sort_by_key(|(number, _)| *number);
        ends
    }
}

pub(crate) fn ok(end: &Ended) -> String {
    let (result, text) = end.1.as_ref().unwrap();
    result.as_ref().unwrap();
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

pub(crate) fn refusal(end: &Ended) -> (Code, &str) {
    let error = end.1.as_ref().unwrap().0.as_ref().unwrap_err();
    (error.code, &error.message)
}
