//! Use cases of jobs, and the state that they share.

use std::sync::Arc;

use crate::domain::access::caller::Caller;
use crate::domain::job::Job;
use crate::domain::values::name::QueueName;
use crate::runtime::RuntimeHandle;
use crate::service::audit_writer::AuditWriter;
use crate::service::error::ServiceError;
use crate::service::limits::expensive_reads::ExpensiveReads;
use crate::service::limits::job_admission::JobAdmission;
use crate::service::limits::job_limits::JobLimits;
use crate::service::limits::known_queues::NewQueues;
use crate::service::limits::large_texts::LargeTexts;
use crate::service::limits::turns::Turns;
use crate::service::recurring::Recurring;
use crate::storage::repository::JobRepository;

/// Use cases of jobs.
#[derive(Clone)]
pub struct Jobs {
    pub(super) repository: Arc<dyn JobRepository>,
    pub(super) runtime: RuntimeHandle,
    pub(super) limits: Arc<JobLimits>,
    pub(super) audit: AuditWriter,
    pub(super) admission: Arc<JobAdmission>,
    pub(super) recurring: Recurring,
    pub(super) turns: Turns,
    pub(super) reads: ExpensiveReads,
    pub(super) large_texts: LargeTexts,
}

impl Jobs {
    /// Use cases over this storage and this runtime.
    // For benchmarks; programs have those of their server.
    #[doc(hidden)]
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle, limits: Arc<JobLimits>) -> Self {
        let admission = Arc::new(JobAdmission::new(
            Arc::clone(&repository),
            &runtime,
            Arc::clone(&limits),
        ));
        let large_texts = LargeTexts::default();
        let recurring = Recurring::new(
            Arc::clone(&repository),
            runtime.clone(),
            Arc::clone(&limits),
            Arc::clone(&admission),
            large_texts.clone(),
        );
        Self {
            repository,
            audit: AuditWriter::new(runtime.clone(), false),
            runtime,
            limits,
            admission,
            recurring,
            turns: Turns::default(),
            reads: ExpensiveReads::default(),
            large_texts,
        }
    }

    /// Sets the scheduler of expensive reads.
    #[must_use]
    pub(crate) fn with_expensive_reads(self, reads: ExpensiveReads) -> Self {
        Self { reads, ..self }
    }

    /// Use cases of recurring jobs, which share the limits of this instance.
    pub const fn recurring(&self) -> &Recurring {
        &self.recurring
    }

    /// Enables or disables the audit log.
    #[must_use]
    pub(crate) fn audited(self, is_kept: bool) -> Self {
        Self {
            audit: AuditWriter::new(self.runtime.clone(), is_kept),
            recurring: self.recurring.audited(is_kept),
            ..self
        }
    }

    /// The limits and defaults of this server.
    pub(crate) fn limits(&self) -> &JobLimits {
        &self.limits
    }

    /// Checks that a queue exists or may be created. The result is held until it is written.
    pub(crate) async fn check_queue(
        &self,
        caller: &Caller,
        queue: &QueueName,
    ) -> Result<Option<NewQueues>, ServiceError> {
        self.admission.check_queue(caller, queue).await
    }

    /// Warnings for the caller: that the job type has no handler.
    pub(crate) async fn warnings(&self, job: &Job) -> Vec<String> {
        self.runtime.handled.warnings(job).await
    }
}
