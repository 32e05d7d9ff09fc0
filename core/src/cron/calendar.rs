//! Calendar times that match an expression's fields: the only module that uses the crate `cron`.
//!
//! The crate is only used for times without a zone. In a zone it omits the times that a clock change skips, and returns
//! those that it repeats twice and out of order (see its `schedule.rs`, 0.17); [`super`] defines both cases. The crate
//! also counts Sunday as 1 and requires both day fields to match, so it receives lists of values in its own numbering,
//! and two schedules where one matching day field is enough.

use chrono::{DateTime, NaiveDateTime, TimeDelta};
use cron::Schedule;

use super::field::CronField;
use super::field_syntax::{FieldSpec, Values};

/// The parsed fields of an expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) second: FieldSpec,
    pub(super) minute: FieldSpec,
    pub(super) hour: FieldSpec,
    pub(super) day_of_month: FieldSpec,
    pub(super) month: FieldSpec,
    pub(super) day_of_week: FieldSpec,
}

impl Fields {
    /// True if a day must match both day fields. If neither begins with `*`, one of them is enough.
    pub(super) const fn wants_both_days(&self) -> bool {
        self.day_of_month.begins_with_star || self.day_of_week.begins_with_star
    }

    /// True if the expression restricts minutes or hours only by a pattern, and therefore follows real time.
    pub(super) const fn follows_real_time(&self) -> bool {
        self.minute.begins_with_star || self.hour.begins_with_star
    }
}

/// All calendar times of an expression, from 1970 to 2100, the years that the crate supports.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    schedule: Schedule,
    /// The schedule by days of the week, where `schedule` has only the days of the month.
    other_days: Option<Schedule>,
}

impl Calendar {
    pub(super) fn new(fields: &Fields) -> Self {
        let Fields {
            day_of_month,
            day_of_week,
            ..
        } = fields;
        let every_day = CronField::DayOfMonth.all_values();
        let every_week_day = CronField::DayOfWeek.all_values();
        if fields.wants_both_days() {
            Self {
                schedule: schedule(fields, day_of_month.values, day_of_week.values),
                other_days: None,
            }
        } else {
            Self {
                schedule: schedule(fields, day_of_month.values, every_week_day),
                other_days: Some(schedule(fields, every_day, day_of_week.values)),
            }
        }
    }

    /// The first time after `local`.
    pub(super) fn next_after(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let before_first = DateTime::UNIX_EPOCH - TimeDelta::seconds(1);
        let after = local.and_utc().max(before_first);
        let next = |schedule: &Schedule| schedule.after(&after).next().map(|next| next.naive_utc());
        match (next(&self.schedule), self.other_days.as_ref().and_then(next)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "the text is built here, from values that the crate accepts"
)]
fn schedule(fields: &Fields, days_of_month: Values, days_of_week: Values) -> Schedule {
    let list = |field: CronField, values: Values| {
        if values == field.all_values() {
            return "*".to_owned();
        }
        let numbers = values.iter().map(|value| match field {
            CronField::DayOfWeek => value + 1,
            CronField::Second | CronField::Minute | CronField::Hour | CronField::DayOfMonth | CronField::Month => value,
        });
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",")
    };
    let text = [
        list(CronField::Second, fields.second.values),
        list(CronField::Minute, fields.minute.values),
        list(CronField::Hour, fields.hour.values),
        list(CronField::DayOfMonth, days_of_month),
        list(CronField::Month, fields.month.values),
        list(CronField::DayOfWeek, days_of_week),
    ]
    .join(" ");
    text.parse().expect("lists of values within the crate's bounds")
}
