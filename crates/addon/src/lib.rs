//! The addon: the only crate that knows Node.
//!
//! Everything that outlives a call goes through an [`outbox::Outbox`]: native threads leave their results there and wake the
//! event loop, which fetches them; no native thread ever holds a JavaScript value.

mod batch;
mod catalog;
mod codec;
mod error;
mod event_loop;
mod flight;
mod gpu;
mod job;
mod listener;
mod metrics;
mod model;
mod native_log;
mod outbox;
mod outputs;
mod pin;
mod predict;
mod process;
mod queue;
mod record;
mod runtime;
mod target;
mod warmup;

/// Runs when Node loads the addon, before the library and the pool start their threads.
#[napi_derive::module_init]
fn init() {
    servable_tensorflow::limit_arenas();
}
