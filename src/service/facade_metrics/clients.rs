//! Number of connected clients of live updates, for export.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Kind of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// The WebSocket API.
    WebSocket,
    /// The SignalR hub, over any transport.
    SignalR,
    /// GraphQL over a WebSocket.
    GraphQlSocket,
    /// GraphQL over server-sent events.
    GraphQlEvents,
}

impl ClientKind {
    const ALL: [Self; 4] = [Self::WebSocket, Self::SignalR, Self::GraphQlSocket, Self::GraphQlEvents];

    /// The name of the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::SignalR => "signalr",
            Self::GraphQlSocket => "graphql-ws",
            Self::GraphQlEvents => "graphql-sse",
        }
    }
}

/// Number of connected clients by kind.
#[derive(Clone, Debug, Default)]
pub struct Clients(Arc<[AtomicU64; ClientKind::ALL.len()]>);

impl Clients {
    /// Counts a client until the returned value is dropped.
    pub fn enter(&self, kind: ClientKind) -> ConnectedClient {
        self.of(kind).fetch_add(1, Ordering::Relaxed);
        ConnectedClient {
            clients: self.clone(),
            kind,
        }
    }

    /// The numbers by kind.
    pub fn counts(&self) -> impl Iterator<Item = (ClientKind, u64)> {
        ClientKind::ALL
            .into_iter()
            .map(|kind| (kind, self.of(kind).load(Ordering::Relaxed)))
    }

    fn of(&self, kind: ClientKind) -> &AtomicU64 {
        // The kinds are numbered from 0, and the array has one counter per kind.
        &self.0[kind as usize]
    }
}

/// A connected client, counted until it is dropped.
#[derive(Debug)]
pub struct ConnectedClient {
    clients: Clients,
    kind: ClientKind,
}

impl Drop for ConnectedClient {
    fn drop(&mut self) {
        self.clients.of(self.kind).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientKind, Clients};

    #[test]
    fn clients_are_counted_by_kind_until_they_leave() {
        let clients = Clients::default();
        let counts = || clients.counts().map(|(_, count)| count).collect::<Vec<_>>();
        let first = clients.enter(ClientKind::SignalR);
        let second = clients.enter(ClientKind::SignalR);
        let third = clients.enter(ClientKind::GraphQlEvents);
        assert_eq!(counts(), [0, 2, 0, 1]);
        drop((first, third));
        assert_eq!(counts(), [0, 1, 0, 0]);
        drop(second);
        assert_eq!(counts(), [0; 4]);
    }
}
