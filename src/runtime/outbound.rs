//! What speaks to other programs, webhooks and data sync: started on a thread of its own that steps back behind jobs, and
//! let end before the server stops.

use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, ArbiterHandle};
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::QUIET_POLL;
use super::announcements::EndpointBook;
use super::clock::{Clock, IdSource};
use super::configured_endpoints::NodeEndpoints;
use super::event_bus::EventBusHandle;
use super::lease_gate::LeaseGate;
use super::recorder::RecorderHandle;
use super::step_back::{Pace, lower_priority};
use super::supervise::{Seat, Supervisor};
use super::sync_sender::{self, SyncSender, SyncSenderParts};
use super::webhook_dispatcher::{DispatcherParts, Drain, WebhookDispatcher};
use super::webhook_options::{SyncTarget, WebhookOptions};
use crate::domain::id::NodeId;
use crate::domain::webhook::EndpointSource;
use crate::storage::repository::JobRepository;

/// What those who speak to other programs work with.
pub(super) struct OutboundParts {
    pub(super) repository: Arc<dyn JobRepository>,
    pub(super) recorder: RecorderHandle,
    pub(super) event_bus: EventBusHandle,
    pub(super) book: EndpointBook,
    pub(super) node: NodeId,
    pub(super) gate: LeaseGate,
    pub(super) pace: Pace,
    pub(super) supervisor: Supervisor,
    pub(super) clock: Clock,
    pub(super) ids: Arc<IdSource>,
}

/// Those who speak to other programs.
pub(super) struct Outbound {
    dispatcher: Option<Addr<WebhookDispatcher>>,
}

impl Outbound {
    /// Starts a sender for each target, and the dispatcher in its seat if anybody is to be told by webhooks.
    pub(super) fn start(
        parts: OutboundParts,
        webhooks: WebhookOptions,
        targets: Vec<SyncTarget>,
        seat: Seat<WebhookDispatcher>,
        arbiter: &ArbiterHandle,
    ) -> Self {
        arbiter.spawn_fn(lower_priority);
        let OutboundParts {
            repository,
            recorder,
            event_bus,
            book,
            node,
            gate,
            pace,
            supervisor,
            clock,
            ids,
        } = parts;
        for target in targets {
            let parts = SyncSenderParts {
                repository: Arc::clone(&repository),
                recorder: recorder.clone(),
                client: webhooks.clients.of(EndpointSource::Configuration).clone(),
                timeout: webhooks.timeout,
                target,
                node,
                gate: gate.clone(),
                clock: clock.clone(),
            };
            Seat::new(sync_sender::MAILBOX_CAPACITY)
                .start(arbiter, "SyncSender", &supervisor, || SyncSender::new(parts));
        }
        if !webhooks.enable {
            return Self { dispatcher: None };
        }
        let parts = DispatcherParts {
            repository,
            recorder,
            event_bus,
            book,
            configured: NodeEndpoints::of(&webhooks, node),
            options: webhooks,
            node,
            gate,
            pace,
            arbiter: arbiter.clone(),
            supervisor: supervisor.clone(),
            clock,
            ids,
        };
        let dispatcher = seat.start(arbiter, "WebhookDispatcher", &supervisor, || {
            WebhookDispatcher::new(parts)
        });
        Self {
            dispatcher: Some(dispatcher),
        }
    }

    /// Lets deliveries that are on their way end, so that they are not sent again after the next start.
    pub(super) async fn end(&self, within: Duration) {
        let Some(dispatcher) = &self.dispatcher else { return };
        let Ok(senders) = dispatcher.send(Drain).await else {
            return;
        };
        let end = Instant::now() + within;
        while senders.iter().any(Addr::connected) {
            if Instant::now() >= end {
                warn!("webhook endpoints do not answer: what is on its way is sent again after the next start");
                return;
            }
            sleep(QUIET_POLL).await;
        }
    }
}
