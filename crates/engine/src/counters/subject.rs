//! Counts per version and signature of a model.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use servable_codec::Code;

use super::{CODES, StageTimes};

/// Signatures of a version that are counted by their name; the others share one name.
pub const MAX_SIGNATURES: usize = 16;
/// The name under which further signatures are counted.
pub const OTHER: &str = "(other)";
/// Versions out of service whose counts are still shown.
const MAX_RETIRED: usize = 4;

/// How long each part of a request took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stages {
    /// Of [`Subject`]; 0 for none.
    pub subject: u32,
    /// From its arrival to the start of its decoding.
    pub queue: Duration,
    /// Bytes to tensors, with all checks.
    pub decode: Duration,
    /// TensorFlow's part.
    pub run: Duration,
    /// Tensors to the bytes of the reply.
    pub encode: Duration,
}

impl Stages {
    /// From arrival to reply.
    pub fn total(&self) -> Duration {
        self.queue + self.decode + self.run + self.encode
    }
}

/// The protocols that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocols")]
pub enum Protocol {
    Rest,
    Grpc,
}

impl Protocol {
    /// Both with their names.
    pub const ALL: [(Protocol, &'static str); 2] =
        [(Protocol::Rest, "rest"), (Protocol::Grpc, "grpc")];
}

/// Counts of one protocol. Aligned, so that two of them share no cache line.
#[derive(Default)]
#[repr(align(64))]
pub struct ProtocolCounters {
    requests: [AtomicU64; CODES],
    /// Of requests that succeeded.
    pub queue: StageTimes,
    /// Of requests that succeeded.
    pub decode: StageTimes,
    /// Of requests that succeeded.
    pub run: StageTimes,
    /// Of requests that succeeded.
    pub encode: StageTimes,
    /// All stages of requests that succeeded.
    pub total: StageTimes,
}

impl ProtocolCounters {
    /// Counts one answered request; its stages only if it succeeded.
    pub fn count(&self, code: Code, stages: &Stages) {
        let slot = usize::from(code.number()).min(CODES - 1);
        self.requests[slot].fetch_add(1, Ordering::Relaxed);
        if code == Code::Ok {
            let Stages {
                queue,
                decode,
                run,
                encode,
                ..
            } = *stages;
            self.queue.record(queue);
            self.decode.record(decode);
            self.run.record(run);
            self.encode.record(encode);
            self.total.record(stages.total());
        }
    }

    /// Requests by canonical code number.
    pub fn requests(&self) -> [u64; CODES] {
        std::array::from_fn(|code| self.requests[code].load(Ordering::Relaxed))
    }
}

/// What requests are counted under: a model, one of its versions, one of that one's signatures.
pub struct Subject {
    /// Unique in the process, not 0.
    pub id: u32,
    /// The model's name.
    pub model: Arc<str>,
    /// `None` for requests that reached no version.
    pub version: Option<i64>,
    /// Empty for requests that reached no signature.
    pub signature: String,
    protocols: [ProtocolCounters; 2],
}

/// Subjects by number, for logs and traces.
static SUBJECTS: LazyLock<Mutex<HashMap<u32, Weak<Subject>>>> = LazyLock::new(Mutex::default);
static NEXT: AtomicU32 = AtomicU32::new(1);

impl Subject {
    /// Begins to count.
    pub fn new(model: &Arc<str>, version: Option<i64>, signature: &str) -> Arc<Self> {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let subject = Arc::new(Self {
            id,
            model: Arc::clone(model),
            version,
            signature: signature.to_owned(),
            protocols: Default::default(),
        });
        SUBJECTS.lock().insert(id, Arc::downgrade(&subject));
        subject
    }

    /// The subject of a number that is still counted.
    pub fn find(id: u32) -> Option<Arc<Self>> {
        SUBJECTS.lock().get(&id).and_then(Weak::upgrade)
    }

    /// The counts of one protocol.
    pub fn protocol(&self, protocol: Protocol) -> &ProtocolCounters {
        &self.protocols[protocol as usize]
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        SUBJECTS.lock().remove(&self.id);
    }
}

/// The subjects of one model. Bounded: signatures per version, and versions that are out of service.
pub struct Subjects {
    model: Arc<str>,
    /// Requests that reached no version.
    pub none: Arc<Subject>,
    versions: Mutex<BTreeMap<i64, VersionSubjects>>,
}

#[derive(Default)]
struct VersionSubjects {
    /// By signature; the empty name is for requests that reached none.
    signatures: BTreeMap<String, Arc<Subject>>,
    /// 0 while in service, else the place in the order in which versions left.
    retired: u64,
}

static RETIRED: AtomicU64 = AtomicU64::new(1);

impl Subjects {
    /// The subjects of a model without versions.
    pub fn new(model: &str) -> Self {
        let model: Arc<str> = model.into();
        let none = Subject::new(&model, None, "");
        Self {
            model,
            none,
            versions: Mutex::default(),
        }
    }

    /// A version comes into service: the subjects of its signatures in their order, and first that of requests without one.
    /// What was counted before under the version's number goes on.
    pub fn enter<'a>(
        &self,
        version: i64,
        signatures: impl Iterator<Item = &'a str>,
    ) -> Vec<Arc<Subject>> {
        let mut versions = self.versions.lock();
        let subjects = versions.entry(version).or_default();
        subjects.retired = 0;
        std::iter::once("")
            .chain(signatures)
            .map(|name| {
                let is_full = subjects.signatures.len() > MAX_SIGNATURES;
                let counted = if is_full && !subjects.signatures.contains_key(name) {
                    OTHER
                } else {
                    name
                };
                let subject = subjects
                    .signatures
                    .entry(counted.to_owned())
                    .or_insert_with(|| Subject::new(&self.model, Some(version), counted));
                Arc::clone(subject)
            })
            .collect()
    }

    /// A version is out of service; the oldest of those are forgotten.
    pub fn leave(&self, version: i64) {
        let mut versions = self.versions.lock();
        if let Some(subjects) = versions.get_mut(&version) {
            subjects.retired = RETIRED.fetch_add(1, Ordering::Relaxed);
        }
        while versions.values().filter(|it| it.retired > 0).count() > MAX_RETIRED {
            let oldest = versions
                .iter()
                .filter(|(_, subjects)| subjects.retired > 0)
                .min_by_key(|(_, subjects)| subjects.retired)
                .map(|(version, _)| *version);
            if let Some(oldest) = oldest {
                versions.remove(&oldest);
            }
        }
    }

    /// Every subject, by version and signature.
    pub fn all(&self) -> Vec<Arc<Subject>> {
        let versions = self.versions.lock();
        let of_versions = versions.values().flat_map(|it| it.signatures.values());
        std::iter::once(&self.none)
            .chain(of_versions)
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_comes_back_goes_on_counting() {
        let subjects = Subjects::new("m");
        let first = subjects.enter(1, ["a"].into_iter());
        first[1]
            .protocol(Protocol::Rest)
            .count(Code::Ok, &Stages::default());
        subjects.leave(1);
        let again = subjects.enter(1, ["a", "b"].into_iter());
        assert_eq!(again[1].protocol(Protocol::Rest).requests()[0], 1);
        assert_eq!(again[1].protocol(Protocol::Grpc).requests()[0], 0);
        assert_eq!(again[2].signature, "b");
    }

    #[test]
    fn labels_are_bounded() {
        let subjects = Subjects::new("m");
        let names: Vec<String> = (0..100).map(|i| format!("s{i}")).collect();
        let entered = subjects.enter(1, names.iter().map(String::as_str));
        assert_eq!(entered.len(), 101);
        assert_eq!(entered[100].signature, OTHER);
        assert!(subjects.all().len() <= MAX_SIGNATURES + 3);
        for version in 2..50 {
            subjects.enter(version, [].into_iter());
            subjects.leave(version);
        }
        let versions: Vec<_> = subjects.all().iter().filter_map(|it| it.version).collect();
        assert!(versions.contains(&1) && versions.contains(&49) && !versions.contains(&44));
    }

    #[test]
    fn a_number_leads_to_its_subject_as_long_as_it_is_counted() {
        let subjects = Subjects::new("m");
        let id = subjects.enter(3, ["a"].into_iter())[1].id;
        assert_eq!(Subject::find(id).map(|it| it.version), Some(Some(3)));
        drop(subjects);
        assert!(Subject::find(id).is_none());
    }
}
