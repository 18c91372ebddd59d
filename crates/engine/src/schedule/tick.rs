//! The inline decision: measured costs per signature and size, and the time one event-loop turn may spend.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A signature runs inline once a high percentile of its cost is under this.
const ENTER_NS: u64 = 160_000;
/// It goes back to the pool at once when the percentile passes this; between the two nothing changes.
const LEAVE_NS: u64 = 200_000;
/// An outlier counts as at most this: on a busy machine a tiny model is now and then off its core for milliseconds, and
/// only the third slow run in a row may banish it.
const CLAMP_NS: u64 = 2 * LEAVE_NS;
/// A run this slow sends the signature back at once.
const TOO_SLOW_NS: u64 = 20_000_000;
/// Runs measured on the pool before the first inline run: the first ones pay for TensorFlow's lazy set-up.
const LEARN: u64 = 12;

/// Bodies are weighed in classes, as cost grows with size: up to 1, 4, 16 and 64 KiB, and larger.
const CLASSES: usize = 5;

/// The measured cost (decode, run and print) of one signature, per size of body.
///
/// Keeps a moving estimate of about the 95th percentile: a sample above it pulls it up sixteen times as hard as one
/// below pulls it down. Updates race on purpose: a lost sample costs less than a lock.
#[derive(Debug, Default)]
pub struct Cost {
    classes: [AtomicU64; CLASSES],
}

/// Low 40 bits: estimate in nanoseconds; next 8: samples seen, saturating; bit 63: inline.
const ESTIMATE: u64 = (1 << 40) - 1;
const SAMPLES_SHIFT: u32 = 40;
const SAMPLES_MAX: u64 = 255;
const INLINE: u64 = 1 << 63;

impl Cost {
    fn class(body_bytes: usize) -> usize {
        match body_bytes {
            0..=0x400 => 0,
            0x401..=0x1000 => 1,
            0x1001..=0x4000 => 2,
            0x4001..=0x1_0000 => 3,
            _ => 4,
        }
    }

    /// The expected cost of a body of this size if it may run inline, else `None`.
    pub fn inline(&self, body_bytes: usize) -> Option<Duration> {
        let state = self.classes[Self::class(body_bytes)].load(Ordering::Relaxed);
        (state & INLINE != 0).then(|| Duration::from_nanos(state & ESTIMATE))
    }

    /// Learns the cost of one request.
    pub fn record(&self, body_bytes: usize, cost: Duration) {
        let slot = &self.classes[Self::class(body_bytes)];
        let state = slot.load(Ordering::Relaxed);
        let cost = cost.as_nanos() as u64;
        let sample = cost.min(CLAMP_NS);
        let seen = (state >> SAMPLES_SHIFT) & SAMPLES_MAX;
        let old = state & ESTIMATE;
        let estimate = if seen == 0 {
            sample
        } else if seen < LEARN {
            // While learning, forget the costly first runs faster.
            (old * 3 + sample) / 4
        } else if cost >= TOO_SLOW_NS {
            CLAMP_NS
        } else if sample > old {
            old + (sample - old) / 4
        } else {
            old - (old - sample) / 64
        };
        let seen = (seen + 1).min(SAMPLES_MAX);
        let inline = if state & INLINE != 0 {
            estimate <= LEAVE_NS
        } else {
            seen >= LEARN && estimate < ENTER_NS
        };
        let flag = if inline { INLINE } else { 0 };
        slot.store(estimate | seen << SAMPLES_SHIFT | flag, Ordering::Relaxed);
    }
}

/// What one event-loop turn has left for inline runs.
#[derive(Debug)]
pub struct Turn {
    budget: Duration,
    spent: Duration,
}

impl Turn {
    /// A turn that may spend `budget`; zero sends everything to the pool.
    pub fn new(budget: Duration) -> Self {
        Self {
            budget,
            spent: Duration::ZERO,
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

    /// Books the time a request really took.
    pub fn spend(&mut self, cost: Duration) {
        self.spent += cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: Duration = Duration::from_micros(20);

    fn learned() -> Cost {
        let cost = Cost::default();
        for _ in 0..LEARN {
            cost.record(100, TINY);
        }
        cost
    }

    #[test]
    fn a_signature_starts_on_the_pool_and_runs_inline_once_it_has_shown_to_be_cheap() {
        let cost = Cost::default();
        for _ in 0..LEARN - 1 {
            cost.record(100, TINY);
            assert_eq!(cost.inline(100), None);
        }
        cost.record(100, TINY);
        assert_eq!(cost.inline(100), Some(TINY));
    }

    #[test]
    fn sizes_are_weighed_apart() {
        let cost = learned();
        assert!(cost.inline(1024).is_some());
        assert!(cost.inline(1025).is_none());
    }

    #[test]
    fn one_pause_of_the_machine_changes_nothing_three_slow_runs_do() {
        let cost = learned();
        cost.record(100, Duration::from_millis(4));
        assert!(cost.inline(100).is_some());
        cost.record(100, Duration::from_millis(4));
        cost.record(100, Duration::from_millis(4));
        assert_eq!(cost.inline(100), None);
    }

    #[test]
    fn one_very_slow_run_sends_it_back_and_fast_ones_bring_it_home() {
        let cost = learned();
        cost.record(100, Duration::from_millis(50));
        assert_eq!(cost.inline(100), None);
        let mut runs = 0;
        while cost.inline(100).is_none() {
            cost.record(100, TINY);
            runs += 1;
        }
        assert!((20..100).contains(&runs), "{runs} runs");
    }

    #[test]
    fn a_slow_model_never_runs_inline() {
        let cost = Cost::default();
        for _ in 0..500 {
            cost.record(100, Duration::from_micros(400));
            assert_eq!(cost.inline(100), None);
        }
    }

    #[test]
    fn a_slow_start_is_forgotten() {
        let cost = Cost::default();
        cost.record(100, Duration::from_millis(30));
        let mut runs = 0;
        while cost.inline(100).is_none() {
            cost.record(100, TINY);
            runs += 1;
        }
        assert!(runs < 40, "{runs} runs");
    }

    #[test]
    fn a_turn_spends_its_budget_and_begins_anew() {
        let mut turn = Turn::new(Duration::from_micros(100));
        assert!(turn.allows(TINY));
        turn.spend(Duration::from_micros(90));
        assert!(!turn.allows(TINY));
        turn.begin();
        assert!(turn.allows(TINY));
        assert!(!Turn::new(Duration::ZERO).allows(TINY));
    }
}
