//! The queue of reads in which callers take turns.

use std::collections::HashMap;

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
pub(crate) struct Entered {
    pub(crate) id: u64,
    pub(crate) key: CallerKey,
    /// Completes when the read may start.
    pub(crate) turn: oneshot::Receiver<()>,
}

struct Waiter {
    id: u64,
    key: CallerKey,
    turn: oneshot::Sender<()>,
}

/// The running and the waiting reads.
pub(crate) struct Line {
    running_max: usize,
    waiting_max: usize,
    /// Number of running reads by caller.
    running: HashMap<CallerKey, usize>,
    /// In order of arrival.
    waiting: Vec<Waiter>,
    /// The last turn of each caller with reads.
    last_turn: HashMap<CallerKey, u64>,
    turns: u64,
    next_id: u64,
}

impl Line {
    pub(crate) fn new(running_max: usize, waiting_max: usize) -> Self {
        Self {
            running_max: running_max.max(1),
            waiting_max,
            running: HashMap::new(),
            waiting: Vec::new(),
            last_turn: HashMap::new(),
            turns: 0,
            next_id: 0,
        }
    }

    /// Maximum number of running reads of one caller: one place is left to others, if there are two.
    fn running_share(&self) -> usize {
        (self.running_max - 1).max(1)
    }

    /// Maximum number of waiting reads of one caller.
    fn waiting_share(&self) -> usize {
        self.waiting_max.div_ceil(4)
    }

    pub(crate) fn enter(&mut self, key: CallerKey) -> Result<Entered, Full> {
        let (sender, turn) = oneshot::channel();
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.push(Waiter {
            id,
            key: key.clone(),
            turn: sender,
        });
        self.begin();
        // Known only now: the read may be running already.
        if self.waiting.last().is_some_and(|last| last.id == id) {
            let own = self.waiting.iter().filter(|waiter| waiter.key == key).count();
            let full = if self.waiting.len() > self.waiting_max {
                Some(Full::OfAll)
            } else {
                (own > self.waiting_share()).then_some(Full::OfCaller)
            };
            if let Some(full) = full {
                self.waiting.pop();
                return Err(full);
            }
        }
        Ok(Entered { id, key, turn })
    }

    /// Releases a running or waiting read.
    pub(crate) fn leave(&mut self, id: u64, key: &CallerKey) {
        if let Some(index) = self.waiting.iter().position(|waiter| waiter.id == id) {
            self.waiting.remove(index);
        } else if let Some(running) = self.running.get_mut(key) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(key);
            }
        }
        if !self.running.contains_key(key) && !self.waiting.iter().any(|waiter| waiter.key == *key) {
            self.last_turn.remove(key);
        }
        self.begin();
    }

    /// Starts as many reads as allowed: first of the caller whose last turn is the longest ago.
    fn begin(&mut self) {
        while self.running.values().sum::<usize>() < self.running_max {
            let share = self.running_share();
            let may_run = |waiter: &Waiter| self.running.get(&waiter.key).is_none_or(|running| *running < share);
            let candidates = self.waiting.iter().enumerate().filter(|(_, waiter)| may_run(waiter));
            let next = candidates.min_by_key(|(index, waiter)| (self.last_turn.get(&waiter.key).copied(), *index));
            let Some((index, _)) = next else { return };
            let Waiter { id: _, key, turn } = self.waiting.remove(index);
            self.turns += 1;
            self.last_turn.insert(key.clone(), self.turns);
            *self.running.entry(key).or_default() += 1;
            // A read that was dropped meanwhile releases its place itself.
            let _ = turn.send(());
        }
    }
}
