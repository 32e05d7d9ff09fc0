//! Views of future due times.

use chrono::SecondsFormat;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::cron::preview::{ClockChange, PreviewTime};
use crate::service::recurring::preview::{SchedulePreview, Upcoming};
use crate::views::values::Time;

/// The next times of a cron expression.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SchedulePreview)]
pub(crate) struct SchedulePreviewView {
    /// The expression.
    #[schema(example = "0 2 * * *")]
    pub(crate) cron_expression: String,
    /// Its IANA time zone.
    #[schema(example = "Europe/Berlin")]
    pub(crate) time_zone: &'static str,
    /// The expression in words.
    #[schema(example = "at 02:00 every day")]
    pub(crate) description: String,
    /// Warnings about the expression.
    pub(crate) warnings: Vec<String>,
    /// The effect of changes of the clocks of the time zone; null if they do not change.
    pub(crate) clock_changes: Option<&'static str>,
    /// The next times, in order.
    pub(crate) times: Vec<PreviewTimeView>,
}

/// A time of a schedule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PreviewTime)]
pub(crate) struct PreviewTimeView {
    /// The time.
    #[schema(value_type = String, format = DateTime, example = "2024-03-31T00:00:00Z")]
    pub(crate) at: Time,
    /// The same in the time zone.
    #[schema(example = "2024-03-31T01:00:00+01:00")]
    pub(crate) local: String,
    /// The change of the clocks on its day; null if there is none.
    #[schema(example = "The clocks are set from 02:00 to 03:00 on this day.")]
    pub(crate) note: Option<String>,
}

impl From<&PreviewTime> for PreviewTimeView {
    fn from(time: &PreviewTime) -> Self {
        Self {
            at: Time(time.at),
            local: time.local.to_rfc3339_opts(SecondsFormat::Secs, false),
            note: time.clock_change.map(|ClockChange { from, to }| {
                let (from, to) = (from.format("%H:%M"), to.format("%H:%M"));
                format!("The clocks are set from {from} to {to} on this day.")
            }),
        }
    }
}

impl From<&SchedulePreview> for SchedulePreviewView {
    fn from(preview: &SchedulePreview) -> Self {
        let SchedulePreview {
            expression,
            time_zone,
            times,
        } = preview;
        Self {
            cron_expression: expression.as_str().to_owned(),
            time_zone: time_zone.as_str(),
            description: expression.describe(),
            warnings: expression.warnings(),
            clock_changes: expression.describe_clock_changes(*time_zone),
            times: times.iter().map(PreviewTimeView::from).collect(),
        }
    }
}

/// Due times of all enabled recurring jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Upcoming)]
pub(crate) struct UpcomingView {
    /// Start of the range: now or later.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) from: Time,
    /// End of the range.
    #[schema(value_type = String, format = DateTime, example = "2024-01-16T10:30:00Z")]
    pub(crate) to: Time,
    /// IANA time zone of the hours.
    #[schema(example = "Europe/Berlin")]
    pub(crate) time_zone: &'static str,
    /// Hours with due times, in order, each with its queues.
    pub(crate) hours: Vec<UpcomingHourView>,
    /// Number of due times.
    #[schema(example = 48)]
    pub(crate) total_count: u64,
}

/// Due times of an hour in a queue.
#[derive(Serialize, ToSchema)]
#[schema(as = DueHour)]
pub(crate) struct UpcomingHourView {
    /// Start of the hour.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T11:00:00Z")]
    pub(crate) hour: Time,
    /// Queue.
    #[schema(example = "default")]
    pub(crate) queue: String,
    /// Number of due times.
    #[schema(example = 2)]
    pub(crate) count: u64,
}

impl From<&Upcoming> for UpcomingView {
    fn from(upcoming: &Upcoming) -> Self {
        let Upcoming {
            from,
            to,
            time_zone,
            hours,
        } = upcoming;
        Self {
            from: Time(*from),
            to: Time(*to),
            time_zone: time_zone.as_str(),
            total_count: hours.values().sum(),
            hours: hours
                .iter()
                .map(|((hour, queue), count)| UpcomingHourView {
                    hour: Time(*hour),
                    queue: queue.to_string(),
                    count: *count,
                })
                .collect(),
        }
    }
}
