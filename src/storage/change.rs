//! What is written: the changes that the Writer commits, and what became of each.
//!
//! A commit takes a list of changes and applies all of them in one transaction. Each change carries its own *fence*, the
//! condition under which it still holds; a change whose fence has fallen is answered with [`ChangeError::Conflict`] (or
//! its kind of `false`) and alters nothing, and the others are committed all the same. Every implementation keeps, in the
//! same transaction, the counters of [`super::repository::JobRepository::queues`] and
//! [`super::repository::JobRepository::count`] in step with the jobs.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use super::applied::{Applied, ChangeError, Finished, Inserted};
use super::outbox::{Announcement, Attempts, HoldEndpoints, KnownVersion, Posting, Redelivery, ReviewEndpoints};
use crate::domain::access::audit::AuditRecord;
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::cluster::remote_worker::{AttemptReport, WorkerDeclaration};
use crate::domain::cluster::worker_access::WorkerAccess;
use crate::domain::job::Job;
use crate::domain::job::attempt::{Attempt, AttemptStatus};
use crate::domain::job::status::JobStatus;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::endpoint::Endpoint;

/// After which part of its lease without a heartbeat a server counts as unreachable: numerator and denominator. Servers
/// renew their lease after a third, and the commit that does so takes its time; workers do so, too, and lose theirs when a
/// server is away for two thirds.
pub const DEAF_AFTER: (i32, i32) = (1, 2);

/// Whether the end of an attempt leaves the job's result and the detail of its error as they are stored: a brief job has
/// neither, and only an attempt that completed or failed, and a loss that fails the job, decide them.
pub fn leaves_texts(job: &Job, attempt: &Attempt) -> bool {
    let is_decided = match attempt.status {
        AttemptStatus::Completed | AttemptStatus::Failed => true,
        AttemptStatus::Running | AttemptStatus::Cancelled | AttemptStatus::Interrupted | AttemptStatus::Lost => {
            job.status == JobStatus::Failed
        }
    };
    job.is_brief && !is_decided
}

/// One thing to write.
///
/// Within one commit no two changes concern the same job, but for `Insert`s that share a unique key or an idempotency
/// key, and for `Claim`, `Clear` and `Prune`, which are applied after all others and choose among what those have left.
/// An `Audit` belongs to the change just before it. Only a change that is applied makes a queue.
#[derive(Clone, Debug)]
pub enum Change {
    /// Stores new jobs, all of them or none. A queue that is named for the first time comes into being. A job whose
    /// unique key belongs to an unfinished job is not stored; that one is answered in its place. An id that is taken, or a
    /// due time of a recurring job that has become a job already, is [`ChangeError::Rejected`].
    /// → [`Applied::Inserted`], [`Applied::Replayed`] or [`ChangeError::IdempotencyMismatch`].
    Insert {
        /// The jobs as they will be.
        jobs: Vec<Arc<Job>>,
        /// Present when the caller must be able to ask again without effect.
        idempotency: Option<Idempotency>,
    },
    /// Takes pending jobs that the node already knows. These are the jobs as they will be (see [`Job::start`]); each is
    /// stored if its stored revision is still the one before, and the node that takes it holds its lease.
    /// → [`Applied::Started`] or [`ChangeError::NoLease`].
    Start {
        /// The jobs, running.
        jobs: Vec<Arc<Job>>,
    },
    /// Finds due jobs in storage and starts them, if the node holds its lease. → [`Applied::Claimed`] or
    /// [`ChangeError::NoLease`].
    Claim(Claim),
    /// Ends an attempt. The job is stored, and the attempt added to its history, if the stored job is still running with
    /// this very attempt number; otherwise the attempt has lost its lease and nothing changes. Nor does anything change
    /// if the job would run again although its cancellation was requested meanwhile: the end of the attempt is then
    /// decided again. Of a brief job the stored parameters stay, and the other texts too where [`leaves_texts`].
    /// → [`Applied::Finished`].
    Finish {
        /// The job as it will be (see [`Job::finish`]).
        job: Arc<Job>,
        /// The attempt that has ended.
        attempt: Box<Attempt>,
        /// Whether it is stored only if the attempt's node holds no lease in the same transaction: then the node can't
        /// have renewed it since it was read. Otherwise the answer is [`Finished::LeaseLost`].
        if_orphaned: bool,
    },
    /// Replaces a job by a changed one if the stored revision is still `before`'s. Of a brief job the stored parameters,
    /// result and detail of the error stay. → [`Applied::Updated`], [`ChangeError::Conflict`] or [`ChangeError::UniqueKeyTaken`].
    Update {
        /// The job as it was read.
        before: Arc<Job>,
        /// The job as it will be.
        after: Arc<Job>,
    },
    /// Removes a job and its attempts if its stored revision is still this one. → [`Applied::Deleted`] or
    /// [`ChangeError::Conflict`].
    Delete {
        /// The job as it was read.
        job: Arc<Job>,
    },
    /// Removes up to `limit` jobs of a queue that have this status and no id greater than `up_to`, with their attempts.
    /// → [`Applied::Removed`].
    Clear {
        /// Whose jobs.
        queue: QueueName,
        /// Which of them: pending or failed.
        status: JobStatus,
        /// The youngest that goes.
        up_to: JobId,
        /// How many at the most in this step.
        limit: u32,
    },
    /// Pauses or resumes a queue, which comes into being if it does not exist. → [`Applied::QueueSet`].
    SetQueue {
        /// Which.
        queue: QueueName,
        /// Paused or running; `None` only makes sure that it exists.
        is_paused: Option<bool>,
    },
    /// Removes a queue that no unfinished job names; its finished jobs stay. It is applied at the end of the commit.
    /// → [`Applied::QueuesRemoved`], which is empty when there is no such queue or it has unfinished jobs.
    DeleteQueue {
        /// Which.
        queue: QueueName,
    },
    /// Removes every queue that is not paused and that neither a job nor a recurring job names, and restores those that
    /// unfinished jobs name. It is applied at the end of the commit. → [`Applied::QueuesRemoved`].
    PruneQueues,
    /// Removes up to `limit` jobs that have this finished status, were created before `finished_before` and finished
    /// before it, with their attempts. → [`Applied::Removed`].
    Prune {
        /// Which.
        status: JobStatus,
        /// The end of their time.
        finished_before: DateTime<Utc>,
        /// How many at the most in this step.
        limit: u32,
    },
    /// Removes idempotency keys and throughput counts that nobody needs any more. Keys go in steps. → [`Applied::Removed`]: how
    /// many keys and throughput counts.
    PruneBookkeeping {
        /// Keys given before this time go.
        keys_before: DateTime<Utc>,
        /// Counts of completions before this time go; at least an hour ago.
        throughput_before: DateTime<Utc>,
        /// How many keys at the most in this step.
        limit: u32,
    },
    /// Removes the sums of the oldest day, if its time is over, and adds up the oldest day that is kept by hours and may be kept
    /// as one: it becomes the day's first hour's. → [`Applied::Removed`]: 1 if there was a day of either, and may be more.
    AgeSums {
        /// Steps of time and reasons of whole days before this time are kept by days.
        by_days_before: DateTime<Utc>,
        /// Sums of whole days before this time go; `None` keeps them for ever.
        rollups_before: Option<DateTime<Utc>>,
    },
    /// Records who has made the change just before this one in the list, if that change has had an effect (see
    /// [`Applied::jobs_changed`], which becomes the record's number of jobs). A record with the same id that is stored
    /// already is of an earlier step of the same work: the numbers are added up. → [`Applied::Audited`].
    Audit(Box<AuditRecord>),
    /// Removes up to `limit` records of who has changed what, made before this time, the oldest first.
    /// → [`Applied::Removed`].
    PruneAudit {
        /// The end of their time.
        before: DateTime<Utc>,
        /// How many at the most in this step.
        limit: u32,
    },
    /// Renews a server's lease, for as long as `lease` from now by the storage's own clock. Where storage serves one server
    /// at a time, that ends the leases of all other servers, the leader's too: they are earlier runs of it, and this one's
    /// lease does not expire until it leaves. If no server has sent a heartbeat for longer than half of its lease
    /// ([`DEAF_AFTER`]), no worker could renew its own: the leases of workers that run jobs last at least `lease` from
    /// now; those of other servers too, if this server is known already. Each is extended so once, until its owner renews
    /// it. A lease that was renewed in the future (storage's clock was set back) lasts from now as long as it was renewed
    /// for.
    /// → [`Applied::Alive`].
    Heartbeat {
        /// Which node.
        node: NodeId,
        /// What people call it.
        name: Arc<str>,
        /// When it started.
        started_at: DateTime<Utc>,
        /// How long the node's jobs are its own without another heartbeat.
        lease: TimeSpan,
        /// The job types that it has handlers for. They are those of its first heartbeat.
        job_types: Arc<[JobType]>,
        /// Those of them that remote workers may lease too.
        remote_types: Arc<[JobType]>,
    },
    /// Stores a new recurring job. → [`Applied::RecurringStored`] or [`Applied::Replayed`], or
    /// [`ChangeError::RecurringKeyTaken`] when there is one with its key.
    InsertRecurring {
        /// As it will be.
        recurring: Arc<RecurringJob>,
        /// Present when the caller must be able to ask again without effect.
        idempotency: Option<Idempotency>,
    },
    /// Replaces a recurring job by a changed one if the stored revision is still `before`'s. → [`Applied::RecurringStored`]
    /// or [`ChangeError::Conflict`].
    UpdateRecurring {
        /// As it was read.
        before: Arc<RecurringJob>,
        /// As it will be.
        after: Arc<RecurringJob>,
    },
    /// Removes a recurring job if its stored revision is still this one; its occurrences stay.
    /// → [`Applied::Deleted`] or [`ChangeError::Conflict`].
    DeleteRecurring {
        /// As it was read.
        recurring: Arc<RecurringJob>,
    },
    /// Creates occurrences. → [`Applied::Fired`], [`ChangeError::Conflict`] or [`ChangeError::NoLease`].
    Fire(Fire),
    /// Creates one occurrence of a recurring job, whose revision grows by one. Without `revision` it does not matter who has
    /// changed the recurring job meanwhile. → [`Applied::Fired`], or [`ChangeError::Conflict`] when the recurring job is gone
    /// or has another revision.
    Trigger {
        /// Which recurring job.
        recurring_id: RecurringId,
        /// The revision that it must have.
        revision: Option<u32>,
        /// The occurrence.
        occurrence: Arc<Job>,
    },
    /// Asks that a node may lead, or go on leading, by the rules of [`crate::domain::cluster::leadership`] and the storage's own
    /// clock. → [`Applied::Led`].
    Lead {
        /// Which node.
        node: NodeId,
        /// How long without asking again.
        lease: TimeSpan,
    },
    /// Makes a remote worker known, with a lease from now by the storage's own clock. It takes jobs under its id as a node
    /// does, in `Claim`; it is none of those that [`super::repository::JobRepository::nodes`] tells, and the heartbeat of a
    /// server ends no worker's lease. → [`Applied::Registered`].
    RegisterWorker {
        /// This run of the worker.
        worker: NodeId,
        /// What it says of itself.
        declaration: Arc<WorkerDeclaration>,
        /// Access to it.
        access: Arc<WorkerAccess>,
        /// When it came.
        registered_at: DateTime<Utc>,
        /// How long its jobs are its own without a renewal.
        lease: TimeSpan,
    },
    /// Renews a remote worker's lease, also one that has run out. → [`Applied::Renewed`].
    RenewWorker {
        /// Which worker.
        worker: NodeId,
        /// How long from now.
        lease: TimeSpan,
    },
    /// Notes what an attempt reports, if the stored job is still running with this attempt: the newest progress, and log
    /// lines, of which the last [`LOG_LINES_KEPT`](crate::domain::cluster::remote_worker::LOG_LINES_KEPT) of a job are kept. It
    /// leaves the job's revision as it is. → [`Applied::Reported`].
    Report {
        /// The job as it was read, for those who are told of the report.
        job: Arc<Job>,
        /// What is reported of it.
        report: Arc<AttemptReport>,
    },
    /// Says that a node or a remote worker has gone for good and holds nothing any more. → [`Applied::Alive`].
    Leave {
        /// Which one.
        node: NodeId,
    },
    /// Has a server drain, or stop draining. It keeps its lease and what it runs. → [`Applied::DrainSet`] or
    /// [`ChangeError::Conflict`] if there is no such server.
    SetDraining {
        /// Which server.
        node: NodeId,
        /// Whether it drains.
        is_draining: bool,
    },
    /// Tells others of the changes before it, of which it is the last: asked when they have been applied, and written with
    /// them. → [`Applied::Announced`].
    Announce(Announcer),
    /// Tells endpoints what no other change is about. → [`Applied::Announced`].
    Post(Vec<Posting>),
    /// Stores a webhook endpoint: a new one, or in place of `before` if the stored revision is still that one's.
    /// → [`Applied::EndpointStored`] or [`ChangeError::Conflict`].
    PutEndpoint {
        /// As it was read; `None` when there must be none.
        before: Option<Arc<Endpoint>>,
        /// As it will be.
        after: Arc<Endpoint>,
    },
    /// Removes a webhook endpoint if its stored revision is still this one; its deliveries follow in steps, by
    /// `PruneDeliveries`. → [`Applied::Deleted`] or [`ChangeError::Conflict`].
    DeleteEndpoint {
        /// As it was read.
        endpoint: Arc<Endpoint>,
    },
    /// Has a node hold endpoints: no other sends their deliveries as long as it lives. → [`Applied::Held`] or
    /// [`ChangeError::NoLease`].
    HoldEndpoints(HoldEndpoints),
    /// Notes which configured endpoints a node names, and removes in steps those that no live node names: see
    /// [`ReviewEndpoints`]. → [`Applied::Reviewed`].
    ReviewEndpoints(ReviewEndpoints),
    /// Notes what came of attempts to tell an endpoint. → [`Applied::Attempted`].
    Attempts(Box<Attempts>),
    /// Makes deliveries pending again that are not. → [`Applied::Removed`], their number.
    Redeliver {
        /// Which.
        which: Redelivery,
        /// When they are due.
        now: DateTime<Utc>,
    },
    /// Sets up to `limit` pending deliveries back that a clock has made due later which was ahead: those due after `now`
    /// although they have had no attempt, which are due at `now` then, or whose last attempt is after `now`. That one is
    /// moved by `step`, or as far as it is after `now` if that is more, and the next one as far. A second more or less is
    /// no error; storage that nodes share counts no time that its own clock has reached. → [`Applied::Removed`], their
    /// number.
    SetBackDeliveries {
        /// The time by the clock as it is right.
        now: DateTime<Utc>,
        /// How far it was ahead; zero if that is not known.
        step: TimeSpan,
        /// How many at the most in this commit.
        limit: u32,
    },
    /// Removes up to `limit` deliveries: whose endpoint is gone, or which are delivered, failed, or an endpoint's that is
    /// disabled, and whose event happened before `before`; and messages that nobody is told any more.
    /// → [`Applied::Removed`].
    PruneDeliveries {
        /// The end of their time.
        before: DateTime<Utc>,
        /// How many at the most in this step.
        limit: u32,
    },
    /// Has a node hold a reader of the feed: no other moves its cursor as long as it lives. A reader that is named for the
    /// first time comes into being at the start. → [`Applied::HeldReader`] or [`ChangeError::NoLease`].
    HoldReader {
        /// What the reader is called; not empty.
        reader: Arc<str>,
        /// Which node.
        node: NodeId,
    },
    /// Moves a reader's cursor, if the node holds the reader. → [`Applied::Updated`] or [`ChangeError::Conflict`].
    MoveReader {
        /// Which reader.
        reader: Arc<str>,
        /// Who moves it.
        node: NodeId,
        /// Where it stands then.
        to: FeedCursor,
    },
    /// Removes up to `limit` entries of the feed that were made before this time, the oldest first.
    /// → [`Applied::Removed`].
    PruneFeed {
        /// The end of their time.
        before: DateTime<Utc>,
        /// How many at the most in this step.
        limit: u32,
    },
}

/// Occurrences of a recurring job that are created, together with the recurring job as it is then. All of it happens if
/// the stored revision is still `before`'s and the leader still leads; an occurrence that exists is not created again.
#[derive(Clone, Debug)]
pub struct Fire {
    /// The recurring job as it was read.
    pub before: Arc<RecurringJob>,
    /// As it will be: nothing differs but its revision, its next and last due time, and those that wait.
    pub after: Arc<RecurringJob>,
    /// The occurrences as jobs.
    pub occurrences: Vec<Arc<Job>>,
    /// Who creates them, and the token under which it leads; `None` when no leader is required.
    pub leader: Option<(NodeId, FencingToken)>,
}

/// Which due jobs a queue wants.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Whose jobs.
    pub queue: QueueName,
    /// How many at the most.
    pub limit: u32,
    /// Only of these types: those that this node has a handler for and that are not at their limit.
    pub job_types: Arc<[JobType]>,
    /// Who takes them.
    pub node: NodeId,
    /// Jobs due at or before this time are due.
    pub now: DateTime<Utc>,
    /// How large the jobs may be together; `None` for any size.
    pub bytes: Option<ByteLimit>,
}

/// How large the jobs of one claim may be together: their parameters, results and errors. What is due after the first job
/// that does not fit is not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteLimit {
    /// In bytes.
    pub max: u64,
    /// Whether the first job is claimed whatever its size is.
    pub first_always: bool,
}

impl ByteLimit {
    /// How large a job is.
    pub fn bytes_of(job: &Job) -> u64 {
        let result = job.result.as_ref().map_or(0, |result| result.as_str().len());
        let error = [&job.error, &job.error_detail].into_iter().flatten();
        let error: usize = error.map(|text| text.len()).sum();
        (job.parameters.as_str().len() + result + error) as u64
    }
}

/// A caller's key under which a request takes effect once, however often it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key as given, and what tells its users apart.
    pub key: String,
    /// The digest of what was asked; the same key with another digest is a mistake of the caller.
    pub fingerprint: [u8; 32],
    /// When it was given.
    pub created_at: DateTime<Utc>,
}

type Results<'a> = &'a [Option<Result<Applied, ChangeError>>];
type Announce = dyn Fn(&[Change], Results<'_>, Option<&[Arc<Endpoint>]>) -> Announcement + Send + Sync;

/// Derives what is announced from changes and their results. It is called within the transaction.
#[derive(Clone)]
pub struct Announcer {
    rule: Arc<Announce>,
    known: Option<KnownVersion>,
}

impl Announcer {
    /// An announcer of this rule. Its last argument is the stored endpoints, when they are others than the node knows.
    pub fn new(
        rule: impl Fn(&[Change], Results<'_>, Option<&[Arc<Endpoint>]>) -> Announcement + Send + Sync + 'static,
    ) -> Self {
        Self {
            rule: Arc::new(rule),
            known: None,
        }
    }

    /// The same for a node that knows this version of the endpoints: storage calls the rule with the stored ones when
    /// there is a newer version, so that another node's change of an endpoint holds for every later commit.
    #[must_use]
    pub fn knowing(self, known: KnownVersion) -> Self {
        Self {
            known: Some(known),
            ..self
        }
    }

    /// What the node knows; `None` when it is the only one that changes endpoints.
    pub fn known(&self) -> Option<KnownVersion> {
        self.known
    }

    /// What is announced of these changes with these results.
    pub fn announce(
        &self,
        changes: &[Change],
        results: Results<'_>,
        endpoints: Option<&[Arc<Endpoint>]>,
    ) -> Announcement {
        (self.rule)(changes, results, endpoints)
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcer")
    }
}
