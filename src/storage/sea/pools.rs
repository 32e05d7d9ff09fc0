//! The two pools of connections: one that writes and one that reads.
//!
//! On PostgreSQL every call has a time in which it must be answered. A network that has gone says nothing for a quarter of
//! an hour, and so long a server would stand still; when the time is over the pools are given up, with all that hangs in
//! them, for new ones. What was asked then may have happened or not, as with any connection that breaks.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use sea_orm::DatabaseConnection;
use tokio::sync::watch;

use super::postgres::{Opening, PostgresSource};
use crate::storage::repository::RepositoryError;

/// PostgreSQL itself ends a statement that takes too long. Who has heard nothing for so much longer speaks to nobody.
const GRACE: Duration = Duration::from_secs(2);
/// How long those that are given up have to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

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
}

impl Pools {
    pub(super) fn new(pair: Pair, source: Option<PostgresSource>) -> Self {
        Self {
            pair: RwLock::new(pair),
            source,
            given_up: watch::Sender::new(0),
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

    /// Waits for what a commit gives, but not for longer than it may take. When others have given up the pools it is waited
    /// for all the same: it may be their connections alone that have died.
    pub(super) async fn write<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        match &self.source {
            Some(source) => self.in_time(source, source.write_patience, call).await,
            None => call.await,
        }
    }

    /// Waits for what is read, but not for longer than it may take, and not when the pools were given up meanwhile.
    pub(super) async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        match &self.source {
            Some(source) => self.read_in_time(source, source.read_patience, call).await,
            None => call.await,
        }
    }

    /// The same for what is read over the connection that writes, which must not wait for it longer than for a commit.
    pub(super) async fn read_from_writer<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        match &self.source {
            Some(source) => self.read_in_time(source, source.write_patience, call).await,
            None => call.await,
        }
    }

    async fn read_in_time<T>(
        &self,
        source: &PostgresSource,
        patience: Duration,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let mut given_up = self.given_up.subscribe();
        tokio::select! {
            answer = self.in_time(source, patience, call) => answer,
            _ = given_up.changed() => Err(RepositoryError::Unavailable {
                reason: "PostgreSQL does not answer any more".to_owned(),
            }),
        }
    }

    async fn in_time<T>(
        &self,
        source: &PostgresSource,
        patience: Duration,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let generation = *self.given_up.borrow();
        if let Ok(answer) = tokio::time::timeout(patience + GRACE, call).await {
            return answer;
        }
        self.renew(source, generation).await;
        Err(RepositoryError::Unavailable {
            reason: format!(
                "PostgreSQL has not answered for {} seconds",
                (patience + GRACE).as_secs()
            ),
        })
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
        if let Some(Pair { writer, readers }) = old {
            tracing::warn!("PostgreSQL does not answer any more; the server connects anew");
            let goodbye = async { tokio::join!(writer.close_by_ref(), readers.close_by_ref()) };
            drop(tokio::time::timeout(GOODBYE, goodbye).await);
        }
    }
}
