//! How many connections there are, and how many there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::rest::problem::{Problem, ProblemKind};
use crate::service::clients::{ClientKind, Clients, ConnectedClient};
use crate::service::shutdown::Shutdown;

/// Counts connections of all kinds together.
#[derive(Clone, Debug)]
pub(in crate::api) struct Connections {
    open: Arc<AtomicUsize>,
    max: usize,
    clients: Clients,
}

/// The right to one connection; given back when it is dropped.
#[derive(Debug)]
pub(in crate::api) struct Permit {
    open: Arc<AtomicUsize>,
    _client: ConnectedClient,
}

impl Connections {
    /// None yet, and so many at the most. `clients` counts them by kind.
    pub(in crate::api) fn new(max: usize, clients: Clients) -> Self {
        Self {
            open: Arc::default(),
            max,
            clients,
        }
    }

    /// One more, if there may be; not when the server goes down.
    pub(in crate::api) fn enter(&self, kind: ClientKind, shutdown: &Shutdown) -> Result<Permit, Problem> {
        check_running(shutdown)?;
        let one_more = |open| (open < self.max).then_some(open + 1);
        let entered = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        if entered.is_err() {
            return Err(self.full());
        }
        Ok(Permit {
            open: Arc::clone(&self.open),
            _client: self.clients.enter(kind),
        })
    }

    /// Refuses if there may not be one more now; takes no place.
    pub(in crate::api) fn check_room(&self, shutdown: &Shutdown) -> Result<(), Problem> {
        check_running(shutdown)?;
        if self.open.load(Ordering::Relaxed) < self.max {
            Ok(())
        } else {
            Err(self.full())
        }
    }

    fn full(&self) -> Problem {
        let detail = format!("connection limit for live updates ({}) reached", self.max);
        Problem::new(ProblemKind::Busy, detail)
    }
}

fn check_running(shutdown: &Shutdown) -> Result<(), Problem> {
    if shutdown.has_begun() {
        return Err(Problem::unavailable("the server is stopping"));
    }
    Ok(())
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Connections;
    use crate::service::clients::{ClientKind, Clients};
    use crate::service::shutdown::Shutdown;

    #[test]
    fn who_leaves_makes_room() {
        let connections = Connections::new(1, Clients::default());
        let shutdown = Shutdown::default();
        let first = connections.enter(ClientKind::WebSocket, &shutdown);
        assert!(first.is_ok());
        assert!(connections.clone().enter(ClientKind::SignalR, &shutdown).is_err());
        drop(first);
        assert!(connections.enter(ClientKind::WebSocket, &shutdown).is_ok());
        shutdown.begin();
        assert!(
            connections.enter(ClientKind::WebSocket, &shutdown).is_err(),
            "a server that stops takes nobody"
        );
    }
}
