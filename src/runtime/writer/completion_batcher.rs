//! Completions on their way to the writer: those of one turn of the thread are one message.
//!
//! On a busy server the handlers of many workers finish in the same turn. A message for each would wake the writer's thread
//! for each, and every reply this one. The first completion therefore spawns a task; when the task runs, the other
//! completions of the turn have been added.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::error::WriteError;
use super::handle::WriterHandle;
use super::messages::{ChangeResult, WritePriority};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::storage::change::{Change, JobChange};

/// Result of writing a completion.
type CompletionResult = Result<ChangeResult, WriteError>;

/// Sends the completions of workers that share a thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CompletionBatcher {
    writer: WriterHandle,
    waiting: Arc<Mutex<Vec<Completion>>>,
}

/// The finished attempt, the job after its start if that is not stored yet, the job after the attempt, and the receiver of
/// the result.
struct Completion {
    started: Option<Arc<Job>>,
    job: Job,
    attempt: Attempt,
    reply: oneshot::Sender<CompletionResult>,
}

impl CompletionBatcher {
    /// A batcher for this writer.
    pub(crate) fn new(writer: WriterHandle) -> Self {
        Self {
            writer,
            waiting: Arc::default(),
        }
    }

    /// Writes a finished attempt and the job after it, with its start if that is not stored yet, ahead of all messages of
    /// later turns. The future resolves when they are durable. Must be called on an actix arbiter.
    pub(crate) fn write(
        &self,
        started: Option<Arc<Job>>,
        job: Job,
        attempt: Attempt,
    ) -> impl Future<Output = CompletionResult> + use<> {
        let (reply, replied) = oneshot::channel();
        let is_first = {
            // Consistent after a panic: only whole values are added.
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(Completion {
                started,
                job,
                attempt,
                reply,
            });
            waiting.len() == 1
        };
        if is_first {
            actix::spawn(self.clone().send());
        }
        async move { replied.await.map_err(|_| WriteError::restarted())? }
    }

    async fn send(self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut sent = Vec::new();
        for batch in batches(waiting) {
            let (changes, replies): (Vec<Change>, Vec<_>) = batch.into_iter().map(Completion::into_change).unzip();
            sent.push((self.writer.write(changes, WritePriority::Internal), replies));
        }
        // A restarted worker no longer waits; its completion is stored nevertheless.
        for (written, replies) in sent {
            match written.await {
                Ok(results) => {
                    for (reply, result) in replies.into_iter().zip(results) {
                        drop(reply.send(Ok(result)));
                    }
                }
                Err(failure) => {
                    for reply in replies {
                        drop(reply.send(Err(failure.clone())));
                    }
                }
            }
        }
    }
}

impl Completion {
    fn into_change(self) -> (Change, oneshot::Sender<CompletionResult>) {
        let Self {
            started,
            job,
            attempt,
            reply,
        } = self;
        let change = Change::Job(JobChange::Finish {
            started,
            job: Arc::new(job),
            attempt: Box::new(attempt),
            if_orphaned: false,
        });
        (change, reply)
    }
}

/// The completions by commit: nearly always one. Two attempts of one job, of which one has lost its lease, must not share
/// a commit.
fn batches(mut waiting: Vec<Completion>) -> Vec<Vec<Completion>> {
    let mut batches = Vec::with_capacity(1);
    while !waiting.is_empty() {
        let mut seen = HashSet::with_capacity(waiting.len());
        let (batch, later) = waiting
            .into_iter()
            .partition(|completion| seen.insert(completion.job.id));
        batches.push(batch);
        waiting = later;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::new_job::{JobDefaults, NewJob};
    use crate::domain::job::outcome::Outcome;
    use crate::domain::job::retry::Jitter;
    use crate::domain::values::id::NodeId;
    use crate::domain::values::name::JobType;
    use chrono::{DateTime, TimeDelta};

    fn completion(created: i64, attempt: u32) -> Completion {
        let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(created);
        let new = NewJob::of_type(JobType::parse("Sample").expect("a type"));
        let job = Job {
            attempt: attempt - 1,
            ..new.into_job(&JobDefaults::default(), at, 0)
        };
        let (job, attempt) = job
            .start(NodeId::new(at), at)
            .finish(Outcome::Completed(None), at, Jitter::new(0.0));
        Completion {
            started: None,
            job,
            attempt,
            reply: oneshot::channel().0,
        }
    }

    #[test]
    fn two_attempts_of_one_job_do_not_share_a_commit() {
        let waiting = [(1, 1), (2, 1), (1, 2), (3, 1), (1, 3)].map(|(created, attempt)| completion(created, attempt));
        let batches: Vec<Vec<(i64, u32)>> = batches(waiting.into())
            .iter()
            .map(|batch| {
                let key =
                    |completion: &Completion| (completion.attempt.started_at.timestamp(), completion.attempt.number);
                batch.iter().map(key).collect()
            })
            .collect();
        assert_eq!(batches, [vec![(1, 1), (2, 1), (3, 1)], vec![(1, 2)], vec![(1, 3)]]);
    }
}
