//! The order of running and waiting reads.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::oneshot;

use crate::domain::access::caller_key::CallerKey;

/// A read is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The queue is full.
    OfAll,
    /// The caller has reached its share of the queue.
    OfCaller,
}

/// An accepted read.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) id: u64,
    pub(super) key: CallerKey,
    /// Completes when the read may start.
    pub(super) turn: oneshot::Receiver<()>,
}

/// The reads of a caller.
#[derive(Default)]
struct Reads {
    running: usize,
    /// By id, in order of arrival.
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
    last_turn: Option<u64>,
}

/// Order of callers: last turn, none first, then arrival of the first waiting read.
type Rank = (Option<u64>, u64);

impl Reads {
    /// `None` if no read may start.
    fn rank(&self, running_share: usize) -> Option<Rank> {
        let (first, _) = self.waiting.first_key_value()?;
        (self.running < running_share).then_some((self.last_turn, *first))
    }
}

/// The running and the waiting reads.
pub(super) struct Line {
    running_max: usize,
    waiting_max: usize,
    running: usize,
    waiting: usize,
    /// Callers with reads.
    callers: HashMap<CallerKey, Reads>,
    /// Callers whose first waiting read may start.
    ready: BTreeMap<Rank, CallerKey>,
    turns: u64,
    next_id: u64,
}

impl Line {
    pub(super) fn new(running_max: usize, waiting_max: usize) -> Self {
        Self {
            running_max: running_max.max(1),
            waiting_max,
            running: 0,
            waiting: 0,
            callers: HashMap::new(),
            ready: BTreeMap::new(),
            turns: 0,
            next_id: 0,
        }
    }

    /// Maximum number of running reads of one caller: one place is left to others, if there are two. It stays free even
    /// while no other caller reads, because a read may take longer than another caller waits for a turn.
    fn running_share(&self) -> usize {
        (self.running_max - 1).max(1)
    }

    /// Maximum number of waiting reads of one caller.
    fn waiting_share(&self) -> usize {
        self.waiting_max.div_ceil(4)
    }

    pub(super) fn enter(&mut self, key: CallerKey) -> Result<Entered, Full> {
        let (running, waiting) = self
            .callers
            .get(&key)
            .map_or((0, 0), |reads| (reads.running, reads.waiting.len()));
        let starts = self.running < self.running_max && running < self.running_share();
        if !starts && self.waiting >= self.waiting_max {
            return Err(Full::OfAll);
        }
        if !starts && waiting >= self.waiting_share() {
            return Err(Full::OfCaller);
        }
        let (sender, turn) = oneshot::channel();
        let id = self.next_id;
        self.next_id += 1;
        self.waiting += 1;
        self.change(&key, |reads| drop(reads.waiting.insert(id, sender)));
        self.begin();
        Ok(Entered { id, key, turn })
    }

    /// Releases a running or waiting read.
    pub(super) fn leave(&mut self, id: u64, key: &CallerKey) {
        let was_waiting = self.change(key, |reads| {
            let was_waiting = reads.waiting.remove(&id).is_some();
            reads.running -= usize::from(!was_waiting);
            was_waiting
        });
        if was_waiting {
            self.waiting -= 1;
        } else {
            self.running -= 1;
        }
        self.begin();
    }

    /// Starts as many reads as allowed: first of the caller whose last turn is the longest ago.
    fn begin(&mut self) {
        while self.running < self.running_max {
            let Some((_, key)) = self.ready.pop_first() else { return };
            self.turns += 1;
            self.running += 1;
            self.waiting -= 1;
            let now = self.turns;
            self.change(&key, |reads| {
                reads.running += 1;
                reads.last_turn = Some(now);
                if let Some((_, turn)) = reads.waiting.pop_first() {
                    // A read that was dropped meanwhile releases its place itself.
                    let _ = turn.send(());
                }
            });
        }
    }

    /// Changes the reads of a caller, and its place among those that are ready.
    fn change<T>(&mut self, key: &CallerKey, change: impl FnOnce(&mut Reads) -> T) -> T {
        let share = self.running_share();
        let reads = self.callers.entry(key.clone()).or_default();
        if let Some(rank) = reads.rank(share) {
            self.ready.remove(&rank);
        }
        let changed = change(reads);
        if reads.running == 0 && reads.waiting.is_empty() {
            self.callers.remove(key);
        } else if let Some(rank) = reads.rank(share) {
            self.ready.insert(rank, key.clone());
        }
        changed
    }
}
