//! Registry of a hub's connections by the token in their requests.
//!
//! A negotiation creates a token; the first request with it opens the connection. Until then it does not count as a
//! connection: it is an entry of the registry, which expires, and of which each client may have a limited number. The
//! connection id that programs see is another value: only the token opens a connection, and only for the caller that
//! negotiated it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::http_transport::HttpTransport;
use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;

/// Maximum number of unused negotiations of a caller.
const UNUSED_PER_CLIENT_MAX: usize = 1_000;
/// Maximum number of unused negotiations; more expire the oldest.
const UNUSED_MAX: usize = 20_000;
/// Maximum number of negotiations that wait for their expiry, including used and removed ones.
const EXPIRING_MAX: usize = 2 * UNUSED_MAX;
/// Maximum size of the messages before a connection is opened, in bytes.
const EARLY_BYTES_MAX: usize = 4 * 1024;
/// Number of random bytes in a token.
const TOKEN_BYTES: usize = 24;

/// Opens a connection. It is a credential and is never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ConnectionToken(String);

impl ConnectionToken {
    /// A random token of characters without meaning in a query, because clients do not encode it.
    pub(super) fn random() -> Self {
        Self(random_text())
    }

    /// The token of a request.
    pub(super) fn given(text: String) -> Self {
        Self(text)
    }

    /// The text, for the client that negotiates.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConnectionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionToken(hidden)")
    }
}

/// A random text of hexadecimal digits.
pub(super) fn random_text() -> String {
    let bytes: [u8; TOKEN_BYTES] = rand::random();
    hex::encode(bytes)
}

struct Entry<A> {
    /// The caller that negotiated the connection, at any address: the requests of others are rejected.
    owner: CallerKey,
    state: State<A>,
}

enum State<A> {
    Negotiated {
        at: Instant,
        from: CallerKey,
        /// Bytes that the client sent before it opened the connection.
        early: BytesMut,
    },
    WebSocket,
    Http {
        transport: HttpTransport,
        address: A,
    },
}

/// The entry of a token.
pub(super) enum Found<A> {
    /// Unknown or expired.
    Nothing,
    /// A connection of another caller.
    OtherCaller,
    /// An unused negotiation.
    Negotiated,
    /// A connection over a WebSocket.
    WebSocket,
    /// A connection over another transport.
    Http { transport: HttpTransport, address: A },
}

/// Connections of a hub, with addresses `A` of those over HTTP. Shared by all HTTP workers.
#[derive(Clone)]
pub(super) struct Registry<A> {
    inner: Arc<Mutex<Inner<A>>>,
    unused_for_max: Duration,
}

struct Inner<A> {
    entries: HashMap<ConnectionToken, Entry<A>>,
    /// Negotiations in the order of their expiry, including used and removed ones.
    expiring: VecDeque<(Instant, ConnectionToken)>,
    /// Unused negotiations of each client, oldest first.
    unused: HashMap<CallerKey, VecDeque<ConnectionToken>>,
    /// Number of unused negotiations of all clients.
    unused_count: usize,
    /// True if a task waits for the next negotiation to expire.
    is_sweeping: bool,
}

impl<A> Default for Inner<A> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            expiring: VecDeque::new(),
            unused: HashMap::new(),
            unused_count: 0,
            is_sweeping: false,
        }
    }
}

impl<A: Clone + 'static> Registry<A> {
    /// An empty registry. A negotiation expires if it is unused for this time.
    pub(super) fn new(unused_for_max: Duration) -> Self {
        Self {
            inner: Arc::default(),
            unused_for_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<A>> {
        lock(&self.inner)
    }

    /// Registers the token of a negotiation for one use by this caller. A client with too many unused negotiations
    /// loses its oldest.
    pub(super) fn negotiated(&self, token: ConnectionToken, caller: &Caller) {
        let at = Instant::now();
        let owner = CallerKey::at_any_address(caller);
        let from = CallerKey::of(caller);
        let is_sweeping = {
            let mut inner = self.lock();
            inner.expiring.push_back((at, token.clone()));
            inner.unused.entry(from.clone()).or_default().push_back(token.clone());
            let state = State::Negotiated {
                at,
                from: from.clone(),
                early: BytesMut::new(),
            };
            inner.entries.insert(token, Entry { owner, state });
            inner.unused_count += 1;
            inner.bound(&from);
            std::mem::replace(&mut inner.is_sweeping, true)
        };
        if !is_sweeping {
            actix_web::rt::spawn(self.clone().sweep());
        }
    }

    /// Removes negotiations as they expire, until there are none.
    async fn sweep(self) {
        while let Some(wait) = self.remove_expired() {
            actix_web::rt::time::sleep(wait).await;
        }
    }

    /// Removes expired negotiations. Returns the time until the next one expires; `None` if there is none.
    fn remove_expired(&self) -> Option<Duration> {
        let mut inner = self.lock();
        while let Some((at, token)) = inner.expiring.front() {
            let age = at.elapsed();
            if age <= self.unused_for_max {
                // Slightly later, so that it has expired.
                return Some(self.unused_for_max - age + Duration::from_millis(1));
            }
            let token = token.clone();
            inner.expiring.pop_front();
            inner.take_negotiated(&token);
        }
        inner.is_sweeping = false;
        None
    }

    /// The entry of a token, for this caller.
    pub(super) fn find(&self, token: &ConnectionToken, caller: &Caller) -> Found<A> {
        let inner = self.lock();
        let Some(Entry { owner, state }) = inner.entries.get(token) else {
            return Found::Nothing;
        };
        if *owner != CallerKey::at_any_address(caller) {
            return Found::OtherCaller;
        }
        match state {
            State::Negotiated { at, .. } if at.elapsed() <= self.unused_for_max => Found::Negotiated,
            State::Negotiated { .. } => Found::Nothing,
            State::WebSocket => Found::WebSocket,
            State::Http { transport, address } => Found::Http {
                transport: *transport,
                address: address.clone(),
            },
        }
    }

    /// Buffers bytes that a client sends before it opens its connection, as some do with their handshake. False if the
    /// buffer is full.
    pub(super) fn keep_early(&self, token: &ConnectionToken, bytes: &[u8]) -> bool {
        let mut inner = self.lock();
        let Some(Entry {
            state: State::Negotiated { early, .. },
            ..
        }) = inner.entries.get_mut(token)
        else {
            return false;
        };
        let has_room = early.len() + bytes.len() <= EARLY_BYTES_MAX;
        if has_room {
            early.extend_from_slice(bytes);
        }
        has_room
    }

    /// Uses a negotiation for a WebSocket. `None` if another request has used it.
    pub(super) fn open_web_socket(&self, token: &ConnectionToken) -> Option<Registered<A>> {
        let mut inner = self.lock();
        let (owner, _) = inner.take_negotiated(token)?;
        let state = State::WebSocket;
        inner.entries.insert(token.clone(), Entry { owner, state });
        Some(self.registered(token))
    }

    /// Uses a negotiation for a connection that `start` creates, with the bytes that the client has sent before.
    pub(super) fn open_http(
        &self,
        token: &ConnectionToken,
        transport: HttpTransport,
        start: impl FnOnce(Registered<A>, &[u8]) -> A,
    ) -> Option<A> {
        let mut inner = self.lock();
        let (owner, early) = inner.take_negotiated(token)?;
        let address = start(self.registered(token), &early);
        let state = State::Http {
            transport,
            address: address.clone(),
        };
        inner.entries.insert(token.clone(), Entry { owner, state });
        Some(address)
    }

    fn registered(&self, token: &ConnectionToken) -> Registered<A> {
        Registered {
            registry: Arc::clone(&self.inner),
            token: token.clone(),
        }
    }
}

fn lock<A>(inner: &Mutex<Inner<A>>) -> MutexGuard<'_, Inner<A>> {
    // The tables stay consistent when a holder of the lock panics.
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<A> Inner<A> {
    /// Removes a negotiation; `None` if the token has another entry.
    fn take_negotiated(&mut self, token: &ConnectionToken) -> Option<(CallerKey, BytesMut)> {
        let Some(Entry {
            state: State::Negotiated { from, .. },
            ..
        }) = self.entries.get(token)
        else {
            return None;
        };
        if let Some(tokens) = self.unused.get_mut(from) {
            // Usually the first.
            if let Some(place) = tokens.iter().position(|unused| unused == token) {
                tokens.remove(place);
            }
            if tokens.is_empty() {
                let from = from.clone();
                self.unused.remove(&from);
            }
        }
        self.unused_count -= 1;
        let Entry { owner, state } = self.entries.remove(token)?;
        match state {
            State::Negotiated { early, .. } => Some((owner, early)),
            State::WebSocket | State::Http { .. } => None,
        }
    }

    /// Removes the oldest negotiations if this client, or all together, have too many.
    fn bound(&mut self, client: &CallerKey) {
        let tokens = self
            .unused
            .get(client)
            .filter(|tokens| tokens.len() > UNUSED_PER_CLIENT_MAX);
        if let Some(oldest) = tokens.and_then(|tokens| tokens.front()).cloned() {
            self.take_negotiated(&oldest);
        }
        while self.unused_count > UNUSED_MAX
            && let Some((_, oldest)) = self.expiring.pop_front()
        {
            self.take_negotiated(&oldest);
        }
        // A client that negotiates quickly leaves many tokens that are unused no longer.
        if self.expiring.len() > EXPIRING_MAX {
            let entries = &self.entries;
            let is_unused = |token: &ConnectionToken| {
                let entry = entries.get(token);
                entry.is_some_and(|entry| matches!(entry.state, State::Negotiated { .. }))
            };
            self.expiring.retain(|(_, token)| is_unused(token));
        }
    }
}

/// A connection's entry in the registry, which is removed when it is dropped.
pub(super) struct Registered<A> {
    registry: Arc<Mutex<Inner<A>>>,
    token: ConnectionToken,
}

impl<A> Drop for Registered<A> {
    fn drop(&mut self) {
        lock(&self.registry).entries.remove(&self.token);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::domain::access::caller::{CallerKind, Scopes};

    fn caller(name: &str, address: u8) -> Caller {
        let caller = Caller::new(name, CallerKind::Key, Scopes::all(), Arc::default());
        caller.at(Some(IpAddr::from([192, 0, 2, address])))
    }

    #[actix_web::test]
    async fn a_negotiation_is_used_once_and_by_its_caller() {
        let registry = Registry::<()>::new(Duration::from_secs(60));
        let (ann, bob) = (caller("ann", 1), caller("bob", 1));
        let token = ConnectionToken::random();
        registry.negotiated(token.clone(), &ann);
        assert!(matches!(registry.find(&token, &ann), Found::Negotiated));
        assert!(matches!(registry.find(&token, &bob), Found::OtherCaller));
        assert!(
            matches!(registry.find(&token, &caller("ann", 2)), Found::Negotiated),
            "an address may change"
        );
        let open = registry.open_web_socket(&token).expect("a connection");
        assert!(matches!(registry.find(&token, &ann), Found::WebSocket));
        assert!(matches!(registry.find(&token, &bob), Found::OtherCaller));
        assert!(registry.open_web_socket(&token).is_none());
        drop(open);
        assert!(matches!(registry.find(&token, &ann), Found::Nothing));
        assert!(registry.lock().unused.is_empty());
    }

    #[actix_web::test]
    async fn an_unused_negotiation_expires_by_itself() {
        let registry = Registry::<()>::new(Duration::from_millis(20));
        let ann = caller("ann", 1);
        for _ in 0..2 {
            let token = ConnectionToken::random();
            registry.negotiated(token.clone(), &ann);
            while registry.lock().is_sweeping {
                actix_web::rt::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(matches!(registry.find(&token, &ann), Found::Nothing));
            let inner = registry.lock();
            assert!(inner.entries.is_empty() && inner.expiring.is_empty() && inner.unused.is_empty());
        }
    }

    #[actix_web::test]
    async fn a_client_with_many_negotiations_loses_only_its_own_oldest() {
        let registry = Registry::<()>::new(Duration::from_secs(60));
        let (ann, bob) = (caller("ann", 1), caller("bob", 1));
        let of_bob = ConnectionToken::random();
        registry.negotiated(of_bob.clone(), &bob);
        let tokens: Vec<_> = (0..UNUSED_PER_CLIENT_MAX + 5)
            .map(|_| {
                let token = ConnectionToken::random();
                registry.negotiated(token.clone(), &ann);
                token
            })
            .collect();
        let is_known = |token: &ConnectionToken| matches!(registry.find(token, &ann), Found::Negotiated);
        assert!(tokens[..5].iter().all(|token| !is_known(token)));
        assert!(tokens[5..].iter().all(is_known));
        assert!(matches!(registry.find(&of_bob, &bob), Found::Negotiated));
    }

    #[actix_web::test]
    async fn a_client_with_many_negotiations_expires_none_of_others() {
        let registry = Registry::<()>::new(Duration::from_secs(60));
        let (ann, bob) = (caller("ann", 1), caller("bob", 1));
        let of_bob = ConnectionToken::random();
        registry.negotiated(of_bob.clone(), &bob);
        for number in 0..EXPIRING_MAX + UNUSED_MAX {
            let token = ConnectionToken::random();
            registry.negotiated(token.clone(), &ann);
            if number % 2 == 0 {
                drop(registry.open_web_socket(&token));
            }
        }
        assert!(matches!(registry.find(&of_bob, &bob), Found::Negotiated));
        let inner = registry.lock();
        assert!(inner.expiring.len() <= EXPIRING_MAX);
        assert_eq!(inner.unused_count, UNUSED_PER_CLIENT_MAX + 1);
    }

    #[actix_web::test]
    async fn negotiations_are_bounded_for_any_number_of_clients() {
        let registry = Registry::<()>::new(Duration::from_secs(60));
        for number in 0..UNUSED_MAX + 100 {
            registry.negotiated(
                ConnectionToken::random(),
                &caller(&format!("caller {}", number % 100), 1),
            );
        }
        let inner = registry.lock();
        assert!(inner.entries.len() <= UNUSED_MAX && inner.expiring.len() <= EXPIRING_MAX);
        let unused: usize = inner.unused.values().map(VecDeque::len).sum();
        assert_eq!(inner.unused_count, unused);
    }

    #[test]
    fn tokens_are_unique_url_safe_and_hidden() {
        let (one, other) = (ConnectionToken::random(), ConnectionToken::random());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), 48);
        assert!(one.reveal().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(format!("{one:?}"), "ConnectionToken(hidden)");
    }
}
