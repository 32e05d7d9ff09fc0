//! Use cases of webhook endpoints and their deliveries.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::error::ServiceError;
use super::jobs::unexpected;
use super::rules::MAX_RETRIES_MAX;
use super::trail::{self, Deed, Trail};
use crate::domain::caller::{Caller, Scope};
use crate::domain::delivery::{Delivery, DeliveryId, DeliveryStatus};
use crate::domain::id::{JobId, NodeId};
use crate::domain::time_span::TimeSpan;
use crate::domain::timestamp;
use crate::domain::webhook::{DisabledReason, Endpoint, EndpointId, EndpointSource, SigningSecret};
use crate::domain::webhook_event::WebhookEvents;
use crate::runtime::RuntimeHandle;
use crate::runtime::clock::draw_secret;
use crate::runtime::webhook_options::{EndpointAddress, OutboundClients, test_posting};
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::outbox::Redelivery;
use crate::storage::query::{DeliveryPage, StoredEndpoint};
use crate::storage::repository::JobRepository;

/// How often a change is tried again when somebody else has changed the endpoint in between.
const TRIES: usize = 8;
/// How many endpoints there may be: each is asked at each commit.
const ENDPOINTS_MAX: usize = 1_000;
/// How long the name of an endpoint may be, in characters.
const NAME_LENGTH_MAX: usize = 200;
/// The shortest secret that a caller may choose, in bytes.
const SECRET_LENGTH_MIN: usize = 8;
/// How many deliveries one step of asking for them again takes.
const REDELIVER_STEP: u32 = 1_000;
/// How long a secret counts at the most that another has taken the place of.
const OVERLAP_MAX: TimeSpan = TimeSpan::from_secs(30 * 24 * 3600);

/// What an endpoint is to be.
#[derive(Clone, Debug)]
pub struct EndpointDraft {
    /// What people call it; its address unless given.
    pub name: Option<String>,
    /// Where it is.
    pub url: String,
    /// What it is told.
    pub events: WebhookEvents,
    /// What deliveries are signed with; one is made unless given.
    pub secret: Option<SigningSecret>,
    /// How many retries a delivery may have.
    pub max_retries: u32,
    /// The wait before the first retry.
    pub retry_delay: TimeSpan,
}

/// What of an endpoint is to be changed; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct EndpointPatch {
    /// What people call it.
    pub name: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// What it is told.
    pub events: Option<WebhookEvents>,
    /// How many retries a delivery may have.
    pub max_retries: Option<u32>,
    /// The wait before the first retry.
    pub retry_delay: Option<TimeSpan>,
}

/// An endpoint, and who tells it.
#[derive(Clone, Debug)]
pub struct EndpointView {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The node that sends its deliveries.
    pub node: Option<NodeId>,
}

/// A part of an endpoint's deliveries.
#[derive(Clone, Debug)]
pub struct DeliveryList {
    /// The deliveries, the newest first.
    pub deliveries: Vec<Delivery>,
    /// Whether older ones follow.
    pub has_more: bool,
}

/// Use cases of webhook endpoints.
#[derive(Clone)]
pub struct Webhooks {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
    trail: Trail,
}

impl Webhooks {
    /// Use cases over this storage and this runtime.
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self {
            repository,
            trail: Trail::new(runtime.clone(), false),
            runtime,
        }
    }

    /// The same use cases; `is_kept` says whether it is recorded who has changed what.
    #[must_use]
    pub fn audited(self, is_kept: bool) -> Self {
        Self {
            trail: Trail::new(self.runtime.clone(), is_kept),
            ..self
        }
    }

    /// All endpoints, the oldest first.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<EndpointView>, ServiceError> {
        caller.require(Scope::Read)?;
        let mut stored = self.repository.endpoints().await?;
        stored.sort_by_key(|stored| (stored.endpoint.created_at, stored.endpoint.id));
        Ok(stored.into_iter().map(view).collect())
    }

    /// One endpoint.
    pub async fn get(&self, caller: &Caller, id: EndpointId) -> Result<EndpointView, ServiceError> {
        caller.require_any(&[Scope::Read, Scope::Admin])?;
        Ok(view(self.read(id).await?))
    }

    async fn read(&self, id: EndpointId) -> Result<StoredEndpoint, ServiceError> {
        let stored = self.repository.endpoints().await?;
        let found = stored.into_iter().find(|stored| stored.endpoint.id == id);
        found.ok_or(ServiceError::NoSuchEndpoint { id })
    }

    /// Stores a new endpoint. Its secret is told now and never again.
    pub async fn create(&self, caller: &Caller, draft: EndpointDraft) -> Result<Arc<Endpoint>, ServiceError> {
        caller.require(Scope::Admin)?;
        let clients = self.clients()?;
        let EndpointDraft {
            name,
            url,
            events,
            secret,
            max_retries,
            retry_delay,
        } = draft;
        let url = address(&url, clients)?;
        let name = match name {
            Some(name) => checked_name(&name)?,
            None => Arc::from(url.shown().chars().take(NAME_LENGTH_MAX).collect::<String>()),
        };
        if self.repository.endpoints().await?.len() >= ENDPOINTS_MAX {
            return Err(ServiceError::TooManyEndpoints { max: ENDPOINTS_MAX });
        }
        let now = timestamp::truncate_to_micros(self.runtime.clock.now());
        let endpoint = Arc::new(Endpoint {
            id: EndpointId::new(now, self.runtime.ids.next()),
            name,
            url: url.into(),
            events,
            secret: checked_secret(secret)?,
            previous_secret: None,
            max_retries: checked_retries(max_retries)?,
            retry_delay: checked_wait("retryPolicy/retryDelay", retry_delay)?,
            source: EndpointSource::Api,
            disabled: None,
            failing_since: None,
            created_at: now,
            updated_at: now,
            revision: 1,
        });
        let put = Change::PutEndpoint {
            before: None,
            after: Arc::clone(&endpoint),
        };
        let note = self.trail.note(caller, Deed::CREATE_ENDPOINT);
        let note = note.map(|note| trail::of_endpoint(note, endpoint.id));
        let applied = self.trail.write(put, note).await??;
        let Applied::EndpointStored = applied else {
            return Err(unexpected(&applied));
        };
        Ok(endpoint)
    }

    /// Changes an endpoint that was made over the API.
    pub async fn change(
        &self,
        caller: &Caller,
        id: EndpointId,
        if_match: Option<u32>,
        patch: EndpointPatch,
    ) -> Result<Arc<Endpoint>, ServiceError> {
        caller.require(Scope::Admin)?;
        let EndpointPatch {
            name,
            url,
            events,
            max_retries,
            retry_delay,
        } = patch;
        let name = name.map(|name| checked_name(&name)).transpose()?;
        let clients = self.clients()?;
        let url = url.map(|url| address(&url, clients)).transpose()?.map(Arc::from);
        let max_retries = max_retries.map(checked_retries).transpose()?;
        let retry_delay = retry_delay
            .map(|delay| checked_wait("retryPolicy/retryDelay", delay))
            .transpose()?;
        self.change_as(caller, Deed::UPDATE_ENDPOINT, id, if_match, |before, now| {
            refuse_configured(before)?;
            let known = before.clone();
            Ok(Endpoint {
                name: name.clone().unwrap_or(known.name),
                url: url.clone().unwrap_or(known.url),
                events: events.clone().unwrap_or(known.events),
                max_retries: max_retries.unwrap_or(known.max_retries),
                retry_delay: retry_delay.unwrap_or(known.retry_delay),
                ..before.changed(now)
            })
        })
        .await
    }

    /// Has an endpoint told again of what happens, or no more. What waits for a disabled endpoint goes on waiting.
    pub async fn set_enabled(
        &self,
        caller: &Caller,
        id: EndpointId,
        is_enabled: bool,
        if_match: Option<u32>,
    ) -> Result<Arc<Endpoint>, ServiceError> {
        caller.require(Scope::Admin)?;
        let deed = if is_enabled {
            Deed::ENABLE_ENDPOINT
        } else {
            Deed::DISABLE_ENDPOINT
        };
        self.change_as(caller, deed, id, if_match, |before, now| {
            if before.disabled.is_none() == is_enabled {
                return Ok(before.clone());
            }
            Ok(before.switched((!is_enabled).then_some(DisabledReason::Asked), now))
        })
        .await
    }

    /// Gives an endpoint another secret; for `overlap` its deliveries are signed with both. The new one is told now and
    /// never again.
    pub async fn rotate(
        &self,
        caller: &Caller,
        id: EndpointId,
        secret: Option<SigningSecret>,
        overlap: TimeSpan,
        if_match: Option<u32>,
    ) -> Result<Arc<Endpoint>, ServiceError> {
        caller.require(Scope::Admin)?;
        let secret = checked_secret(secret)?;
        if overlap.is_negative() || overlap > OVERLAP_MAX {
            return Err(invalid(
                "overlap",
                format!("overlap is {overlap}; allowed are 00:00:00 to {OVERLAP_MAX}"),
            ));
        }
        self.change_as(caller, Deed::ROTATE_SECRET, id, if_match, |before, now| {
            refuse_configured(before)?;
            Ok(before.rotated(secret.clone(), overlap, now))
        })
        .await
    }

    async fn change_as(
        &self,
        caller: &Caller,
        deed: Deed,
        id: EndpointId,
        if_match: Option<u32>,
        change: impl Fn(&Endpoint, DateTime<Utc>) -> Result<Endpoint, ServiceError>,
    ) -> Result<Arc<Endpoint>, ServiceError> {
        self.clients()?;
        for _ in 0..TRIES {
            let before = self.matching(id, if_match).await?;
            let now = timestamp::truncate_to_micros(self.runtime.clock.now());
            let after = Arc::new(change(&before, now)?);
            if *after == *before {
                return Ok(before);
            }
            let put = Change::PutEndpoint {
                before: Some(before),
                after: Arc::clone(&after),
            };
            let note = self.trail.note(caller, deed);
            let note = note.map(|note| trail::of_endpoint(note, id));
            match self.trail.write(put, note).await? {
                Ok(Applied::EndpointStored) => return Ok(after),
                Ok(other) => return Err(unexpected(&other)),
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    /// Removes an endpoint that was made over the API, and what waits for it.
    pub async fn delete(&self, caller: &Caller, id: EndpointId, if_match: Option<u32>) -> Result<(), ServiceError> {
        caller.require(Scope::Admin)?;
        for _ in 0..TRIES {
            let endpoint = self.matching(id, if_match).await?;
            refuse_configured(&endpoint)?;
            let note = self.trail.note(caller, Deed::DELETE_ENDPOINT);
            let note = note.map(|note| trail::of_endpoint(note, id));
            match self.trail.write(Change::DeleteEndpoint { endpoint }, note).await? {
                Ok(Applied::Deleted) => return Ok(()),
                Ok(other) => return Err(unexpected(&other)),
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    /// Sends an endpoint a message that tells nothing; gives its `webhook-id`.
    pub async fn test(&self, caller: &Caller, id: EndpointId) -> Result<String, ServiceError> {
        caller.require(Scope::Admin)?;
        self.clients()?;
        let endpoint = self.matching(id, None).await?;
        if endpoint.disabled.is_some() {
            return Err(ServiceError::EndpointDisabled { id });
        }
        let now = timestamp::truncate_to_micros(self.runtime.clock.now());
        let (webhook_id, posting) = test_posting(id, now, JobId::new(now, self.runtime.ids.next()));
        let post = Change::Post(vec![posting]);
        let note = self.trail.note(caller, Deed::TEST_ENDPOINT);
        let note = note.map(|note| trail::of_endpoint(note, id));
        let applied = self.trail.write(post, note).await??;
        let Applied::Announced(_) = applied else {
            return Err(unexpected(&applied));
        };
        Ok(webhook_id)
    }

    /// A part of an endpoint's deliveries, the newest first.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: EndpointId,
        page: DeliveryPage,
    ) -> Result<DeliveryList, ServiceError> {
        caller.require(Scope::Read)?;
        self.read(id).await?;
        let one_more = DeliveryPage {
            limit: page.limit.saturating_add(1),
            ..page
        };
        let mut deliveries = self.repository.deliveries(id, one_more).await?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let has_more = deliveries.len() > limit;
        deliveries.truncate(limit);
        Ok(DeliveryList { deliveries, has_more })
    }

    /// One delivery.
    pub async fn delivery(&self, caller: &Caller, id: DeliveryId) -> Result<Delivery, ServiceError> {
        caller.require_any(&[Scope::Read, Scope::Admin])?;
        let found = self.repository.delivery(id).await?;
        found.ok_or(ServiceError::NoSuchDelivery { id })
    }

    /// Has a delivery sent again, whatever became of it; one that waits already goes on waiting.
    pub async fn redeliver(&self, caller: &Caller, id: DeliveryId) -> Result<Delivery, ServiceError> {
        caller.require(Scope::Admin)?;
        let delivery = self.delivery(caller, id).await?;
        // One whose endpoint is gone can't be sent.
        self.read(delivery.endpoint_id).await?;
        if delivery.status != DeliveryStatus::Pending {
            let again = Change::Redeliver {
                which: Redelivery::One(id),
                now: self.runtime.clock.now(),
            };
            let note = self.trail.note(caller, Deed::REDELIVER);
            let note = note.map(|note| trail::of_endpoint(note, delivery.endpoint_id));
            let applied = self.trail.write(again, note).await??;
            let Applied::Removed(_) = applied else {
                return Err(unexpected(&applied));
            };
        }
        self.delivery(caller, id).await
    }

    /// Has all of an endpoint's deliveries sent again that have failed and whose event happened since; gives their number.
    pub async fn redeliver_failed(
        &self,
        caller: &Caller,
        id: EndpointId,
        since: DateTime<Utc>,
    ) -> Result<u64, ServiceError> {
        caller.require(Scope::Admin)?;
        self.read(id).await?;
        // One record, whatever the number of steps.
        let note = self.trail.note(caller, Deed::REDELIVER);
        let note = note.map(|note| trail::of_endpoint(note, id));
        let mut total = 0;
        loop {
            let again = Change::Redeliver {
                which: Redelivery::FailedSince {
                    endpoint_id: id,
                    since,
                    limit: REDELIVER_STEP,
                },
                now: self.runtime.clock.now(),
            };
            let applied = self.trail.write(again, note.clone()).await??;
            let Applied::Removed(count) = applied else {
                return Err(unexpected(&applied));
            };
            total += count;
            if count < u64::from(REDELIVER_STEP) {
                return Ok(total);
            }
        }
    }

    async fn matching(&self, id: EndpointId, if_match: Option<u32>) -> Result<Arc<Endpoint>, ServiceError> {
        let endpoint = self.read(id).await?.endpoint;
        match if_match {
            Some(revision) if revision != endpoint.revision => Err(ServiceError::PreconditionFailed {
                actual: endpoint.revision,
            }),
            Some(_) | None => Ok(endpoint),
        }
    }

    fn clients(&self) -> Result<&OutboundClients, ServiceError> {
        self.runtime.outbound.as_ref().ok_or(ServiceError::WebhooksOff)
    }
}

fn view(stored: StoredEndpoint) -> EndpointView {
    let StoredEndpoint {
        endpoint,
        holder,
        is_held,
    } = stored;
    EndpointView {
        node: holder.filter(|_| is_held && endpoint.disabled.is_none()),
        endpoint,
    }
}

fn invalid(field: &'static str, detail: String) -> ServiceError {
    ServiceError::Invalid {
        field,
        index: None,
        detail,
    }
}

fn refuse_configured(endpoint: &Endpoint) -> Result<(), ServiceError> {
    match endpoint.source {
        EndpointSource::Api => Ok(()),
        EndpointSource::Configuration => Err(ServiceError::ConfiguredEndpoint { id: endpoint.id }),
    }
}

fn address(text: &str, clients: &OutboundClients) -> Result<EndpointAddress, ServiceError> {
    let address = EndpointAddress::parse(text).map_err(|error| invalid("url", error.to_string()))?;
    clients
        .check(EndpointSource::Api, &address)
        .map_err(|error| invalid("url", error.to_string()))?;
    Ok(address)
}

fn checked_name(name: &str) -> Result<Arc<str>, ServiceError> {
    let length = name.chars().count();
    if length == 0 || length > NAME_LENGTH_MAX {
        let detail = format!("the name has {length} characters; allowed are 1 to {NAME_LENGTH_MAX}");
        return Err(invalid("name", detail));
    }
    if name.chars().any(char::is_control) {
        return Err(invalid("name", "the name has a control character".to_owned()));
    }
    Ok(Arc::from(name))
}

fn checked_secret(secret: Option<SigningSecret>) -> Result<SigningSecret, ServiceError> {
    let Some(secret) = secret else {
        return Ok(draw_secret());
    };
    let length = secret.expose().len();
    if !(SECRET_LENGTH_MIN..=SigningSecret::LENGTH_MAX).contains(&length) {
        let max = SigningSecret::LENGTH_MAX;
        let detail = format!("the secret has {length} bytes; allowed are {SECRET_LENGTH_MIN} to {max}");
        return Err(invalid("secret", detail));
    }
    if secret.expose().chars().any(char::is_control) {
        return Err(invalid("secret", "the secret has a control character".to_owned()));
    }
    Ok(secret)
}

fn checked_retries(count: u32) -> Result<u32, ServiceError> {
    if count > MAX_RETRIES_MAX {
        let detail = format!("maxRetries is {count}; allowed are 0 to {MAX_RETRIES_MAX}");
        return Err(invalid("retryPolicy/maxRetries", detail));
    }
    Ok(count)
}

fn checked_wait(field: &'static str, wait: TimeSpan) -> Result<TimeSpan, ServiceError> {
    const MAX: TimeSpan = TimeSpan::from_secs(30 * 24 * 3600);
    if wait.is_negative() || wait > MAX {
        return Err(invalid(
            field,
            format!("the wait is {wait}; allowed are 00:00:00 to {MAX}"),
        ));
    }
    Ok(wait)
}
