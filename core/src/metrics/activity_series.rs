//! Time series of activity: their steps, spans and points.

use chrono::{DateTime, TimeDelta, Utc};

use super::activity::{SLICES_PER_MINUTE, Slice};
use super::rollup::{HOURS_PER_DAY, TIME_BUCKETS_PER_HOUR, TimeBucket, TimeBucketRange};
use super::time_range::{Bound, DAYS_MAX, InvalidPeriod, end_of, start_of, start_of_hour};
use crate::cron::clock_change::local_at;
use crate::values::time_zone::TimeZoneName;

/// Tolerated age beyond the limit of a step: a client computes its start before the server reads the request.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(2);

/// Step of a series: the time between two points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Five seconds.
    S5,
    /// A minute.
    M1,
    /// A quarter of an hour.
    M15,
    /// An hour of the time zone.
    H1,
    /// A day of the time zone.
    D1,
}

/// The text is not a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a step; allowed are 5s, 1m, 15m, 1h and 1d")]
pub struct InvalidStep {
    /// The invalid text, cut to a readable length.
    pub given: String,
}

impl Step {
    /// All steps, the shortest first.
    pub const ALL: [Self; 5] = [Self::S5, Self::M1, Self::M15, Self::H1, Self::D1];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S5 => "5s",
            Self::M1 => "1m",
            Self::M15 => "15m",
            Self::H1 => "1h",
            Self::D1 => "1d",
        }
    }

    /// Parses a name, case-insensitively.
    pub fn parse(text: &str) -> Result<Self, InvalidStep> {
        Self::ALL
            .into_iter()
            .find(|step| step.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidStep {
                given: text.chars().take(64).collect(),
            })
    }

    /// Maximum length of a series.
    pub const fn length_max(self) -> TimeDelta {
        match self {
            Self::S5 => TimeDelta::hours(1),
            Self::M1 => TimeDelta::days(1),
            Self::M15 => TimeDelta::days(90),
            Self::H1 | Self::D1 => TimeDelta::days(DAYS_MAX),
        }
    }

    /// The maximum length in words.
    const fn length_text(self) -> &'static str {
        match self {
            Self::S5 => "1 hour",
            Self::M1 => "1 day",
            Self::M15 => "90 days",
            Self::H1 | Self::D1 => "400 days",
        }
    }

    /// Length of a series without a start.
    const fn length_by_default(self) -> TimeDelta {
        match self {
            Self::S5 => TimeDelta::hours(1),
            Self::M1 | Self::M15 => TimeDelta::days(1),
            Self::H1 => TimeDelta::days(7),
            Self::D1 => TimeDelta::days(30),
        }
    }

    /// Length of a series for which the step is the default.
    const fn length_as_default(self) -> TimeDelta {
        match self {
            Self::S5 | Self::M1 => self.length_max(),
            Self::M15 => TimeDelta::days(14),
            Self::H1 => TimeDelta::days(60),
            Self::D1 => TimeDelta::MAX,
        }
    }

    /// The time until which points are available at this step; `None` without a limit.
    pub const fn kept(self) -> Option<TimeDelta> {
        match self {
            Self::S5 | Self::M1 => Some(self.length_max()),
            Self::M15 | Self::H1 | Self::D1 => None,
        }
    }

    /// Number of slices in a point; `None` if points consist of quarters of an hour.
    const fn slices(self) -> Option<i64> {
        match self {
            Self::S5 => Some(1),
            Self::M1 => Some(SLICES_PER_MINUTE),
            Self::M15 | Self::H1 | Self::D1 => None,
        }
    }
}

/// The request does not describe a valid series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSeries {
    /// The end is not after the start.
    #[error("from is not before to")]
    Backwards,
    /// The series is too long.
    #[error("steps of {} are limited to {}; request a shorter range, or a longer step", .0.as_str(), .0.length_text())]
    TooLong(Step),
    /// The start is too old.
    #[error("steps of {} are kept for {}; request a later start, or a longer step", .0.as_str(), .0.length_text())]
    TooOld(Step),
    /// The step is not counted by type.
    #[error("steps of {} are not counted by type; request steps of 15m or longer", .0.as_str())]
    ByType(Step),
    /// A bound is outside the supported calendar.
    #[error("the range is outside the years 1 to 9999")]
    OutOfRange,
}

impl InvalidSeries {
    /// The argument to change.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Backwards | Self::TooOld(_) | Self::OutOfRange => "from",
            Self::TooLong(_) | Self::ByType(_) => "step",
        }
    }
}

impl From<InvalidPeriod> for InvalidSeries {
    fn from(_: InvalidPeriod) -> Self {
        Self::OutOfRange
    }
}

/// A series as requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesRequest {
    /// Start; by default depends on the step, an hour ago without one.
    pub from: Option<Bound>,
    /// End, including that day, excluding that time; now by default.
    pub to: Option<Bound>,
    /// The time zone that defines days and hours.
    pub time_zone: TimeZoneName,
    /// Step; by default the shortest one that suits the length.
    pub step: Option<Step>,
    /// True if only some types are counted.
    pub is_by_type: bool,
}

/// Points of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeriesPoints {
    /// Points of equal numbers of slices.
    Slices {
        /// First slice.
        from: Slice,
        /// First slice after the series.
        to: Slice,
        /// Number of slices of a point.
        of_point: i64,
    },
    /// Points of whole quarters of an hour, in order.
    TimeBuckets(Vec<TimeBucketRange>),
}

/// A series: a point for each step from its start to its end, or to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Step.
    pub step: Step,
    /// The time zone that defines days and hours.
    pub time_zone: TimeZoneName,
    /// The points.
    pub points: SeriesPoints,
}

impl SeriesRequest {
    /// The requested series at `now`, extended to whole steps.
    pub fn resolve(&self, now: DateTime<Utc>) -> Result<Series, InvalidSeries> {
        let Self {
            from,
            to,
            time_zone,
            step,
            is_by_type,
        } = *self;
        let end = match to {
            Some(bound) => end_of(time_zone, bound)?,
            None => now,
        };
        let start = match from {
            Some(Bound::Date(date)) => start_of(time_zone, date).ok_or(InvalidSeries::OutOfRange)?,
            Some(Bound::Time(time)) => time,
            None => {
                let length = step.map_or(TimeDelta::hours(1), Step::length_by_default);
                end.checked_sub_signed(length).ok_or(InvalidSeries::OutOfRange)?
            }
        };
        if start >= end {
            return Err(InvalidSeries::Backwards);
        }
        let length = end - start;
        let is_too_old = |step: Step| step.kept().is_some_and(|kept| start + kept + TOLERANCE < now);
        // Daylight saving time may add an hour.
        let is_too_long = |step: Step, limit: TimeDelta| {
            let more = if step.slices().is_some() {
                TOLERANCE
            } else {
                TimeDelta::hours(1)
            };
            limit.checked_add(&more).is_some_and(|limit| length > limit)
        };
        let is_counted = |step: Step| !(is_by_type && step.slices().is_some());
        let step = match step {
            Some(step) => step,
            None => Step::ALL
                .into_iter()
                .find(|step| is_counted(*step) && !is_too_old(*step) && !is_too_long(*step, step.length_as_default()))
                .unwrap_or(Step::D1),
        };
        if !is_counted(step) {
            return Err(InvalidSeries::ByType(step));
        }
        if is_too_long(step, step.length_max()) {
            return Err(InvalidSeries::TooLong(step));
        }
        if is_too_old(step) {
            return Err(InvalidSeries::TooOld(step));
        }
        let points = match step.slices() {
            Some(of_point) => slices(start, end.min(now), of_point),
            None => SeriesPoints::TimeBuckets(time_buckets(step, time_zone, start, end, now)?),
        };
        Ok(Series {
            step,
            time_zone,
            points,
        })
    }
}

/// Points of slices from a start to an end.
fn slices(start: DateTime<Utc>, end: DateTime<Utc>, of_point: i64) -> SeriesPoints {
    let from = Slice::of(start).0.div_euclid(of_point) * of_point;
    let last = Slice::of(end - TimeDelta::microseconds(1)).0.div_euclid(of_point) * of_point;
    SeriesPoints::Slices {
        from: Slice(from),
        to: Slice((last + of_point).max(from)),
        of_point,
    }
}

/// Points of quarters of an hour. The last one ends with the current quarter at the latest.
fn time_buckets(
    step: Step,
    zone: TimeZoneName,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<TimeBucketRange>, InvalidSeries> {
    let bounds = |bucket: TimeBucket| match step {
        Step::S5 | Step::M1 | Step::M15 => Some((bucket, TimeBucket(bucket.0 + 1))),
        Step::H1 => {
            let first = TimeBucket::of(start_of_hour(zone, bucket));
            Some((first, TimeBucket(first.0 + TIME_BUCKETS_PER_HOUR)))
        }
        Step::D1 => {
            let date = local_at(zone.rules(), bucket.start()).date();
            let (first, next) = (start_of(zone, date)?, start_of(zone, date.succ_opt()?)?);
            Some((TimeBucket::not_before(first), TimeBucket::not_before(next)))
        }
    };
    let end = TimeBucket::not_before(end).min(TimeBucket(TimeBucket::of(now).0 + 1));
    let mut points = Vec::new();
    let mut next = TimeBucket::of(start);
    while next < end {
        let (first, after) = bounds(next).ok_or(InvalidSeries::OutOfRange)?;
        // A point never overlaps the previous one, and has at least one time bucket.
        let from = if points.is_empty() { first.min(next) } else { next };
        let to = after.max(TimeBucket(next.0 + 1));
        points.push(TimeBucketRange { from, to });
        next = to;
    }
    Ok(points)
}

impl SeriesPoints {
    /// Number of points.
    pub fn len(&self) -> usize {
        match self {
            Self::Slices { from, to, of_point } => usize::try_from((to.0 - from.0) / of_point).unwrap_or_default(),
            Self::TimeBuckets(spans) => spans.len(),
        }
    }

    /// True if there are no points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the point that contains a slice.
    pub fn of_slice(&self, slice: Slice) -> Option<usize> {
        match self {
            Self::Slices { from, to, of_point } => (*from <= slice && slice < *to)
                .then(|| usize::try_from((slice.0 - from.0) / of_point).ok())
                .flatten(),
            Self::TimeBuckets(_) => self.of_time_bucket(TimeBucket::of(slice.start())),
        }
    }

    /// The number of the point that contains a quarter of an hour.
    pub fn of_time_bucket(&self, time_bucket: TimeBucket) -> Option<usize> {
        match self {
            Self::Slices { .. } => None,
            Self::TimeBuckets(spans) => {
                let point = spans.partition_point(|span| span.to <= time_bucket);
                spans.get(point).filter(|span| span.holds(time_bucket)).map(|_| point)
            }
        }
    }
}

impl Series {
    /// Start of each point, in order.
    pub fn starts(&self) -> Vec<DateTime<Utc>> {
        match &self.points {
            SeriesPoints::Slices { from, to, of_point } => {
                let count = (to.0 - from.0) / of_point;
                (0..count)
                    .map(|point| Slice(from.0 + point * of_point).start())
                    .collect()
            }
            SeriesPoints::TimeBuckets(spans) => spans.iter().map(|span| span.from.start()).collect(),
        }
    }

    /// End of the last point; `None` without points.
    pub fn end(&self) -> Option<DateTime<Utc>> {
        match &self.points {
            SeriesPoints::Slices { from, to, .. } => (from < to).then(|| to.start()),
            SeriesPoints::TimeBuckets(spans) => spans.last().map(|span| span.to.start()),
        }
    }
}

/// The first hour of UTC whose durations are kept by hour, at `now`.
pub fn first_hour_kept(now: DateTime<Utc>) -> i64 {
    let hour = TimeBucket::of(now - TimeDelta::days(super::rollup::DAYS_KEPT_BY_HOUR)).hour();
    hour - hour.rem_euclid(HOURS_PER_DAY)
}

#[cfg(test)]
mod tests;
