//! Idempotency keys of requests.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::domain::access::caller::{Caller, CallerKind};
use crate::storage::change::Idempotency;

/// An idempotency key with its request.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// The key, prefixed by the operation. Authenticated callers have separate keys.
    pub key: String,
    /// The request: the same key with another request is rejected.
    pub request: Vec<u8>,
}

impl IdempotencyKey {
    /// The key in storage: keys of different authenticated callers never collide.
    pub(super) fn into_stored(self, caller: &Caller, created_at: DateTime<Utc>) -> Idempotency {
        let Self { key, request } = self;
        let key = match caller.kind() {
            CallerKind::Key | CallerKind::Token => format!("{} {}\n{key}", caller.kind().as_str(), caller.name()),
            CallerKind::Anonymous | CallerKind::Local => key,
        };
        Idempotency {
            key,
            fingerprint: Sha256::digest(&request).into(),
            created_at,
        }
    }
}
