//! Reports of outgoing calls, for tracing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Url;

use crate::domain::values::id::JobId;
use crate::domain::values::name::JobType;
use crate::domain::values::trace_context::{SpanId, TraceParent};

/// One call with its outcome.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// Span context of the call, as sent to the called program.
    pub span_context: TraceParent,
    /// Parent span.
    pub parent: SpanId,
    /// Subject of the call.
    pub about: CallSubject,
    /// Target of the call, without secrets: no query, no password.
    pub target: CallTarget,
    /// Start time.
    pub started_at: DateTime<Utc>,
    /// Duration.
    pub took: Duration,
    /// Status of the response; `None` without one.
    pub status: Option<u16>,
    /// Error in one line, unless it succeeded.
    pub error: Option<Arc<str>>,
}

/// Subject of a call.
#[derive(Clone, Debug)]
pub enum CallSubject {
    /// A handler's call, which runs a job.
    Job {
        /// Id of the job.
        id: JobId,
        /// Type of the job.
        job_type: JobType,
        /// Number of the attempt.
        attempt: u32,
    },
    /// A delivery to a webhook endpoint.
    Webhook {
        /// Name of the endpoint.
        endpoint: Arc<str>,
        /// Name of the event.
        event: Arc<str>,
        /// The delivery's `webhook-id`.
        id: String,
        /// Number of earlier attempts.
        resend: u32,
    },
}

/// Target of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTarget {
    /// Scheme, host, port and path.
    pub url: String,
    /// Name or address of the host.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl CallTarget {
    /// The target of an invalid address.
    pub fn unknown() -> Self {
        Self {
            url: String::new(),
            host: String::new(),
            port: 0,
        }
    }
}

impl From<&Url> for CallTarget {
    fn from(url: &Url) -> Self {
        let mut redacted = url.clone();
        redacted.set_query(None);
        redacted.set_fragment(None);
        // Neither fails for addresses with a host, and only those can be called.
        let _ = redacted.set_username("");
        let _ = redacted.set_password(None);
        Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            url: redacted.into(),
        }
    }
}

/// A reporter of outgoing calls; by default it discards them. It must not block.
#[derive(Clone, Default)]
pub struct CallReporter(Option<Arc<dyn Fn(CallReport) + Send + Sync>>);

impl CallReporter {
    /// Creates a reporter.
    pub fn new(listener: impl Fn(CallReport) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Reports a call, if its trace is sampled and reports are consumed.
    pub fn report(&self, is_sampled: bool, call: impl FnOnce() -> CallReport) {
        if let Some(listener) = self.0.as_ref().filter(|_| is_sampled) {
            listener(call());
        }
    }

    /// True if reports are consumed.
    pub fn is_enabled(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for CallReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallReporter").field(&self.is_enabled()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_contains_no_secrets() {
        let url = Url::parse("https://user:pass@example.com/hooks/7?token=secret#part").expect("a URL");
        let target = CallTarget::from(&url);
        assert_eq!(target.url, "https://example.com/hooks/7");
        assert_eq!((target.host.as_str(), target.port), ("example.com", 443));
    }
}
