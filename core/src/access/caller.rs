//! Who calls, and what they may do.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use super::allowance::{Allowance, RateExceeded};
use crate::values::trace_context::TraceParent;
use crate::values::trace_state::PropagatedContext;

/// One thing that a caller may be allowed to do. No scope holds another: who may change things may not read them by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Seeing jobs, queues, numbers and events.
    Read,
    /// Creating, changing and steering jobs and queues.
    Write,
    /// Nodes, keys, configuration, and the record of who has changed what.
    Admin,
}

impl Scope {
    /// All of them, in the order in which their names are configured.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Admin => 4,
        }
    }
}

/// What a caller may do: a set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// Nothing.
    pub const fn none() -> Self {
        Self(0)
    }

    /// Everything.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a scope is one of these.
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

/// What scopes are called in keys and tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeNames {
    /// Of [`Scope::Read`].
    pub read: Arc<str>,
    /// Of [`Scope::Write`].
    pub write: Arc<str>,
    /// Of [`Scope::Admin`].
    pub admin: Arc<str>,
}

impl ScopeNames {
    /// What a scope is called.
    pub fn of(&self, scope: Scope) -> &Arc<str> {
        match scope {
            Scope::Read => &self.read,
            Scope::Write => &self.write,
            Scope::Admin => &self.admin,
        }
    }

    /// The scopes that have this name: two of them may share one.
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

/// How it is known who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// The caller has shown a configured key.
    Key,
    /// The caller has shown a signed token that somebody else has issued.
    Token,
    /// It is not known: this server asks nobody.
    Anonymous,
    /// The program itself that the server runs in.
    Local,
}

impl CallerKind {
    const TABLE: [(Self, i16, &'static str); 4] = [
        (Self::Key, 0, "key"),
        (Self::Token, 1, "token"),
        (Self::Anonymous, 2, "anonymous"),
        (Self::Local, 3, "local"),
    ];

    /// The kind in words.
    pub fn as_str(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|(kind, ..)| *kind == self)
            .map_or("", |(.., name)| name)
    }

    /// The number for storage.
    pub fn code(self) -> i16 {
        Self::TABLE
            .iter()
            .find(|(kind, ..)| *kind == self)
            .map_or(0, |(_, code, _)| *code)
    }

    /// The kind that storage keeps under a number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|(_, known, _)| *known == code)
            .map(|(kind, ..)| *kind)
    }
}

/// A caller as the server knows it. Cheap to copy.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Arc<Identity>,
    /// Where the request came from, if it came over a network.
    pub address: Option<IpAddr>,
    /// Where the request stands in a trace, if it says so.
    pub trace_parent: Option<TraceParent>,
    /// What its trace passes on besides.
    pub propagated: Option<Arc<PropagatedContext>>,
    /// Its rate limit, if it has one.
    allowance: Option<Arc<dyn Allowance>>,
    /// What its request has cost so far; `None` where what is charged belongs to no single request.
    spent: Option<Arc<AtomicU32>>,
}

/// What does not change from one request of a caller to the next.
#[derive(Debug)]
struct Identity {
    name: Arc<str>,
    kind: CallerKind,
    scopes: Scopes,
    scope_names: Arc<ScopeNames>,
}

/// The caller may not do this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the scope '{scope}', which the caller '{caller}' does not have")]
pub struct Forbidden {
    /// What the scope that is missing is called.
    pub scope: Arc<str>,
    /// Who has called.
    pub caller: Arc<str>,
}

impl Caller {
    /// A caller who has shown who it is; where from is not known yet.
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
        }
    }

    /// The program itself: it may do everything.
    pub fn local() -> Self {
        static LOCAL: LazyLock<Caller> =
            LazyLock::new(|| Caller::new("local", CallerKind::Local, Scopes::all(), Arc::default()));
        LOCAL.clone()
    }

    /// The configuration of the server, applied at its start: it may do everything.
    pub fn configuration() -> Self {
        static CONFIGURATION: LazyLock<Caller> =
            LazyLock::new(|| Caller::new("configuration", CallerKind::Local, Scopes::all(), Arc::default()));
        CONFIGURATION.clone()
    }

    /// Whoever it is that calls a server which asks nobody: may do everything.
    pub fn anonymous() -> Self {
        static ANONYMOUS: LazyLock<Caller> =
            LazyLock::new(|| Caller::new("anonymous", CallerKind::Anonymous, Scopes::all(), Arc::default()));
        ANONYMOUS.clone()
    }

    /// Somebody who has not been asked who it is, and may do nothing.
    pub fn unknown() -> Self {
        static UNKNOWN: LazyLock<Caller> =
            LazyLock::new(|| Caller::new("unknown", CallerKind::Anonymous, Scopes::none(), Arc::default()));
        UNKNOWN.clone()
    }

    /// The same caller, seen at this address.
    #[must_use]
    pub fn at(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    /// The same caller, whose request stands here in a trace and passes this on.
    #[must_use]
    pub fn within(mut self, trace_parent: Option<TraceParent>, propagated: Option<Arc<PropagatedContext>>) -> Self {
        self.trace_parent = trace_parent;
        self.propagated = propagated;
        self
    }

    /// The same caller with this rate limit, against which its request is counted already or, if `is_counted` is false, will
    /// be.
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

    /// Counts this many requests more against its rate limit. A request that costs more than the whole limit is refused for
    /// good.
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

    /// Counts a read that costs as much as this many requests, beside the one that is counted already. One read never costs
    /// more than the caller may make at once.
    pub fn charge_cost(&self, cost: u32) -> Result<(), RateExceeded> {
        let capacity = self.allowance.as_ref().map_or(cost, |allowance| allowance.capacity());
        self.charge(cost.min(capacity).saturating_sub(1))
    }

    /// The name of its key, or the subject of its token.
    pub fn name(&self) -> &Arc<str> {
        &self.identity.name
    }

    /// How it is known who it is.
    pub fn kind(&self) -> CallerKind {
        self.identity.kind
    }

    /// Whether it may do this.
    pub fn may(&self, scope: Scope) -> bool {
        self.identity.scopes.contains(scope)
    }

    /// Refuses what it may not do.
    pub fn require(&self, scope: Scope) -> Result<(), Forbidden> {
        if self.may(scope) {
            return Ok(());
        }
        Err(self.lacks(scope))
    }

    /// Refuses what may only be done by those who may do one of these things at least; the first is the one that is named.
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
    fn a_scope_holds_no_other() {
        for given in Scope::ALL {
            let caller = Caller::new("c", CallerKind::Key, Scopes::none().with(given), Arc::default());
            for asked in Scope::ALL {
                assert_eq!(caller.may(asked), asked == given);
                assert_eq!(caller.require(asked).is_ok(), asked == given);
            }
        }
    }

    #[test]
    fn a_refusal_names_the_scope_and_the_caller() {
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
    fn a_kind_comes_back_from_storage() {
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
