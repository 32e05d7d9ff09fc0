//! Progress and log lines of a running attempt.

use std::sync::Arc;

use crate::domain::cluster::remote_worker::{LogLevel, Progress};

/// Stores the reports of an attempt. Calls return immediately: reports are written in the background, only the newest
/// progress, and all of them before the attempt's end.
pub trait ReportSink: Send + Sync {
    /// Replaces the attempt's progress.
    fn progress(&self, progress: Progress);
    /// Appends a line to the attempt's log.
    fn log(&self, level: LogLevel, message: &str);
}

/// Discards reports: the sink of an attempt outside a server, as in a handler's unit test.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiscardReports;

impl ReportSink for DiscardReports {
    fn progress(&self, _: Progress) {}

    fn log(&self, _: LogLevel, _: &str) {}
}

/// The progress from a handler's value: `percent` is clamped to 0 to 100, and NaN counts as 0.
pub(super) fn progress_of(percent: f64, message: Option<&str>) -> Progress {
    let percent = if percent.is_nan() {
        0.0
    } else {
        percent.clamp(0.0, 100.0)
    };
    let message = message.map(Arc::from);
    Progress::from_percent(percent, message).unwrap_or(Progress {
        basis_points: 0,
        message: None,
    })
}

#[cfg(test)]
mod tests {
    use super::progress_of;

    #[test]
    fn a_percentage_out_of_range_is_clamped() {
        for (percent, basis_points) in [
            (f64::NAN, 0),
            (-1.0, 0),
            (0.0, 0),
            (62.5, 6250),
            (100.0, 10_000),
            (1e300, 10_000),
        ] {
            assert_eq!(progress_of(percent, None).basis_points, basis_points, "{percent}");
        }
    }
}
