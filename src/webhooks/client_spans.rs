//! Calls to other programs, as they are told to who exports traces.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Url;

use crate::domain::values::id::JobId;
use crate::domain::values::name::JobType;
use crate::domain::values::trace_context::{SpanId, TraceParent};

/// One call and what came of it.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// Where it stands in a trace: what the program that was called was told.
    pub place: TraceParent,
    /// The span under which it was made.
    pub parent: SpanId,
    /// What it was about.
    pub about: CallSubject,
    /// Who was called, without what may be secret: no query, no password.
    pub target: CallTarget,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// How long it took.
    pub took: Duration,
    /// The status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// Why it was no success, in a line.
    pub error: Option<Arc<str>>,
}

/// What a call was about.
#[derive(Clone, Debug)]
pub enum CallSubject {
    /// A handler's call, which runs a job.
    Job {
        /// Which job.
        id: JobId,
        /// Its type.
        job_type: JobType,
        /// The number of the attempt.
        attempt: u32,
    },
    /// An endpoint is told of an event.
    Webhook {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// The event's name.
        event: Arc<str>,
        /// The delivery's `webhook-id`.
        id: String,
        /// How many attempts there were before.
        resend: u32,
    },
}

/// Who is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTarget {
    /// Scheme, host, port and path.
    pub url: String,
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl CallTarget {
    /// Somebody whose address can't be read.
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
        let mut shown = url.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        // Neither fails for addresses that have a host, and only those can be called.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            url: shown.into(),
        }
    }
}

/// Who is told of calls; by default nobody. Must not wait.
#[derive(Clone, Default)]
pub struct Calls(Option<Arc<dyn Fn(CallReport) + Send + Sync>>);

impl Calls {
    /// Has this told.
    pub fn told_to(listener: impl Fn(CallReport) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Tells a call, if its trace is kept and somebody listens.
    pub fn tell(&self, is_kept: bool, report: impl FnOnce() -> CallReport) {
        if let Some(listener) = self.0.as_ref().filter(|_| is_kept) {
            listener(report());
        }
    }

    /// Whether somebody listens.
    pub fn are_told(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calls").field(&self.are_told()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_shows_nothing_that_may_be_secret() {
        let url = Url::parse("https://user:pass@example.com/hooks/7?token=secret#part").expect("a URL");
        let target = CallTarget::from(&url);
        assert_eq!(target.url, "https://example.com/hooks/7");
        assert_eq!((target.host.as_str(), target.port), ("example.com", 443));
    }
}
