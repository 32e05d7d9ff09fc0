//! Use cases of webhook endpoints; those of their deliveries are in `deliveries.rs`.

mod checks;
mod deliveries;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::checks::{
    NAME_LENGTH_MAX, address, checked_name, checked_overlap, checked_retries, checked_secret, checked_wait,
    refuse_configured,
};
use super::audit_writer;
use super::audit_writer::{Deed, Trail};
use super::error::ServiceError;
use super::jobs::unexpected;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::timestamp;
use crate::domain::webhooks::endpoint::{DisabledReason, Endpoint, EndpointId, EndpointSource, SigningSecret};
use crate::domain::webhooks::event::WebhookEvents;
use crate::runtime::RuntimeHandle;
use crate::runtime::outbound::options::OutboundClients;
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::query::StoredEndpoint;
use crate::storage::repository::JobRepository;

pub use self::deliveries::DeliveryList;

/// How often a change is tried again when somebody else has changed the endpoint in between.
const TRIES: usize = 8;
/// How many endpoints there may be: each is asked at each commit.
const ENDPOINTS_MAX: usize = 1_000;

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
    /// Since when no live node's configuration names an endpoint that came from one.
    pub unconfigured_since: Option<DateTime<Utc>>,
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
        let note = note.map(|note| audit_writer::of_endpoint(note, endpoint.id));
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
        let overlap = checked_overlap(overlap)?;
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
            let note = note.map(|note| audit_writer::of_endpoint(note, id));
            match self.trail.write(put, note).await? {
                Ok(Applied::EndpointStored) => return Ok(after),
                Ok(other) => return Err(unexpected(&other)),
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    /// Removes an endpoint that no live node's configuration names, and what waits for it.
    pub async fn delete(&self, caller: &Caller, id: EndpointId, if_match: Option<u32>) -> Result<(), ServiceError> {
        caller.require(Scope::Admin)?;
        for _ in 0..TRIES {
            let stored = self.read(id).await?;
            if stored.is_named {
                refuse_configured(&stored.endpoint)?;
            }
            let endpoint = stored.endpoint;
            check_revision(&endpoint, if_match)?;
            let note = self.trail.note(caller, Deed::DELETE_ENDPOINT);
            let note = note.map(|note| audit_writer::of_endpoint(note, id));
            match self.trail.write(Change::DeleteEndpoint { endpoint }, note).await? {
                Ok(Applied::Deleted) => return Ok(()),
                Ok(other) => return Err(unexpected(&other)),
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    async fn matching(&self, id: EndpointId, if_match: Option<u32>) -> Result<Arc<Endpoint>, ServiceError> {
        let endpoint = self.read(id).await?.endpoint;
        check_revision(&endpoint, if_match)?;
        Ok(endpoint)
    }

    fn clients(&self) -> Result<&OutboundClients, ServiceError> {
        self.runtime.outbound.as_ref().ok_or(ServiceError::WebhooksOff)
    }
}

fn check_revision(endpoint: &Endpoint, if_match: Option<u32>) -> Result<(), ServiceError> {
    match if_match {
        Some(revision) if revision != endpoint.revision => Err(ServiceError::PreconditionFailed {
            actual: Some(endpoint.revision),
        }),
        Some(_) | None => Ok(()),
    }
}

fn view(stored: StoredEndpoint) -> EndpointView {
    let StoredEndpoint {
        endpoint,
        holder,
        is_held,
        named_by: _,
        is_named,
        unnamed_since,
        has_pending: _,
    } = stored;
    EndpointView {
        node: holder.filter(|_| is_held && endpoint.disabled.is_none()),
        unconfigured_since: unnamed_since.filter(|_| !is_named && endpoint.source == EndpointSource::Configuration),
        endpoint,
    }
}
