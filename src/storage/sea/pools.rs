//! The two pools of connections: one that writes and one that reads.
//!
//! On PostgreSQL every call has a time in which it must be answered. A network that has gone says nothing for a quarter of
//! an hour, and so long a server would stand still; when the time is over the pools are given up, with all that hangs in
//! them, for new ones. What was asked then may have happened or not, as with any connection that breaks.

use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sea_orm::DatabaseConnection;
use tokio::sync::watch;

use super::postgres::{CONNECT_PATIENCE, Opening, PostgresSource};
use crate::storage::repository::RepositoryError;

/// PostgreSQL itself ends a statement that takes too long. Who has heard nothing for so much longer speaks to nobody.
pub(crate) const WRITE_GRACE: Duration = Duration::from_secs(2);
/// The same for what is read, which may have waited for a connection before.
const READ_GRACE: Duration = WRITE_GRACE.saturating_add(CONNECT_PATIENCE);

/// A pool that writes and one that reads.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) writer: DatabaseConnection,
    pub(super) readers: DatabaseConnection,
}

/// The pools that are used now.
pub(super) struct Pools {
    pair: RwLock<Pair>,
    /// Where new ones come from; `None` on SQLite, which is in this process.
    source: Option<PostgresSource>,
    /// How often they were given up.
    given_up: watch::Sender<u64>,
    /// When something was read last.
    last_read: Mutex<Instant>,
}

impl Pools {
    pub(super) fn new(pair: Pair, source: Option<PostgresSource>) -> Self {
        Self {
            pair: RwLock::new(pair),
            source,
            given_up: watch::Sender::new(0),
            last_read: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn writer(&self) -> DatabaseConnection {
        self.pair.read().unwrap_or_else(PoisonError::into_inner).writer.clone()
    }

    pub(super) fn readers(&self) -> DatabaseConnection {
        self.pair.read().unwrap_or_else(PoisonError::into_inner).readers.clone()
    }

    /// Tells when they are given up.
    pub(super) fn given_up(&self) -> watch::Receiver<u64> {
        self.given_up.subscribe()
    }

    /// Waits for one try of a commit, but not for longer than it may take. When others have given up the pools it is waited
    /// for all the same: it may be their connections alone that have died.
    pub(super) async fn write<T, E: From<RepositoryError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match &self.source {
            Some(source) => self.in_time(source, source.write_patience + WRITE_GRACE, call).await,
            None => call.await,
        }
    }

    /// Waits for what is read, but not for longer than it may take, and not when the pools were given up meanwhile.
    pub(super) async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        match &self.source {
            Some(source) => self.read_in_time(source, source.read_patience + READ_GRACE, call).await,
            None => call.await,
        }
    }

    /// The same for what is read over the connection that writes, which must not wait for it longer than for a commit.
    pub(super) async fn read_from_writer<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        match &self.source {
            Some(source) => {
                self.read_in_time(source, source.write_patience + READ_GRACE, call)
                    .await
            }
            None => call.await,
        }
    }

    async fn read_in_time<T>(
        &self,
        source: &PostgresSource,
        time: Duration,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let mut given_up = self.given_up.subscribe();
        let generation = *given_up.borrow_and_update();
        let answer = tokio::select! {
            answer = self.in_time(source, time, call) => answer,
            _ = given_up.changed() => Err(RepositoryError::Unavailable {
                reason: "PostgreSQL does not answer any more".to_owned(),
            }),
        };
        let quiet = {
            let mut last_read = self.last_read.lock().unwrap_or_else(PoisonError::into_inner);
            if answer.is_ok() {
                *last_read = Instant::now();
            }
            last_read.elapsed()
        };
        // Whoever stops waiting leaves a connection behind that nobody gets back while it is dead. When all are so, those who
        // want one are told that there is none, in time.
        if quiet > time {
            self.renew(source, generation).await;
        }
        answer
    }

    async fn in_time<T, E: From<RepositoryError>>(
        &self,
        source: &PostgresSource,
        time: Duration,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let generation = *self.given_up.borrow();
        if let Ok(answer) = tokio::time::timeout(time, call).await {
            return answer;
        }
        self.renew(source, generation).await;
        Err(E::from(RepositoryError::Unavailable {
            reason: format!("PostgreSQL has not answered for {} seconds", time.as_secs()),
        }))
    }

    /// Puts new ones in their place, unless somebody else has done it since.
    async fn renew(&self, source: &PostgresSource, generation: u64) {
        // Nothing is connected yet, so this fails only where the first ones would have failed.
        let Ok(new) = source.open(Opening::WhenNeeded).await else {
            return;
        };
        let mut old = None;
        self.given_up.send_if_modified(|now| {
            let is_first = *now == generation;
            if is_first {
                *now += 1;
                let mut pair = self.pair.write().unwrap_or_else(PoisonError::into_inner);
                old = Some(std::mem::replace(&mut *pair, new));
            }
            is_first
        });
        if old.is_some() {
            *self.last_read.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            tracing::warn!("PostgreSQL does not answer any more; the server connects anew");
            // Dropped without a goodbye, for which nobody is there.
        }
    }
}
