//! Recurring jobs.

use reqwest::Method;
use tickerq_core::recurring::RecurringId;

use super::Client;
use crate::error::Error;
use crate::http::Call;
use crate::model::NewRecurringJob;
use crate::schemas::{Job, RecurringJob, RecurringPage, SchedulePreview, Upcoming};

impl Client {
    /// A page of the recurring jobs, newest first.
    pub async fn recurring_jobs(&self, limit: u32, offset: u64) -> Result<RecurringPage, Error> {
        let query = vec![("limit", limit.to_string()), ("offset", offset.to_string())];
        self.http
            .send(Call::new(Method::GET, "/jobs/recurring").query(query))
            .await
    }

    /// A page of the recurring jobs that a filter selects. Parameters: `search`, `enabled`, `type`, `queue`, `order`, `after`, `limit`,
    /// `offset`, `outcomes`.
    pub async fn find_recurring_jobs(&self, filter: Vec<(&'static str, String)>) -> Result<RecurringPage, Error> {
        self.http
            .send(Call::new(Method::GET, "/jobs/recurring").query(filter))
            .await
    }

    /// The next times of a cron expression. Parameters: `timeZone`, `after`, `count`.
    pub async fn preview_schedule(
        &self,
        cron_expression: &str,
        mut options: Vec<(&'static str, String)>,
    ) -> Result<SchedulePreview, Error> {
        options.push(("cronExpression", cron_expression.to_owned()));
        self.http
            .send(Call::new(Method::GET, "/jobs/recurring/preview").query(options))
            .await
    }

    /// The future due times of all recurring jobs, by hour and queue. Parameters: `from`, `to`, `timeZone`.
    pub async fn upcoming(&self, range: Vec<(&'static str, String)>) -> Result<Upcoming, Error> {
        self.http
            .send(Call::new(Method::GET, "/jobs/recurring/upcoming").query(range))
            .await
    }

    /// Creates a recurring job.
    pub async fn schedule_recurring(&self, recurring: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Call::new(Method::POST, "/jobs/recurring").body(recurring).once(None))
            .await
    }

    /// A recurring job.
    pub async fn recurring_job(&self, id: RecurringId) -> Result<RecurringJob, Error> {
        self.get(format!("/jobs/recurring/{id}")).await
    }

    /// Replaces a recurring job.
    pub async fn replace_recurring(&self, id: RecurringId, recurring: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Call::new(Method::PUT, format!("/jobs/recurring/{id}")).body(recurring))
            .await
    }

    /// Changes a recurring job.
    pub async fn update_recurring(&self, id: RecurringId, changes: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Call::new(Method::PATCH, format!("/jobs/recurring/{id}")).body(changes))
            .await
    }

    /// Deletes a recurring job; its occurrences stay.
    pub async fn delete_recurring(&self, id: RecurringId) -> Result<(), Error> {
        self.http
            .send(Call::new(Method::DELETE, format!("/jobs/recurring/{id}")))
            .await
    }

    /// The recurring job with this key.
    pub async fn recurring_job_by_key(&self, key: &str) -> Result<RecurringJob, Error> {
        self.get(path_of_key(key)).await
    }

    /// Creates the recurring job with this key, or replaces it: a repeated deployment creates no second one.
    pub async fn put_recurring_by_key(&self, key: &str, recurring: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Call::new(Method::PUT, path_of_key(key)).body(recurring))
            .await
    }

    /// Deletes the recurring job with this key; its occurrences stay.
    pub async fn delete_recurring_by_key(&self, key: &str) -> Result<(), Error> {
        self.http.send(Call::new(Method::DELETE, path_of_key(key))).await
    }

    /// Resumes or suspends the occurrences of a recurring job.
    pub async fn enable_recurring(&self, id: RecurringId, is_enabled: bool) -> Result<RecurringJob, Error> {
        let what = if is_enabled { "enable" } else { "disable" };
        self.http
            .send(Call::new(Method::POST, format!("/jobs/recurring/{id}/{what}")).safe())
            .await
    }

    /// Creates one occurrence of a recurring job now, and returns it.
    pub async fn trigger_recurring(&self, id: RecurringId) -> Result<Job, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/jobs/recurring/{id}/trigger")))
            .await
    }
}

/// The path of a recurring job's key, which may contain any character.
fn path_of_key(key: &str) -> String {
    let mut path = "/jobs/recurring/by-key/".to_owned();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}
