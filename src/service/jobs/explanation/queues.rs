//! Explanations of queues, and the facts about queues.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::cluster::Cluster;
use super::use_cases::Explanations;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::explanation::{
    Counted, PendingOfType, QueueBacklog, QueueExplanation, QueueFacts, RateFacts, explain_queue, held_types,
};
use crate::domain::values::name::{JobType, QueueName};
use crate::runtime::dispatch::messages::QueueCapacity;
use crate::service::error::ServiceError;
use crate::service::limits::ReadLane;
use crate::service::queues::pauses::pauses_of;
use crate::storage::repository::RepositoryError;

/// Maximum number that the jobs of a queue that are due later are counted to.
const LATER_MAX: u64 = 10_000;
/// Maximum number of types whose jobs are counted separately.
const TYPES_MAX: usize = 32;

/// A queue, with its capacity on this server.
pub(super) struct KnownQueue {
    pub(super) facts: QueueFacts,
    pub(super) capacity: Option<QueueCapacity>,
}

impl Explanations {
    /// The sums of the reasons that hold the pending jobs of a queue.
    pub(crate) async fn queue(&self, caller: &Caller, name: &QueueName) -> Result<QueueExplanation, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let types = self.repository.pending_types(name).await?;
            let queue = self.read_queues(std::slice::from_ref(name)).await?;
            let is_known = self.settings(name).is_some() || !types.is_empty() || queue.is_stored;
            let Some(queue) = queue.by_name.get(name).filter(|_| is_known) else {
                return Err(ServiceError::NoSuchQueue { name: name.to_string() });
            };
            let mut cluster = Cluster::read(self).await?;
            cluster.read_running(self).await?;
            let types = types.into_iter().map(|(job_type, jobs)| PendingOfType {
                handlers: cluster.handlers(self, &job_type, name, queue.capacity),
                jobs,
            });
            let types: Vec<PendingOfType> = types.collect();
            let facts = cluster.facts();
            let groups = held_types(&queue.facts, &types, &facts);
            let now = self.runtime.clock.now();
            let mut later_by_group = Vec::new();
            if groups.len() > 1 {
                for group in &groups {
                    later_by_group.push(self.count_later(name, group, now).await?);
                }
            }
            let later = if groups.len() == 1 {
                self.count_later(name, &[], now).await?
            } else {
                None
            };
            let backlog = QueueBacklog {
                types,
                later,
                later_by_group,
            };
            Ok(explain_queue(&queue.facts, &backlog, &facts))
        };
        ReadLane::of(caller).scope(read).await
    }

    async fn count_later(
        &self,
        name: &QueueName,
        types: &[JobType],
        now: DateTime<Utc>,
    ) -> Result<Option<Counted>, RepositoryError> {
        let some = types.get(..TYPES_MAX).unwrap_or(types);
        let count = self.repository.count_due_later(name, some, now, LATER_MAX).await?;
        Ok(count.map(|jobs| Counted {
            jobs,
            is_exact: jobs < LATER_MAX && types.len() <= TYPES_MAX,
        }))
    }

    /// The facts about queues.
    pub(super) async fn read_queues(&self, names: &[QueueName]) -> Result<KnownQueues, RepositoryError> {
        let states = self.repository.queue_states(names).await?;
        let is_stored = !states.is_empty();
        let paused: Vec<QueueName> = states
            .into_iter()
            .filter_map(|(name, is_paused)| is_paused.then_some(name))
            .collect();
        let mut pauses = pauses_of(&*self.repository, &paused).await?;
        let mut by_name = HashMap::with_capacity(names.len());
        for name in names {
            let capacity = self.runtime.capacity(name.clone()).await;
            let facts = QueueFacts {
                name: name.clone(),
                pause: pauses.remove(name),
                rate: capacity.and_then(|capacity| {
                    Some(RateFacts {
                        limit: capacity.rate_limit?,
                        next_start: capacity.next_start,
                    })
                }),
            };
            by_name.insert(name.clone(), KnownQueue { facts, capacity });
        }
        Ok(KnownQueues { by_name, is_stored })
    }
}

/// Queues by their names.
pub(super) struct KnownQueues {
    pub(super) by_name: HashMap<QueueName, KnownQueue>,
    /// True if storage has one of them.
    is_stored: bool,
}
