//! Outcomes of deliveries: retries, the endpoint's health, and their storing.

use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tracing::info;

use super::{WebhookSender, WebhookSenderDeps};
use crate::domain::values::id::JobId;
use crate::domain::webhooks::delivery::{AfterAttempt, DueDelivery, Reply, after_attempt};
use crate::domain::webhooks::endpoint::{Disabled, DisabledReason, Endpoint};
use crate::domain::webhooks::event::WebhookEvent;
use crate::runtime::actor::clock::draw_jitter;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Change, WebhookChange};
use crate::storage::outbox::{AttemptOutcome, Attempts, EndpointHealth, OutboxMessage};
use crate::webhooks::delivery_request::DeliveryOutcome;
use crate::webhooks::payload::disabled_alert;

/// Delay before a failed write of outcomes is retried.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Maximum pause of all deliveries that an endpoint's `Retry-After` causes.
const MAX_PAUSE: Duration = Duration::from_secs(3_600);

impl WebhookSender {
    pub(super) fn complete(&mut self, due: &DueDelivery, outcome: DeliveryOutcome, ctx: &mut Context<Self>) {
        let DeliveryOutcome { attempt, reply, pause } = outcome;
        let now = self.deps.clock.now();
        let number = due.attempts + 1;
        let policy = self.endpoint.retry_policy();
        let after = after_attempt(reply, number, self.endpoint.max_retries, &policy, now, draw_jitter());
        match reply {
            Reply::Accepted => {
                if self.failing_since.take().is_some() {
                    self.health = EndpointHealth::Well;
                }
            }
            Reply::Gone => self.give_up(DisabledReason::Gone, now),
            Reply::Rejected { .. } => {
                // A clock that was ahead may have stored a later time.
                let since = self.failing_since.map_or(now, |since| since.min(now));
                self.failing_since = Some(since);
                self.health = EndpointHealth::FailingSince(since);
                if Endpoint::is_given_up(since, self.deps.options.delivery.disable_after, now) {
                    self.give_up(DisabledReason::Failing, now);
                }
            }
        }
        if let AfterAttempt::RetryAt(at) = after {
            self.poll_at(at, ctx);
        }
        if let Some(pause) = pause {
            let pause = pause.to_std().min(MAX_PAUSE);
            self.paused_until = self.paused_until.max(Some(Instant::now() + pause));
            ctx.run_later(pause, |sender, ctx| sender.read(ctx));
        }
        self.outcomes.push(AttemptOutcome {
            id: due.id,
            number,
            attempt,
            after,
        });
    }

    fn give_up(&mut self, reason: DisabledReason, at: DateTime<Utc>) {
        self.disable.get_or_insert(Disabled { at, reason });
        self.is_retired = true;
    }

    /// Stores the outcomes that arrived during the last write.
    pub(super) fn flush(&mut self, ctx: &mut Context<Self>) {
        if self.is_recording || (self.outcomes.is_empty() && self.disable.is_none()) {
            self.stop_if_idle(ctx);
            return;
        }
        self.is_recording = true;
        let attempts = Attempts {
            endpoint_id: self.endpoint.id,
            outcomes: std::mem::take(&mut self.outcomes),
            health: std::mem::replace(&mut self.health, EndpointHealth::AsBefore),
            disable: self.disable.take(),
        };
        self.is_disabling = attempts.disable.is_some();
        let mut changes = vec![Change::Webhook(WebhookChange::Attempts(Box::new(attempts.clone())))];
        let (deps, endpoint, disable) = (self.deps.clone(), Arc::clone(&self.endpoint), attempts.disable);
        let recorded = async move {
            // No caller waits for it; it is only shown in the log of deliveries.
            let Some(disabled) = disable else {
                return deps.writer.write(changes, WritePriority::Background).await;
            };
            changes.extend(alert_of(&deps, &endpoint, disabled).await);
            deps.writer.write(changes, WritePriority::Internal).await
        };
        ctx.spawn(recorded.into_actor(self).map(move |recorded, sender, ctx| {
            sender.is_recording = false;
            sender.is_disabling = false;
            match recorded {
                Ok(_) => {
                    let recorded = attempts.outcomes.iter().map(|outcome| outcome.id);
                    if sender.is_reading {
                        sender.recorded_meanwhile.extend(recorded);
                    } else {
                        for id in recorded {
                            sender.known.remove(&id);
                        }
                    }
                    if let Some(disabled) = attempts.disable {
                        info!(
                            "webhook endpoint '{}' disabled: {}",
                            sender.endpoint.name,
                            why(disabled.reason)
                        );
                    }
                    sender.read(ctx);
                    sender.flush(ctx);
                }
                Err(failure) => {
                    log_failure!(
                        failure,
                        "failed to record delivery attempts for '{}', retrying: {failure}",
                        sender.endpoint.name
                    );
                    let Attempts {
                        endpoint_id: _,
                        outcomes,
                        health,
                        disable,
                    } = attempts;
                    sender.outcomes.splice(0..0, outcomes);
                    if sender.health == EndpointHealth::AsBefore {
                        sender.health = health;
                    }
                    sender.disable = sender.disable.or(disable);
                    ctx.run_later(RETRY_DELAY, |sender, ctx| sender.flush(ctx));
                }
            }
        }));
    }
}

/// The alert that this endpoint is disabled, for the other endpoints, including those that another node has just
/// created.
async fn alert_of(deps: &WebhookSenderDeps, endpoint: &Endpoint, disabled: Disabled) -> Option<Change> {
    if deps.repository.is_shared() {
        let (_, edits) = deps.endpoints.read();
        match deps.repository.endpoints().await {
            Ok(stored) => {
                let stored = stored.into_iter().map(|stored| stored.endpoint);
                deps.endpoints.replace(stored.collect(), edits);
            }
            Err(failure) => log_failure!(failure, "failed to read webhook endpoints for an alert: {failure}"),
        }
    }
    let mut endpoints = deps.endpoints.subscribed_to(WebhookEvent::SystemAlert);
    endpoints.retain(|id| *id != endpoint.id);
    if endpoints.is_empty() {
        return None;
    }
    let id = JobId::new(disabled.at, deps.ids.next()).as_uuid();
    let text = format!(
        "webhook endpoint '{}' disabled: {}",
        endpoint.name,
        why(disabled.reason)
    );
    let message = disabled_alert(endpoint, text, disabled.at, id);
    Some(Change::Webhook(WebhookChange::Enqueue(vec![OutboxMessage {
        message,
        endpoints,
    }])))
}

fn why(reason: DisabledReason) -> &'static str {
    match reason {
        DisabledReason::Requested => "disabled by a client",
        DisabledReason::Gone => "it responded with 410 Gone",
        DisabledReason::Failing => "too many consecutive failures",
    }
}
