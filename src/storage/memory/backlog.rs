//! Pending jobs by their due time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::tables::Tables;
use crate::domain::job::priority::Priority;
use crate::domain::values::name::QueueName;
use crate::storage::query::DueCounts;

impl Tables {
    pub(super) fn due_counts(&self, queue: Option<&QueueName>, now: DateTime<Utc>, limit: u64) -> Vec<DueCounts> {
        let mut counts: BTreeMap<QueueName, BTreeMap<Priority, [u64; 3]>> = BTreeMap::new();
        if let Some(queue) = queue {
            counts.insert(queue.clone(), BTreeMap::new());
        }
        let pending = self.unclaimed();
        for job in pending.filter(|job| queue.is_none_or(|queue| job.queue == *queue)) {
            let of_queue = counts.entry(job.queue.clone()).or_default();
            let [due, later, retrying] = of_queue.entry(job.priority).or_default();
            let is_later = job.due_at > now;
            *due += u64::from(!is_later);
            *later += u64::from(is_later);
            *retrying += u64::from(is_later && job.retry_count > 0);
        }
        let counts = counts.into_iter();
        counts
            .map(|(queue, counts)| DueCounts::sum(queue, counts.into_values(), limit))
            .collect()
    }
}
