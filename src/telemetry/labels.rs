//! Labels of jobs and webhook endpoints, bounded: names that callers make up must not fill the memory of whoever keeps the numbers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::domain::name::{JobType, QueueName};

/// How many queues are told apart.
const QUEUES_MAX: usize = 100;
/// How many pairs of a queue and a type are told apart. With five statuses each it stays below the 2,000 series of an
/// instrument from which on OpenTelemetry puts everything together.
const PAIRS_MAX: usize = 300;
/// How many webhook endpoints are told apart.
const ENDPOINTS_MAX: usize = 100;
/// What stands for a name that is one too many.
pub(super) const OTHER: &str = "other";

/// The names that have been seen first.
#[derive(Debug, Default)]
pub(super) struct Labels {
    queues: HashSet<QueueName>,
    pairs: HashMap<(QueueName, JobType), [KeyValue; 2]>,
    endpoints: HashSet<Arc<str>>,
}

impl Labels {
    /// The labels of a queue and a type.
    pub(super) fn of_job(&mut self, queue: &QueueName, job_type: &JobType) -> [KeyValue; 2] {
        let pair = (queue.clone(), job_type.clone());
        if let Some(labels) = self.pairs.get(&pair) {
            return labels.clone();
        }
        let of_queue = self.of_queue(queue);
        if self.pairs.len() >= PAIRS_MAX {
            return [of_queue, KeyValue::new("type", OTHER)];
        }
        let labels = [of_queue, KeyValue::new("type", job_type.to_string())];
        self.pairs.insert(pair, labels.clone());
        labels
    }

    /// The label of a queue.
    pub(super) fn of_queue(&mut self, queue: &QueueName) -> KeyValue {
        if !self.queues.contains(queue) {
            if self.queues.len() >= QUEUES_MAX {
                return KeyValue::new("queue", OTHER);
            }
            self.queues.insert(queue.clone());
        }
        KeyValue::new("queue", queue.to_string())
    }

    /// The label of a webhook endpoint.
    pub(super) fn of_endpoint(&mut self, name: &Arc<str>) -> KeyValue {
        if !self.endpoints.contains(name) {
            if self.endpoints.len() >= ENDPOINTS_MAX {
                return KeyValue::new("endpoint", OTHER);
            }
            self.endpoints.insert(Arc::clone(name));
        }
        KeyValue::new("endpoint", Arc::clone(name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::{ENDPOINTS_MAX, Labels, PAIRS_MAX, QUEUES_MAX};
    use crate::domain::name::{JobType, QueueName};

    #[test]
    fn names_that_are_one_too_many_are_one() {
        let mut labels = Labels::default();
        let mut seen = HashSet::new();
        for number in 0..1_000 {
            let queue = QueueName::parse(&format!("queue-{}", number % 200)).expect("a name");
            let job_type = JobType::parse(&format!("Type{number}")).expect("a name");
            let made = labels.of_job(&queue, &job_type);
            assert_eq!(made, labels.of_job(&queue, &job_type));
            seen.insert(made.map(|label| label.value.to_string()));
        }
        let queues: HashSet<&String> = seen.iter().map(|[queue, _]| queue).collect();
        assert_eq!(queues.len(), QUEUES_MAX + 1);
        assert!(seen.len() <= PAIRS_MAX + QUEUES_MAX + 1, "{}", seen.len());
        let endpoints = (0..1_000).map(|number| labels.of_endpoint(&Arc::from(format!("crm-{number}"))));
        let endpoints: HashSet<String> = endpoints.map(|label| label.value.to_string()).collect();
        assert_eq!(endpoints.len(), ENDPOINTS_MAX + 1);
    }
}
