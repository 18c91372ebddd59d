//! The catalog: lookup, labels, leases and what becomes of a withdrawn version.

#![allow(clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use servable_codec::Code;
use servable_engine::Engine;
use servable_engine::catalog::{Catalog, Choice, State, VersionStatus};
use servable_tensorflow::memory_trims;
use support::Fake;

const LONG: Duration = Duration::from_secs(20);

fn error(catalog: &Catalog<Fake>, name: &str, choice: Choice<'_>) -> (Code, String) {
    let error = catalog.find(name, choice).map(|_| ()).unwrap_err();
    (error.code, error.message)
}

#[test]
fn the_newest_published_version_answers_and_others_by_number() {
    let catalog = Catalog::<Fake>::default();
    for version in [1, 3, 2] {
        catalog
            .publish("m", version, Fake::default().servable())
            .unwrap();
    }
    assert_eq!(catalog.find("m", Choice::Latest).unwrap().version, 3);
    assert_eq!(catalog.find("m", Choice::Specific(2)).unwrap().version, 2);
    let (code, text) = error(&catalog, "m", Choice::Specific(9));
    assert_eq!(
        (code, text.as_str()),
        (
            Code::NotFound,
            "Servable not found for request: Specific(m, 9)"
        )
    );
    let (code, text) = error(&catalog, "nope", Choice::Latest);
    assert_eq!(
        (code, text.as_str()),
        (
            Code::NotFound,
            "Servable not found for request: Latest(nope)"
        )
    );
}

#[test]
fn version_zero_is_a_version() {
    let catalog = Catalog::<Fake>::default();
    catalog.publish("m", 0, Fake::default().servable()).unwrap();
    catalog.publish("m", 1, Fake::default().servable()).unwrap();
    assert_eq!(catalog.find("m", Choice::Specific(0)).unwrap().version, 0);
}

#[test]
fn labels_point_at_versions() {
    let catalog = Catalog::<Fake>::default();
    catalog.publish("m", 1, Fake::default().servable()).unwrap();
    let (code, text) = error(&catalog, "m", Choice::Label("stable"));
    assert_eq!(
        (code, text.as_str()),
        (Code::Unavailable, "Model labels does not init yet.stable")
    );
    catalog.set_labels(
        "m",
        BTreeMap::from([("stable".into(), 1), ("early".into(), 2)]),
    );
    assert_eq!(
        catalog.find("m", Choice::Label("stable")).unwrap().version,
        1
    );
    let (code, text) = error(&catalog, "m", Choice::Label("early"));
    assert_eq!(
        (code, text.as_str()),
        (
            Code::NotFound,
            "Servable not found for request: Specific(m, 2)"
        )
    );
    for name in ["m", "nope"] {
        let (code, text) = error(&catalog, name, Choice::Label("x"));
        assert_eq!(code, Code::InvalidArgument);
        assert_eq!(text, "Unrecognized servable version label: x");
    }
}

#[test]
fn lease_keeps_a_version_loaded_until_disposed() {
    let catalog = Catalog::<Fake>::default();
    let fake = Fake::default();
    let watch = Arc::clone(&fake.watch);
    catalog.publish("m", 1, fake.servable()).unwrap();
    let lease = catalog.find("m", Choice::Latest).unwrap();
    let gone = catalog.withdraw("m", 1).unwrap();
    let (sender, receiver) = mpsc::channel();
    gone.on_gone(move || {
        sender
            .send(thread::current().name().map(str::to_owned))
            .unwrap()
    });
    assert!(
        catalog.find("m", Choice::Latest).is_err(),
        "no new request finds it"
    );
    assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err());
    assert!(!watch.dropped.load(Ordering::SeqCst) && !gone.is_gone());
    drop(lease);
    let closer = receiver.recv_timeout(LONG).unwrap();
    assert_eq!(
        closer.as_deref(),
        Some("servable-reaper"),
        "never on the thread of the last lease"
    );
    assert!(watch.dropped.load(Ordering::SeqCst) && gone.is_gone());
    let (sender, receiver) = mpsc::channel();
    gone.on_gone(move || sender.send(()).unwrap());
    receiver.recv_timeout(LONG).unwrap();
}

#[test]
fn memory_is_given_back_after_unloads_at_most_once_a_second() {
    let catalog = Catalog::<Fake>::default();
    let (begin, before) = (Instant::now(), memory_trims());
    for version in 0..50 {
        catalog
            .publish("m", version, Fake::default().servable())
            .unwrap();
        catalog.withdraw("m", version).unwrap();
    }
    while memory_trims() == before {
        assert!(begin.elapsed() < LONG, "nothing was given back");
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(20));
    // Other tests unload models too: the bound is the whole process's.
    assert!(memory_trims() - before <= begin.elapsed().as_secs() + 1);
}

#[test]
fn publishing_a_version_again_replaces_it_without_a_gap() {
    let catalog = Arc::new(Catalog::<Fake>::default());
    let old = Fake::default();
    let watch = Arc::clone(&old.watch);
    let servable = old.servable();
    let gone = servable.gone().clone();
    catalog.publish("m", 1, servable).unwrap();
    let lease = catalog.find("m", Choice::Latest).unwrap();
    let reader = {
        let catalog = Arc::clone(&catalog);
        thread::spawn(move || (0..20_000).all(|_| catalog.find("m", Choice::Specific(1)).is_ok()))
    };
    for _ in 0..200 {
        catalog.publish("m", 1, Fake::default().servable()).unwrap();
    }
    assert!(reader.join().unwrap(), "a request in between found nothing");
    assert!(!gone.is_gone(), "a lease keeps what was replaced");
    drop(lease);
    let (sender, receiver) = mpsc::channel();
    gone.on_gone(move || sender.send(()).unwrap());
    receiver.recv_timeout(LONG).unwrap();
    assert!(watch.dropped.load(Ordering::SeqCst));
}

#[test]
fn withdrawing_what_is_not_there_is_an_error() {
    let catalog = Catalog::<Fake>::default();
    catalog.publish("m", 1, Fake::default().servable()).unwrap();
    assert_eq!(
        catalog.withdraw("m", 2).map(|_| ()).unwrap_err().code,
        Code::NotFound
    );
    assert_eq!(
        catalog.withdraw("x", 1).map(|_| ()).unwrap_err().code,
        Code::NotFound
    );
    assert!(
        catalog.status("x").is_none(),
        "a failed change leaves no trace"
    );
}

#[test]
fn statuses_are_listed_newest_first_and_forgotten_on_remove() {
    let catalog = Catalog::<Fake>::default();
    let status = |version, state| VersionStatus {
        version,
        state,
        code: 0,
        message: String::new(),
    };
    catalog.set_status(
        "m",
        vec![status(1, State::End), status(7, State::Available)],
    );
    catalog.set_status("a", Vec::new());
    let versions: Vec<_> = catalog
        .status("m")
        .unwrap()
        .versions
        .iter()
        .map(|status| status.version)
        .collect();
    assert_eq!(versions, [7, 1]);
    let names: Vec<_> = catalog
        .list()
        .into_iter()
        .map(|status| status.name)
        .collect();
    assert_eq!(names, ["a", "m"]);
    catalog.remove("m");
    assert!(catalog.status("m").is_none());
}

#[test]
fn lookups_and_changes_from_many_threads_lose_nothing() {
    let engine = Arc::new(Engine::<Fake>::default());
    engine
        .catalog
        .publish("m", 0, Fake::default().servable())
        .unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let engine = Arc::clone(&engine);
            thread::spawn(move || {
                (0..2000).all(|_| engine.catalog.find("m", Choice::Latest).is_ok())
            })
        })
        .collect();
    for version in 1..200 {
        engine
            .catalog
            .publish("m", version, Fake::default().servable())
            .unwrap();
        engine.catalog.withdraw("m", version - 1).unwrap();
    }
    for reader in readers {
        assert!(reader.join().unwrap(), "a switch must not fail a request");
    }
}
