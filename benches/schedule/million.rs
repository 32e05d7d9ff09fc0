//! Stores the delayed jobs, and some recurring ones.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tickerq::domain::cron::CronExpression;
use tickerq::domain::job::new_job::{Due, JobDefaults, NewJob};
use tickerq::domain::job::priority::Priority;
use tickerq::domain::recurring::misfire::MisfirePolicy;
use tickerq::domain::recurring::overlap::OverlapPolicy;
use tickerq::domain::recurring::{NewRecurringJob, Schedule, Template};
use tickerq::domain::values::json::Json;
use tickerq::domain::values::name::{JobName, JobType, QueueName};
use tickerq::domain::values::time_zone::TimeZoneName;
use tickerq::storage::change::{Change, JobChange, RecurringChange};
use tickerq::storage::repository::JobRepository;

use super::due_at;

const BATCH: u32 = 10_000;
/// Recurring jobs, each due every second.
const RECURRING: u32 = 5;

pub(crate) fn job_type() -> JobType {
    JobType::parse("NoopJob").expect("a type")
}

pub(crate) fn queue() -> QueueName {
    QueueName::parse("bench").expect("a queue")
}

pub(crate) async fn store(repository: &dyn JobRepository, first_due: DateTime<Utc>, jobs: u32) {
    let now = Utc::now();
    let defaults = JobDefaults::default();
    for batch in 0..jobs.div_ceil(BATCH) {
        let numbers = batch * BATCH..jobs.min((batch + 1) * BATCH);
        let jobs = numbers.map(|number| {
            let new = NewJob {
                queue: Some(queue()),
                due: Due::At(due_at(first_due, number)),
                parameters: Json::from_valid(
                    r#"{"recipientEmail":"newuser@example.com","templateId":"welcome-email"}"#,
                ),
                ..NewJob::of_type(job_type())
            };
            Arc::new(new.into_job(&defaults, now, u128::from(number)))
        });
        commit(
            repository,
            Change::Job(JobChange::Insert {
                jobs: jobs.collect(),
                idempotency: None,
            }),
        )
        .await;
    }
    for number in 0..RECURRING {
        // As if created just before the first job is due: nothing was missed until then.
        let made = first_due - TimeDelta::seconds(1);
        let recurring = recurring().into_recurring_job(made, u128::from(number));
        commit(
            repository,
            Change::Recurring(RecurringChange::Insert {
                recurring: Arc::new(recurring),
                idempotency: None,
            }),
        )
        .await;
    }
}

async fn commit(repository: &dyn JobRepository, change: Change) {
    let mut committed = repository.commit(&[change].into()).await.expect("storage works");
    committed.results.remove(0).expect("it is stored");
}

fn recurring() -> NewRecurringJob {
    NewRecurringJob {
        key: None,
        schedule: Schedule {
            cron: CronExpression::parse("* * * * * *").expect("an expression"),
            time_zone: TimeZoneName::UTC,
            starts_at: None,
            ends_at: None,
        },
        template: Template {
            name: JobName::from(&job_type()),
            job_type: job_type(),
            queue: Some(queue()),
            parameters: Json::null(),
            priority: Priority::Normal,
            max_retries: None,
            timeout: None,
            retry_delay: None,
            retry_intervals: None,
            tags: Vec::new(),
        },
        is_enabled: true,
        misfire_policy: MisfirePolicy::FireOnce,
        overlap_policy: OverlapPolicy::Allow,
    }
}
