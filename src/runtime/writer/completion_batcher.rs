//! The ends of attempts on their way to the Recorder: those of one turn of the thread go together.
//!
//! On a busy server many workers hear in the same turn that their handlers have ended. A message of its own for each would
//! wake the Recorder's thread for each, and its answer this one again. So the first end that comes spawns a task; by the
//! time it is that task's turn, the others have come, and all of them are one message.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::{ChangeResult, Origin, RecordError, RecorderHandle};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::storage::change::Change;

/// What became of the end of an attempt.
type EndResult = Result<ChangeResult, RecordError>;

/// The way to the Recorder for workers that share a thread.
#[derive(Clone)]
pub struct Endings {
    recorder: RecorderHandle,
    waiting: Arc<Mutex<Vec<End>>>,
}

/// The end of an attempt, and who waits for what becomes of it.
struct End {
    job: Job,
    attempt: Attempt,
    answer: oneshot::Sender<EndResult>,
}

impl Endings {
    /// A way to this Recorder.
    pub fn new(recorder: RecorderHandle) -> Self {
        Self {
            recorder,
            waiting: Arc::default(),
        }
    }

    /// Writes the end of an attempt, and the job as it is after it; on its way before anything that is sent in a later turn.
    /// The future waits until it is durable. Called on an actix arbiter.
    pub fn record(&self, job: Job, attempt: Attempt) -> impl Future<Output = EndResult> + use<> {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            // The list stays whole when somebody panics while holding it.
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(End { job, attempt, answer });
            waiting.len() == 1
        };
        if is_first {
            actix::spawn(self.clone().send());
        }
        async move {
            let gone = || RecordError::Unavailable {
                reason: "the writer was restarted".to_owned(),
            };
            answered.await.map_err(|_| gone())?
        }
    }

    async fn send(self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut sent = Vec::new();
        for batch in batches(waiting) {
            let (ends, answers): (Vec<Change>, Vec<_>) = batch.into_iter().map(End::into_change).unzip();
            sent.push((self.recorder.record(ends, Origin::Inside), answers));
        }
        // A worker that was restarted no longer waits; its end is stored all the same.
        for (recorded, answers) in sent {
            match recorded.await {
                Ok(results) => {
                    for (answer, result) in answers.into_iter().zip(results) {
                        drop(answer.send(Ok(result)));
                    }
                }
                Err(failure) => {
                    for answer in answers {
                        drop(answer.send(Err(failure.clone())));
                    }
                }
            }
        }
    }
}

impl End {
    fn into_change(self) -> (Change, oneshot::Sender<EndResult>) {
        let Self { job, attempt, answer } = self;
        let change = Change::Finish {
            job: Arc::new(job),
            attempt: Box::new(attempt),
            if_orphaned: false,
        };
        (change, answer)
    }
}

/// What goes together: nearly always everything. Two attempts of one job, of which one has lost its lease, must not share
/// a commit.
fn batches(mut ends: Vec<End>) -> Vec<Vec<End>> {
    let mut batches = Vec::with_capacity(1);
    while !ends.is_empty() {
        let mut seen = HashSet::with_capacity(ends.len());
        let (batch, again) = ends.into_iter().partition(|end| seen.insert(end.job.id));
        batches.push(batch);
        ends = again;
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

    fn end(created: i64, attempt: u32) -> End {
        let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(created);
        let new = NewJob::of_type(JobType::parse("Sample").expect("a type"));
        let job = Job {
            attempt: attempt - 1,
            ..new.into_job(&JobDefaults::default(), at, 0)
        };
        let (job, attempt) = job
            .start(NodeId::new(at), at)
            .finish(Outcome::Completed(None), at, Jitter::new(0.0));
        End {
            job,
            attempt,
            answer: oneshot::channel().0,
        }
    }

    #[test]
    fn two_attempts_of_one_job_do_not_go_together() {
        let ends = [(1, 1), (2, 1), (1, 2), (3, 1), (1, 3)].map(|(created, attempt)| end(created, attempt));
        let batches: Vec<Vec<(i64, u32)>> = batches(ends.into())
            .iter()
            .map(|batch| {
                let of_end = |end: &End| (end.attempt.started_at.timestamp(), end.attempt.number);
                batch.iter().map(of_end).collect()
            })
            .collect();
        assert_eq!(batches, [vec![(1, 1), (2, 1), (3, 1)], vec![(1, 2)], vec![(1, 3)]]);
    }
}
