//! Registry of live connections, with limits in total and per caller.
//!
//! A connection counts when its client is authenticated and has opened it as its protocol requires. Until then it is
//! unconfirmed: it does not count, and its caller may have only a few; one more closes the oldest. The protocol limits
//! their time (the handshake of SignalR, `connection_init` of GraphQL).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::api::problem::Problem;
use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;
use crate::service::facade_metrics::clients::{ClientKind, Clients, ConnectedClient};
use crate::service::shutdown::Shutdown;

/// Maximum number of unconfirmed connections of one caller.
const UNCONFIRMED_PER_CALLER_MAX: usize = 500;
/// Maximum number of unconfirmed connections.
const UNCONFIRMED_MAX: usize = 5_000;

/// Counts connections of all kinds. Clones share the counts.
#[derive(Clone)]
pub(crate) struct Connections {
    inner: Arc<Mutex<Inner>>,
    max: usize,
    max_per_caller: usize,
    clients: Clients,
}

#[derive(Default)]
struct Inner {
    open: usize,
    by_owner: HashMap<CallerKey, usize>,
    next_id: u64,
    /// Oldest first.
    unconfirmed: BTreeMap<u64, Unconfirmed>,
    unconfirmed_by_owner: HashMap<CallerKey, BTreeSet<u64>>,
}

struct Unconfirmed {
    owner: CallerKey,
    end: oneshot::Sender<()>,
}

/// Permit of one connection, which is released when it is dropped.
pub(crate) struct Permit {
    connections: Connections,
    kind: ClientKind,
    held: Held,
}

enum Held {
    Unconfirmed(u64),
    Confirmed { owner: CallerKey, _client: ConnectedClient },
}

/// Resolves when an unconfirmed connection has to close in favor of a newer one.
pub(crate) struct Superseded(oneshot::Receiver<()>);

impl Superseded {
    /// Waits for it; never resolves after the connection was confirmed.
    pub(crate) async fn wait(self) {
        if self.0.await.is_err() {
            pending().await
        }
    }
}

impl Connections {
    /// An empty registry with these limits in total and per caller. `clients` counts connections by kind.
    pub(crate) fn new(max: usize, max_per_caller: usize, clients: Clients) -> Self {
        Self {
            inner: Arc::default(),
            max,
            max_per_caller: max_per_caller.min(max),
            clients,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The counts stay consistent when a holder of the lock panics.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Permit of another connection of this caller, within the limits and unless the server shuts down.
    pub(crate) fn enter(&self, kind: ClientKind, caller: &Caller, shutdown: &Shutdown) -> Result<Permit, Problem> {
        check_running(shutdown)?;
        let owner = CallerKey::of(caller);
        self.count(&mut self.lock(), &owner)?;
        Ok(self.permit(kind, self.held(kind, owner)))
    }

    /// Permit of an unconfirmed connection, which does not count yet.
    pub(crate) fn enter_unconfirmed(
        &self,
        kind: ClientKind,
        owner: CallerKey,
        shutdown: &Shutdown,
    ) -> Result<(Permit, Superseded), Problem> {
        check_running(shutdown)?;
        let mut inner = self.lock();
        self.check(&inner, &owner)?;
        let (end, ended) = oneshot::channel();
        let id = inner.next_id;
        inner.next_id += 1;
        let of_owner = inner.unconfirmed_by_owner.entry(owner.clone()).or_default();
        of_owner.insert(id);
        let oldest = of_owner
            .first()
            .copied()
            .filter(|_| of_owner.len() > UNCONFIRMED_PER_CALLER_MAX);
        inner.unconfirmed.insert(id, Unconfirmed { owner, end });
        let oldest_of_all = || inner.unconfirmed.first_key_value().map(|(id, _)| *id);
        let is_full = inner.unconfirmed.len() > UNCONFIRMED_MAX;
        let superseded = oldest.or_else(|| oldest_of_all().filter(|_| is_full));
        if let Some(Unconfirmed { end, .. }) = superseded.and_then(|oldest| inner.take_unconfirmed(oldest)) {
            // A closed receiver belongs to a connection that has just ended.
            let _ = end.send(());
        }
        Ok((self.permit(kind, Held::Unconfirmed(id)), Superseded(ended)))
    }

    /// Checks the limits for another connection of this caller, without a permit.
    pub(crate) fn check_room(&self, caller: &Caller, shutdown: &Shutdown) -> Result<(), Problem> {
        check_running(shutdown)?;
        self.check(&self.lock(), &CallerKey::of(caller))
    }

    fn check(&self, inner: &Inner, owner: &CallerKey) -> Result<(), Problem> {
        if inner.open >= self.max {
            let detail = format!("connection limit for live updates ({}) reached", self.max);
            return Err(Problem::busy(detail));
        }
        if inner.by_owner.get(owner).copied().unwrap_or(0) >= self.max_per_caller {
            let max = self.max_per_caller;
            return Err(Problem::busy(format!(
                "connection limit for live updates of one caller ({max}) reached"
            )));
        }
        Ok(())
    }

    fn count(&self, inner: &mut Inner, owner: &CallerKey) -> Result<(), Problem> {
        self.check(inner, owner)?;
        inner.open += 1;
        *inner.by_owner.entry(owner.clone()).or_default() += 1;
        Ok(())
    }

    fn permit(&self, kind: ClientKind, held: Held) -> Permit {
        Permit {
            connections: self.clone(),
            kind,
            held,
        }
    }

    fn held(&self, kind: ClientKind, owner: CallerKey) -> Held {
        Held::Confirmed {
            owner,
            _client: self.clients.enter(kind),
        }
    }
}

impl Inner {
    fn take_unconfirmed(&mut self, id: u64) -> Option<Unconfirmed> {
        let taken = self.unconfirmed.remove(&id)?;
        if let Some(ids) = self.unconfirmed_by_owner.get_mut(&taken.owner) {
            ids.remove(&id);
            if ids.is_empty() {
                self.unconfirmed_by_owner.remove(&taken.owner);
            }
        }
        Some(taken)
    }
}

impl Permit {
    /// Confirms that the client has opened the connection as its protocol requires, on behalf of this caller: from now
    /// on it counts.
    pub(crate) fn confirm(&mut self, caller: &Caller) -> Result<(), Problem> {
        let Held::Unconfirmed(id) = self.held else {
            return Ok(());
        };
        let owner = CallerKey::of(caller);
        {
            let mut inner = self.connections.lock();
            self.connections.count(&mut inner, &owner)?;
            inner.take_unconfirmed(id);
        }
        self.held = self.connections.held(self.kind, owner);
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut inner = self.connections.lock();
        match &self.held {
            Held::Unconfirmed(id) => drop(inner.take_unconfirmed(*id)),
            Held::Confirmed { owner, .. } => {
                inner.open -= 1;
                if let Some(count) = inner.by_owner.get_mut(owner) {
                    *count -= 1;
                    if *count == 0 {
                        inner.by_owner.remove(owner);
                    }
                }
            }
        }
    }
}

fn check_running(shutdown: &Shutdown) -> Result<(), Problem> {
    if shutdown.has_started() {
        return Err(Problem::unavailable("the server is stopping"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::FutureExt;

    use super::*;
    use crate::domain::access::caller::{CallerKind, Scopes};

    const KIND: ClientKind = ClientKind::SignalR;

    fn key(name: &str) -> Caller {
        Caller::new(name, CallerKind::Key, Scopes::all(), Arc::default())
    }

    fn anonymous(last: u8) -> Caller {
        Caller::anonymous().at(Some(IpAddr::from([192, 0, 2, last])))
    }

    fn unconfirmed(connections: &Connections, caller: &Caller) -> Option<(Permit, Superseded)> {
        connections
            .enter_unconfirmed(KIND, CallerKey::of(caller), &Shutdown::default())
            .ok()
    }

    #[test]
    fn a_closed_connection_frees_its_permit() {
        let connections = Connections::new(1, 1, Clients::default());
        let shutdown = Shutdown::default();
        let first = connections.enter(ClientKind::WebSocket, &key("ann"), &shutdown);
        assert!(first.is_ok());
        assert!(connections.clone().enter(KIND, &key("bob"), &shutdown).is_err());
        drop(first);
        assert!(connections.enter(ClientKind::WebSocket, &key("bob"), &shutdown).is_ok());
        shutdown.begin();
        assert!(
            connections
                .enter(ClientKind::WebSocket, &key("bob"), &shutdown)
                .is_err(),
            "shutdown rejects connections"
        );
    }

    #[test]
    fn limits_apply_per_caller_and_without_authentication_per_address() {
        let connections = Connections::new(10, 2, Clients::default());
        let shutdown = Shutdown::default();
        let enter = |caller: &Caller| connections.enter(KIND, caller, &shutdown);
        let at = |caller: Caller, last| caller.at(Some(IpAddr::from([192, 0, 2, last])));
        let of_ann: Vec<_> = (0..3).map(|last| enter(&at(key("ann"), last))).collect();
        assert_eq!(
            of_ann.iter().map(Result::is_ok).collect::<Vec<_>>(),
            [true, true, false]
        );
        assert!(connections.check_room(&key("ann"), &shutdown).is_err());
        assert!(connections.check_room(&key("bob"), &shutdown).is_ok());
        let of_one: Vec<_> = (0..3).map(|_| enter(&anonymous(1))).collect();
        assert_eq!(
            of_one.iter().map(Result::is_ok).collect::<Vec<_>>(),
            [true, true, false]
        );
        assert!(enter(&anonymous(2)).is_ok());
        drop((of_ann, of_one));
        assert!(connections.lock().by_owner.is_empty() && connections.lock().open == 0);
    }

    #[test]
    fn unconfirmed_connections_do_not_count_and_the_oldest_is_closed_for_a_new_one() {
        let connections = Connections::new(2, 2, Clients::default());
        let mut open: Vec<(Permit, Superseded)> = (0..UNCONFIRMED_PER_CALLER_MAX + 2)
            .filter_map(|_| unconfirmed(&connections, &anonymous(1)))
            .collect();
        assert_eq!(open.len(), UNCONFIRMED_PER_CALLER_MAX + 2);
        let (mut last, still) = open.pop().expect("a connection");
        let ended = open
            .drain(..)
            .map(|(_, superseded)| superseded.wait().now_or_never().is_some());
        let ended = ended.filter(|ended| *ended).count();
        assert_eq!(ended, 2);
        assert_eq!(connections.lock().open, 0);
        last.confirm(&key("ann")).expect("a place");
        assert!(still.wait().now_or_never().is_none());
        assert_eq!(connections.clients.counts().map(|(_, count)| count).sum::<u64>(), 1);
        let (mut second, _still) = unconfirmed(&connections, &anonymous(1)).expect("a connection");
        let (mut third, _still) = unconfirmed(&connections, &anonymous(1)).expect("a connection");
        second.confirm(&key("bob")).expect("the last place");
        assert!(third.confirm(&key("cid")).is_err());
        drop((last, second, third));
        let inner = connections.lock();
        assert!(inner.open == 0 && inner.unconfirmed.is_empty() && inner.unconfirmed_by_owner.is_empty());
    }

    #[test]
    fn unconfirmed_connections_are_bounded_for_any_number_of_callers() {
        let connections = Connections::new(2, 2, Clients::default());
        let open: Vec<_> = (0..UNCONFIRMED_MAX + 50)
            .filter_map(|number| unconfirmed(&connections, &key(&number.to_string())))
            .collect();
        assert_eq!(open.len(), UNCONFIRMED_MAX + 50);
        assert_eq!(connections.lock().unconfirmed.len(), UNCONFIRMED_MAX);
    }
}
