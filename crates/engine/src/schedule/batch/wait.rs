//! Mode `auto`: how long an incomplete batch waits, learned from what was measured.

use std::time::{Duration, Instant};

/// Narrower than this part of the budget is no wait at all: a timer's wake-up would cost more.
const NARROWEST: f64 = 0.05;

/// What one queue has learned.
///
/// A batch may wait for more requests at most `share` of the time its run takes, so that nobody's answer comes later by more
/// than that share. It waits at all only where requests come so fast that at least one more is to be expected within that
/// time: with a lone client, or on an idle server, nothing waits. Within these bounds the wait widens while it brings
/// company and halves each time it brought none.
#[derive(Debug)]
pub struct Wait {
    share: f64,
    /// Usual time of a run, nanoseconds; falls fast and rises slowly, so that the budget errs on the short side.
    run: f64,
    /// Usual time between requests, nanoseconds.
    gap: f64,
    last: Option<Instant>,
    /// Part of the budget that is used, 0 to 1.
    width: f64,
}

impl Wait {
    /// Nothing learned: no batch waits.
    pub fn new(share: f64) -> Self {
        let (run, gap, last, width) = (0.0, f64::INFINITY, None, 0.5);
        Self {
            share,
            run,
            gap,
            last,
            width,
        }
    }

    /// A request came.
    pub fn arrived(&mut self, now: Instant) {
        let before = self.last.replace(now);
        let Some(before) = before else { return };
        let sample = nanos(now.saturating_duration_since(before));
        // After a pause the past says nothing.
        self.gap = if self.gap.is_finite() && sample < self.budget() {
            self.gap + (sample - self.gap) / 8.0
        } else {
            sample
        };
    }

    /// How long a batch that was opened just now waits for company.
    pub fn allowed(&self) -> Duration {
        let budget = self.budget();
        if self.gap >= budget || self.width < NARROWEST {
            return Duration::ZERO;
        }
        Duration::from_nanos((budget * self.width) as u64)
    }

    /// A batch that had `waited` for company is about to run with `requests`.
    pub fn closed(&mut self, waited: Duration, requests: usize) {
        if waited.is_zero() {
            // Nothing was tried; look again now and then whether requests come faster by now.
            self.width = (self.width + 0.01).min(1.0);
        } else if requests > 1 {
            self.width = (self.width * 1.25).min(1.0);
        } else {
            self.width /= 2.0;
        }
    }

    /// A run took so long.
    pub fn ran(&mut self, took: Duration) {
        let sample = nanos(took);
        self.run = if self.run == 0.0 {
            sample
        } else if sample < self.run {
            (self.run + sample) / 2.0
        } else {
            self.run + (sample - self.run) / 8.0
        };
    }

    fn budget(&self) -> f64 {
        self.share * self.run
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A queue that has seen `count` requests every `gap` and runs of `run`.
    fn learned(gap: Duration, run: Duration, count: u32) -> (Wait, Instant) {
        let mut wait = Wait::new(0.2);
        let start = Instant::now();
        wait.ran(run);
        for i in 0..count {
            wait.arrived(start + gap * i);
        }
        (wait, start + gap * count)
    }

    #[test]
    fn nothing_waits_before_anything_is_known() {
        let mut wait = Wait::new(0.2);
        assert_eq!(wait.allowed(), Duration::ZERO);
        wait.arrived(Instant::now());
        wait.ran(MS);
        assert_eq!(wait.allowed(), Duration::ZERO);
    }

    #[test]
    fn a_lone_client_never_waits() {
        // It sends its next request when it has the answer: no faster than runs take.
        let (mut wait, now) = learned(MS * 10, MS * 10, 100);
        assert_eq!(wait.allowed(), Duration::ZERO);
        wait.arrived(now);
        assert_eq!(wait.allowed(), Duration::ZERO);
    }

    #[test]
    fn after_a_pause_the_first_request_runs_at_once() {
        let (mut wait, now) = learned(MS / 10, MS * 10, 100);
        assert!(wait.allowed() > Duration::ZERO);
        wait.arrived(now + Duration::from_secs(5));
        assert_eq!(wait.allowed(), Duration::ZERO);
    }

    #[test]
    fn the_wait_widens_with_company_narrows_without_and_keeps_its_share() {
        let (mut wait, _) = learned(MS / 10, MS * 10, 100);
        for _ in 0..20 {
            let allowed = wait.allowed();
            wait.closed(allowed, 8);
        }
        assert_eq!(wait.allowed(), MS * 2);
        wait.closed(MS * 2, 1);
        assert_eq!(wait.allowed(), MS);
        for _ in 0..5 {
            wait.closed(MS, 1);
        }
        assert_eq!(wait.allowed(), Duration::ZERO);
        // It looks again later.
        for _ in 0..50 {
            wait.closed(Duration::ZERO, 1);
        }
        assert!(wait.allowed() > Duration::ZERO);
    }

    #[test]
    fn a_faster_run_shortens_the_wait_faster_than_a_slower_one_lengthens_it() {
        let (mut wait, _) = learned(MS / 10, MS * 10, 100);
        let before = wait.allowed();
        wait.ran(MS * 2);
        assert!(wait.allowed() < before * 7 / 10);
        let short = wait.allowed();
        wait.ran(MS * 12);
        assert!(wait.allowed() < short * 2);
    }
}
