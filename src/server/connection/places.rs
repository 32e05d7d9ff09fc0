//! Places of connections: how many there may be in all and by address, and who makes room when all are taken.
//!
//! A new connection that finds no place ends the one that has waited longest for its next request. Where none waits, it gets
//! a place of the reserve: there it has a short time for one request, which is answered if a health check sends it, or if a
//! place has become free meanwhile, and refused otherwise. So slow clients that take all places keep nobody from
//! learning whether the server lives.

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

/// How long a connection waits for a request before another may take its place.
const IDLE_MIN: Duration = Duration::from_secs(1);
/// The number of connections among which idle ones are looked for at any time; among more, not oftener than this.
const SCAN_FREELY_MAX: usize = 1_000;
const SCAN_INTERVAL: Duration = Duration::from_millis(20);
/// The idle connections that one look finds.
const FOUND_MAX: usize = 256;
/// The places of the reserve.
pub(in crate::server) const RESERVE: usize = 32;

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct PlaceLimits {
    /// In all, without the reserve.
    pub connections: usize,
    /// Of one address.
    pub per_address: usize,
}

/// All places. All copies are the same.
#[derive(Clone)]
pub(in crate::server) struct Places(Arc<Book>);

struct Book {
    limits: PlaceLimits,
    /// Proxies connect for many clients: their own address has no limit, those of their clients have.
    trusted_proxies: Vec<IpNetwork>,
    /// The paths that are answered in the reserve.
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
    /// Connections that were ended for others and are still there.
    leaving: usize,
    /// The connections of an address that have a regular place.
    of_address: HashMap<IpAddr, HashSet<u64>>,
    /// By the address whose connections were looked for; `None` for those of all.
    found: HashMap<Option<IpAddr>, Found>,
}

/// Connections that were idle when they were last looked for.
#[derive(Default)]
struct Found {
    /// Since when, and which; those that have waited longest at the end.
    idle: Vec<(u64, u64)>,
    /// When they may be looked for again.
    again_at: u64,
}

struct Entry {
    state: Arc<State>,
    is_reserve: bool,
}

/// What a connection and those who want its place know of each other.
struct State {
    id: u64,
    address: Option<IpAddr>,
    /// Since when it has waited for a request, in milliseconds since the start and one; 0 while it does not wait.
    idle_since: AtomicU64,
    is_evicted: AtomicBool,
    waker: AtomicWaker,
}

/// The place of a connection, free again when it is dropped.
pub(in crate::server) struct Place {
    book: Arc<Book>,
    state: Arc<State>,
    /// Whether it may still be of the reserve; cheaper than asking.
    may_be_reserve: Cell<bool>,
}

/// The request of a client behind a proxy, counted by the client's address until it is dropped.
pub(super) struct ProxiedRequest {
    book: Arc<Book>,
    address: IpAddr,
}

impl Places {
    pub(in crate::server) fn new(
        limits: PlaceLimits,
        trusted_proxies: Vec<IpNetwork>,
        health_paths: Vec<String>,
        numbers: HttpConnections,
    ) -> Self {
        Self(Arc::new(Book {
            limits,
            trusted_proxies,
            health_paths,
            numbers,
            start: Instant::now(),
            inner: Mutex::default(),
        }))
    }

    /// A place for a connection from this address; `None` when even the reserve has none.
    pub(in crate::server) fn enter(&self, peer: Option<IpAddr>) -> Option<Place> {
        let book = &self.0;
        let is_trusted = |peer: &IpAddr| book.trusted_proxies.iter().any(|network| network.contains(*peer));
        let address = peer.filter(|peer| !is_trusted(peer)).map(client_prefix);
        let mut inner = book.lock();
        let is_reserve = !inner.make_room(address, book);
        if is_reserve {
            if inner.leaving >= RESERVE {
                book.numbers.refused();
                return None;
            }
            if inner.reserve.len() >= RESERVE
                && let Some(oldest) = inner.reserve.first().copied()
            {
                inner.evict(oldest);
                book.numbers.refused();
            }
        }
        let id = inner.next_id;
        inner.next_id += 1;
        let state = Arc::new(State {
            id,
            address,
            idle_since: AtomicU64::new(book.now()),
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
        book.numbers.opened();
        Some(Place {
            book: Arc::clone(book),
            state,
            may_be_reserve: Cell::new(is_reserve),
        })
    }
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock is held leaves the tables whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }
}

impl Inner {
    /// Whether there is a regular place for one more from this address, or one could be made.
    fn make_room(&mut self, address: Option<IpAddr>, book: &Book) -> bool {
        let PlaceLimits {
            connections,
            per_address,
        } = book.limits;
        let of_address = address.map_or(0, |address| self.by_address.get(&address).copied().unwrap_or(0));
        if of_address >= per_address {
            return self.evict_idle(address, book);
        }
        self.open.len() - self.reserve.len() < connections || self.evict_idle(None, book)
    }

    /// Ends the connection that has waited longest for a request, of this address or of any.
    fn evict_idle(&mut self, address: Option<IpAddr>, book: &Book) -> bool {
        if self.evict_found(address) {
            return true;
        }
        let now = book.now();
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

    /// The same among those that were found before and are still idle.
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

    /// Takes a connection out; nothing if it was ended for another already.
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
    /// Whether it is one of the reserve. One of these becomes a regular one if there is room by now.
    pub(super) fn is_reserve(&self) -> bool {
        if self.may_be_reserve.get() {
            let State { id, address, .. } = *self.state;
            let inner = &mut *self.book.lock();
            if inner.open.contains_key(&id)
                && inner.make_room(address, &self.book)
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

    /// Whether it was of the reserve when it was last asked.
    pub(super) fn was_reserve(&self) -> bool {
        self.may_be_reserve.get()
    }

    /// Whether a request for this path is answered in the reserve.
    pub(super) fn is_health(&self, path: &str) -> bool {
        self.book.health_paths.iter().any(|known| known == path)
    }

    /// Counts a request that was refused for want of a place.
    pub(super) fn refused(&self) {
        self.book.numbers.refused();
    }

    /// The connection waits for a request from now on.
    pub(super) fn idle(&self) {
        let since = &self.state.idle_since;
        if since.load(Ordering::Relaxed) == 0 {
            since.store(self.book.now(), Ordering::Relaxed);
        }
    }

    /// It has a request.
    pub(super) fn busy(&self) {
        self.state.idle_since.store(0, Ordering::Relaxed);
    }

    /// Whether it is to end because another needs its place; if not, the task is woken when it is.
    pub(super) fn is_evicted(&self, cx: &Context<'_>) -> bool {
        self.state.waker.register(cx.waker());
        self.state.is_evicted.load(Ordering::Acquire)
    }

    /// Whether a proxy has connected, whose clients are counted.
    pub(super) fn is_of_proxy(&self) -> bool {
        self.state.address.is_none()
    }

    /// Counts a request of a client behind a proxy; `Err` when the client has as many as one address may.
    pub(super) fn proxied(&self, client: Option<IpAddr>) -> Result<Option<ProxiedRequest>, ()> {
        let (None, Some(client)) = (self.state.address, client) else {
            return Ok(None);
        };
        if self.book.trusted_proxies.iter().any(|network| network.contains(client)) {
            return Ok(None);
        }
        let address = client_prefix(client);
        let mut inner = self.book.lock();
        let count = inner.by_address.get(&address).copied().unwrap_or(0);
        if count >= self.book.limits.per_address {
            return Err(());
        }
        inner.count(Some(address));
        drop(inner);
        let book = Arc::clone(&self.book);
        Ok(Some(ProxiedRequest { book, address }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.book.lock();
        if inner.remove(self.state.id).is_none() {
            inner.leaving -= 1;
        }
        drop(inner);
        self.book.numbers.closed();
    }
}

impl Drop for ProxiedRequest {
    fn drop(&mut self) {
        self.book.lock().discount(Some(self.address));
    }
}

#[cfg(test)]
mod tests;
