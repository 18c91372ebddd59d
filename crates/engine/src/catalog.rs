//! Which servables are there, and what their status is: process-wide, read without a lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use servable_codec::{Code, Error};

use crate::counters::{ModelCounters, UNKNOWN};
use crate::lease::{Gone, Lease};
use crate::runner::Runner;
use crate::servable::Servable;

/// Which version of a model a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// The highest one that is available.
    Latest,
    /// This one.
    Specific(i64),
    /// The one this label points at.
    Label(&'a str),
}

/// The states of a version, numbered as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "TensorFlow Serving's words")]
pub enum State {
    Start = 10,
    Loading = 20,
    Available = 30,
    Unloading = 40,
    End = 50,
}

/// What a status answer says of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionStatus {
    /// Its number.
    pub version: i64,
    /// Where it is in its life.
    pub state: State,
    /// 0 unless it failed.
    pub code: u8,
    /// Empty unless it failed.
    pub message: String,
}

/// What status answers say of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelStatus {
    /// Its name.
    pub name: String,
    /// Descending.
    pub versions: Vec<VersionStatus>,
    /// By label.
    pub labels: Vec<(String, i64)>,
}

/// What is known of where a model's versions come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Its versions wait for the first request: START means that a request is welcome.
    pub on_demand: bool,
    /// 0 unless there is something wrong with its base path.
    pub code: u8,
    /// Empty unless there is something wrong with its base path.
    pub message: String,
}

/// The catalog. Writers copy the map; readers take a snapshot, so a lookup never waits.
pub struct Catalog<R: Runner> {
    models: ArcSwap<HashMap<String, Arc<Model<R>>>>,
    /// Counters outlive the models, so that a reload does not set them back.
    counters: Mutex<BTreeMap<String, Arc<ModelCounters>>>,
    /// Counts requests whose model nobody configured.
    unknown: Arc<ModelCounters>,
    /// Counts requests that name no model.
    nameless: Arc<ModelCounters>,
    writer: Mutex<()>,
    /// False until labels were set for any model: TensorFlow Serving then answers another text.
    labels_known: AtomicBool,
    ready: AtomicBool,
}

struct Model<R: Runner> {
    servables: BTreeMap<i64, Arc<Servable<R>>>,
    labels: BTreeMap<String, i64>,
    versions: Vec<VersionStatus>,
    source: Source,
    counters: Arc<ModelCounters>,
}

impl<R: Runner> Clone for Model<R> {
    fn clone(&self) -> Self {
        Self {
            servables: self.servables.clone(),
            labels: self.labels.clone(),
            versions: self.versions.clone(),
            source: self.source.clone(),
            counters: Arc::clone(&self.counters),
        }
    }
}

impl<R: Runner> Default for Catalog<R> {
    fn default() -> Self {
        Self {
            models: ArcSwap::from_pointee(HashMap::new()),
            counters: Mutex::default(),
            unknown: Arc::new(ModelCounters::new(UNKNOWN)),
            nameless: Arc::new(ModelCounters::new("")),
            writer: Mutex::default(),
            labels_known: AtomicBool::new(false),
            ready: AtomicBool::new(false),
        }
    }
}

impl<R: Runner> Catalog<R> {
    /// Finds a servable and keeps it loaded while the lease lives.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` (label) or `Unavailable` with TensorFlow Serving's texts.
    pub fn find(&self, name: &str, choice: Choice<'_>) -> Result<Lease<R>, Error> {
        let models = self.models.load();
        let model = models.get(name);
        let version = match choice {
            Choice::Latest => None,
            Choice::Specific(version) => Some(version),
            Choice::Label(label) => {
                if !self.labels_known.load(Ordering::Acquire) {
                    return Err(Error::new(
                        Code::Unavailable,
                        format!("Model labels does not init yet.{label}"),
                    ));
                }
                let pointed = model.and_then(|model| model.labels.get(label).copied());
                Some(pointed.ok_or_else(|| {
                    Error::invalid(format!("Unrecognized servable version label: {label}"))
                })?)
            }
        };
        let found = model.and_then(|model| {
            let (version, servable) = match version {
                None => model.servables.last_key_value()?,
                Some(version) => model.servables.get_key_value(&version)?,
            };
            Some(Lease {
                servable: Arc::clone(servable),
                version: *version,
                counters: Arc::clone(&model.counters),
            })
        });
        found.ok_or_else(|| {
            let wanted = match version {
                None => format!("Latest({name})"),
                Some(version) => format!("Specific({name}, {version})"),
            };
            if model.is_some_and(|model| model.is_loading(version)) {
                let message = format!("Servable is still loading for request: {wanted}");
                return Error::new(Code::Unavailable, message);
            }
            Error::new(
                Code::NotFound,
                format!("Servable not found for request: {wanted}"),
            )
        })
    }

    /// From now on requests find `servable`; what was published as this version before ends its requests and goes.
    ///
    /// No request in between finds nothing.
    ///
    /// # Errors
    /// Never: a result as every change of the catalog has.
    pub fn publish(
        &self,
        name: &str,
        version: i64,
        servable: Arc<Servable<R>>,
    ) -> Result<(), Error> {
        let replaced = self.change(name, |model| {
            servable.count_under(&model.counters, version);
            Ok(model.servables.insert(version, servable))
        })?;
        if let Some(replaced) = replaced {
            replaced.drain_batches();
        }
        Ok(())
    }

    /// No new request finds the version; tells when its last lease has ended and its session is closed.
    ///
    /// # Errors
    /// `NotFound` when it is not published.
    pub fn withdraw(&self, name: &str, version: i64) -> Result<Gone, Error> {
        let servable = self.change(name, |model| {
            let servable = model.servables.remove(&version).ok_or_else(|| {
                Error::new(
                    Code::NotFound,
                    format!("model \"{name}\" version {version}: not published"),
                )
            })?;
            model.counters.subjects.leave(version);
            Ok(servable)
        })?;
        servable.drain_batches();
        Ok(servable.gone().clone())
    }

    /// Replaces the labels of a model.
    pub fn set_labels(&self, name: &str, labels: BTreeMap<String, i64>) {
        let _ = self.change(name, |model| {
            model.labels = labels;
            Ok(())
        });
        self.labels_known.store(true, Ordering::Release);
    }

    /// Replaces what status answers say of a model.
    pub fn set_status(&self, name: &str, mut versions: Vec<VersionStatus>) {
        versions.sort_by_key(|status| std::cmp::Reverse(status.version));
        let _ = self.change(name, |model| {
            model.versions = versions;
            Ok(())
        });
    }

    /// Replaces what is known of a model's source.
    pub fn set_source(&self, name: &str, source: Source) {
        let _ = self.change(name, |model| {
            model.source = source;
            Ok(())
        });
    }

    /// What is known of a model's source; `None` for a name never heard of.
    pub fn source(&self, name: &str) -> Option<Source> {
        let models = self.models.load();
        models.get(name).map(|model| model.source.clone())
    }

    /// Forgets a model's statuses and labels, and lets go of what is still published under the name.
    pub fn remove(&self, name: &str) {
        let _writing = self.writer.lock();
        let mut models = HashMap::clone(&self.models.load());
        if let Some(removed) = models.remove(name) {
            self.models.store(Arc::new(models));
            for servable in removed.servables.values() {
                servable.drain_batches();
            }
        }
    }

    /// One model's status; `None` for a name never heard of.
    pub fn status(&self, name: &str) -> Option<ModelStatus> {
        self.models.load().get(name).map(|model| model.status(name))
    }

    /// Every model's status, sorted by name.
    pub fn list(&self) -> Vec<ModelStatus> {
        let models = self.models.load();
        let mut list: Vec<_> = models
            .iter()
            .map(|(name, model)| model.status(name))
            .collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// Every name's counters, sorted by name; first those of requests that name no model, last those that name an unknown one.
    pub fn counters(&self) -> Vec<(String, Arc<ModelCounters>)> {
        let counters = self.counters.lock();
        let known = counters.iter().map(|(name, it)| (name.as_str(), it));
        std::iter::once(("", &self.nameless))
            .chain(known)
            .chain(std::iter::once((UNKNOWN, &self.unknown)))
            .map(|(name, counters)| (name.to_owned(), Arc::clone(counters)))
            .collect()
    }

    /// Where requests for `name` are counted. Names that nobody configured share one place: clients choose them.
    pub fn counters_of(&self, name: &str) -> Arc<ModelCounters> {
        if let Some(model) = self.models.load().get(name) {
            return Arc::clone(&model.counters);
        }
        if name.is_empty() {
            return Arc::clone(&self.nameless);
        }
        // A model that was served earlier and is not any more.
        let counters = self.counters.lock();
        Arc::clone(counters.get(name).unwrap_or(&self.unknown))
    }

    /// Whether this process should receive requests.
    pub fn ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Sets [`ready`](Self::ready).
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Changes a copy of one model (made where there is none) and puts it in place; a failed change leaves no trace.
    fn change<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Model<R>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _writing = self.writer.lock();
        let mut models = HashMap::clone(&self.models.load());
        let mut model = match models.get(name) {
            Some(model) => Model::clone(model),
            None => Model {
                servables: BTreeMap::new(),
                labels: BTreeMap::new(),
                versions: Vec::new(),
                source: Source::default(),
                counters: Arc::clone(
                    self.counters
                        .lock()
                        .entry(name.to_owned())
                        .or_insert_with(|| Arc::new(ModelCounters::new(name))),
                ),
            },
        };
        let result = change(&mut model)?;
        models.insert(name.to_owned(), Arc::new(model));
        self.models.store(Arc::new(models));
        Ok(result)
    }
}

impl<R: Runner> Model<R> {
    /// Whether a version (any, where `None`) is on its way, so that the same request succeeds later.
    fn is_loading(&self, version: Option<i64>) -> bool {
        self.versions.iter().any(|status| {
            matches!(status.state, State::Start | State::Loading)
                && version.is_none_or(|wanted| wanted == status.version)
        })
    }

    fn status(&self, name: &str) -> ModelStatus {
        ModelStatus {
            name: name.to_owned(),
            versions: self.versions.clone(),
            labels: self
                .labels
                .iter()
                .map(|(label, version)| (label.clone(), *version))
                .collect(),
        }
    }
}
