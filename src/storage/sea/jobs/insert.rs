//! New jobs, with their unique keys, idempotency keys and queues.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

use entities::{idempotency_key, job};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::values::name::{QueueName, UniqueKey};
use crate::domain::values::trace_state::to_stored;
use crate::storage::change::{Applied, Change, ChangeError, Idempotency, Inserted, JobChange};
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::{CommitContext, Results};
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::jobs::large_texts::{brief_job, in_brief};
use crate::storage::sea::labels::stored::to_stored as to_stored_labels;
use crate::storage::sea::mapping::{int, intervals_text, micros, text};
use crate::storage::sea::recurring::store::occurrence_values;
use crate::storage::sea::repository::SeaRepository;

/// The columns of a job that has never run; the others have their defaults.
pub(crate) const NEW_COLUMNS: &str = "id, name, job_type, queue, priority, parameters, due_at, max_retries, retry_delay, \
                           retry_intervals, timeout, unique_key, trace_parent, due_from";
pub(crate) const NEW: &[Kind] = &[
    Kind::Uuid,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Small,
    Kind::Text,
    Kind::Big,
    Kind::Int,
    Kind::Big,
    Kind::TextOrNull,
    Kind::Big,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::BigOrNull,
];
/// Further columns of a job with a history.
pub(crate) const PAST_COLUMNS: &str = "status, result, error, error_detail, started_at, finished_at, attempt, retry_count, \
                            cancel_requested, node, revision, recurring_id, occurrence_at, labels, fingerprint";
pub(crate) const WITH_PAST: &[Kind] = &[
    Kind::Uuid,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Small,
    Kind::Text,
    Kind::Big,
    Kind::Int,
    Kind::Big,
    Kind::TextOrNull,
    Kind::Big,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::BigOrNull,
    Kind::Small,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::BigOrNull,
    Kind::BigOrNull,
    Kind::Int,
    Kind::Int,
    Kind::Bool,
    Kind::UuidOrNull,
    Kind::Int,
    Kind::UuidOrNull,
    Kind::BigOrNull,
    Kind::TextOrNull,
    Kind::BigOrNull,
];

const QUEUE: &[Kind] = &[Kind::Text];

impl SeaRepository {
    /// Queues that a commit has given a row need none again.
    pub(crate) fn remember_queues(&self, named: Vec<QueueName>) {
        if !named.is_empty() {
            // A panic while the lock is held leaves the set valid.
            let mut known = self.known_queues.lock().unwrap_or_else(PoisonError::into_inner);
            known.current(self.is_postgres()).extend(named);
        }
    }

    /// Queues whose row was removed need one again when a job names them.
    pub(crate) fn forget_queues(&self, removed: &[QueueName]) {
        if !removed.is_empty() {
            let mut known = self.known_queues.lock().unwrap_or_else(PoisonError::into_inner);
            known.remove(removed);
        }
    }

    pub(crate) fn unknown_queues<'a>(&self, changes: impl Iterator<Item = &'a Change>) -> BTreeSet<&'a QueueName> {
        let mut known = self.known_queues.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.current(self.is_postgres());
        changes
            .flat_map(Change::queues)
            .filter(|queue| !known.contains(*queue))
            .collect()
    }
}

impl CommitContext<'_> {
    pub(crate) async fn insert_jobs(&mut self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        let mut new = Rows::new(NEW, changes.len());
        let mut with_past = Rows::new(WITH_PAST, 0);
        let mut holders = HashMap::new();
        let mut labelled: Vec<&Arc<Job>> = Vec::new();
        for (change, result) in changes.iter().zip(results) {
            let Change::Job(JobChange::Insert { jobs, idempotency }) = change else {
                continue;
            };
            let ids = || jobs.iter().map(|job| job.id.as_uuid()).collect::<Vec<Uuid>>();
            if let Some(idempotency) = idempotency
                && let Some(earlier) = self.take_key(idempotency, &ids()).await?
            {
                *result = Some(earlier);
                continue;
            }
            let mut inserted = Vec::with_capacity(jobs.len());
            for job in jobs {
                if job.unique_key.is_some() && !job.status.is_finished() {
                    let stored = self.insert_unique(job, &mut holders).await?;
                    labelled.extend((stored == Inserted::New && job.labels.is_some()).then_some(job));
                    inserted.push(stored);
                    continue;
                }
                labelled.extend(job.labels.is_some().then_some(job));
                if is_new(job) {
                    new.push(new_row(job))
                } else {
                    with_past.push(past_row(job))
                }
                self.counters.created(job);
                inserted.push(Inserted::New);
            }
            if let Some(idempotency) = idempotency
                && inserted.iter().any(|inserted| *inserted != Inserted::New)
            {
                self.record_existing(idempotency, jobs, &inserted).await?;
            }
            *result = Some(Ok(Applied::Inserted(inserted)));
        }
        new.execute(&self.transaction, |source| {
            format!("INSERT INTO jobs ({NEW_COLUMNS}) SELECT * FROM {source} AS v")
        })
        .await?;
        with_past
            .execute(&self.transaction, |source| {
                format!("INSERT INTO jobs ({NEW_COLUMNS}, {PAST_COLUMNS}) SELECT * FROM {source} AS v")
            })
            .await?;
        if !labelled.is_empty() {
            self.insert_labels(labelled).await?;
        }
        Ok(())
    }

    /// Inserts the queues that are named for the first time. A change that was not applied names none.
    pub(crate) async fn name_queues(&mut self, changes: &[Change], results: &Results) -> Result<(), CommitFailure> {
        let applied = changes.iter().zip(results).filter_map(|(change, result)| match result {
            Some(Ok(Applied::Replayed(_)) | Err(_)) | None => None,
            Some(Ok(_)) => Some(change),
        });
        let unknown = self.repository.unknown_queues(applied);
        self.named.extend(unknown.iter().copied().cloned());
        self.insert_queues(unknown).await
    }

    pub(crate) async fn insert_queues(
        &self,
        queues: impl IntoIterator<Item = &QueueName>,
    ) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(QUEUE, 0);
        for queue in queues {
            rows.push([queue.as_str().into()]);
        }
        rows.execute(&self.transaction, |source| {
            format!("INSERT INTO queues (name) SELECT c1 FROM {source} AS v WHERE true ON CONFLICT (name) DO NOTHING")
        })
        .await?;
        Ok(())
    }

    /// Stores an idempotency key; if it was used before, returns the result of that request.
    pub(crate) async fn take_key(
        &self,
        idempotency: &Idempotency,
        ids: &[Uuid],
    ) -> Result<Option<Result<Applied, ChangeError>>, CommitFailure> {
        let Idempotency {
            key,
            fingerprint,
            created_at,
        } = idempotency;
        let row = idempotency_key::ActiveModel {
            key: sea_orm::Set(key.clone()),
            fingerprint: sea_orm::Set(fingerprint.to_vec()),
            job_ids: sea_orm::Set(joined(ids)),
            created_at: sea_orm::Set(micros(*created_at)),
        };
        let inserted = idempotency_key::Entity::insert(row)
            .on_conflict(
                sea_orm::sea_query::OnConflict::column(idempotency_key::Column::Key)
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(&self.transaction)
            .await?;
        if inserted == 1 {
            return Ok(None);
        }
        let Some(earlier) = idempotency_key::Entity::find_by_id(key.clone())
            .one(&self.transaction)
            .await?
        else {
            return Err(CommitFailure::Bad(ChangeError::Rejected {
                reason: "an idempotency key vanished".to_owned(),
            }));
        };
        if earlier.fingerprint != fingerprint {
            return Ok(Some(Err(ChangeError::IdempotencyMismatch)));
        }
        let ids = earlier
            .job_ids
            .chunks_exact(16)
            .filter_map(|bytes| Uuid::from_slice(bytes).ok());
        Ok(Some(Ok(Applied::Replayed(ids.collect()))))
    }

    /// Corrects the jobs of a key: some of them existed already.
    async fn record_existing(
        &self,
        idempotency: &Idempotency,
        jobs: &[Arc<Job>],
        inserted: &[Inserted],
    ) -> Result<(), CommitFailure> {
        let ids: Vec<Uuid> = jobs
            .iter()
            .zip(inserted)
            .map(|(job, inserted)| match inserted {
                Inserted::New => job.id.as_uuid(),
                Inserted::Existing(existing) => existing.id.as_uuid(),
            })
            .collect();
        idempotency_key::Entity::update_many()
            .col_expr(idempotency_key::Column::JobIds, joined(&ids).into())
            .filter(idempotency_key::Column::Key.eq(idempotency.key.clone()))
            .exec(&self.transaction)
            .await?;
        Ok(())
    }

    /// Stores a job unless an unfinished one has its key. `holders` are those that were found, or stored, before.
    async fn insert_unique<'a>(
        &mut self,
        job: &'a Arc<Job>,
        holders: &mut HashMap<&'a UniqueKey, Arc<Job>>,
    ) -> Result<Inserted, CommitFailure> {
        let Some(key) = &job.unique_key else {
            return Ok(Inserted::New);
        };
        if let Some(holder) = holders.get(key) {
            return Ok(Inserted::Existing(Arc::clone(holder)));
        }
        // Between the two statements another node may finish the job that holds the key: then the first one is
        // repeated.
        loop {
            let mut rows = Rows::new(WITH_PAST, 1);
            rows.push(past_row(job));
            let stored = rows
                .execute(&self.transaction, |source| {
                    format!(
                        "INSERT INTO jobs ({NEW_COLUMNS}, {PAST_COLUMNS}) SELECT * FROM {source} AS v WHERE true \
                         ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND status IN (0, 1) DO NOTHING"
                    )
                })
                .await?;
            if stored > 0 {
                self.counters.created(job);
                holders.insert(key, Arc::clone(job));
                return Ok(Inserted::New);
            }
            if let Some(existing) = self.holder_of(key).await? {
                holders.insert(key, Arc::clone(&existing));
                return Ok(Inserted::Existing(existing));
            }
        }
    }

    /// The unfinished job that has this key, in brief: a batch may name many.
    async fn holder_of(&self, key: &UniqueKey) -> Result<Option<Arc<Job>>, CommitFailure> {
        let holder = job::Entity::find()
            .filter(job::Column::UniqueKey.eq(key.as_str()))
            // As numbers in the text, so that the planner can use the partial index on unfinished jobs.
            .filter(Expr::cust("status IN (0, 1)"));
        let row = in_brief(holder).one(&self.transaction).await?;
        Ok(row.map(brief_job).transpose()?)
    }
}

fn joined(ids: &[Uuid]) -> Vec<u8> {
    ids.iter().flat_map(|id| *id.as_bytes()).collect()
}

/// `true` if a job is new: pending and unchanged since its creation.
pub(crate) fn is_new(job: &Job) -> bool {
    job.status == JobStatus::Pending
        && job.revision == 1
        && job.attempt == 0
        && job.retry_count == 0
        && job.result.is_none()
        && job.error.is_none()
        && job.error_detail.is_none()
        && job.started_at.is_none()
        && job.finished_at.is_none()
        && job.node.is_none()
        && job.claimed_by.is_none()
        && !job.cancel_requested
        && job.occurrence.is_none()
        && job.labels.is_none()
}

pub(crate) fn new_row(job: &Job) -> [sea_orm::Value; 14] {
    [
        job.id.as_uuid().into(),
        job.name.as_str().into(),
        job.job_type.as_str().into(),
        job.queue.as_str().into(),
        job.priority.code().into(),
        job.parameters.as_str().into(),
        micros(job.due_at).into(),
        int(job.max_retries).into(),
        job.retry_policy.delay.as_micros().into(),
        intervals_text(&job.retry_policy).into(),
        job.timeout.as_micros().into(),
        job.unique_key.as_ref().map(|key| key.as_str().to_owned()).into(),
        to_stored(job.trace_parent, job.propagated.as_deref()).into(),
        job.due_from.map(micros).into(),
    ]
}

/// All columns of a job, in the order of `WITH_PAST`.
pub(crate) fn past_row(job: &Job) -> [sea_orm::Value; 29] {
    let [
        id,
        name,
        job_type,
        queue,
        priority,
        parameters,
        due_at,
        max_retries,
        delay,
        intervals,
        timeout,
        unique_key,
        trace_parent,
        due_from,
    ] = new_row(job);
    let [recurring_id, occurrence_at] = occurrence_values(job);
    [
        id,
        name,
        job_type,
        queue,
        priority,
        parameters,
        due_at,
        max_retries,
        delay,
        intervals,
        timeout,
        unique_key,
        trace_parent,
        due_from,
        job.status.code().into(),
        text(job.result.as_ref().map(crate::domain::values::json::Json::as_arc)),
        text(job.error.as_ref()),
        text(job.error_detail.as_ref()),
        job.started_at.map(micros).into(),
        job.finished_at.map(micros).into(),
        int(job.attempt).into(),
        int(job.retry_count).into(),
        job.cancel_requested.into(),
        job.node.map(crate::domain::values::id::NodeId::as_uuid).into(),
        int(job.revision).into(),
        recurring_id,
        occurrence_at,
        to_stored_labels(job.labels.as_deref()).into(),
        Fingerprint::of_job(job).map(Fingerprint::code).into(),
    ]
}
