//! Filters of event subscriptions.

use std::collections::BTreeSet;

use super::event::{Event, JobEventKind, Topic};
use crate::filter::JobFilter;
use crate::values::id::{JobId, OperationId};
use crate::values::name::{JobType, QueueName};

/// A topic with conditions: all conditions must match; an empty condition matches always.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventClause {
    /// Topic of the events.
    pub topic: Topic,
    /// Types of job events.
    pub kinds: BTreeSet<JobEventKind>,
    /// Ids of jobs.
    pub jobs: BTreeSet<JobId>,
    /// Queues of the events or of their jobs.
    pub queues: BTreeSet<QueueName>,
    /// Types of jobs.
    pub job_types: BTreeSet<JobType>,
    /// Further conditions on the job as it is after the event.
    pub filter: JobFilter,
    /// Ids of bulk operations.
    pub operations: BTreeSet<OperationId>,
}

impl EventClause {
    /// All events of a topic.
    pub const fn all_of(topic: Topic) -> Self {
        Self {
            topic,
            kinds: BTreeSet::new(),
            jobs: BTreeSet::new(),
            queues: BTreeSet::new(),
            job_types: BTreeSet::new(),
            filter: JobFilter::all(),
            operations: BTreeSet::new(),
        }
    }

    /// True if the clause matches the event.
    pub fn wants(&self, event: &Event) -> bool {
        let Self {
            topic,
            kinds,
            jobs,
            queues,
            job_types,
            filter,
            operations,
        } = self;
        if *topic != event.topic() {
            return false;
        }
        match event {
            Event::Job { kind, job, .. } => {
                holds(kinds, kind)
                    && holds(jobs, &job.id)
                    && holds(queues, &job.queue)
                    && holds(job_types, &job.job_type)
                    && filter.matches(job)
            }
            // A report is not a change of the job's status, which `kinds` selects.
            Event::JobReport { job, .. } => {
                kinds.is_empty()
                    && holds(jobs, &job.id)
                    && holds(queues, &job.queue)
                    && holds(job_types, &job.job_type)
                    && filter.matches(job)
            }
            Event::Queue { queue, .. } => holds(queues, queue),
            Event::QueueMetrics { metrics, .. } => holds(queues, &metrics.queue.name),
            Event::SystemMetrics(_) | Event::SystemAlert { .. } => true,
            Event::Operation { operation, .. } => holds(operations, &operation.id),
        }
    }
}

fn holds<T: Ord>(requested: &BTreeSet<T>, given: &T) -> bool {
    requested.is_empty() || requested.contains(given)
}

/// The events of a subscription: those that match any clause. A filter without clauses matches none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    clauses: BTreeSet<EventClause>,
}

impl EventFilter {
    /// All events of a topic.
    pub fn all_of(topic: Topic) -> Self {
        Self::from_iter([EventClause::all_of(topic)])
    }

    /// True if any clause matches the event.
    pub fn wants(&self, event: &Event) -> bool {
        self.clauses.iter().any(|clause| clause.wants(event))
    }

    /// True if any clause has this topic.
    pub fn has(&self, topic: Topic) -> bool {
        self.clauses.iter().any(|clause| clause.topic == topic)
    }

    /// True if all clauses of the topic name queues.
    pub fn names_queues(&self, topic: Topic) -> bool {
        let of_topic = self.clauses.iter().filter(|clause| clause.topic == topic);
        of_topic
            .map(|clause| clause.queues.is_empty())
            .all(|is_empty| !is_empty)
    }

    /// True if the filter matches no event.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// The topics with a clause that `before` does not contain.
    pub fn topics_new_since(&self, before: &Self) -> BTreeSet<Topic> {
        let new = self.clauses.difference(&before.clauses);
        new.map(|clause| clause.topic).collect()
    }
}

impl FromIterator<EventClause> for EventFilter {
    fn from_iter<I: IntoIterator<Item = EventClause>>(clauses: I) -> Self {
        Self {
            clauses: clauses.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};
    use proptest::sample::select;

    use super::*;
    use crate::events::event::QueueEventKind;
    use crate::job::Job;
    use crate::job::new_job::{JobDefaults, NewJob};

    const KINDS: [JobEventKind; 3] = [JobEventKind::Created, JobEventKind::Completed, JobEventKind::Failed];

    fn job(id: u128, queue: usize, job_type: usize) -> Job {
        let mut new = NewJob::of_type(JobType::parse(&format!("Type{job_type}")).expect("a type"));
        new.queue = Some(QueueName::parse(&format!("q{queue}")).expect("a queue"));
        new.into_job(&JobDefaults::default(), DateTime::UNIX_EPOCH, id)
    }

    /// Few distinct values, so that clauses match events.
    fn event() -> impl Strategy<Value = Event> {
        let of_job =
            (0..3_u128, 0..3_usize, 0..3_usize, select(KINDS.to_vec())).prop_map(|(id, queue, job_type, kind)| {
                Event::Job {
                    kind,
                    at: DateTime::UNIX_EPOCH,
                    job: Arc::new(job(id, queue, job_type)),
                }
            });
        let of_queue = (0..3_usize).prop_map(|queue| Event::Queue {
            kind: QueueEventKind::Paused,
            at: DateTime::UNIX_EPOCH,
            queue: QueueName::parse(&format!("q{queue}")).expect("a queue"),
        });
        prop_oneof![of_job, of_queue]
    }

    fn clause() -> impl Strategy<Value = EventClause> {
        (any::<bool>(), 0..8_usize, 0..8_usize, 0..8_usize, 0..8_usize).prop_map(
            |(of_jobs, kinds, jobs, queues, types)| {
                let chosen = |bits: usize| (0..3).filter(move |index| bits & (1 << index) != 0);
                EventClause {
                    topic: if of_jobs { Topic::Jobs } else { Topic::Queues },
                    kinds: chosen(kinds).map(|index| KINDS[index]).collect(),
                    jobs: chosen(jobs).map(|index| job(index as u128, 0, 0).id).collect(),
                    queues: chosen(queues).map(|index| job(0, index, 0).queue).collect(),
                    job_types: chosen(types).map(|index| job(0, 0, index).job_type).collect(),
                    filter: JobFilter::all(),
                    operations: BTreeSet::new(),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_filter_matches_what_any_of_its_clauses_matches(a in clause(), b in clause(), event in event()) {
            let both = EventFilter::from_iter([a.clone(), b.clone()]);
            prop_assert_eq!(both.wants(&event), a.wants(&event) || b.wants(&event));
            prop_assert_eq!(both.has(Topic::Jobs), a.topic == Topic::Jobs || b.topic == Topic::Jobs);
        }

        #[test]
        fn a_clause_matches_what_all_of_its_conditions_match(clause in clause(), event in event()) {
            let alone = |narrow: fn(&EventClause, &mut EventClause)| {
                let mut one = EventClause::all_of(clause.topic);
                narrow(&clause, &mut one);
                one.wants(&event)
            };
            let each = [
                alone(|from, to| to.kinds.clone_from(&from.kinds)),
                alone(|from, to| to.jobs.clone_from(&from.jobs)),
                alone(|from, to| to.queues.clone_from(&from.queues)),
                alone(|from, to| to.job_types.clone_from(&from.job_types)),
            ];
            prop_assert_eq!(clause.wants(&event), each.iter().all(|wants| *wants));
        }
    }

    #[test]
    fn only_new_clauses_are_new() {
        let jobs = EventClause::all_of(Topic::Jobs);
        let metrics = EventClause::all_of(Topic::QueueMetrics);
        let before = EventFilter::from_iter([jobs.clone()]);
        let after = EventFilter::from_iter([jobs, metrics]);
        assert_eq!(after.topics_new_since(&before), BTreeSet::from([Topic::QueueMetrics]));
        assert!(before.topics_new_since(&after).is_empty());
        assert!(!EventFilter::default().has(Topic::Jobs));
    }
}
