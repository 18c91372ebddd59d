//! Whose turn it is on the pool: no threads and no clock, so that every rule can be tested by itself.
//!
//! Each model has a line of its own. A free thread serves the line that has had the least time so far (start-time fair queuing), so a
//! model of 100 ms and one of 1 ms get the same share, and a hundred runs of the one come to a run of the other. Within a line the
//! order is that of arrival.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::{Duration, Instant};

/// The line of one model. Two models with the same number share a line, which costs them fairness and nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Line(u64);

impl Line {
    /// The line of a model by its name.
    pub fn of(model: &str) -> Self {
        Self(BuildHasherDefault::<DefaultHasher>::default().hash_one(model))
    }

    /// The line of something that is known by a number.
    pub fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// Jobs of a line that may always wait, however slow they are: clients with a connection or a few each are not refused.
const ALWAYS_WELCOME: usize = 64;

/// Lines that are remembered although nothing waits or runs in them. Names may be made up by clients.
const IDLE_LINES: usize = 1024;

/// A run counts as at least this much, so that every turn moves a line on.
const LEAST_NANOS: u64 = 1000;

/// The spare thread serves lines whose usual run takes at most this part of those that hold the other threads.
const QUICKER: u64 = 4;

/// What one thread has to do now. Report its end with [`Lines::ended`].
#[derive(Debug)]
pub struct Turn<T> {
    /// Whose turn it is.
    pub line: Line,
    /// What to do.
    pub job: T,
    charged: u64,
}

/// The end of a turn: whose it was and what it was charged.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    line: Line,
    charged: u64,
}

impl<T> Turn<T> {
    /// What to report the end with, and the job.
    pub fn split(self) -> (Ticket, T) {
        let Self { line, job, charged } = self;
        (Ticket { line, charged }, job)
    }
}

struct Jobs<T> {
    waiting: VecDeque<T>,
    running: usize,
    /// Moving average of what a run takes, nanoseconds; 0 before the first has ended.
    usual: u64,
    /// Since when something waits all the time.
    since: Option<Instant>,
    /// When the next run begins on the clock of all lines, which counts the time that each has had.
    start: u64,
}

impl<T> Jobs<T> {
    fn new(now: u64) -> Self {
        Self {
            waiting: VecDeque::new(),
            running: 0,
            usual: 0,
            since: None,
            start: now,
        }
    }

    /// Nanoseconds of work that wait.
    fn backlog(&self) -> u128 {
        u128::from(self.usual) * self.waiting.len() as u128
    }

    fn learn(&mut self, took: u64) {
        self.usual = match self.usual {
            0 => took.max(1),
            old => (old - old / 16 + took / 16).max(1),
        };
    }
}

/// All lines of a pool.
pub struct Lines<T> {
    lines: HashMap<Line, Jobs<T>, BuildHasherDefault<DefaultHasher>>,
    /// Lines in which something waits.
    ready: Vec<Line>,
    /// The line of each run under way.
    busy: Vec<Line>,
    threads: usize,
    capacity: usize,
    waiting: usize,
    /// The start of the last run on the clock of all lines.
    now: u64,
}

impl<T> Lines<T> {
    /// Lines for `threads` threads (at least one), in which `capacity` jobs may wait (at least one).
    pub fn new(threads: usize, capacity: usize) -> Self {
        Self {
            lines: HashMap::default(),
            ready: Vec::new(),
            busy: Vec::new(),
            threads: threads.max(1),
            capacity: capacity.max(1),
            waiting: 0,
            now: 0,
        }
    }

    /// The number of threads, once it is known how many there are.
    pub fn set_threads(&mut self, threads: usize) {
        self.threads = threads.max(1);
    }

    /// Puts a job that came `now` at the end of a line, which the caller has asked whether it [`is_full`](Self::is_full).
    pub fn push(&mut self, line: Line, job: T, now: Instant) {
        if self.lines.len() >= IDLE_LINES && !self.lines.contains_key(&line) {
            self.lines
                .retain(|_, jobs| jobs.running > 0 || !jobs.waiting.is_empty());
        }
        let jobs = self
            .lines
            .entry(line)
            .or_insert_with(|| Jobs::new(self.now));
        if jobs.waiting.is_empty() {
            self.ready.push(line);
            // Time that a line did not ask for is not saved up.
            jobs.start = jobs.start.max(self.now);
        }
        jobs.since.get_or_insert(now);
        jobs.waiting.push_back(job);
        self.waiting += 1;
    }

    /// The job to begin now; `None` when nothing waits, or no thread may take what waits.
    pub fn begin(&mut self) -> Option<Turn<T>> {
        let at = self.choose()?;
        let line = *self.ready.get(at)?;
        let jobs = self.lines.get_mut(&line)?;
        let job = jobs.waiting.pop_front()?;
        let charged = jobs.usual.max(LEAST_NANOS);
        self.now = self.now.max(jobs.start);
        jobs.start += charged;
        jobs.running += 1;
        if jobs.waiting.is_empty() {
            self.ready.remove(at);
            jobs.since = None;
        }
        self.busy.push(line);
        self.waiting -= 1;
        Some(Turn { line, job, charged })
    }

    /// Whether [`begin`](Self::begin) has a job.
    pub fn may_start(&self) -> bool {
        self.choose().is_some()
    }

    /// A turn is over; `took` is `None` where the job was not run.
    pub fn ended(&mut self, Ticket { line, charged }: Ticket, took: Option<Duration>) {
        if let Some(at) = self.busy.iter().position(|busy| *busy == line) {
            self.busy.swap_remove(at);
        }
        let Some(jobs) = self.lines.get_mut(&line) else {
            return;
        };
        jobs.running -= 1;
        let nanos = took.map(|took| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX / 16));
        if let Some(nanos) = nanos {
            jobs.learn(nanos.min(u64::MAX / 16));
        }
        let cost = nanos.unwrap_or(0).max(LEAST_NANOS);
        jobs.start = (jobs.start - charged.min(jobs.start)).saturating_add(cost);
    }

    /// Where in `ready` the line is whose turn it is.
    fn choose(&self) -> Option<usize> {
        let spare = match self.busy.len() {
            busy if busy < self.threads => false,
            // A thread more than there are cores, only where that is not all there is.
            busy if busy == self.threads && self.threads > 1 => true,
            _ => return None,
        };
        let jobs = |line: &Line| self.lines.get(line);
        // A line that has not ended a run yet may take any time.
        let held = |line: &Line| jobs(line).map(|jobs| jobs.usual).filter(|usual| *usual > 0);
        let quickest = self.busy.iter().filter_map(held).min().unwrap_or(u64::MAX);
        let candidates = self.ready.iter().enumerate().filter_map(|(at, line)| {
            let jobs = jobs(line)?;
            let is_quick = jobs.running == 0 && jobs.usual <= quickest / QUICKER;
            (!spare || is_quick).then_some((jobs.start, at))
        });
        candidates.min().map(|(_, at)| at)
    }

    /// Jobs that wait in all lines.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Jobs that run.
    pub fn running(&self) -> usize {
        self.busy.len()
    }

    /// Lines that are kept, idle ones included.
    pub fn remembered(&self) -> usize {
        self.lines.len()
    }

    /// Jobs that wait in one line.
    pub fn waiting_in(&self, line: Line) -> usize {
        self.lines.get(&line).map_or(0, |jobs| jobs.waiting.len())
    }

    /// Whether one more job of a line is to be refused: there is no room, or it would wait longer than `longest_wait`, judged by what runs
    /// took lately, unless only a few wait.
    ///
    /// A bound on the number alone would either refuse bursts of quick jobs or let slow ones pile up for minutes. A line that has not been
    /// empty for `longest_wait` is overloaded and not in a burst: only half of it holds then, so that it is worked off soon afterwards.
    pub fn is_full(&self, line: Line, longest_wait: Option<Duration>, now: Instant) -> bool {
        let is_too_long = |longest: Duration| {
            let since = self.lines.get(&line).and_then(|jobs| jobs.since);
            let lasts = since.is_some_and(|since| now.saturating_duration_since(since) > longest);
            let longest = if lasts { longest / 2 } else { longest };
            self.waiting_in(line) >= ALWAYS_WELCOME && self.expected_wait(line) > longest
        };
        !self.has_room(line) || longest_wait.is_some_and(is_too_long)
    }

    /// Whether a line may take one more job: any may until `capacity` jobs wait, from then on those with less than their share of it. So
    /// whoever fills the lines takes no other model's place.
    pub fn has_room(&self, line: Line) -> bool {
        if self.waiting < self.capacity {
            return true;
        }
        let own = self.waiting_in(line);
        let lines = self.ready.len() + usize::from(own == 0);
        own < self.capacity / lines
    }

    /// How long one more job of a line would wait, judged by what runs took lately and what waits in all lines: while it does, no
    /// other line gets more time than its own.
    pub fn expected_wait(&self, line: Line) -> Duration {
        let own = self.lines.get(&line).map_or(0, Jobs::backlog);
        let others = self.ready.iter().filter(|other| **other != line);
        let others = others.filter_map(|other| Some(self.lines.get(other)?.backlog().min(own)));
        let nanos = (own + others.sum::<u128>()) / self.threads as u128;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
