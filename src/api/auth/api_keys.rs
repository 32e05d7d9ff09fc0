//! The keys of the configuration.

use std::collections::HashMap;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::auth_throttle::SeenAt;
use super::granted_scopes::granted;
use super::rate_limit::{Meter, Rate};
use crate::domain::access::caller::{Caller, CallerKind, ScopeNames, Scopes};

/// A key that is accepted.
#[derive(Clone)]
pub struct ApiKey {
    /// What people call who uses it.
    pub name: String,
    /// The SHA-256 of the key.
    pub digest: [u8; 32],
    /// The names of what it may do.
    pub scopes: Vec<String>,
    /// How many requests it may make.
    pub rate: Option<Rate>,
}

/// All keys.
pub(super) struct ApiKeys(Box<[KnownKey]>);

/// A key, and what is known of its use.
pub(super) struct KnownKey {
    digest: [u8; 32],
    pub(super) caller: Caller,
    pub(super) rate: Option<Rate>,
    /// Keys of one name are one caller's and count together.
    pub(super) meter: Arc<Meter>,
    pub(super) seen: SeenAt,
}

impl ApiKeys {
    pub(super) fn new(keys: Vec<ApiKey>, everybody: Scopes, scope_names: &Arc<ScopeNames>) -> Self {
        let mut meters: HashMap<String, Arc<Meter>> = HashMap::new();
        let known = keys.into_iter().map(|key| {
            let ApiKey {
                name,
                digest,
                scopes,
                rate,
            } = key;
            let scopes = granted(&scopes, everybody, scope_names);
            let meter = Arc::clone(meters.entry(name.clone()).or_default());
            KnownKey {
                digest,
                caller: Caller::new(name, CallerKind::Key, scopes, Arc::clone(scope_names)),
                rate,
                meter,
                seen: SeenAt::default(),
            }
        });
        Self(known.collect())
    }

    /// The key with this digest. All are compared, each in the same time, whether it is the one or not.
    pub(super) fn find(&self, digest: &[u8; 32]) -> Option<&KnownKey> {
        let mut found = None;
        for key in &self.0 {
            if bool::from(key.digest.ct_eq(digest)) {
                found = Some(key);
            }
        }
        found
    }
}
