//! Labels of jobs and webhook endpoints, bounded: names that callers choose must not exhaust the memory of metric
//! storage.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;

use super::spans::MESSAGING_SYSTEM;
use crate::domain::values::name::{JobType, QueueName};

/// Maximum number of distinct queues.
const QUEUES_MAX: usize = 100;
/// Maximum number of distinct pairs of a queue and a type. With five statuses each they stay below 2,000 series, from
/// which on OpenTelemetry aggregates an instrument.
const PAIRS_MAX: usize = 300;
/// Maximum number of distinct webhook endpoints.
const ENDPOINTS_MAX: usize = 100;
/// Replaces names beyond the limit.
pub(super) const OTHER: &str = "other";

/// The labels of a queue and a type.
#[derive(Clone, Debug)]
pub(super) struct JobLabels {
    /// `queue` and `type`.
    pub(super) own: [KeyValue; 2],
    /// The same by the semantic conventions for messaging.
    pub(super) messaging: [KeyValue; 3],
}

impl JobLabels {
    fn new(queue: &Arc<str>, job_type: &Arc<str>) -> Self {
        Self {
            own: [
                KeyValue::new("queue", Arc::clone(queue)),
                KeyValue::new("type", Arc::clone(job_type)),
            ],
            messaging: [
                KeyValue::new("messaging.system", MESSAGING_SYSTEM),
                KeyValue::new("messaging.destination.name", Arc::clone(queue)),
                KeyValue::new("tickerq.job.type", Arc::clone(job_type)),
            ],
        }
    }
}

/// The names that were seen first and still exist. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels(Arc<Mutex<Names>>);

#[derive(Debug, Default)]
struct Names {
    queues: HashMap<QueueName, Arc<str>>,
    pairs: HashMap<(QueueName, JobType), JobLabels>,
    endpoints: HashSet<Arc<str>>,
}

impl Labels {
    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The labels of a queue and a type.
    pub(super) fn of_job(&self, queue: &QueueName, job_type: &JobType) -> JobLabels {
        let mut names = self.names();
        let pair = (queue.clone(), job_type.clone());
        if let Some(labels) = names.pairs.get(&pair) {
            return labels.clone();
        }
        let queue = names.of_queue(queue);
        if names.pairs.len() >= PAIRS_MAX {
            return JobLabels::new(&queue, &Arc::from(OTHER));
        }
        let labels = JobLabels::new(&queue, &Arc::from(job_type.as_str()));
        names.pairs.insert(pair, labels.clone());
        labels
    }

    /// The label of a queue.
    pub(super) fn of_queue(&self, queue: &QueueName) -> KeyValue {
        KeyValue::new("queue", self.names().of_queue(queue))
    }

    /// The label of a webhook endpoint.
    pub(super) fn of_endpoint(&self, name: &Arc<str>) -> KeyValue {
        let mut names = self.names();
        if !names.endpoints.contains(name) {
            if names.endpoints.len() >= ENDPOINTS_MAX {
                return KeyValue::new("endpoint", OTHER);
            }
            names.endpoints.insert(Arc::clone(name));
        }
        KeyValue::new("endpoint", Arc::clone(name))
    }

    /// Removes names that no longer exist, so that others can be distinguished.
    pub(super) fn keep(&self, queues: &HashSet<&QueueName>, endpoints: &HashSet<&Arc<str>>) {
        let mut names = self.names();
        names.queues.retain(|queue, _| queues.contains(queue));
        names.pairs.retain(|(queue, _), _| queues.contains(queue));
        names.endpoints.retain(|name| endpoints.contains(name));
    }
}

impl Names {
    fn of_queue(&mut self, queue: &QueueName) -> Arc<str> {
        if let Some(name) = self.queues.get(queue) {
            return Arc::clone(name);
        }
        if self.queues.len() >= QUEUES_MAX {
            return Arc::from(OTHER);
        }
        let name: Arc<str> = Arc::from(queue.as_str());
        self.queues.insert(queue.clone(), Arc::clone(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::{ENDPOINTS_MAX, Labels, PAIRS_MAX, QUEUES_MAX};
    use crate::domain::values::name::{JobType, QueueName};

    #[test]
    fn names_beyond_the_limit_share_a_label() {
        let labels = Labels::default();
        let mut seen = HashSet::new();
        for number in 0..1_000 {
            let queue = QueueName::parse(&format!("queue-{}", number % 200)).expect("a name");
            let job_type = JobType::parse(&format!("Type{number}")).expect("a name");
            let made = labels.of_job(&queue, &job_type).own;
            assert_eq!(made, labels.of_job(&queue, &job_type).own);
            seen.insert(made.map(|label| label.value.to_string()));
        }
        let queues: HashSet<&String> = seen.iter().map(|[queue, _]| queue).collect();
        assert_eq!(queues.len(), QUEUES_MAX + 1);
        assert!(seen.len() <= PAIRS_MAX + QUEUES_MAX + 1, "{}", seen.len());
        let endpoints = (0..1_000).map(|number| labels.of_endpoint(&Arc::from(format!("crm-{number}"))));
        let endpoints: HashSet<String> = endpoints.map(|label| label.value.to_string()).collect();
        assert_eq!(endpoints.len(), ENDPOINTS_MAX + 1);
        let new: Arc<str> = Arc::from("new");
        assert_eq!(labels.of_endpoint(&new).value.to_string(), "other");
        labels.keep(&HashSet::new(), &HashSet::new());
        assert_eq!(
            labels.of_endpoint(&new).value.to_string(),
            "new",
            "places are free again"
        );
        let queue = QueueName::parse("new").expect("a name");
        assert_eq!(labels.of_queue(&queue).value.to_string(), "new");
    }
}
