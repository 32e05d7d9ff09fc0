//! What callers count by where they share something.

use std::net::IpAddr;
use std::sync::Arc;

use super::caller::{Caller, CallerKind};
use super::ip_network::client_prefix;

/// Callers whose use of something counts together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallerKey {
    kind: CallerKind,
    name: Arc<str>,
    /// Only of callers who show no credentials: they differ in nothing else.
    address: Option<IpAddr>,
}

impl CallerKey {
    /// What this caller counts by.
    pub fn of(caller: &Caller) -> Self {
        let kind = caller.kind();
        Self {
            kind,
            name: Arc::clone(caller.name()),
            address: caller
                .address
                .filter(|_| kind == CallerKind::Anonymous)
                .map(client_prefix),
        }
    }
}
