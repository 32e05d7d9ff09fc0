//! Types of due jobs by queue: one read for all remote workers that poll at the same time.
//!
//! Without it a worker of many types would query every queue of the server, each time in a transaction of the writer.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::domain::values::name::{JobType, QueueName};
use crate::runtime::actor::clock::Clock;
use crate::storage::repository::{JobRepository, RepositoryError};

/// Time for which a result is useful, as a multiple of the time of the read.
const USEFUL_FACTOR: u32 = 20;

/// Queues with due jobs, each with the types of its pending jobs.
pub(crate) type TypesByQueue = HashMap<QueueName, Vec<JobType>>;

/// The latest reading. Cheap to clone.
#[derive(Clone)]
pub struct DueTypes {
    repository: Arc<dyn JobRepository>,
    clock: Clock,
    latest: Arc<Mutex<Option<Reading>>>,
}

struct Reading {
    started_at: Instant,
    /// End of the time for which it is used without a newer one.
    useful_until: Instant,
    found: Arc<TypesByQueue>,
}

impl DueTypes {
    /// No read yet.
    pub fn new(repository: Arc<dyn JobRepository>, clock: Clock) -> Self {
        Self {
            repository,
            clock,
            latest: Arc::default(),
        }
    }

    /// The latest result, unless it is old: jobs may have become due since, and others may have been claimed.
    pub fn latest(&self) -> Option<Arc<TypesByQueue>> {
        let latest = self.latest.try_lock().ok()?;
        let reading = latest
            .as_ref()
            .filter(|reading| Instant::now() < reading.useful_until)?;
        Some(Arc::clone(&reading.found))
    }

    /// The result of a read that started at `moment` or later.
    pub async fn since(&self, moment: Instant) -> Result<Arc<TypesByQueue>, RepositoryError> {
        // Callers that arrive during a read wait here and share the next one.
        let mut latest = self.latest.lock().await;
        if let Some(reading) = latest.as_ref().filter(|reading| reading.started_at >= moment) {
            return Ok(Arc::clone(&reading.found));
        }
        let started_at = Instant::now();
        let mut found = TypesByQueue::new();
        for (queue, job_type) in self.repository.due_types(self.clock.now()).await? {
            found.entry(queue).or_default().push(job_type);
        }
        let found = Arc::new(found);
        let now = Instant::now();
        *latest = Some(Reading {
            started_at,
            useful_until: now + (now - started_at) * USEFUL_FACTOR,
            found: Arc::clone(&found),
        });
        Ok(found)
    }
}
