//! The inline decision: measured costs per signature and size, and the time one event-loop turn may spend.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A signature runs inline once a high percentile of its cost is under this.
const ENTER_NS: u64 = 200_000;
/// It goes back to the pool at once when the percentile passes this; between the two nothing changes. Twice as much, because
/// the same work takes up to twice the CPU time while a machine's other hyper-threads and caches are busy.
const LEAVE_NS: u64 = 400_000;
/// An outlier counts as at most this: only the third slow run in a row may banish a tiny model.
const CLAMP_NS: u64 = 2 * LEAVE_NS;
/// A run that computes this long sends the signature back at once.
const TOO_SLOW_NS: u64 = 20_000_000;
/// A signature whose usual run takes less is run without TensorFlow's thread hop on the pool too: it costs less, and only what
/// one thread does alone can be told from the machine's other work.
const SMALL_NS: u64 = 1_000_000;
/// Of the runs through TensorFlow's threads that take less than this, one in `PROBE_EVERY` is run alone all the same. On a busy
/// machine the hop takes milliseconds whatever the model, so that it can tell of no model that it is slow.
const PROBE_NS: u64 = 10_000_000;
const PROBE_EVERY: u32 = 8;
/// Runs measured alone before the first inline run: the first ones pay for TensorFlow's lazy set-up.
const LEARN: u64 = 12;

/// Bodies are weighed in classes, as cost grows with size: up to 1, 4, 16 and 64 KiB, and larger.
const CLASSES: usize = 5;

/// Started with the work that it measures, on the same thread.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    /// When it was started.
    pub wall: Instant,
    cpu: Option<Duration>,
}

/// What some work cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// From beginning to end.
    pub wall: Duration,
    /// What this thread computed meanwhile, where that was measured. The rest it waited: for other threads, or for a core on a
    /// busy machine.
    pub cpu: Option<Duration>,
}

impl Spent {
    /// The cost of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            wall: self.wall + other.wall,
            cpu: self.cpu.zip(other.cpu).map(|(cpu, more)| cpu + more),
        }
    }

    /// The CPU time; where it was not measured, the whole time, which is at least that.
    pub fn at_most(&self) -> Duration {
        self.cpu.unwrap_or(self.wall)
    }
}

impl Stopwatch {
    /// Starts to measure. The clock of a thread's CPU time is a system call, so that it is read only `with_cpu`.
    pub fn start(with_cpu: bool) -> Self {
        Self {
            wall: Instant::now(),
            cpu: with_cpu.then(thread_cpu).flatten(),
        }
    }

    /// The cost so far.
    pub fn spent(&self) -> Spent {
        let wall = self.wall.elapsed();
        let cpu = self
            .cpu
            .and_then(|start| Some(thread_cpu()?.saturating_sub(start)));
        Spent { wall, cpu }
    }
}

/// The CPU time of the calling thread; `None` where the system does not tell.
fn thread_cpu() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(seconds, nanos))
}

/// The measured cost (decode, run and print) of one signature, per size of body.
///
/// Keeps two moving estimates. About the 90th percentile of the CPU time: a sample above it pulls it up eight times as hard
/// as one below pulls it down. And the usual time from beginning to end, which tells models that wait (for a device, for other
/// threads) from those that compute; on a busy machine a tiny run is now and then off its core for milliseconds, so that up to
/// a third of the samples may be any amount above it. Updates race on purpose: a lost sample costs less than a lock.
#[derive(Debug, Default)]
pub struct Cost {
    classes: [AtomicU64; CLASSES],
    asked: AtomicU32,
}

/// One class, packed: 24 bits of CPU estimate and 24 bits of usual wall time, both in nanoseconds and at most 16.7 ms; 8 bits
/// of samples seen, saturating; the highest bit: inline.
#[derive(Clone, Copy)]
struct State(u64);

const TIME_BITS: u32 = 24;
const TIME_MAX: u64 = (1 << TIME_BITS) - 1;
const SAMPLES_MAX: u64 = 255;
const INLINE: u64 = 1 << 63;

impl State {
    fn new(cpu: u64, wall: u64, seen: u64, inline: bool) -> Self {
        let flag = if inline { INLINE } else { 0 };
        Self(cpu | wall << TIME_BITS | seen << (2 * TIME_BITS) | flag)
    }

    fn cpu(self) -> u64 {
        self.0 & TIME_MAX
    }

    fn wall(self) -> u64 {
        (self.0 >> TIME_BITS) & TIME_MAX
    }

    fn seen(self) -> u64 {
        (self.0 >> (2 * TIME_BITS)) & SAMPLES_MAX
    }

    fn is_inline(self) -> bool {
        self.0 & INLINE != 0
    }
}

impl Cost {
    fn slot(&self, body_bytes: usize) -> &AtomicU64 {
        let class = match body_bytes {
            0..=0x400 => 0,
            0x401..=0x1000 => 1,
            0x1001..=0x4000 => 2,
            0x4001..=0x1_0000 => 3,
            _ => 4,
        };
        &self.classes[class]
    }

    fn state(&self, body_bytes: usize) -> State {
        State(self.slot(body_bytes).load(Ordering::Relaxed))
    }

    /// The expected cost of a body of this size if it may run inline, else `None`.
    pub fn inline(&self, body_bytes: usize) -> Option<Duration> {
        let state = self.state(body_bytes);
        state.is_inline().then(|| Duration::from_nanos(state.cpu()))
    }

    /// Whether a body of this size is best run on the calling thread alone, wherever that is.
    ///
    /// Now and then also true for one that only may be.
    pub fn is_small(&self, body_bytes: usize) -> bool {
        match self.state(body_bytes).wall() {
            0 => false,
            usual if usual < SMALL_NS => true,
            usual => {
                usual < PROBE_NS
                    && self
                        .asked
                        .fetch_add(1, Ordering::Relaxed)
                        .is_multiple_of(PROBE_EVERY)
            }
        }
    }

    /// Learns the cost of one request; `alone` if the calling thread did all of it.
    ///
    /// Where its CPU time was not measured, the whole time stands for it if that is short; else the sample says nothing, and
    /// the turn has the next ones measured.
    pub fn record(&self, body_bytes: usize, spent: Spent, alone: bool) {
        let old = self.state(body_bytes);
        let mut wall = usual_wall(old.wall(), nanos(spent.wall));
        if !alone && old.wall() != 0 {
            // Other threads can only have made it longer.
            wall = wall.min(old.wall());
        }
        let sample = match spent.cpu {
            Some(cpu) => Some(nanos(cpu)),
            None => (!is_doubtful(spent)).then(|| nanos(spent.wall)),
        };
        let (cpu, seen) = match sample {
            Some(cpu) if alone => (high_cpu(old, cpu), (old.seen() + 1).min(SAMPLES_MAX)),
            _ => (old.cpu(), old.seen()),
        };
        let inline = wall <= LEAVE_NS
            && if old.is_inline() {
                cpu <= LEAVE_NS
            } else {
                seen >= LEARN && cpu < ENTER_NS
            };
        let State(packed) = State::new(cpu, wall, seen, inline);
        self.slot(body_bytes).store(packed, Ordering::Relaxed);
    }
}

/// Whether only the CPU time could tell if this was work or waiting.
fn is_doubtful(spent: Spent) -> bool {
    spent.cpu.is_none() && nanos(spent.wall) >= ENTER_NS
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Down by a quarter of the way, up by a quarter of itself however far the sample is away.
fn usual_wall(old: u64, sample: u64) -> u64 {
    let new = if old == 0 {
        sample
    } else if sample > old {
        old + (old / 4).min(sample - old)
    } else {
        old - (old - sample) / 4
    };
    new.clamp(1, TIME_MAX)
}

fn high_cpu(old: State, cpu: u64) -> u64 {
    let (estimate, sample) = (old.cpu(), cpu.min(CLAMP_NS));
    if old.seen() == 0 {
        sample
    } else if old.seen() < LEARN {
        // While learning, forget the costly first runs faster.
        (estimate * 3 + sample) / 4
    } else if cpu >= TOO_SLOW_NS {
        CLAMP_NS
    } else if sample > estimate {
        estimate + (sample - estimate) / 4
    } else {
        estimate - (estimate - sample) / 32
    }
}

/// What one event-loop turn has left for inline runs.
#[derive(Debug)]
pub struct Turn {
    budget: Duration,
    spent: Duration,
    /// So many more requests are measured by their CPU time.
    doubts: u32,
}

/// A doubtful request has so many others measured after it.
const DOUBTS: u32 = 32;

impl Turn {
    /// A turn that may spend `budget`; zero sends everything to the pool.
    pub fn new(budget: Duration) -> Self {
        Self {
            budget,
            spent: Duration::ZERO,
            doubts: DOUBTS,
        }
    }

    /// The event loop has begun a new turn.
    pub fn begin(&mut self) {
        self.spent = Duration::ZERO;
    }

    /// Whether a run of this cost still fits.
    pub fn allows(&self, expected: Duration) -> bool {
        self.spent + expected <= self.budget
    }

    /// Whether runs may be inline at all.
    pub fn is_on(&self) -> bool {
        !self.budget.is_zero()
    }

    /// Whether the budget is used up: what could run inline had better wait for the next turn than go to the pool.
    pub fn is_over(&self) -> bool {
        self.is_on() && self.spent >= self.budget
    }

    /// Starts to measure a request. Its CPU time only counts when the clock on the wall has left doubts lately: reading it twice
    /// costs a tiny request a twentieth of its time.
    pub fn measure(&self) -> Stopwatch {
        Stopwatch::start(self.doubts > 0)
    }

    /// Books what a request really took.
    pub fn spend(&mut self, spent: Spent) {
        self.spent += spent.at_most();
        self.doubts = if is_doubtful(spent) {
            DOUBTS
        } else {
            self.doubts.saturating_sub(1)
        };
    }
}

#[cfg(test)]
mod tests;
