//! The SyncSender: sends the change feed to one target, from the target's cursor.
//!
//! The cursor is stored; the node that owns the target advances it after each accepted batch. A batch is therefore
//! sent at least once and in the feed's order, also after a failure of the target or of this node. A target that was
//! unavailable catches up from storage, without delaying any other.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Supervised, WrapFuture};
use tracing::{info, trace, warn};

use super::options::SyncTarget;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::Reply;
use crate::domain::webhooks::endpoint::SigningSecret;
use crate::domain::webhooks::sync_field::SyncField;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::MaybeOutage;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::cluster::node_lease::SharedNodeLease;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, FeedChange};
use crate::storage::query::{FeedPage, JobText, StoredTexts};
use crate::storage::repository::{JobRepository, RepositoryError};
use crate::webhooks::client::HttpClient;
use crate::webhooks::delivery_request::{DeliveryRequest, post};
use crate::webhooks::sync_payload::{batch, batch_id};

/// Capacity of the mailbox, which receives only the actor's own timer.
pub(crate) const MAILBOX_CAPACITY: usize = 16;

/// Maximum size of parameters and results of a batch, except for a single larger job.
const MAX_BATCH_BYTES: u64 = 16 << 20;

/// Maximum delay between two attempts to reach an unavailable target.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// Dependencies of a SyncSender.
#[derive(Clone)]
pub(crate) struct SyncSenderDeps {
    /// Reads the feed.
    pub repository: Arc<dyn JobRepository>,
    /// Writes the cursor.
    pub writer: WriterHandle,
    /// HTTP client for the target.
    pub client: HttpClient,
    /// Timeout of a request.
    pub timeout: Duration,
    /// The target.
    pub target: SyncTarget,
    /// This node.
    pub node: NodeId,
    /// The node's lease.
    pub node_lease: SharedNodeLease,
    /// The time of day.
    pub clock: Clock,
}

/// Reason why a round was interrupted.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("{0}")]
    Storage(#[from] RepositoryError),
    #[error("{0}")]
    Writer(#[from] WriteError),
    #[error("{reason}")]
    Target { reason: String, wait: Duration },
}

impl SyncSenderDeps {
    /// Sends all pending changes if this node owns the target.
    async fn round(&self) -> Result<(), Cut> {
        if !self.node_lease.is_open() {
            return Ok(());
        }
        let hold = Change::Feed(FeedChange::Hold {
            reader: Arc::clone(&self.target.name),
            node: self.node,
        });
        let held = self.writer.write_one(hold, WritePriority::Internal).await?;
        let Ok(Applied::HeldReader(Some(mut cursor))) = held else {
            return Ok(());
        };
        loop {
            let FeedPage {
                jobs,
                cursor: end,
                has_more,
                has_gap,
            } = self.read(cursor).await?;
            if has_gap {
                warn!("sync target '{}' missed changes beyond retention", self.target.name);
            }
            if jobs.is_empty() || !self.node_lease.is_open() {
                return Ok(());
            }
            let body = batch(&jobs, end, &self.target.fields);
            self.send(&batch_id(cursor, end), body).await?;
            let moved = Change::Feed(FeedChange::Move {
                reader: Arc::clone(&self.target.name),
                node: self.node,
                to: end,
            });
            if self.writer.write_one(moved, WritePriority::Internal).await?.is_err() {
                // Another node owns the target now and sends this batch again.
                return Ok(());
            }
            cursor = end;
            if !has_more {
                return Ok(());
            }
        }
    }

    /// Reads the next batch: fewer jobs if their texts are large.
    async fn read(&self, cursor: FeedCursor) -> Result<FeedPage, RepositoryError> {
        let texts = [
            (SyncField::Parameters, JobText::Parameters),
            (SyncField::Result, JobText::Result),
        ];
        let texts = texts
            .into_iter()
            .filter(|(field, _)| self.target.fields.contains(field));
        let texts: Vec<JobText> = texts.map(|(_, text)| text).collect();
        let mut limit = self.target.batch_size;
        loop {
            let page = self.repository.feed_in_brief(cursor, limit).await?;
            if texts.is_empty() || page.jobs.is_empty() {
                return Ok(page);
            }
            let ids: Vec<JobId> = page.jobs.iter().map(|(id, _)| *id).collect();
            let mut bytes = 0;
            for text in &texts {
                bytes += self.repository.size_of(StoredTexts::OfJobs(*text, &ids)).await?;
            }
            if bytes <= MAX_BATCH_BYTES || limit == 1 {
                return self.repository.feed(cursor, limit).await;
            }
            limit = limit.min(u32::try_from(ids.len()).unwrap_or(u32::MAX)).div_ceil(2);
        }
    }

    async fn send(&self, id: &str, body: String) -> Result<(), Cut> {
        let secrets: Vec<&SigningSecret> = self.target.secret.iter().collect();
        let now = self.clock.now();
        let delivery = DeliveryRequest {
            url: &self.target.url,
            id,
            secrets: &secrets,
            // The batch covers many traces.
            span_context: None,
            propagated: None,
        };
        let sent = post(&self.client, delivery, body, self.timeout, now).await;
        let wait = match sent.reply {
            Reply::Accepted => return Ok(()),
            Reply::Gone => None,
            Reply::Rejected { wait } => wait,
        };
        let reason = sent.attempt.error.as_deref().unwrap_or("the changes were not accepted");
        Err(Cut::Target {
            reason: reason.to_owned(),
            wait: wait
                .map(crate::domain::values::time_span::TimeSpan::to_std)
                .unwrap_or_default(),
        })
    }
}

/// The actor.
pub(crate) struct SyncSender {
    deps: SyncSenderDeps,
    /// Number of consecutive interrupted rounds.
    cuts: u32,
}

impl SyncSender {
    /// A sender that starts at once.
    pub(crate) fn new(deps: SyncSenderDeps) -> Self {
        Self { deps, cuts: 0 }
    }

    fn run_round(&self, ctx: &mut Context<Self>) {
        let deps = self.deps.clone();
        let round = async move { deps.round().await };
        ctx.spawn(round.into_actor(self).map(|ended, sender, ctx| {
            let wait = sender.wait_after(ended);
            ctx.run_later(wait, |sender, ctx| sender.run_round(ctx));
        }));
    }

    fn wait_after(&mut self, ended: Result<(), Cut>) -> Duration {
        let interval = self.deps.target.interval;
        let name = &self.deps.target.name;
        match ended {
            Ok(()) => {
                if self.cuts > 0 {
                    info!("sync target '{name}' recovered");
                }
                self.cuts = 0;
                trace!("sync target '{name}' is up to date");
                interval
            }
            Err(cut) => {
                let is_outage = match &cut {
                    Cut::Storage(failure) => failure.is_outage(),
                    Cut::Writer(failure) => failure.is_outage(),
                    Cut::Target { .. } => false,
                };
                if self.cuts == 0 && !is_outage {
                    warn!("sync target '{name}' failing: {cut}");
                }
                let backoff = interval
                    .saturating_mul(1 << self.cuts.min(16))
                    .min(MAX_BACKOFF.max(interval));
                self.cuts += 1;
                match cut {
                    Cut::Target { reason: _, wait } => wait.max(backoff),
                    Cut::Storage(_) | Cut::Writer(_) => backoff,
                }
            }
        }
    }
}

impl Actor for SyncSender {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.run_round(ctx);
    }
}

impl Supervised for SyncSender {}

report_mailbox_lag!(SyncSender);
