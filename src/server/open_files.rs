//! The limit of open files: every connection is one, and so are files of the database and pipes of handlers.

use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// The default limit of connections where files are plenty.
const CONNECTIONS_DEFAULT_MAX: usize = 50_000;
/// Files that are kept for storage, handlers and outgoing requests: an eighth of all, within these bounds.
const SPARE_MIN: usize = 48;
const SPARE_MAX: usize = 1_024;
/// Files of a server that has just started, where they can't be counted.
const OPEN_AT_START: usize = 80;
/// The least number of connections, however few files there may be.
const CONNECTIONS_MIN: usize = 8;

/// The limit of open files after it was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenFiles {
    /// The limit; `None` without one.
    pub max: Option<usize>,
    /// The limit before, if it was lower.
    pub raised_from: Option<usize>,
}

/// Raises the soft limit to the hard one: the usual soft limit is far below what the server can serve.
pub(super) fn raise_limit() -> OpenFiles {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: before.maximum,
        ..before
    };
    let is_lower = match (before.current, before.maximum) {
        (Some(current), Some(maximum)) => current < maximum,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if is_lower && let Err(cause) = setrlimit(Resource::Nofile, raised) {
        warn!("failed to raise the limit of open files: {cause}");
    }
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let after = getrlimit(Resource::Nofile).current;
    OpenFiles {
        max: after.map(size),
        raised_from: before.current.filter(|before| Some(*before) != after).map(size),
    }
}

impl OpenFiles {
    /// The number of connections that these files allow, beside `reserve` files for others and those that are open.
    pub(super) fn connections(self, reserve: usize) -> Option<usize> {
        let max = self.max?;
        let spare = (max / 8).clamp(SPARE_MIN, SPARE_MAX);
        let taken = open_now().saturating_add(spare).saturating_add(reserve);
        Some(max.saturating_sub(taken).max(CONNECTIONS_MIN))
    }

    /// The limit of connections: as configured, but no more than files allow.
    pub(super) fn connections_max(self, configured: Option<usize>, reserve: usize) -> usize {
        let possible = self.connections(reserve).unwrap_or(usize::MAX);
        match configured {
            None => possible.min(CONNECTIONS_DEFAULT_MAX),
            Some(requested) if requested > possible => {
                warn!(
                    "server.max_connections = {requested} exceeds what the limit of open files ({}) allows; using {possible}",
                    self.max.unwrap_or_default()
                );
                possible
            }
            Some(requested) => requested,
        }
    }
}

impl fmt::Display for OpenFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.max, self.raised_from) {
            (Some(max), Some(before)) => write!(f, "limit of open files: {max} (raised from {before})"),
            (Some(max), None) => write!(f, "limit of open files: {max}"),
            (None, _) => f.write_str("limit of open files: none"),
        }
    }
}

/// The files that the process has open.
fn open_now() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(OPEN_AT_START, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        let of = |max| OpenFiles { max, raised_from: None };
        assert_eq!(of(None).connections_max(None, 32), CONNECTIONS_DEFAULT_MAX);
        assert_eq!(of(Some(1 << 20)).connections_max(None, 32), CONNECTIONS_DEFAULT_MAX);
        assert_eq!(of(Some(1 << 20)).connections_max(Some(100_000), 32), 100_000);
        assert_eq!(of(Some(10)).connections_max(None, 32), CONNECTIONS_MIN);
        let few = of(Some(1_024));
        let allowed = few.connections_max(None, 32);
        assert!(allowed > 500 && allowed < 1_024 - 128 - 32, "{allowed}");
        assert!(few.connections_max(Some(5_000), 32) < 1_024);
        assert_eq!(few.connections_max(Some(7), 32), 7);
    }
}
