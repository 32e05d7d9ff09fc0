//! The pools of connections: one that writes, one that reads, and one for reads that may take long.
//!
//! On PostgreSQL every call has a time in which it must be answered. A network that has gone says nothing for a quarter of
//! an hour, and so long a server would stand still; when the time is over the pools are given up, with all that hangs in
//! them, for new ones. What was asked then may have happened or not, as with any connection that breaks.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::sync::watch;

use super::file_watch::FileWatch;
use super::found_fault::FoundFault;
use super::links::Links;
use super::options::WRITE_GRACE;
use super::pool::Link;
use super::postgres::{CONNECT_PATIENCE, Opening, PostgresSource};
use crate::storage::outage::StorageOutage;
use crate::storage::repository::RepositoryError;

/// [`WRITE_GRACE`] of reads, which may have waited for a connection before.
const READ_GRACE: Duration = WRITE_GRACE.saturating_add(CONNECT_PATIENCE);
/// How long the database has to show that it works when no connection was free.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);

/// How long a statement that reads may take.
#[derive(Clone, Copy)]
pub(crate) struct ReadTimes {
    pub(crate) cheap: Duration,
    pub(crate) expensive: Duration,
}

/// The pools that are used now.
pub(crate) struct Pools {
    links: RwLock<Links>,
    /// Where new ones come from; `None` on SQLite, which is in this process.
    source: Option<PostgresSource>,
    /// How often they were given up.
    given_up: watch::Sender<u64>,
    /// When something was read last.
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

    /// Notes a call that has failed.
    pub(crate) fn note(&self, failure: &RepositoryError) {
        self.found_fault.note(failure);
        self.outage.failed(failure);
    }

    /// The corrupt image that a call has found.
    pub(crate) fn found_fault(&self) -> &FoundFault {
        &self.found_fault
    }

    pub(crate) fn writer(&self) -> Link {
        self.links.read().unwrap_or_else(PoisonError::into_inner).writer.clone()
    }

    pub(crate) fn readers(&self) -> Link {
        self.links
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .readers
            .clone()
    }

    pub(crate) fn scanners(&self) -> Link {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.scanners.clone()
    }

    pub(crate) fn canceller(&self) -> Option<Link> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.canceller.clone()
    }

    /// Tells when they are given up.
    pub(crate) fn given_up(&self) -> watch::Receiver<u64> {
        self.given_up.subscribe()
    }

    /// Waits for one try of a commit, but not for longer than it may take. When others have given up the pools it is waited
    /// for all the same: it may be their connections alone that have died.
    pub(crate) async fn write<T, E: From<RepositoryError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match &self.source {
            Some(source) => self.in_time(source, source.write_patience + WRITE_GRACE, call).await,
            None => call.await,
        }
    }

    /// Waits for what is read, but not for longer than it may take, and not when the pools were given up meanwhile.
    pub(crate) async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let answer = match &self.source {
            Some(source) => self.read_in_time(source, source.read_patience + READ_GRACE, call).await,
            None => self.read_known_file(call).await,
        };
        self.noted(answer, self.times.cheap).await
    }

    /// The same for what is read over the connection that writes, which must not wait for it longer than for a commit.
    pub(crate) async fn read_from_writer<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let answer = match &self.source {
            Some(source) => {
                self.read_in_time(source, source.write_patience + READ_GRACE, call)
                    .await
            }
            None => self.read_known_file(call).await,
        };
        let time = self
            .source
            .as_ref()
            .map_or(self.times.cheap, |source| source.write_patience);
        self.noted(answer, time).await
    }

    /// Waits for a read that may take long; its caller says for how long. That it is stopped, or finds no connection, says
    /// nothing about the database.
    pub(crate) async fn scan<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let mut given_up = self.given_up.subscribe();
        given_up.mark_unchanged();
        let answer = tokio::select! {
            answer = self.read_known_file(call) => answer,
            _ = given_up.changed() => Err(RepositoryError::Unavailable {
                reason: "PostgreSQL does not answer any more".to_owned(),
            }),
        };
        self.noted(answer, self.times.expensive).await
    }

    /// Reads, unless SQLite's file has gone: a new connection would open another one, and write the log into it when it is
    /// closed.
    async fn read_known_file<T>(
        &self,
        call: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        if let Some(watch) = &self.watch {
            watch.check()?;
        }
        call.await
    }

    /// Notes an answer that is a failure; a statement that was stopped had so much time.
    async fn noted<T>(&self, answer: Result<T, RepositoryError>, time: Duration) -> Result<T, RepositoryError> {
        let failure = match answer {
            Ok(answer) => return Ok(answer),
            Err(RepositoryError::TimedOut { .. }) => RepositoryError::TimedOut { time },
            Err(RepositoryError::Busy) if !self.answers().await => RepositoryError::Unavailable {
                reason: "no connection to the database can be made".to_owned(),
            },
            Err(failure) => failure,
        };
        self.note(&failure);
        Err(failure)
    }

    /// Whether the database answers, over the connection that nothing else waits for.
    async fn answers(&self) -> bool {
        if self.outage.is_ongoing() {
            return false;
        }
        let Some(canceller) = self.canceller() else {
            return true;
        };
        let asked = canceller.query_one_raw(Statement::from_string(DbBackend::Postgres, "SELECT 1"));
        matches!(tokio::time::timeout(ANSWER_PATIENCE, asked).await, Ok(Ok(_)))
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
                let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
                old = Some(std::mem::replace(&mut *links, new));
            }
            is_first
        });
        if old.is_some() {
            *self.last_read.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            // Part of the outage that is logged for the calls that have failed.
            tracing::debug!("PostgreSQL does not answer; reconnecting");
            // Dropped without a goodbye, for which nobody is there.
        }
    }
}
