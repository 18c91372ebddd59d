//! An engine with one model, and ways to ask it.

use servable_codec::{Code, Error};
use servable_engine::infer::Method;
use servable_engine::{Engine, Settings};

use crate::support::{Fake, ask, call};

pub(crate) fn engine(fake: Fake) -> Engine<Fake> {
    let engine = Engine::default();
    engine.catalog.publish("m", 7, fake.servable()).unwrap();
    engine
}

pub(crate) fn grpc(engine: &Engine<Fake>, method: Method, body: &[u8]) -> Result<Vec<u8>, Error> {
    let settings = Settings::default();
    let (answer, out) = ask(engine, &call(method, "", &settings), body);
    answer.result.map(|()| out)
}

pub(crate) fn refusal<T>(result: Result<T, Error>) -> (Code, String) {
    let error = result.map(|_| ()).unwrap_err();
    (error.code, error.message)
}
