//! Places of connections: limits in total and per address, and eviction when all are taken.
//!
//! A new connection without a place evicts the connection that has been idle the longest. If none is idle, it gets a
//! place of the reserve: there it has a short time for one request, which is accepted if it is a health check or if a
//! place has become free meanwhile, and rejected otherwise. Slow clients that occupy all places therefore do not
//! block health checks.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;

use crate::domain::access::ip_network::{IpNetwork, client_prefix};
use crate::service::facade_metrics::connections::HttpConnections;

/// Minimum idle time before a connection may be evicted.
const IDLE_MIN: Duration = Duration::from_secs(1);
/// Maximum number of connections that are searched for idle ones at any time; more are searched at intervals.
const SCAN_FREELY_MAX: usize = 1_000;
const SCAN_INTERVAL: Duration = Duration::from_millis(20);
/// Maximum number of idle connections that one search returns.
const FOUND_MAX: usize = 256;
/// Number of places in the reserve.
pub(in crate::server) const RESERVE: usize = 32;

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct PlaceLimits {
    /// In total, without the reserve.
    pub connections: usize,
    /// Per address.
    pub per_address: usize,
}

/// All places. Clones share them.
#[derive(Clone)]
pub(in crate::server) struct Places(Arc<Shared>);

struct Shared {
    limits: PlaceLimits,
    /// Proxies connect on behalf of many clients: their own address has no limit, their clients' addresses have.
    trusted_proxies: Vec<IpNetwork>,
    /// The paths that the reserve accepts.
    health_paths: Vec<String>,
    numbers: HttpConnections,
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next_id: u64,
    open: HashMap<u64, Entry>,
    /// Connections, and requests of clients behind proxies, by address.
    by_address: HashMap<IpAddr, usize>,
    reserve: BTreeSet<u64>,
    /// Connections that were evicted and are not closed yet.
    leaving: usize,
    /// Connections of an address with a regular place.
    of_address: HashMap<IpAddr, HashSet<u64>>,
    /// Results of the last search by address; `None` for all addresses.
    found: HashMap<Option<IpAddr>, Found>,
}

/// Connections that were idle at the last search.
#[derive(Default)]
struct Found {
    /// Start of the idle time and id; the longest idle ones at the end.
    idle: Vec<(u64, u64)>,
    /// Earliest time of the next search.
    again_at: u64,
}

struct Entry {
    state: Arc<State>,
    is_reserve: bool,
}

/// The state of a connection that its evictor shares.
struct State {
    id: u64,
    address: Option<IpAddr>,
    /// Start of the idle time, in milliseconds since the start of the process plus one; 0 while it is not idle.
    idle_since: AtomicU64,
    is_evicted: AtomicBool,
    waker: AtomicWaker,
}

/// The place of a connection, released when it is dropped.
pub(in crate::server) struct Place {
    shared: Arc<Shared>,
    state: Arc<State>,
    /// It may be in the reserve; avoids the lock.
    may_be_reserve: Cell<bool>,
}

/// The request of a client behind a proxy, which counts for the client's address until it is dropped.
pub(super) struct ProxiedRequest {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Places {
    pub(in crate::server) fn new(
        limits: PlaceLimits,
        trusted_proxies: Vec<IpNetwork>,
        health_paths: Vec<String>,
        numbers: HttpConnections,
    ) -> Self {
        Self(Arc::new(Shared {
            limits,
            trusted_proxies,
            health_paths,
            numbers,
            start: Instant::now(),
            inner: Mutex::default(),
        }))
    }

    /// Acquires a place for a connection from this address; `None` if the reserve is full too.
    pub(in crate::server) fn enter(&self, peer: Option<IpAddr>) -> Option<Place> {
        let shared = &self.0;
        let is_trusted = |peer: &IpAddr| shared.trusted_proxies.iter().any(|network| network.contains(*peer));
        let address = peer.filter(|peer| !is_trusted(peer)).map(client_prefix);
        let mut inner = shared.lock();
        let is_reserve = !inner.make_room(address, shared);
        if is_reserve {
            if inner.leaving >= RESERVE {
                shared.numbers.refused();
                return None;
            }
            if inner.reserve.len() >= RESERVE
                && let Some(oldest) = inner.reserve.first().copied()
            {
                inner.evict(oldest);
                shared.numbers.refused();
            }
        }
        let id = inner.next_id;
        inner.next_id += 1;
        let state = Arc::new(State {
            id,
            address,
            idle_since: AtomicU64::new(shared.now()),
            is_evicted: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        if is_reserve {
            inner.reserve.insert(id);
        } else {
            inner.count_connection(id, address);
        }
        let entry = Entry {
            state: Arc::clone(&state),
            is_reserve,
        };
        inner.open.insert(id, entry);
        drop(inner);
        shared.numbers.opened();
        Some(Place {
            shared: Arc::clone(shared),
            state,
            may_be_reserve: Cell::new(is_reserve),
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The tables are consistent after a panic while the lock is held.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }
}

impl Inner {
    /// `true` if there is a regular place for this address, or one could be freed.
    fn make_room(&mut self, address: Option<IpAddr>, shared: &Shared) -> bool {
        let PlaceLimits {
            connections,
            per_address,
        } = shared.limits;
        let of_address = address.map_or(0, |address| self.by_address.get(&address).copied().unwrap_or(0));
        if of_address >= per_address {
            return self.evict_idle(address, shared);
        }
        self.open.len() - self.reserve.len() < connections || self.evict_idle(None, shared)
    }

    /// Evicts the longest idle connection of this address or of all.
    fn evict_idle(&mut self, address: Option<IpAddr>, shared: &Shared) -> bool {
        if self.evict_found(address) {
            return true;
        }
        let now = shared.now();
        let own = address.map(|address| self.of_address.get(&address));
        let count = own.map_or(self.open.len(), |own| own.map_or(0, HashSet::len));
        let again_at = self.found.get(&address).map_or(0, |found| found.again_at);
        if count > SCAN_FREELY_MAX && now < again_at {
            return false;
        }
        let latest = now.saturating_sub(IDLE_MIN.as_millis() as u64);
        let counted: Box<dyn Iterator<Item = &Entry>> = match own {
            Some(own) => Box::new(own.into_iter().flatten().filter_map(|id| self.open.get(id))),
            None => Box::new(self.open.values().filter(|entry| !entry.is_reserve)),
        };
        let mut idle: Vec<(u64, u64)> = counted
            .map(|entry| (entry.state.idle_since.load(Ordering::Relaxed), entry.state.id))
            .filter(|(since, _)| *since != 0 && *since <= latest)
            .collect();
        if idle.len() > FOUND_MAX {
            idle.select_nth_unstable(FOUND_MAX);
            idle.truncate(FOUND_MAX);
        }
        idle.sort_unstable_by(|one, other| other.cmp(one));
        let found = Found {
            idle,
            again_at: now + SCAN_INTERVAL.as_millis() as u64,
        };
        self.found.insert(address, found);
        self.evict_found(address)
    }

    /// The same among those of the last search that are still idle.
    fn evict_found(&mut self, address: Option<IpAddr>) -> bool {
        while let Some((since, id)) = self.found.get_mut(&address).and_then(|found| found.idle.pop()) {
            let is_still = |entry: &Entry| entry.state.idle_since.load(Ordering::Relaxed) == since;
            if self.open.get(&id).is_some_and(is_still) {
                self.evict(id);
                return true;
            }
        }
        false
    }

    fn evict(&mut self, id: u64) {
        if let Some(state) = self.remove(id) {
            self.leaving += 1;
            state.is_evicted.store(true, Ordering::Release);
            state.waker.wake();
        }
    }

    /// Removes a connection; no effect if it was evicted already.
    fn remove(&mut self, id: u64) -> Option<Arc<State>> {
        let Entry { state, is_reserve } = self.open.remove(&id)?;
        if is_reserve {
            self.reserve.remove(&id);
        } else {
            self.discount(state.address);
            self.forget(id, state.address);
        }
        Some(state)
    }

    fn count_connection(&mut self, id: u64, address: Option<IpAddr>) {
        self.count(address);
        if let Some(address) = address {
            self.of_address.entry(address).or_default().insert(id);
        }
    }

    fn forget(&mut self, id: u64, address: Option<IpAddr>) {
        if let Some(address) = address
            && let Some(own) = self.of_address.get_mut(&address)
        {
            own.remove(&id);
            if own.is_empty() {
                self.of_address.remove(&address);
                self.found.remove(&Some(address));
            }
        }
    }

    fn count(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address {
            *self.by_address.entry(address).or_default() += 1;
        }
    }

    fn discount(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Place {
    /// `true` if it is in the reserve. A connection of the reserve moves to a regular place if one is free.
    pub(super) fn is_reserve(&self) -> bool {
        if self.may_be_reserve.get() {
            let State { id, address, .. } = *self.state;
            let inner = &mut *self.shared.lock();
            if inner.open.contains_key(&id)
                && inner.make_room(address, &self.shared)
                && let Some(entry) = inner.open.get_mut(&id)
            {
                entry.is_reserve = false;
                inner.reserve.remove(&id);
                inner.count_connection(id, address);
                self.may_be_reserve.set(false);
            }
        }
        self.may_be_reserve.get()
    }

    /// `true` if it was in the reserve at the last check.
    pub(super) fn was_reserve(&self) -> bool {
        self.may_be_reserve.get()
    }

    /// `true` if the reserve accepts a request for this path.
    pub(super) fn is_health(&self, path: &str) -> bool {
        self.shared.health_paths.iter().any(|known| known == path)
    }

    /// Counts a request that was rejected for lack of a place.
    pub(super) fn refused(&self) {
        self.shared.numbers.refused();
    }

    /// Marks the connection as idle.
    pub(super) fn idle(&self) {
        let since = &self.state.idle_since;
        if since.load(Ordering::Relaxed) == 0 {
            since.store(self.shared.now(), Ordering::Relaxed);
        }
    }

    /// Marks the connection as busy.
    pub(super) fn busy(&self) {
        self.state.idle_since.store(0, Ordering::Relaxed);
    }

    /// `true` if it must close because it was evicted; otherwise the task is woken when that happens.
    pub(super) fn is_evicted(&self, cx: &Context<'_>) -> bool {
        self.state.waker.register(cx.waker());
        self.state.is_evicted.load(Ordering::Acquire)
    }

    /// `true` if a proxy has connected, whose clients are counted.
    pub(super) fn is_of_proxy(&self) -> bool {
        self.state.address.is_none()
    }

    /// Counts a request of a client behind a proxy; `Err` if the client has reached the limit per address.
    pub(super) fn proxied(&self, client: Option<IpAddr>) -> Result<Option<ProxiedRequest>, ()> {
        let (None, Some(client)) = (self.state.address, client) else {
            return Ok(None);
        };
        if self
            .shared
            .trusted_proxies
            .iter()
            .any(|network| network.contains(client))
        {
            return Ok(None);
        }
        let address = client_prefix(client);
        let mut inner = self.shared.lock();
        let count = inner.by_address.get(&address).copied().unwrap_or(0);
        if count >= self.shared.limits.per_address {
            return Err(());
        }
        inner.count(Some(address));
        drop(inner);
        let shared = Arc::clone(&self.shared);
        Ok(Some(ProxiedRequest { shared, address }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        if inner.remove(self.state.id).is_none() {
            inner.leaving -= 1;
        }
        drop(inner);
        self.shared.numbers.closed();
    }
}

impl Drop for ProxiedRequest {
    fn drop(&mut self) {
        self.shared.lock().discount(Some(self.address));
    }
}

#[cfg(test)]
mod tests;
