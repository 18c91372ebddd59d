//! The queues and their order: no threads and no clock, so that every rule can be tested by itself.
//!
//! A lane is the queue of one model version and one set of tensors. Its requests are collected into batches, of which only
//! the last one is open. Threads ask [`Lanes::next`] for a batch; lanes get their turn one after the other.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use servable_codec::{Code, Error};

use super::parameters::{Mode, Parameters};
use super::wait::Wait;

/// What can wait in a lane.
pub trait Waiting {
    /// Nobody wants its answer any more, or its deadline has passed.
    fn is_gone(&self, now: Instant) -> bool;
}

/// A request, or some rows of one that was split.
pub struct Piece<T> {
    /// The request.
    pub task: Arc<T>,
    /// Which of its rows.
    pub rows: Range<usize>,
    /// When it came.
    pub since: Instant,
}

/// Pieces that run together.
pub struct Batch<T> {
    /// In the order in which they came.
    pub pieces: Vec<Piece<T>>,
    /// Rows of all of them.
    pub rows: usize,
    opened: Instant,
    wait: Duration,
}

/// A lane's number, never used twice.
pub type LaneId = u64;

/// What a thread has to do.
pub enum Next<T> {
    /// Run this batch and report its end with [`Lanes::ran`].
    Run(LaneId, Batch<T>),
    /// Nothing before this moment, unless something comes.
    Sleep(Option<Instant>),
}

struct Lane<T> {
    parameters: Arc<Parameters>,
    batches: VecDeque<Batch<T>>,
    wait: Option<Wait>,
    draining: bool,
    in_ring: bool,
}

/// All lanes.
pub struct Lanes<T> {
    lanes: BTreeMap<LaneId, Lane<T>>,
    /// Lanes with something in them, in the order of their turns.
    ring: VecDeque<LaneId>,
    next_id: LaneId,
    draining: bool,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            lanes: BTreeMap::new(),
            ring: VecDeque::new(),
            next_id: 0,
            draining: false,
        }
    }
}

impl<T: Waiting> Lanes<T> {
    /// A new lane.
    pub fn add(&mut self, parameters: Arc<Parameters>) -> LaneId {
        self.next_id += 1;
        let wait = match parameters.mode {
            Mode::Fixed => None,
            Mode::Auto { share } => Some(Wait::new(share)),
        };
        let lane = Lane {
            parameters,
            batches: VecDeque::new(),
            wait,
            draining: false,
            in_ring: false,
        };
        self.lanes.insert(self.next_id, lane);
        self.next_id
    }

    /// Takes a lane away; returns what waited in it.
    pub fn remove(&mut self, id: LaneId) -> Vec<Batch<T>> {
        self.ring.retain(|other| *other != id);
        let lane = self.lanes.remove(&id);
        lane.map_or_else(Vec::new, |lane| lane.batches.into())
    }

    /// Queues a request of `rows` rows (at least one); returns when the first batch of its lane may run. What was thrown out
    /// to make room is put into `gone`.
    ///
    /// # Errors
    /// `InvalidArgument` for more rows than a request may have, `Unavailable` when the lane is full.
    pub fn submit(
        &mut self,
        id: LaneId,
        task: &Arc<T>,
        (rows, now): (usize, Instant),
        gone: &mut Vec<Piece<T>>,
    ) -> Result<Instant, Error> {
        let draining = self.draining;
        let lane = self
            .lanes
            .get_mut(&id)
            .ok_or_else(|| Error::new(Code::Internal, "a batching queue that is gone"))?;
        let most = lane.parameters.max_batch_size;
        if rows > most {
            return Err(Error::invalid(format!(
                "Task size {rows} is larger than maximum input batch size {most}"
            )));
        }
        if let Err(refusal) = lane.room_for(rows) {
            lane.sweep(now, gone);
            if gone.is_empty() {
                return Err(refusal);
            }
            lane.room_for(rows)?;
        }
        if let Some(wait) = &mut lane.wait {
            wait.arrived(now);
        }
        lane.put(task, rows, now);
        if !lane.in_ring {
            lane.in_ring = true;
            self.ring.push_back(id);
        }
        Ok(lane.due(draining).unwrap_or(now))
    }

    /// The next batch that may run at `now`; the lanes take turns.
    pub fn next(&mut self, now: Instant) -> Next<T> {
        let mut due: Option<Instant> = None;
        for _ in 0..self.ring.len() {
            let Some(id) = self.ring.pop_front() else {
                break;
            };
            let Some(lane) = self.lanes.get_mut(&id) else {
                continue;
            };
            let at = lane.due(self.draining);
            match at {
                Some(at) if at <= now => {
                    let batch = lane.take();
                    if lane.batches.is_empty() {
                        lane.in_ring = false;
                    } else {
                        self.ring.push_back(id);
                    }
                    if let Some(batch) = batch {
                        return Next::Run(id, batch);
                    }
                }
                Some(at) => {
                    self.ring.push_back(id);
                    due = Some(due.map_or(at, |due| due.min(at)));
                }
                None => lane.in_ring = false,
            }
        }
        Next::Sleep(due)
    }

    /// The moment the first batch may run; `None` when nothing waits.
    pub fn due(&self) -> Option<Instant> {
        let lanes = self.ring.iter().filter_map(|id| self.lanes.get(id));
        lanes.filter_map(|lane| lane.due(self.draining)).min()
    }

    /// Reports how long a batch of this lane ran.
    pub fn ran(&mut self, id: LaneId, took: Duration) {
        if let Some(wait) = self.lanes.get_mut(&id).and_then(|lane| lane.wait.as_mut()) {
            wait.ran(took);
        }
    }

    /// From now on nothing waits for company in this lane.
    pub fn drain(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.draining = true;
        }
    }

    /// Whether nothing waits for company in any lane.
    pub fn drain_all(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// What waits, in all lanes.
    pub fn pieces(&self) -> usize {
        let lanes = self.ring.iter().filter_map(|id| self.lanes.get(id));
        let batches = lanes.flat_map(|lane| &lane.batches);
        batches.map(|batch| batch.pieces.len()).sum()
    }

    /// Takes out what nobody waits for any more.
    pub fn sweep(&mut self, now: Instant) -> Vec<Piece<T>> {
        let mut gone = Vec::new();
        for lane in self.lanes.values_mut() {
            lane.sweep(now, &mut gone);
        }
        gone
    }
}

impl<T: Waiting> Lane<T> {
    /// When the first batch may run.
    fn due(&self, draining: bool) -> Option<Instant> {
        let first = self.batches.front()?;
        let is_full = self.batches.len() > 1 || first.rows >= self.parameters.max_execution;
        if is_full || draining || self.draining {
            return Some(first.opened);
        }
        Some(first.opened + first.wait)
    }

    /// # Errors
    /// `Unavailable` when the batches that may wait have no room for `rows` more.
    fn room_for(&self, rows: usize) -> Result<(), Error> {
        let Parameters {
            max_execution,
            max_enqueued_batches,
            split,
            ..
        } = *self.parameters;
        // An open batch, empty or not, counts.
        let enqueued = self.batches.len().max(1);
        let open = self.batches.back().map_or(0, |batch| batch.rows);
        let text = if split {
            let more = max_enqueued_batches.saturating_sub(enqueued);
            let capacity = more.saturating_mul(max_execution) + (max_execution - open);
            if rows <= capacity {
                return Ok(());
            }
            format!(
                "task size is {rows} but scheduling capacity is only {capacity} (num_enqueued_batches={enqueued}, max_enqueued_batches={max_enqueued_batches}, open_batch_size={open}, max_execution_batch_size={max_execution})"
            )
        } else {
            if open + rows <= max_execution || enqueued < max_enqueued_batches {
                return Ok(());
            }
            format!(
                "currently {enqueued} batches enqueued and max_enqueued_batches is {max_enqueued_batches}"
            )
        };
        Err(Error::new(
            Code::Unavailable,
            format!("The batch scheduling queue to which this task was submitted is full; {text}"),
        ))
    }

    /// Spreads a request over the open batch and, where it is split or does not fit, new ones.
    fn put(&mut self, task: &Arc<T>, rows: usize, now: Instant) {
        let most = self.parameters.max_execution;
        let mut from = 0;
        while from < rows {
            let open = self.batches.back().map_or(most, |batch| batch.rows);
            let left = rows - from;
            let fits = if self.parameters.split {
                open < most
            } else {
                open + left <= most
            };
            if !fits {
                self.open(now);
            }
            let Some(batch) = self.batches.back_mut() else {
                return;
            };
            let take = left.min(most - batch.rows);
            batch.rows += take;
            batch.pieces.push(Piece {
                task: Arc::clone(task),
                rows: from..from + take,
                since: now,
            });
            from += take;
        }
    }

    fn open(&mut self, now: Instant) {
        let wait = match &self.wait {
            Some(wait) => wait.allowed(),
            None => self.parameters.timeout,
        };
        self.batches.push_back(Batch {
            pieces: Vec::new(),
            rows: 0,
            opened: now,
            wait,
        });
    }

    fn take(&mut self) -> Option<Batch<T>> {
        let batch = self.batches.pop_front()?;
        if let Some(wait) = &mut self.wait {
            wait.closed(batch.wait, batch.pieces.len());
        }
        Some(batch)
    }

    /// Takes out pieces nobody waits for, and batches that have none left.
    fn sweep(&mut self, now: Instant, gone: &mut Vec<Piece<T>>) {
        for batch in &mut self.batches {
            let (out, stay) = std::mem::take(&mut batch.pieces)
                .into_iter()
                .partition::<Vec<_>, _>(|piece| piece.task.is_gone(now));
            batch.rows = stay.iter().map(|piece| piece.rows.len()).sum();
            batch.pieces = stay;
            gone.extend(out);
        }
        self.batches.retain(|batch| !batch.pieces.is_empty());
    }
}
