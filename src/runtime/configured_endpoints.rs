//! Brings the stored webhook endpoints in line with the configuration when a server starts.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tracing::info;

use super::announcements::EndpointBook;
use super::clock::Clock;
use super::recorder::{Origin, RecordError, RecorderHandle};
use super::webhook_options::ConfiguredEndpoint;
use crate::domain::time_span::TimeSpan;
use crate::domain::webhook::{Endpoint, EndpointId, EndpointSource};
use crate::storage::change::Change;
use crate::storage::repository::{JobRepository, RepositoryError};

/// How long a secret still counts that the configuration no longer has.
const OVERLAP: TimeSpan = TimeSpan::from_secs(24 * 3600);

/// Why the endpoints are not what the configuration says.
#[derive(Debug, thiserror::Error)]
pub enum EndpointsError {
    /// They could not be read.
    #[error("the webhook endpoints could not be read: {0}")]
    Read(#[from] RepositoryError),
    /// They could not be written.
    #[error("the webhook endpoints could not be stored: {0}")]
    Write(#[from] RecordError),
}

/// The identity of a configured endpoint: the same on every node, and after every start.
pub fn id_of(name: &str) -> EndpointId {
    let digest: [u8; 32] = Sha256::digest(format!("tickerq webhook endpoint {name}").as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    EndpointId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Stores what is configured, removes what was and is no more, and has the book know all endpoints. Nodes that start at
/// the same time do the same; whoever comes second finds it done.
pub async fn settle(
    repository: &dyn JobRepository,
    recorder: &RecorderHandle,
    book: &EndpointBook,
    configured: &[ConfiguredEndpoint],
    clock: &Clock,
) -> Result<(), EndpointsError> {
    let stored = repository.endpoints().await?;
    let mut changes = Vec::new();
    for wanted in configured {
        let id = id_of(&wanted.name);
        let before = stored
            .iter()
            .map(|stored| &stored.endpoint)
            .find(|known| known.id == id);
        let after = match before {
            Some(before) => changed(before, wanted, clock),
            None => Some(new(id, wanted, clock)),
        };
        changes.extend(after.map(|after| Change::PutEndpoint {
            before: before.cloned(),
            after: Arc::new(after),
        }));
    }
    for known in stored.iter().map(|stored| &stored.endpoint) {
        let is_wanted = configured.iter().any(|wanted| id_of(&wanted.name) == known.id);
        if known.source == EndpointSource::Configuration && !is_wanted {
            info!(
                "the webhook endpoint '{}' is no longer configured and is removed",
                known.name
            );
            changes.push(Change::DeleteEndpoint {
                endpoint: Arc::clone(known),
            });
        }
    }
    if !changes.is_empty() {
        // A conflict: another node has stored the same.
        recorder.record(changes, Origin::Inside).await?;
    }
    let (_, version) = book.read();
    let stored = repository.endpoints().await?;
    book.replace(stored.into_iter().map(|stored| stored.endpoint).collect(), version);
    Ok(())
}

fn new(id: EndpointId, wanted: &ConfiguredEndpoint, clock: &Clock) -> Endpoint {
    let ConfiguredEndpoint {
        name,
        url,
        events,
        secret,
        max_retries,
        retry_delay,
    } = wanted.clone();
    let now = crate::domain::timestamp::truncate_to_micros(clock.now());
    Endpoint {
        id,
        name,
        url,
        events,
        secret,
        previous_secret: None,
        max_retries,
        retry_delay,
        source: EndpointSource::Configuration,
        disabled: None,
        failing_since: None,
        created_at: now,
        updated_at: now,
        revision: 1,
    }
}

/// The endpoint as it is configured; `None` when it is so already. Whether it is disabled stays as it is.
fn changed(before: &Endpoint, wanted: &ConfiguredEndpoint, clock: &Clock) -> Option<Endpoint> {
    let ConfiguredEndpoint {
        name,
        url,
        events,
        secret,
        max_retries,
        retry_delay,
    } = wanted.clone();
    let is_so = before.url == url
        && before.events == events
        && before.secret == secret
        && before.max_retries == max_retries
        && before.retry_delay == retry_delay;
    if is_so {
        return None;
    }
    let now = crate::domain::timestamp::truncate_to_micros(clock.now());
    let base = if before.secret == secret {
        before.changed(now)
    } else {
        before.rotated(secret, OVERLAP, now)
    };
    Some(Endpoint {
        name,
        url,
        events,
        max_retries,
        retry_delay,
        ..base
    })
}
