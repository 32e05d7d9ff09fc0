//! Explanations of jobs.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::cluster::Cluster;
use super::queues::{KnownQueue, KnownQueues};
use super::use_cases::Explanations;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::explanation::{
    AHEAD_MAX, ClusterFacts, Explanation, Facts, HandlerFacts, JobFacts, LineFacts, QueueFacts, explain, keeps_in_line,
};
use crate::domain::job::Job;
use crate::domain::job::attempt::{Attempt, AttemptStatus};
use crate::domain::job::lost_attempt::LOST_IN_A_ROW_MAX;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::rollup::{TimeBucket, TimeBucketRange};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName};
use crate::service::error::ServiceError;
use crate::service::limits::ReadLane;
use crate::storage::query::RollupFilter;
use crate::storage::repository::RepositoryError;

/// Maximum number of jobs of a request whose place in line is counted.
const PLACES_MAX: usize = 10;

impl Explanations {
    /// The reasons why a job does not run.
    pub(crate) async fn job(&self, caller: &Caller, id: JobId) -> Result<Explanation, ServiceError> {
        let found = self.jobs(caller, &[id]).await?.remove(&id);
        found.ok_or(ServiceError::NoSuchJob { id })
    }

    /// The same for those of these jobs that exist. The place in line is counted for few of them.
    pub(crate) async fn jobs(
        &self,
        caller: &Caller,
        ids: &[JobId],
    ) -> Result<HashMap<JobId, Explanation>, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let jobs = self.repository.jobs_in_brief(ids).await?;
            Ok(self.explain(&jobs).await?)
        };
        ReadLane::of(caller).scope(read).await
    }

    async fn explain(&self, jobs: &[Arc<Job>]) -> Result<HashMap<JobId, Explanation>, RepositoryError> {
        let now = self.runtime.clock.now();
        let attempts = self.attempts_of(jobs, now).await?;
        let mut gathered = Gathered::read(self, jobs, now).await?;
        let mut explanations = HashMap::with_capacity(jobs.len());
        for job in jobs {
            let holder = gathered.cluster.as_ref().zip(held_by(job));
            let attempts = attempts.get(&job.id).map_or(&[][..], Vec::as_slice);
            let facts = JobFacts {
                job: Arc::clone(job),
                last_attempt: attempts.last().map(|attempt| (attempt.status, attempt.ended_at)),
                losses: losses(attempts),
                holder: holder.map(|(cluster, node)| cluster.holder(node)),
            };
            explanations.insert(job.id, gathered.explain(self, &facts).await?);
        }
        Ok(explanations)
    }

    /// The last attempts of the jobs that wait for their next one.
    async fn attempts_of(
        &self,
        jobs: &[Arc<Job>],
        now: DateTime<Utc>,
    ) -> Result<HashMap<JobId, Vec<Attempt>>, RepositoryError> {
        let waiting = jobs.iter().filter(|job| is_waiting(job));
        let ids: Vec<JobId> = waiting
            .filter(|job| job.attempt > 0 && job.due_at > now)
            .map(|job| job.id)
            .collect();
        let mut by_job: HashMap<JobId, Vec<Attempt>> = HashMap::new();
        if ids.is_empty() {
            return Ok(by_job);
        }
        for attempt in self.repository.last_attempts(&ids, LOST_IN_A_ROW_MAX).await? {
            by_job.entry(attempt.job_id).or_default().push(attempt);
        }
        Ok(by_job)
    }
}

/// The facts of a request that several jobs share.
struct Gathered {
    now: DateTime<Utc>,
    /// Absent if all jobs have ended.
    cluster: Option<Cluster>,
    cluster_facts: ClusterFacts,
    queues: KnownQueues,
    handlers: HashMap<QueueName, HashMap<JobType, HandlerFacts>>,
    started: HashMap<QueueName, (u64, DateTime<Utc>)>,
    places: usize,
}

impl Gathered {
    async fn read(of: &Explanations, jobs: &[Arc<Job>], now: DateTime<Utc>) -> Result<Self, RepositoryError> {
        let waiting: Vec<&Arc<Job>> = jobs.iter().filter(|job| is_waiting(job)).collect();
        let names: BTreeSet<QueueName> = waiting.iter().map(|job| job.queue.clone()).collect();
        let names: Vec<QueueName> = names.into_iter().collect();
        let queues = of.read_queues(&names).await?;
        let mut cluster = None;
        if jobs.iter().any(|job| !job.status.is_finished()) {
            let mut read = Cluster::read(of).await?;
            if waiting.iter().any(|job| job.due_at <= now) {
                read.read_running(of).await?;
            }
            cluster = Some(read);
        }
        Ok(Self {
            now,
            cluster_facts: cluster.as_ref().map(Cluster::facts).unwrap_or_default(),
            cluster,
            queues,
            handlers: HashMap::new(),
            started: HashMap::new(),
            places: 0,
        })
    }

    async fn explain(&mut self, of: &Explanations, job: &JobFacts) -> Result<Explanation, RepositoryError> {
        let (queue, job_type) = (&job.job.queue, &job.job.job_type);
        let (Some(cluster), Some(KnownQueue { facts, capacity })) = (&self.cluster, self.queues.by_name.get(queue))
        else {
            // A job that does not wait is explained by its own row.
            return Ok(explain(&Facts {
                now: self.now,
                job,
                queue: &unknown_queue(queue),
                handlers: &no_handlers(job_type),
                cluster: &self.cluster_facts,
                line: None,
            }));
        };
        let of_queue = self.handlers.entry(queue.clone()).or_default();
        let handlers = of_queue
            .entry(job_type.clone())
            .or_insert_with(|| cluster.handlers(of, job_type, queue, *capacity));
        let mut facts = Facts {
            now: self.now,
            job,
            queue: facts,
            handlers,
            cluster: &self.cluster_facts,
            line: None,
        };
        let explanation = explain(&facts);
        if self.places == PLACES_MAX || !is_waiting(&job.job) || !keeps_in_line(&explanation.reasons) {
            return Ok(explanation);
        }
        self.places += 1;
        let Some(ahead) = of.repository.count_before(&job.job, self.now, AHEAD_MAX + 1).await? else {
            return Ok(explanation);
        };
        let started = match self.started.get(queue) {
            Some(started) => *started,
            None => {
                let started = recent_starts(of, queue, self.now).await?;
                self.started.insert(queue.clone(), started);
                started
            }
        };
        facts.line = Some(LineFacts { ahead, started });
        Ok(explain(&facts))
    }
}

/// Number of recent starts of a queue, and the time since which they are counted.
async fn recent_starts(
    of: &Explanations,
    queue: &QueueName,
    now: DateTime<Utc>,
) -> Result<(u64, DateTime<Utc>), RepositoryError> {
    let TimeBucket(current) = TimeBucket::of(now);
    let span = TimeBucketRange {
        from: TimeBucket(current - 1),
        to: TimeBucket(current + 1),
    };
    let filter = RollupFilter {
        queue: Some(queue.clone()),
        job_types: Vec::new(),
    };
    let counts = of.repository.rollups(&filter, &[span]).await?;
    let started = counts.first().map_or(0, |counts| counts.started);
    Ok((started, span.from.start()))
}

/// True for a job that waits for its start and that no node has claimed.
fn is_waiting(job: &Job) -> bool {
    job.status == JobStatus::Pending && job.claimed_by.is_none()
}

/// The node that holds a job.
fn held_by(job: &Job) -> Option<NodeId> {
    match job.status {
        JobStatus::Running => job.node,
        JobStatus::Pending => job.claimed_by,
        JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => None,
    }
}

/// Number of lost attempts in a row, up to the last one.
fn losses(attempts: &[Attempt]) -> u32 {
    let lost = attempts.iter().rev();
    let lost = lost.take_while(|attempt| attempt.status == AttemptStatus::Lost);
    u32::try_from(lost.count()).unwrap_or(u32::MAX)
}

fn unknown_queue(name: &QueueName) -> QueueFacts {
    QueueFacts {
        name: name.clone(),
        pause: None,
        rate: None,
    }
}

fn no_handlers(job_type: &JobType) -> HandlerFacts {
    HandlerFacts {
        job_type: job_type.clone(),
        runners: Vec::new(),
        is_incomplete: false,
        nearest: None,
        limit: None,
    }
}
