//! The threads that handlers run on, which end with their owner.

use tokio::runtime::{Builder, Handle, Runtime};

/// A tokio runtime that may be dropped within another one, as at the end of a start that has failed. A plain one panics.
pub(crate) struct HandlerPool {
    handle: Handle,
    /// Gone when it has been told to end.
    runtime: Option<Runtime>,
}

impl HandlerPool {
    /// Starts this many threads, at least one.
    pub(crate) fn start(count: usize) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(count.max(1))
            .thread_name("handler")
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// The way to them.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Tells them to end and does not wait for it.
    pub(crate) fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for HandlerPool {
    fn drop(&mut self) {
        self.end();
    }
}
