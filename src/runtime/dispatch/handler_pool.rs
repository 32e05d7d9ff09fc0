//! The threads of handlers, which stop with their owner.

use tokio::runtime::{Builder, Handle, Runtime};

/// A tokio runtime that may be dropped inside another one, as at the end of a failed start. A plain one panics.
pub(crate) struct HandlerPool {
    handle: Handle,
    /// `None` after it was shut down.
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

    /// Handle to spawn tasks.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Shuts the threads down without waiting.
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
