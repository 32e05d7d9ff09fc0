//! The ends of attempts on their way to the Recorder: those of one turn of the thread go together.
//!
//! On a busy server many workers hear in the same turn that their handlers have ended. A message of its own for each would
//! wake the Recorder's thread for each, and its answer this one again. So the first end that comes spawns a task; by the
//! time it is that task's turn, the others have come, and all of them are one message.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::recorder::{ChangeResult, Origin, RecordError, RecorderHandle};
use crate::storage::change::Change;

/// What became of the end of an attempt.
type EndResult = Result<ChangeResult, RecordError>;

/// The way to the Recorder for workers that share a thread.
#[derive(Clone)]
pub struct Endings {
    recorder: RecorderHandle,
    waiting: Arc<Mutex<Vec<Ending>>>,
}

/// The end of an attempt, and who waits for what becomes of it.
type Ending = (Change, oneshot::Sender<EndResult>);

impl Endings {
    /// A way to this Recorder.
    pub fn new(recorder: RecorderHandle) -> Self {
        Self {
            recorder,
            waiting: Arc::default(),
        }
    }

    /// Writes the end of an attempt; it is on its way before anything that is sent in a later turn. The future waits until
    /// it is durable. Called on an actix arbiter.
    pub fn record(&self, end: Change) -> impl Future<Output = EndResult> + use<> {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            // The list stays whole when somebody panics while holding it.
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push((end, answer));
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
        let (ends, answers): (Vec<Change>, Vec<_>) = waiting.into_iter().unzip();
        // A worker that was restarted no longer waits; its end is stored all the same.
        match self.recorder.record(ends, Origin::Inside).await {
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
