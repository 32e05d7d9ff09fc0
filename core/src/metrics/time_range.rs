//! Time ranges of metrics, and their days or hours in a time zone.

use chrono::{DateTime, FixedOffset, NaiveDate, Offset, SecondsFormat, TimeDelta, Utc};

use super::rollup::{TIME_BUCKETS_PER_HOUR, TimeBucket, TimeBucketRange};
use crate::cron::clock_change::{first_moment_of, local_at, offset_at};
use crate::values::time_zone::TimeZoneName;

/// Default length of a range in days, including today.
pub const DAYS_BY_DEFAULT: i64 = 7;
/// Maximum length, in days.
pub const DAYS_MAX: i64 = 400;
/// Maximum length of a range with hourly granularity, in days.
pub const DAYS_BY_HOUR_MAX: i64 = 14;

/// A bound of a time range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A day.
    Date(NaiveDate),
    /// A time.
    Time(DateTime<Utc>),
}

/// Granularity of the parts of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// Hours.
    Hour,
    /// Days.
    Day,
}

/// The text is not a granularity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a granularity; allowed are hour and day")]
pub struct InvalidGranularity {
    /// The invalid text, cut to a readable length.
    pub given: String,
}

impl Granularity {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Parses a name, case-insensitively.
    pub fn parse(text: &str) -> Result<Self, InvalidGranularity> {
        [Self::Hour, Self::Day]
            .into_iter()
            .find(|granularity| granularity.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidGranularity {
                given: text.chars().take(64).collect(),
            })
    }
}

/// A time range as requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeriodRequest {
    /// Start; by default six days before the last day.
    pub from: Option<Bound>,
    /// End, including that day or time; now by default.
    pub to: Option<Bound>,
    /// The time zone that defines days.
    pub time_zone: TimeZoneName,
    /// Granularity; days by default.
    pub granularity: Option<Granularity>,
}

/// The request does not describe a valid range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeriod {
    /// The end is before the start.
    #[error("from is later than to")]
    Backwards,
    /// The range is too long.
    #[error("from is more than {DAYS_MAX} days before to")]
    TooLong,
    /// The range has too many hours.
    #[error("hourly granularity is limited to {DAYS_BY_HOUR_MAX} days; request a shorter range, or days")]
    TooManyHours,
    /// A bound is outside the supported calendar.
    #[error("the range is outside the years 1 to 9999")]
    OutOfRange,
}

/// A time range of whole quarters of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The time buckets of the range.
    pub span: TimeBucketRange,
    /// Granularity of its parts.
    pub granularity: Granularity,
    /// The time zone that defines days.
    pub time_zone: TimeZoneName,
}

/// A day or an hour of a range; the first and the last one may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Start of the whole day or hour.
    pub start: DateTime<Utc>,
    /// The time buckets that lie in the range.
    pub span: TimeBucketRange,
}

impl PeriodRequest {
    /// The requested range at `now`, extended to whole quarters of an hour, by which rollups are kept.
    pub fn resolve(&self, now: DateTime<Utc>) -> Result<Period, InvalidPeriod> {
        let Self {
            from,
            to,
            time_zone,
            granularity,
        } = *self;
        let day_start = |date| start_of(time_zone, date).ok_or(InvalidPeriod::OutOfRange);
        // A day ends at the start of the next one; any other time is included itself.
        let end = match to {
            Some(Bound::Date(date)) => day_start(date.succ_opt().ok_or(InvalidPeriod::OutOfRange)?)?,
            Some(Bound::Time(time)) => time + TimeDelta::microseconds(1),
            None => now + TimeDelta::microseconds(1),
        };
        let start = match from {
            Some(Bound::Date(date)) => day_start(date)?,
            Some(Bound::Time(time)) => time,
            None => {
                let last = local_at(time_zone.rules(), end - TimeDelta::microseconds(1)).date();
                let first = last.checked_sub_signed(TimeDelta::days(DAYS_BY_DEFAULT - 1));
                day_start(first.ok_or(InvalidPeriod::OutOfRange)?)?
            }
        };
        if start >= end {
            return Err(InvalidPeriod::Backwards);
        }
        let length = end - start;
        // Daylight saving time may add an hour.
        if length > TimeDelta::days(DAYS_MAX) + TimeDelta::hours(1) {
            return Err(InvalidPeriod::TooLong);
        }
        let is_too_long_for_hours = length > TimeDelta::days(DAYS_BY_HOUR_MAX) + TimeDelta::hours(1);
        let granularity = match granularity {
            Some(Granularity::Hour) if is_too_long_for_hours => return Err(InvalidPeriod::TooManyHours),
            Some(granularity) => granularity,
            None => Granularity::Day,
        };
        Ok(Period {
            span: TimeBucketRange {
                from: TimeBucket::of(start),
                to: TimeBucket::not_before(end),
            },
            granularity,
            time_zone,
        })
    }
}

impl Period {
    /// Start of the range.
    pub fn start(&self) -> DateTime<Utc> {
        self.span.from.start()
    }

    /// End of the range.
    pub fn end(&self) -> DateTime<Utc> {
        self.span.to.start()
    }

    /// The last second of the range, which represents its end in the API.
    pub fn last_second(&self) -> DateTime<Utc> {
        self.end() - TimeDelta::seconds(1)
    }

    /// The range for which histograms and reasons are available: see [`TimeBucketRange::as_kept`].
    #[must_use]
    pub fn as_kept(self, now: DateTime<Utc>) -> Self {
        Self {
            span: self.span.as_kept(now),
            ..self
        }
    }

    /// The days or hours up to now, in order. Together they cover the past part of the range.
    pub fn parts(&self, now: DateTime<Utc>) -> Vec<Part> {
        let Self {
            span,
            granularity,
            time_zone,
        } = *self;
        let end = span.to.min(TimeBucket(TimeBucket::of(now).0 + 1));
        let mut parts = Vec::new();
        let mut from = span.from;
        while from < end {
            let start = match granularity {
                Granularity::Day => start_of(time_zone, local_at(time_zone.rules(), from.start()).date()),
                Granularity::Hour => Some(start_of_hour(time_zone, from)),
            };
            let next = match granularity {
                Granularity::Day => {
                    let date = local_at(time_zone.rules(), from.start()).date();
                    date.succ_opt().and_then(|date| start_of(time_zone, date))
                }
                Granularity::Hour => start.map(|start| start + TimeDelta::hours(1)),
            };
            // A day always ends after its start; for unusual clock changes it has at least one time bucket.
            let to = next
                .map_or(end, TimeBucket::not_before)
                .max(TimeBucket(from.0 + 1))
                .min(end);
            parts.push(Part {
                start: start.unwrap_or(from.start()),
                span: TimeBucketRange { from, to },
            });
            from = to;
        }
        parts
    }

    /// Number of days up to now, with decimals, at least one: the divisor of daily averages.
    pub fn days_until(&self, now: DateTime<Utc>) -> f64 {
        let end = self.end().min(now);
        ((end - self.start()).as_seconds_f64() / 86_400.0).max(1.0)
    }

    /// The name of a part: `2024-01-31`, or `2024-01-31T13:00:00+01:00`.
    pub fn name(&self, part: Part) -> String {
        let zone = self.time_zone.rules();
        match self.granularity {
            Granularity::Day => local_at(zone, part.start).date().to_string(),
            Granularity::Hour => {
                let ahead = i32::try_from(offset_at(zone, part.start).num_seconds()).unwrap_or_default();
                let offset = FixedOffset::east_opt(ahead).unwrap_or(Utc.fix());
                part.start
                    .with_timezone(&offset)
                    .to_rfc3339_opts(SecondsFormat::Secs, true)
            }
        }
    }
}

/// End of a range: a day ends at the start of the next one.
pub(super) fn end_of(zone: TimeZoneName, bound: Bound) -> Result<DateTime<Utc>, InvalidPeriod> {
    match bound {
        Bound::Date(date) => {
            let next = date.succ_opt().and_then(|next| start_of(zone, next));
            next.ok_or(InvalidPeriod::OutOfRange)
        }
        Bound::Time(time) => Ok(time),
    }
}

/// Start of a day in a zone.
pub(super) fn start_of(zone: TimeZoneName, date: NaiveDate) -> Option<DateTime<Utc>> {
    first_moment_of(zone.rules(), date.and_time(chrono::NaiveTime::MIN))
}

/// Start of the local hour that contains a time bucket: in zones with offsets of half or quarter hours it is not an hour of
/// UTC.
pub(super) fn start_of_hour(zone: TimeZoneName, time_bucket: TimeBucket) -> DateTime<Utc> {
    let ahead = offset_at(zone.rules(), time_bucket.start());
    let local = TimeBucket::of(time_bucket.start() + ahead);
    TimeBucket(time_bucket.0 - local.0.rem_euclid(TIME_BUCKETS_PER_HOUR)).start()
}

#[cfg(test)]
mod tests;
