//! Keys of limits that callers share.

use std::net::IpAddr;
use std::sync::Arc;

use super::caller::{Caller, CallerKind};
use super::ip_network::client_prefix;

/// Identifies callers whose usage counts together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallerKey {
    kind: CallerKind,
    name: Arc<str>,
    /// Set for anonymous callers only, which differ in nothing else.
    address: Option<IpAddr>,
}

impl CallerKey {
    /// The key of this caller.
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

    /// The key of this caller at any address: all anonymous callers have the same one.
    pub fn at_any_address(caller: &Caller) -> Self {
        Self {
            kind: caller.kind(),
            name: Arc::clone(caller.name()),
            address: None,
        }
    }
}
