//! Configured API keys.

use std::collections::HashMap;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::auth_throttle::AcceptedAddresses;
use super::granted_scopes::granted;
use super::rate_limit::Meter;
use crate::domain::access::caller::{Caller, CallerKind, ScopeNames, Scopes};
use crate::domain::values::rate::Rate;

/// A configured API key.
#[derive(Clone)]
pub struct ApiKey {
    /// Display name of its user.
    pub name: String,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// Names of its scopes.
    pub scopes: Vec<String>,
    /// Rate limit of the key.
    pub rate: Option<Rate>,
}

/// All API keys.
pub(super) struct ApiKeys(Box<[KnownKey]>);

/// An API key with its state.
pub(super) struct KnownKey {
    digest: [u8; 32],
    pub(super) caller: Caller,
    pub(super) rate: Option<Rate>,
    /// Shared by keys of one name: they belong to one caller and count together.
    pub(super) meter: Arc<Meter>,
    /// Addresses from which the key was accepted.
    pub(super) accepted_from: AcceptedAddresses,
}

impl ApiKeys {
    pub(super) fn new(keys: Vec<ApiKey>, all_callers: Scopes, scope_names: &Arc<ScopeNames>) -> Self {
        let mut meters: HashMap<String, Arc<Meter>> = HashMap::new();
        let known = keys.into_iter().map(|key| {
            let ApiKey {
                name,
                digest,
                scopes,
                rate,
            } = key;
            let scopes = granted(&scopes, all_callers, scope_names);
            let meter = Arc::clone(meters.entry(name.clone()).or_default());
            KnownKey {
                digest,
                caller: Caller::new(name, CallerKind::Key, scopes, Arc::clone(scope_names)),
                rate,
                meter,
                accepted_from: AcceptedAddresses::default(),
            }
        });
        Self(known.collect())
    }

    /// The key with this digest. All keys are compared, in constant time.
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
