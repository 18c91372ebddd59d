//! The requests that run just now, in memory that outlives the process: whoever finds it dead reads there what it was doing.
//!
//! Only with `--supervise`. The layout is read by `ts/supervise/flight-file.ts`; all numbers are little endian there, as on
//! every machine that is served.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::catalog::Choice;
use crate::engine::{BodyForm, Call};
use crate::infer::Method;

/// Requests that can be recorded at once; more run unrecorded.
pub const SLOTS: usize = 256;
/// Longest recorded part of a model's name, in 8 bytes.
const NAME_WORDS: usize = 13;

/// One running request: 128 bytes.
#[repr(C)]
#[derive(Default)]
pub struct Slot {
    /// 0: free.
    fingerprint: AtomicU64,
    version: AtomicI64,
    /// The method's number in the low byte, the length of the name's recorded part in the next.
    head: AtomicU64,
    name: [AtomicU64; NAME_WORDS],
}

/// Records what runs, and knows the fingerprints of requests that may have ended an earlier process.
pub struct Recorder {
    slots: &'static [Slot],
    keys: [u64; 2],
    next: AtomicUsize,
    watching: AtomicBool,
    watched: RwLock<HashSet<u64>>,
}

/// A recorded request; its slot is free again when this is dropped.
pub struct InFlight<'a>(&'a Slot);

/// A request that will run, see [`Recorder::ticket`].
pub struct Ticket {
    recorder: Arc<Recorder>,
    fingerprint: u64,
    method: Method,
    name: String,
    version: i64,
}

impl Ticket {
    /// Records the request, which is about to run; `None` when every slot is taken.
    pub fn begin(&self) -> Option<InFlight<'_>> {
        let servable = (self.name.as_str(), self.version);
        self.recorder
            .record(self.fingerprint, self.method, servable)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fingerprint.store(0, Ordering::Release);
    }
}

impl Recorder {
    /// A recorder over zeroed memory.
    ///
    /// `keys` make fingerprints unpredictable: nobody can craft a body with another one's. `watched` are known already.
    pub fn new(
        slots: &'static [Slot],
        keys: [u64; 2],
        watched: impl IntoIterator<Item = u64>,
    ) -> Self {
        let watched: HashSet<u64> = watched.into_iter().collect();
        Self {
            slots,
            keys,
            next: AtomicUsize::new(0),
            watching: AtomicBool::new(!watched.is_empty()),
            watched: RwLock::new(watched),
        }
    }

    /// What a request is known by: the same target and body give the same number, also in the next process. Never 0.
    pub fn fingerprint(&self, call: &Call<'_>, body: &[u8]) -> u64 {
        let mut hash = Hash {
            state: self.keys[1],
            keys: self.keys,
        };
        let form = match call.body {
            BodyForm::Json => 0,
            BodyForm::Protobuf => 1,
            BodyForm::Npy => 2,
            BodyForm::Csv { header } => 3 + u64::from(header),
            BodyForm::Image { keep_scale } => 5 + u64::from(keep_scale),
        };
        hash.number(call.method as u64 | form << 8);
        hash.write(call.name.as_bytes());
        match call.choice {
            Choice::Latest => hash.number(0),
            Choice::Specific(version) => {
                hash.number(1);
                hash.number(version.cast_unsigned());
            }
            Choice::Label(label) => hash.write(label.as_bytes()),
        }
        hash.write(call.signature_name.as_bytes());
        hash.write(body);
        hash.state.max(1)
    }

    /// Records a request that is about to run; `None` when every slot is taken.
    pub fn begin(
        &self,
        call: &Call<'_>,
        (name, version): (&str, i64),
        body: &[u8],
    ) -> Option<InFlight<'_>> {
        self.record(self.fingerprint(call, body), call.method, (name, version))
    }

    /// What it takes to record a request that runs later, when its body may be gone.
    pub fn ticket(
        self: &Arc<Self>,
        call: &Call<'_>,
        (name, version): (&str, i64),
        body: &[u8],
    ) -> Ticket {
        Ticket {
            recorder: Arc::clone(self),
            fingerprint: self.fingerprint(call, body),
            method: call.method,
            name: name.to_owned(),
            version,
        }
    }

    fn record(
        &self,
        fingerprint: u64,
        method: Method,
        (name, version): (&str, i64),
    ) -> Option<InFlight<'_>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = (0..self.slots.len())
            .map(|step| &self.slots[(start.wrapping_add(step)) % self.slots.len()])
            .find(|slot| {
                slot.fingerprint
                    .compare_exchange(0, fingerprint, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            })?;
        slot.version.store(version, Ordering::Relaxed);
        let name = name.as_bytes();
        let name = &name[..name.len().min(NAME_WORDS * 8)];
        for (word, part) in slot.name.iter().zip(name.chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..part.len()].copy_from_slice(part);
            word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
        }
        let head = method as u64 | (name.len() as u64) << 8;
        slot.head.store(head, Ordering::Release);
        Some(InFlight(slot))
    }

    /// Whether any fingerprint is watched: else requests need not be looked at.
    pub fn is_watching(&self) -> bool {
        self.watching.load(Ordering::Relaxed)
    }

    /// Whether a request with this fingerprint may have ended an earlier process.
    pub fn is_watched(&self, fingerprint: u64) -> bool {
        self.watched.read().contains(&fingerprint)
    }

    /// A request has shown to be harmless.
    pub fn clear(&self, fingerprint: u64) {
        let mut watched = self.watched.write();
        watched.remove(&fingerprint);
        self.watching.store(!watched.is_empty(), Ordering::Relaxed);
    }
}

/// A keyed hash of 16 bytes a multiplication: bodies can be many megabytes, and every run waits for it.
struct Hash {
    state: u64,
    keys: [u64; 2],
}

impl Hash {
    fn number(&mut self, number: u64) {
        self.state = fold(self.state ^ number, self.keys[0]);
    }

    fn write(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<16>();
        for chunk in chunks {
            self.block(*chunk);
        }
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        self.block(last);
        // Tells trailing zeros from padding, and parts from each other.
        self.number(bytes.len() as u64);
    }

    fn block(&mut self, block: [u8; 16]) {
        let wide = u128::from_le_bytes(block);
        let (low, high) = (wide as u64, (wide >> 64) as u64);
        self.state = fold(low ^ self.keys[0], high ^ self.state ^ self.keys[1]);
    }
}

/// Both halves of the product, added without carry.
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;
    use crate::engine::Settings;
    use servable_codec::json::print::NonFinite;

    const KEYS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];

    fn slots(count: usize) -> &'static [Slot] {
        Vec::leak((0..count).map(|_| Slot::default()).collect())
    }

    fn call<'a>(name: &'a str, choice: Choice<'a>, settings: &'a Settings) -> Call<'a> {
        Call {
            method: Method::RestPredict,
            name,
            choice,
            nonfinite: NonFinite::Token,
            body: BodyForm::Json,
            signature_name: "",
            npy_reply: false,
            queued: Duration::ZERO,
            answered: None,
            settings,
        }
    }

    #[test]
    fn a_slot_is_128_bytes_as_its_reader_expects() {
        assert_eq!(size_of::<Slot>(), 128);
    }

    #[test]
    fn a_running_request_is_recorded_until_it_ends() {
        let memory = slots(2);
        let recorder = Recorder::new(memory, KEYS, []);
        let settings = Settings::default();
        let call = call("half_plus_two", Choice::Latest, &settings);
        let first = recorder.begin(&call, ("half_plus_two", 123), b"{}");
        let taken: Vec<&Slot> = memory
            .iter()
            .filter(|slot| slot.fingerprint.load(Ordering::Relaxed) != 0)
            .collect();
        let [slot] = taken[..] else {
            panic!("one slot is taken")
        };
        assert_eq!(
            slot.fingerprint.load(Ordering::Relaxed),
            recorder.fingerprint(&call, b"{}")
        );
        assert_eq!(slot.version.load(Ordering::Relaxed), 123);
        assert_eq!(slot.head.load(Ordering::Relaxed), 13 << 8);
        assert_eq!(
            slot.name[0].load(Ordering::Relaxed).to_le_bytes(),
            *b"half_plu"
        );
        let second = recorder.begin(&call, ("m", 1), b"{}");
        assert!(second.is_some());
        assert!(recorder.begin(&call, ("m", 1), b"{}").is_none(), "full");
        drop((first, second));
        assert!(
            recorder
                .begin(&call, (&"n".repeat(300), 1), b"{}")
                .is_some()
        );
    }

    #[test]
    fn every_part_of_a_request_changes_its_fingerprint_and_nothing_else_does() {
        let settings = Settings::default();
        let recorder = Recorder::new(slots(1), KEYS, []);
        let prints: Vec<u64> = [
            (call("a", Choice::Latest, &settings), &b"body"[..]),
            (call("b", Choice::Latest, &settings), b"body"),
            (call("a", Choice::Specific(1), &settings), b"body"),
            (call("a", Choice::Specific(2), &settings), b"body"),
            (call("a", Choice::Label("1"), &settings), b"body"),
            (call("a", Choice::Latest, &settings), b"body\0"),
            (call("a", Choice::Latest, &settings), b""),
            (call("a", Choice::Latest, &settings), &[0; 16]),
            (call("a", Choice::Latest, &settings), &[0; 32]),
        ]
        .iter()
        .map(|(call, body)| {
            assert_eq!(
                recorder.fingerprint(call, body),
                recorder.fingerprint(call, body)
            );
            recorder.fingerprint(call, body)
        })
        .collect();
        assert_eq!(prints.iter().collect::<HashSet<_>>().len(), prints.len());
        assert!(!prints.contains(&0));
    }

    #[test]
    fn one_flipped_bit_anywhere_in_a_large_body_is_seen() {
        let settings = Settings::default();
        let call = call("a", Choice::Latest, &settings);
        let recorder = Recorder::new(slots(1), KEYS, []);
        let mut body = vec![0x20; 4099];
        let before = recorder.fingerprint(&call, &body);
        for at in (0..body.len()).step_by(7) {
            body[at] ^= 1;
            assert_ne!(recorder.fingerprint(&call, &body), before, "byte {at}");
            body[at] ^= 1;
        }
    }

    #[test]
    fn watched_fingerprints_are_known_until_they_are_cleared() {
        let recorder = Recorder::new(slots(1), KEYS, [7, 8]);
        assert!(recorder.is_watching() && recorder.is_watched(7));
        recorder.clear(7);
        assert!(recorder.is_watching() && !recorder.is_watched(7));
        recorder.clear(8);
        assert!(!recorder.is_watching());
    }
}
