//! The connections of a hub, by the token that their requests carry.
//!
//! A negotiation makes a token; the first request that uses it makes the connection. One that nobody uses is forgotten
//! after a while. The id that programs see is another value: only the token opens anything.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix::Addr;

use super::super::connections::Permit;
use super::http_connection::{HttpConnection, HttpTransport};
use crate::domain::caller::Caller;

/// How many random bytes a token has.
const TOKEN_BYTES: usize = 24;

/// What opens a connection. Whoever has it can act as its client, so it is shown nowhere.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ConnectionToken(String);

impl ConnectionToken {
    /// A new one: only characters that mean nothing in a query, because clients do not encode it.
    pub(super) fn random() -> Self {
        Self(random_text())
    }

    /// One that a client has sent.
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
    let mut text = String::with_capacity(2 * TOKEN_BYTES);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Somebody who may open a connection.
pub(super) struct Negotiated {
    pub caller: Caller,
    pub permit: Permit,
}

enum Entry {
    Negotiated {
        at: Instant,
        by: Negotiated,
    },
    WebSocket,
    Http {
        transport: HttpTransport,
        address: Addr<HttpConnection>,
    },
}

/// What a token stands for.
pub(super) enum Found {
    /// Nothing, or nothing any more.
    Nothing,
    /// A negotiation that nobody has used.
    Negotiated,
    /// A connection over a WebSocket.
    WebSocket,
    /// A connection over one of the other transports.
    Http {
        transport: HttpTransport,
        address: Addr<HttpConnection>,
    },
}

/// The connections of a hub. Shared by all HTTP workers.
#[derive(Clone)]
pub(super) struct Registry {
    inner: Arc<Mutex<Inner>>,
    unused_for_max: Duration,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<ConnectionToken, Entry>,
    /// Negotiations in the order in which they run out.
    negotiated: VecDeque<(Instant, ConnectionToken)>,
}

impl Registry {
    /// No connections yet. A negotiation is forgotten when nobody has used it for so long.
    pub(super) fn new(unused_for_max: Duration) -> Self {
        Self {
            inner: Arc::default(),
            unused_for_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The tables stay whole when somebody panics while holding them.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets negotiations that nobody has used in time.
    pub(super) fn forget_unused(&self) {
        let mut inner = self.lock();
        while let Some((at, token)) = inner.negotiated.front()
            && at.elapsed() > self.unused_for_max
        {
            let token = token.clone();
            inner.negotiated.pop_front();
            if matches!(inner.entries.get(&token), Some(Entry::Negotiated { .. })) {
                inner.entries.remove(&token);
            }
        }
    }

    /// Lets this token be used once.
    pub(super) fn negotiated(&self, token: ConnectionToken, by: Negotiated) {
        let at = Instant::now();
        let mut inner = self.lock();
        inner.negotiated.push_back((at, token.clone()));
        inner.entries.insert(token, Entry::Negotiated { at, by });
    }

    /// What a token stands for.
    pub(super) fn find(&self, token: &ConnectionToken) -> Found {
        match self.lock().entries.get(token) {
            Some(Entry::Negotiated { at, .. }) if at.elapsed() <= self.unused_for_max => Found::Negotiated,
            Some(Entry::Negotiated { .. }) | None => Found::Nothing,
            Some(Entry::WebSocket) => Found::WebSocket,
            Some(Entry::Http { transport, address }) => Found::Http {
                transport: *transport,
                address: address.clone(),
            },
        }
    }

    /// Uses a negotiation for a WebSocket. `None` when somebody else has, in between.
    pub(super) fn open_web_socket(&self, token: &ConnectionToken) -> Option<(Negotiated, Registered)> {
        self.open(token, |_| Entry::WebSocket)
    }

    /// Uses a negotiation for a connection that `start` starts.
    pub(super) fn open_http(
        &self,
        token: &ConnectionToken,
        transport: HttpTransport,
        start: impl FnOnce(Negotiated, Registered) -> Addr<HttpConnection>,
    ) -> Option<Addr<HttpConnection>> {
        let mut inner = self.lock();
        let by = inner.take_negotiated(token)?;
        let address = start(by, self.registered(token));
        let entry = Entry::Http {
            transport,
            address: address.clone(),
        };
        inner.entries.insert(token.clone(), entry);
        Some(address)
    }

    fn open(
        &self,
        token: &ConnectionToken,
        entry: impl FnOnce(&Negotiated) -> Entry,
    ) -> Option<(Negotiated, Registered)> {
        let mut inner = self.lock();
        let by = inner.take_negotiated(token)?;
        let entry = entry(&by);
        inner.entries.insert(token.clone(), entry);
        Some((by, self.registered(token)))
    }

    fn registered(&self, token: &ConnectionToken) -> Registered {
        Registered {
            registry: self.clone(),
            token: token.clone(),
        }
    }
}

impl Inner {
    fn take_negotiated(&mut self, token: &ConnectionToken) -> Option<Negotiated> {
        match self.entries.remove(token) {
            Some(Entry::Negotiated { at: _, by }) => Some(by),
            Some(other @ (Entry::WebSocket | Entry::Http { .. })) => {
                self.entries.insert(token.clone(), other);
                None
            }
            None => None,
        }
    }
}

/// A connection's place in the registry; given up when it is dropped.
pub(super) struct Registered {
    registry: Registry,
    token: ConnectionToken,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.lock().entries.remove(&self.token);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::connections::Connections;
    use super::*;
    use crate::service::clients::{ClientKind, Clients};
    use crate::service::shutdown::Shutdown;

    fn negotiated(connections: &Connections) -> Negotiated {
        Negotiated {
            caller: Caller::anonymous(),
            permit: connections
                .enter(ClientKind::SignalR, &Shutdown::default())
                .expect("room"),
        }
    }

    #[test]
    fn a_negotiation_is_used_once_and_forgotten_when_it_is_not() {
        let connections = Connections::new(2, Clients::default());
        let registry = Registry::new(Duration::from_secs(60));
        let token = ConnectionToken::random();
        registry.negotiated(token.clone(), negotiated(&connections));
        assert!(matches!(registry.find(&token), Found::Negotiated));
        let open = registry.open_web_socket(&token).expect("a connection");
        assert!(matches!(registry.find(&token), Found::WebSocket));
        assert!(registry.open_web_socket(&token).is_none());
        drop(open);
        assert!(matches!(registry.find(&token), Found::Nothing));

        let forgetful = Registry::new(Duration::ZERO);
        forgetful.negotiated(token.clone(), negotiated(&connections));
        while !matches!(forgetful.find(&token), Found::Nothing) {
            std::thread::yield_now();
        }
        forgetful.forget_unused();
        let shutdown = Shutdown::default();
        let (one, two) = (
            connections.enter(ClientKind::SignalR, &shutdown),
            connections.enter(ClientKind::SignalR, &shutdown),
        );
        assert!(one.is_ok() && two.is_ok(), "its place is free again");
    }

    #[test]
    fn tokens_differ_need_no_encoding_and_are_not_shown() {
        let (one, other) = (ConnectionToken::random(), ConnectionToken::random());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), 48);
        assert!(one.reveal().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(format!("{one:?}"), "ConnectionToken(hidden)");
    }
}
