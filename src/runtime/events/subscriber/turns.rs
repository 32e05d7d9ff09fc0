//! Selection of the changed queues that a subscriber receives per reading: some of those with the most unfinished
//! jobs, and some of those that have waited the longest, so that each change is sent after a bounded number of
//! readings.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::events::event::Event;
use crate::runtime::events::encoded_event::Published;
use crate::runtime::events::state_key::StateKey;

/// Maximum number of queues per reading.
pub(super) const PER_READING: usize = 100;
/// Number of them that are those that have waited the longest.
const OLDEST: usize = PER_READING / 2;

/// The jobs of a queue that are pending or running.
pub(in super::super) fn unfinished_jobs(state: &Event) -> u64 {
    match state {
        Event::QueueMetrics { metrics, .. } => metrics.queue.counts.pending + metrics.queue.counts.running,
        Event::Job { .. }
        | Event::JobReport { .. }
        | Event::Queue { .. }
        | Event::SystemMetrics(_)
        | Event::SystemAlert { .. }
        | Event::Operation { .. } => 0,
    }
}

/// The newest state of each queue that has changed and was not sent, with the reading since which it waits.
#[derive(Default)]
pub(crate) struct Turns {
    waiting: BTreeMap<StateKey, (u64, Arc<Published>)>,
    readings: u64,
}

impl Turns {
    /// The states to send now, given those that have changed.
    pub(super) fn next(&mut self, changed: Vec<&Arc<Published>>) -> Vec<Arc<Published>> {
        if self.waiting.is_empty() && changed.len() <= PER_READING {
            return changed.into_iter().map(Arc::clone).collect();
        }
        self.readings += 1;
        for state in changed {
            let Some(key) = StateKey::of(state.event()) else {
                continue;
            };
            let (_, waiting) = self
                .waiting
                .entry(key)
                .or_insert_with(|| (self.readings, Arc::clone(state)));
            *waiting = Arc::clone(state);
        }
        let mut sent = self.take(OLDEST, |since, jobs| (since, Reverse(jobs)));
        sent.extend(self.take(PER_READING - sent.len(), |_, jobs| (0, Reverse(jobs))));
        sent
    }

    /// Removes the first ones by the reading since which they wait and by their unfinished jobs.
    fn take(&mut self, limit: usize, order: impl Fn(u64, u64) -> (u64, Reverse<u64>)) -> Vec<Arc<Published>> {
        let waiting = self.waiting.iter();
        let mut keys: Vec<(_, StateKey)> = waiting
            .map(|(key, (since, state))| (order(*since, unfinished_jobs(state.event())), key.clone()))
            .collect();
        keys.sort_unstable();
        keys.truncate(limit);
        keys.iter()
            .filter_map(|(_, key)| self.waiting.remove(key))
            .map(|(_, state)| state)
            .collect()
    }
}
