//! Who is connected for live updates, counted for who exports numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a client has connected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// The WebSocket API.
    WebSocket,
    /// The SignalR hub, over whatever transport.
    SignalR,
    /// GraphQL over a WebSocket.
    GraphQlSocket,
    /// GraphQL over server-sent events.
    GraphQlEvents,
}

impl ClientKind {
    const ALL: [Self; 4] = [Self::WebSocket, Self::SignalR, Self::GraphQlSocket, Self::GraphQlEvents];

    /// The kind in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::SignalR => "signalr",
            Self::GraphQlSocket => "graphql-ws",
            Self::GraphQlEvents => "graphql-sse",
        }
    }
}

/// How many clients of each kind are connected.
#[derive(Clone, Debug, Default)]
pub struct Clients(Arc<[AtomicU64; ClientKind::ALL.len()]>);

impl Clients {
    /// Counts one more, until what is given is dropped.
    pub fn enter(&self, kind: ClientKind) -> ConnectedClient {
        self.of(kind).fetch_add(1, Ordering::Relaxed);
        ConnectedClient {
            clients: self.clone(),
            kind,
        }
    }

    /// How many there are.
    pub fn counts(&self) -> impl Iterator<Item = (ClientKind, u64)> {
        ClientKind::ALL
            .into_iter()
            .map(|kind| (kind, self.of(kind).load(Ordering::Relaxed)))
    }

    fn of(&self, kind: ClientKind) -> &AtomicU64 {
        // The kinds are numbered from 0, and there are as many numbers as kinds.
        &self.0[kind as usize]
    }
}

/// A client that is connected as long as this lasts.
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
    fn clients_count_until_they_leave_each_with_its_kind() {
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
