//! Whose turn it is.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::domain::access::caller_key::CallerKey;

/// Why a read finds no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The line is at its end.
    OfAll,
    /// The caller has its share of the line.
    OfCaller,
}

/// A read with a place.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) id: u64,
    pub(super) key: CallerKey,
    /// Ready when it may begin.
    pub(super) turn: oneshot::Receiver<()>,
}

struct Waiter {
    id: u64,
    key: CallerKey,
    turn: oneshot::Sender<()>,
}

/// The reads that run, and those that wait.
pub(super) struct Line {
    running_max: usize,
    waiting_max: usize,
    /// How many run, by caller.
    running: HashMap<CallerKey, usize>,
    /// In the order in which they came.
    waiting: Vec<Waiter>,
    /// When a read of a caller last began, for callers that have any.
    last_turn: HashMap<CallerKey, u64>,
    turns: u64,
    next_id: u64,
}

impl Line {
    pub(super) fn new(running_max: usize, waiting_max: usize) -> Self {
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

    /// How many reads of one caller run at a time: one place is left to others, if there are two.
    fn running_share(&self) -> usize {
        (self.running_max - 1).max(1)
    }

    /// How many reads of one caller wait.
    fn waiting_share(&self) -> usize {
        self.waiting_max.div_ceil(4)
    }

    pub(super) fn enter(&mut self, key: CallerKey) -> Result<Entered, Full> {
        let (sender, turn) = oneshot::channel();
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.push(Waiter {
            id,
            key: key.clone(),
            turn: sender,
        });
        self.begin();
        // Whether it is among those that wait is known now.
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

    /// Gives up a place, of whichever kind it is.
    pub(super) fn leave(&mut self, id: u64, key: &CallerKey) {
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

    /// Begins as many reads as may run: first of the caller that has waited the longest for a turn.
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
            // One that has gone meanwhile gives up its place by itself.
            let _ = turn.send(());
        }
    }
}
