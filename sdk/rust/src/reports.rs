//! Reports the results of attempts until the server has stored them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::attempt::JobContext;
use crate::error::Error;
use crate::http::backoff;
use crate::model::Ended;
use crate::worker::Shared;

const REPORTS_MAX: usize = 1_000;
/// The time between two checks of the lease of a report that waits.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// The result of an attempt.
pub(crate) struct Report {
    pub(crate) context: JobContext,
    pub(crate) is_success: bool,
    pub(crate) ended: Ended,
    /// A failure without what the server may not accept.
    pub(crate) is_plain: bool,
    /// Dropped when the result is stored or abandoned, or its lease is lost.
    pub(crate) _done: oneshot::Sender<()>,
}

/// `true` if an error is about the content of the request. Any other failure may pass.
pub(crate) fn is_verdict(error: &Error) -> bool {
    match error {
        Error::Validation(_) | Error::TooLarge(_) | Error::IdempotencyMismatch(_) => true,
        Error::Connection(_)
        | Error::InvalidResponse(_)
        | Error::Authentication(_)
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::Conflict(_)
        | Error::PreconditionFailed(_)
        | Error::RateLimited { .. }
        | Error::Unavailable { .. }
        | Error::Server(_) => false,
    }
}

/// `true` if an error concerns every request: smaller batches do not help.
fn is_common(error: &Error) -> bool {
    match error {
        Error::Connection(_) | Error::Authentication(_) | Error::RateLimited { .. } | Error::Unavailable { .. } => true,
        Error::InvalidResponse(_)
        | Error::Validation(_)
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::Conflict(_)
        | Error::PreconditionFailed(_)
        | Error::TooLarge(_)
        | Error::IdempotencyMismatch(_)
        | Error::Server(_) => false,
    }
}

/// Sends reports in batches. The retries of one keep no later one waiting.
pub(crate) async fn report_loop(shared: Arc<Shared>, mut reports: mpsc::UnboundedReceiver<Report>) {
    let mut retries = JoinSet::new();
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = reports.recv_many(&mut batch, REPORTS_MAX) => if count == 0 { return },
            Some(_) = retries.join_next() => continue,
        }
        let (completed, failed) = batch.drain(..).partition(|report: &Report| report.is_success);
        for reports in [completed, failed] {
            if let Err((reports, error)) = send(&shared, reports).await {
                retries.spawn(retry(Arc::clone(&shared), reports, error, 0));
            }
        }
    }
}

/// Sends reports of one kind; those whose lease is lost are dropped.
async fn send(shared: &Shared, mut reports: Vec<Report>) -> Result<(), (Vec<Report>, Error)> {
    reports.retain(|report| !report.context.is_lost());
    let Some(first) = reports.first() else {
        return Ok(());
    };
    let ended: Vec<Ended> = reports.iter().map(|report| report.ended.clone()).collect();
    let how = if first.is_success { "complete" } else { "fail" };
    match shared.client().report(&shared.id(), how, &ended).await {
        // A conflict: too late, or a repeated request whose first response was lost.
        Ok(_) | Err(Error::Conflict(_)) => Ok(()),
        Err(error) => Err((reports, error)),
    }
}

async fn deliver(shared: Arc<Shared>, reports: Vec<Report>, tries: u32) {
    if let Err((reports, error)) = send(&shared, reports).await {
        retry(shared, reports, error, tries).await;
    }
}

fn retry(shared: Arc<Shared>, mut reports: Vec<Report>, error: Error, tries: u32) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        shared.failed("could not report results", &error);
        let is_refused = is_verdict(&error);
        if is_refused && reports.len() == 1 {
            let plain = reports.pop().and_then(|report| refused(&shared, report, &error));
            return deliver(shared, plain.into_iter().collect(), 0).await;
        }
        if !is_refused {
            let wait = backoff(tries).max(error.retry_after().unwrap_or_default());
            pause(&reports, wait).await;
        }
        let rest = if is_common(&error) {
            Vec::new()
        } else {
            reports.split_off(reports.len().div_ceil(2))
        };
        let tries = tries.saturating_add(1);
        join(
            deliver(Arc::clone(&shared), reports, tries),
            deliver(shared, rest, tries),
        )
        .await;
    })
}

/// Waits before a retry, as long as one of the leases is valid.
async fn pause(reports: &[Report], wait: Duration) {
    let end = Instant::now() + wait;
    while Instant::now() < end && reports.iter().any(|report| !report.context.is_lost()) {
        tokio::time::sleep_until(end.min(Instant::now() + CHECK_EVERY)).await;
    }
}

/// The report in place of one that the server does not accept: a result fails its job permanently, a failure is
/// reported by its reason alone.
fn refused(shared: &Shared, report: Report, error: &Error) -> Option<Report> {
    if report.is_plain || report.ended.outcome.is_some() {
        shared.gave_up(&report.context, error);
        return None;
    }
    let what = if report.is_success { "result" } else { "error" };
    let ended = Ended {
        error: Some(format!("the {what} was not accepted: {error}")),
        retry: Some(!report.is_success && report.ended.retry.unwrap_or(true)),
        ..report.context.ended()
    };
    Some(Report {
        is_success: false,
        is_plain: true,
        ended,
        ..report
    })
}
