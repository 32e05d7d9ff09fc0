//! The pools of connections: for writes, for reads of callers, for reads of the server itself, and for expensive reads.
//!
//! On PostgreSQL every call has a timeout. A broken network stays silent for a quarter of an hour, during which a
//! server would block; after a timeout the pools are replaced, with all calls in progress. Those may have been
//! executed or not, as with any broken connection.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::sync::watch;

use super::file_watch::FileWatch;
use super::found_fault::FoundFault;
use super::links::Links;
use super::options::WRITE_GRACE;
use super::pool::Link;
use super::postgres::{CONNECT_TIMEOUT, Opening, PostgresSource};
use crate::storage::held::{Held, holding_if};
use crate::storage::outage::StorageOutage;
use crate::storage::read_lane::ReadLane;
use crate::storage::repository::RepositoryError;

/// [`WRITE_GRACE`] of reads, which may have waited for a connection before.
const READ_GRACE: Duration = WRITE_GRACE.saturating_add(CONNECT_TIMEOUT);
/// Timeout of the check of the database after no connection was free.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout of a statement that reads.
#[derive(Clone, Copy)]
pub(crate) struct ReadTimes {
    pub(crate) cheap: Duration,
    pub(crate) expensive: Duration,
}

/// The pools that are used now.
pub(crate) struct Pools {
    links: RwLock<Links>,
    /// Source of new pools; `None` on SQLite, which is in this process.
    source: Option<PostgresSource>,
    /// Number of replacements so far.
    given_up: watch::Sender<u64>,
    /// Time of the last read.
    last_read: Mutex<Instant>,
    outage: StorageOutage,
    found_fault: FoundFault,
    /// The files of SQLite's database.
    watch: Option<Arc<FileWatch>>,
    times: ReadTimes,
}

impl Pools {
    pub(crate) fn new(
        links: Links,
        source: Option<PostgresSource>,
        outage: StorageOutage,
        watch: Option<Arc<FileWatch>>,
        times: ReadTimes,
    ) -> Self {
        Self {
            links: RwLock::new(links),
            source,
            given_up: watch::Sender::new(0),
            last_read: Mutex::new(Instant::now()),
            outage,
            found_fault: FoundFault::default(),
            watch,
            times,
        }
    }

    /// Records a failed call.
    pub(crate) fn record_failure(&self, failure: &RepositoryError) {
        self.found_fault.record_failure(failure);
        self.outage.failed(failure);
    }

    /// The corrupt image that a call has found.
    pub(crate) fn found_fault(&self) -> &FoundFault {
        &self.found_fault
    }

    pub(crate) fn writer(&self) -> Link {
        self.links.read().unwrap_or_else(PoisonError::into_inner).writer.clone()
    }

    /// The connections for the reads of this task.
    pub(crate) fn readers(&self) -> Link {
        match ReadLane::current() {
            ReadLane::Internal => self.internal(),
            ReadLane::Caller(_) => self.callers_readers(),
        }
    }

    /// The connections for reads of callers.
    pub(crate) fn callers_readers(&self) -> Link {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.readers.clone()
    }

    /// The connections for reads of the server itself.
    pub(crate) fn internal(&self) -> Link {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.internal.clone()
    }

    pub(crate) fn scanners(&self) -> Link {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.scanners.clone()
    }

    pub(crate) fn canceller(&self) -> Option<Link> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.canceller.clone()
    }

    /// Notifies when the pools are replaced.
    pub(crate) fn given_up(&self) -> watch::Receiver<u64> {
        self.given_up.subscribe()
    }

    /// Waits for one attempt of a commit, up to its timeout. It continues to wait when the pools were replaced by
    /// another call, whose connections alone may have died.
    pub(crate) async fn write<T, E: From<RepositoryError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match &self.source {
            Some(source) => self.in_time(source, source.write_timeout + WRITE_GRACE, call).await,
            None => call.await,
        }
    }

    /// Waits for a turn and then for a read, up to its timeout and until the pools are replaced.
    pub(crate) async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        // A read without a turn does not reach the database. A connection that is still busy after the read was dropped
        // keeps the turn.
        let call = holding_if(self.turn().await?, call);
        let result = match &self.source {
            Some(source) => self.read_in_time(source, source.read_timeout + READ_GRACE, call).await,
            None => self.read_known_file(call).await,
        };
        self.recorded(result, self.times.cheap).await
    }

    /// Waits for a turn of this task's caller, from the start if the pools are replaced meanwhile.
    async fn turn(&self) -> Result<Option<Held>, RepositoryError> {
        let mut given_up = self.given_up.subscribe();
        loop {
            let turns = {
                let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(&links.turns)
            };
            tokio::select! {
                biased;
                place = turns.place() => return Ok(place?.map(|place| -> Held { Arc::new(place) })),
                _ = given_up.changed() => {}
            }
        }
    }

    /// The same for what is read over the connection that writes, which must not wait for it longer than for a commit.
    pub(crate) async fn read_from_writer<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let result = match &self.source {
            Some(source) => self.read_in_time(source, source.write_timeout + READ_GRACE, call).await,
            None => self.read_known_file(call).await,
        };
        let time = self
            .source
            .as_ref()
            .map_or(self.times.cheap, |source| source.write_timeout);
        self.recorded(result, time).await
    }

    /// Waits for an expensive read, whose timeout is the caller's. Its cancellation or a full pool is unrelated to
    /// the availability of the database.
    pub(crate) async fn scan<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let mut given_up = self.given_up.subscribe();
        given_up.mark_unchanged();
        let result = tokio::select! {
            result = self.read_known_file(call) => result,
            _ = given_up.changed() => Err(RepositoryError::Unavailable {
                reason: "PostgreSQL is not responding".to_owned(),
            }),
        };
        self.recorded(result, self.times.expensive).await
    }

    /// Reads, unless SQLite's file was removed: a new connection would open another one, and write the log into it when it
    /// is closed.
    async fn read_known_file<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        if let Some(watch) = &self.watch {
            watch.check()?;
        }
        call.await
    }

    /// Records a failure; a cancelled statement has used this time.
    async fn recorded<T>(&self, result: Result<T, RepositoryError>, time: Duration) -> Result<T, RepositoryError> {
        let failure = match result {
            Ok(result) => return Ok(result),
            Err(RepositoryError::TimedOut { .. }) => RepositoryError::TimedOut { time },
            Err(RepositoryError::Busy) if !self.responds().await => RepositoryError::Unavailable {
                reason: "no connection to the database can be made".to_owned(),
            },
            Err(failure) => failure,
        };
        self.record_failure(&failure);
        Err(failure)
    }

    /// `true` if the database responds, over the connection that is reserved for this check.
    async fn responds(&self) -> bool {
        if self.outage.is_ongoing() {
            return false;
        }
        let Some(canceller) = self.canceller() else {
            return true;
        };
        let checked = canceller.query_one_raw(Statement::from_string(DbBackend::Postgres, "SELECT 1"));
        matches!(tokio::time::timeout(RESPONSE_TIMEOUT, checked).await, Ok(Ok(_)))
    }

    async fn read_in_time<T>(
        &self,
        source: &PostgresSource,
        time: Duration,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let mut given_up = self.given_up.subscribe();
        let generation = *given_up.borrow_and_update();
        let result = tokio::select! {
            result = self.in_time(source, time, call) => result,
            _ = given_up.changed() => Err(RepositoryError::Unavailable {
                reason: "PostgreSQL is not responding".to_owned(),
            }),
        };
        let quiet = {
            let mut last_read = self.last_read.lock().unwrap_or_else(PoisonError::into_inner);
            if result.is_ok() {
                *last_read = Instant::now();
            }
            last_read.elapsed()
        };
        // A caller that stops waiting leaves a connection that is unusable while it is dead. If all connections are,
        // callers get an error in time.
        if quiet > time {
            self.renew(source, generation).await;
        }
        result
    }

    async fn in_time<T, E: From<RepositoryError>>(
        &self,
        source: &PostgresSource,
        time: Duration,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let generation = *self.given_up.borrow();
        if let Ok(result) = tokio::time::timeout(time, call).await {
            return result;
        }
        self.renew(source, generation).await;
        Err(E::from(RepositoryError::Unavailable {
            reason: format!("PostgreSQL has not responded for {} seconds", time.as_secs()),
        }))
    }

    /// Replaces the pools, unless a concurrent call has done it.
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
                let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
                old = Some(std::mem::replace(&mut *links, new));
            }
            is_first
        });
        if old.is_some() {
            *self.last_read.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            // Part of the outage that is logged for the calls that have failed.
            tracing::debug!("PostgreSQL does not respond; reconnecting");
            // Dropped without closing: the server is unreachable.
        }
    }
}
