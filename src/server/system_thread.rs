//! An actix system on a thread of its own, for programs whose main function runs on plain tokio.

use std::future::Future;
use std::io;
use std::thread;

use actix::System;
use tokio::sync::oneshot;

/// A running actix system. It stops when this is dropped.
pub(super) struct SystemThread {
    system: System,
}

/// The system ended before the work did.
#[derive(Debug, thiserror::Error)]
#[error("the server's thread has ended")]
pub struct ThreadEnded;

impl From<ThreadEnded> for io::Error {
    fn from(ended: ThreadEnded) -> Self {
        Self::other(ended)
    }
}

impl SystemThread {
    /// Starts the thread.
    pub(super) async fn start() -> io::Result<Self> {
        let (sender, started) = oneshot::channel();
        thread::Builder::new().name("tickerq".to_owned()).spawn(move || {
            let runner = System::new();
            if sender.send(System::current()).is_ok() {
                // Ends with `System::stop`; an abandoned start drops the receiver, and nothing runs.
                let _ = runner.run();
            }
        })?;
        let system = started.await.map_err(|_| ThreadEnded)?;
        Ok(Self { system })
    }

    /// Runs work on the system's thread and returns its result.
    pub(super) async fn run<T, F>(&self, work: impl FnOnce() -> F + Send + 'static) -> Result<T, ThreadEnded>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (sender, result) = oneshot::channel();
        self.system.arbiter().spawn_fn(move || {
            actix::spawn(async move {
                // Without a receiver the caller was dropped.
                let _ = sender.send(work().await);
            });
        });
        result.await.map_err(|_| ThreadEnded)
    }
}

impl Drop for SystemThread {
    fn drop(&mut self) {
        self.system.stop();
    }
}
