//! Callers and their permissions.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};

use super::allowance::{Allowance, RateExceeded};
use crate::values::rate::Rate;
use crate::values::trace_context::TraceParent;
use crate::values::trace_state::PropagatedContext;

/// A permission of a caller. Scopes are independent: `write` does not include `read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Reading jobs, queues, metrics and events.
    Read,
    /// Creating and changing jobs and queues.
    Write,
    /// Nodes, keys, configuration and the audit log.
    Admin,
}

impl Scope {
    /// All scopes, in the order in which their names are configured.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Admin => 4,
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// The empty set.
    pub const fn none() -> Self {
        Self(0)
    }

    /// All scopes.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// The set with `scope` added.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// The union of two sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if the set contains `scope`.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::none(), Self::with)
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(Scope::ALL.into_iter().filter(|scope| self.contains(*scope)))
            .finish()
    }
}

/// Names of the scopes in keys and tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeNames {
    /// Name of [`Scope::Read`].
    pub read: Arc<str>,
    /// Name of [`Scope::Write`].
    pub write: Arc<str>,
    /// Name of [`Scope::Admin`].
    pub admin: Arc<str>,
}

impl ScopeNames {
    /// The name of a scope.
    pub fn of(&self, scope: Scope) -> &Arc<str> {
        match scope {
            Scope::Read => &self.read,
            Scope::Write => &self.write,
            Scope::Admin => &self.admin,
        }
    }

    /// The scopes with this name; several scopes may have the same name.
    pub fn named(&self, name: &str) -> Scopes {
        Scope::ALL
            .into_iter()
            .filter(|scope| **self.of(*scope) == *name)
            .collect()
    }
}

impl Default for ScopeNames {
    fn default() -> Self {
        Self {
            read: Arc::from("tickerq:read"),
            write: Arc::from("tickerq:write"),
            admin: Arc::from("tickerq:admin"),
        }
    }
}

/// Authentication method of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// By a configured API key.
    Key,
    /// By a signed token of an external issuer.
    Token,
    /// Not at all: authentication is disabled.
    Anonymous,
    /// The embedding program itself.
    Local,
}

impl CallerKind {
    const TABLE: [(Self, i16, &'static str); 4] = [
        (Self::Key, 0, "key"),
        (Self::Token, 1, "token"),
        (Self::Anonymous, 2, "anonymous"),
        (Self::Local, 3, "local"),
    ];

    /// The name of the kind.
    pub fn as_str(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|(kind, ..)| *kind == self)
            .map_or("", |(.., name)| name)
    }

    /// The code in storage.
    pub fn code(self) -> i16 {
        Self::TABLE
            .iter()
            .find(|(kind, ..)| *kind == self)
            .map_or(0, |(_, code, _)| *code)
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|(_, known, _)| *known == code)
            .map(|(kind, ..)| *kind)
    }
}

/// A caller. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Arc<Identity>,
    /// Address of the client, for requests over a network.
    pub address: Option<IpAddr>,
    /// Span context of the request, if it has one.
    pub trace_parent: Option<TraceParent>,
    /// Further trace context of the request: trace state and baggage.
    pub propagated: Option<Arc<PropagatedContext>>,
    /// The rate limit, if the caller has one.
    allowance: Option<Arc<dyn Allowance>>,
    /// Cost of its request so far; `None` if the charge belongs to no single request.
    spent: Option<Arc<AtomicU32>>,
    /// Expiry of its credentials; `None` if they do not expire.
    expires_at: Option<DateTime<Utc>>,
}

/// The parts of a caller that all its requests have in common.
#[derive(Debug)]
struct Identity {
    name: Arc<str>,
    kind: CallerKind,
    scopes: Scopes,
    scope_names: Arc<ScopeNames>,
}

/// The caller lacks a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the scope '{scope}', which the caller '{caller}' does not have")]
pub struct Forbidden {
    /// Name of the missing scope.
    pub scope: Arc<str>,
    /// Name of the caller.
    pub caller: Arc<str>,
}

impl Caller {
    /// An authenticated caller without an address.
    pub fn new(name: impl Into<Arc<str>>, kind: CallerKind, scopes: Scopes, scope_names: Arc<ScopeNames>) -> Self {
        Self {
            identity: Arc::new(Identity {
                name: name.into(),
                kind,
                scopes,
                scope_names,
            }),
            address: None,
            trace_parent: None,
            propagated: None,
            allowance: None,
            spent: None,
            expires_at: None,
        }
    }

    /// The caller with credentials that expire.
    #[must_use]
    pub fn expiring(mut self, at: Option<DateTime<Utc>>) -> Self {
        self.expires_at = at;
        self
    }

    /// Expiry of its credentials; `None` if they do not expire.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }

    /// The names of its scopes, in the order in which they are configured, each once.
    pub fn scope_names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for scope in Scope::ALL {
            let name = self.identity.scope_names.of(scope);
            if self.may(scope) && !names.contains(name) {
                names.push(Arc::clone(name));
            }
        }
        names
    }

    /// Its rate limit, if it has one.
    pub fn rate(&self) -> Option<Rate> {
        self.allowance.as_ref().map(|allowance| allowance.rate())
    }

    /// The embedding program: all scopes.
    pub fn local() -> Self {
        static LOCAL: LazyLock<Caller> =
            LazyLock::new(|| Caller::new("local", CallerKind::Local, Scopes::all(), Arc::default()));
        LOCAL.clone()
    }

    /// The configuration of the server, applied at its start: all scopes.
    pub fn configuration() -> Self {
        static CONFIGURATION: LazyLock<Caller> =
            LazyLock::new(|| Caller::new("configuration", CallerKind::Local, Scopes::all(), Arc::default()));
        CONFIGURATION.clone()
    }

    /// The caller of a server without authentication: all scopes.
    pub fn anonymous() -> Self {
        static ANONYMOUS: LazyLock<Caller> =
            LazyLock::new(|| Caller::new("anonymous", CallerKind::Anonymous, Scopes::all(), Arc::default()));
        ANONYMOUS.clone()
    }

    /// A caller before authentication: no scopes.
    pub fn unknown() -> Self {
        static UNKNOWN: LazyLock<Caller> =
            LazyLock::new(|| Caller::new("unknown", CallerKind::Anonymous, Scopes::none(), Arc::default()));
        UNKNOWN.clone()
    }

    /// The caller with a client address.
    #[must_use]
    pub fn at(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    /// The caller with the trace context of its request.
    #[must_use]
    pub fn within(mut self, trace_parent: Option<TraceParent>, propagated: Option<Arc<PropagatedContext>>) -> Self {
        self.trace_parent = trace_parent;
        self.propagated = propagated;
        self
    }

    /// The same caller with this rate limit, against which its request is counted already or, if `is_counted` is false,
    /// will be.
    #[must_use]
    pub fn limited(mut self, allowance: Arc<dyn Allowance>, is_counted: bool) -> Self {
        self.allowance = Some(allowance);
        self.spent = Some(Arc::new(AtomicU32::new(u32::from(is_counted))));
        self
    }

    /// The same caller for what lasts, such as a subscription: its costs are no single request's.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.spent = None;
        self
    }

    /// Counts this many requests more against its rate limit. A request that costs more than the whole limit is
    /// permanently rejected.
    pub fn charge(&self, requests: u32) -> Result<(), RateExceeded> {
        let Some(allowance) = self.allowance.as_ref().filter(|_| requests > 0) else {
            return Ok(());
        };
        let capacity = allowance.capacity();
        let spent = self.spent.as_deref();
        let cost = spent.map_or(0, |spent| spent.load(Ordering::Relaxed));
        let cost = cost.saturating_add(requests);
        if cost > capacity {
            return Err(RateExceeded::Always {
                requests: cost,
                capacity,
            });
        }
        allowance.charge(requests)?;
        if let Some(spent) = spent {
            spent.fetch_add(requests, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Counts a read that costs as much as this many requests, beside the one that is counted already. One read never
    /// costs more than the caller may make at once.
    pub fn charge_cost(&self, cost: u32) -> Result<(), RateExceeded> {
        let capacity = self.allowance.as_ref().map_or(cost, |allowance| allowance.capacity());
        self.charge(cost.min(capacity).saturating_sub(1))
    }

    /// Name of its key, or subject of its token.
    pub fn name(&self) -> &Arc<str> {
        &self.identity.name
    }

    /// Authentication method.
    pub fn kind(&self) -> CallerKind {
        self.identity.kind
    }

    /// True if the caller has the scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.identity.scopes.contains(scope)
    }

    /// Fails if the caller lacks the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Forbidden> {
        if self.may(scope) {
            return Ok(());
        }
        Err(self.lacks(scope))
    }

    /// Fails if the caller has none of the scopes; the error names the first one.
    pub fn require_any(&self, scopes: &[Scope]) -> Result<(), Forbidden> {
        match scopes.first() {
            Some(first) if !scopes.iter().any(|scope| self.may(*scope)) => Err(self.lacks(*first)),
            Some(_) | None => Ok(()),
        }
    }

    fn lacks(&self, scope: Scope) -> Forbidden {
        Forbidden {
            scope: Arc::clone(self.identity.scope_names.of(scope)),
            caller: Arc::clone(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_includes_no_other() {
        for given in Scope::ALL {
            let caller = Caller::new("c", CallerKind::Key, Scopes::none().with(given), Arc::default());
            for scope in Scope::ALL {
                assert_eq!(caller.may(scope), scope == given);
                assert_eq!(caller.require(scope).is_ok(), scope == given);
            }
        }
    }

    #[test]
    fn a_missing_scope_is_reported_with_the_caller() {
        let reader = Caller::new(
            "dashboard",
            CallerKind::Key,
            Scopes::none().with(Scope::Read),
            Arc::default(),
        );
        assert_eq!(
            reader.require(Scope::Write).expect_err("refused").to_string(),
            "this needs the scope 'tickerq:write', which the caller 'dashboard' does not have"
        );
        assert!(reader.require_any(&[Scope::Write, Scope::Read]).is_ok());
        let refused = reader.require_any(&[Scope::Admin, Scope::Write]).expect_err("refused");
        assert_eq!(&*refused.scope, "tickerq:admin");
    }

    #[test]
    fn scopes_may_share_a_name() {
        let names = ScopeNames {
            read: Arc::from("jobs"),
            write: Arc::from("jobs"),
            ..ScopeNames::default()
        };
        assert_eq!(names.named("jobs"), [Scope::Read, Scope::Write].into_iter().collect());
        assert_eq!(names.named("tickerq:admin"), Scopes::none().with(Scope::Admin));
        assert_eq!(names.named("other"), Scopes::none());
    }

    #[test]
    fn a_kind_round_trips_through_storage() {
        for kind in [
            CallerKind::Key,
            CallerKind::Token,
            CallerKind::Anonymous,
            CallerKind::Local,
        ] {
            assert_eq!(CallerKind::from_code(kind.code()), Some(kind));
            assert!(!kind.as_str().is_empty());
        }
        assert_eq!(CallerKind::from_code(99), None);
    }
}
