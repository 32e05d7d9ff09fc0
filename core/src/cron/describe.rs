//! Descriptions of expressions in words.
//!
//! A description is derived from the values that match, not from the text: `*/90` or `1-31` are described by their
//! effect.

use super::calendar::Fields;
use super::field::CronField;
use super::field_syntax::Values;
use super::{CronExpression, TimeZoneName};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
/// Maximum number of times of the day that are listed individually.
const TIMES_MAX: u32 = 6;

impl CronExpression {
    /// Description as the end of a sentence that begins with "it runs": `at 02:00 every day`.
    pub fn describe(&self) -> String {
        let fields = &self.0.fields;
        let (times, days) = (times_in_words(fields), days_in_words(fields));
        let any_hour = fields.hour.values == CronField::Hour.all_values();
        let mut words = match days {
            Some(days) => format!("{times} {days}"),
            None if any_hour => times,
            None => format!("{times} every day"),
        };
        if let Some(months) = months_in_words(fields.month.values) {
            words.push_str(" in ");
            words.push_str(&months);
        }
        words
    }

    /// Warnings about parts that are accepted but may not have the effect that their text suggests, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let fields = &self.0.fields;
        [
            (CronField::Second, fields.second),
            (CronField::Minute, fields.minute),
            (CronField::Hour, fields.hour),
            (CronField::DayOfMonth, fields.day_of_month),
            (CronField::Month, fields.month),
            (CronField::DayOfWeek, fields.day_of_week),
        ]
        .into_iter()
        .filter_map(|(field, spec)| {
            let step = spec.long_step?;
            let name = field.as_str();
            Some(format!(
                "The step {step} is longer than the {name} field ({}): only its first value matches.",
                field.values_in_words()
            ))
        })
        .collect()
    }

    /// The effect of clock changes in this zone, as a sentence; `None` for UTC, which has none.
    pub fn describe_clock_changes(&self, zone: TimeZoneName) -> Option<&'static str> {
        if zone == TimeZoneName::UTC {
            return None;
        }
        Some(if self.0.fields.follows_real_time() {
            "It follows real time when the clocks change: skipped times do not run, repeated ones run twice."
        } else {
            "A time that a clock change skips runs right after the change; one that it repeats runs once."
        })
    }
}

/// `at 02:00 and 14:00`, `every 15 minutes from 09:00 to 17:59`.
fn times_in_words(fields: &Fields) -> String {
    let (seconds, minutes, hours) = (fields.second.values, fields.minute.values, fields.hour.values);
    let any_hour = hours == CronField::Hour.all_values();
    if !any_hour && seconds.count() * minutes.count() * hours.count() <= TIMES_MAX {
        return format!("at {}", listed(clock_times(seconds, minutes, hours)));
    }
    let any_minute = minutes == CronField::Minute.all_values();
    let words = if seconds == Values::of([0]) {
        let every = pattern(CronField::Minute, minutes);
        match every.starts_with("every") {
            false if any_hour => format!("{every} of every hour"),
            _ => every,
        }
    } else {
        let every = pattern(CronField::Second, seconds);
        match every.starts_with("every") {
            // "Every 10 seconds" describes a complete minute.
            true if any_minute => every,
            _ if any_hour && !any_minute => {
                format!("{every} of {} of every hour", container(CronField::Minute, minutes))
            }
            _ => format!("{every} of {}", container(CronField::Minute, minutes)),
        }
    };
    match hours.ends() {
        _ if any_hour => words,
        Some((first, last)) if is_run(hours) => format!("{words} from {first:02}:00 to {last:02}:59"),
        _ => format!("{words} of {}", container(CronField::Hour, hours)),
    }
}

/// The times of the day, in order.
fn clock_times(seconds: Values, minutes: Values, hours: Values) -> Vec<String> {
    let mut times = Vec::new();
    for hour in hours.iter() {
        for minute in minutes.iter() {
            times.extend(seconds.iter().map(|second| match second {
                0 if seconds.count() == 1 => format!("{hour:02}:{minute:02}"),
                _ => format!("{hour:02}:{minute:02}:{second:02}"),
            }));
        }
    }
    times
}

/// `every minute`, `every 15 minutes`, `at minute 5`, `at minutes 5, 10 to 20 and 40`, `at every 7th minute from 0 to
/// 56`.
fn pattern(field: CronField, values: Values) -> String {
    let name = field.as_str();
    if values == field.all_values() {
        return format!("every {name}");
    }
    match even_step(field, values) {
        Some(step) => format!("every {step} {name}s"),
        None => format!("at {}", container(field, values)),
    }
}

/// The same after "of": `minute 5`, `every 15th minute`.
fn container(field: CronField, values: Values) -> String {
    let name = field.as_str();
    if values == field.all_values() {
        return format!("every {name}");
    }
    match (values.ends(), progression(values)) {
        (Some(_), Some(step)) if even_step(field, values).is_some() => format!("every {} {name}", ordinal(step)),
        (Some((first, last)), Some(step)) => format!("every {} {name} from {first} to {last}", ordinal(step)),
        _ if values.count() == 1 => format!("{name} {}", runs_in_words(values, number)),
        _ => format!("{name}s {}", runs_in_words(values, number)),
    }
}

/// The step of values that begin at 0 and divide the minute, hour or day evenly.
fn even_step(field: CronField, values: Values) -> Option<u32> {
    let (first, last) = values.ends()?;
    progression(values).filter(|step| first == 0 && last + step == field.all_values().count())
}

/// `on Monday to Friday`, `on day 13 of the month, and also on Friday`; `None` for every day.
fn days_in_words(fields: &Fields) -> Option<String> {
    let (days, week_days) = (fields.day_of_month.values, fields.day_of_week.values);
    let any_day = days == CronField::DayOfMonth.all_values();
    let any_week_day = week_days == CronField::DayOfWeek.all_values();
    let month_days = || match (days.ends(), progression(days)) {
        (Some((first, last)), Some(step)) => format!("every {} day of the month from {first} to {last}", ordinal(step)),
        _ if days.count() == 1 => format!("day {} of the month", runs_in_words(days, number)),
        _ => format!("days {} of the month", runs_in_words(days, number)),
    };
    let week = || runs_in_words(rotate_to_monday(week_days), |day| name_in(&DAYS, day % 7));
    let both = fields.wants_both_days();
    match (any_day, any_week_day) {
        (true, true) => None,
        // One of the two is enough, and one is always restricted.
        (true, false) | (false, true) if !both => None,
        (true, false) => Some(format!("on {}", week())),
        (false, true) => Some(format!("on {}", month_days())),
        (false, false) if both => Some(format!(
            "on {} when it is {}",
            month_days(),
            week().replace(" and ", " or ")
        )),
        (false, false) => Some(format!("on {}, and also on {}", month_days(), week())),
    }
}

fn months_in_words(months: Values) -> Option<String> {
    (months != CronField::Month.all_values())
        // Month 1 is the first name.
        .then(|| runs_in_words(months, |month| name_in(&MONTHS, month.saturating_sub(1))))
}

/// The days of the week from 1, Monday, to 7, Sunday, so that a range may end with Sunday.
fn rotate_to_monday(days: Values) -> Values {
    Values::of(days.iter().map(|day| if day == 0 { 7 } else { day }))
}

fn number(value: u32) -> String {
    value.to_string()
}

fn name_in(names: &[&str], place: u32) -> String {
    let name = usize::try_from(place).ok().and_then(|place| names.get(place));
    name.map_or_else(String::new, |&name| name.to_owned())
}

/// `1`, `1 and 15`, `1, 3 to 5 and 9`: three or more consecutive values are described by their ends.
fn runs_in_words(values: Values, name: impl Fn(u32) -> String) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for value in values.iter() {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    let mut words = Vec::new();
    for (first, last) in runs {
        if last - first < 2 {
            words.extend((first..=last).map(&name));
        } else {
            words.push(format!("{} to {}", name(first), name(last)));
        }
    }
    listed(words)
}

/// `a`, `a and b`, `a, b and c`.
fn listed(mut words: Vec<String>) -> String {
    match words.pop() {
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} and {last}", words.join(", ")),
        None => String::new(),
    }
}

/// True if the values are consecutive.
fn is_run(values: Values) -> bool {
    values
        .ends()
        .is_some_and(|(first, last)| last - first + 1 == values.count())
}

/// The distance of three or more evenly spaced values, if it is not 1.
fn progression(values: Values) -> Option<u32> {
    let all: Vec<u32> = values.iter().collect();
    let [first, second, _, ..] = *all.as_slice() else {
        return None;
    };
    let step = second - first;
    let is_even = all.windows(2).all(|pair| matches!(*pair, [a, b] if b - a == step));
    (step > 1 && is_even).then_some(step)
}

/// `2nd`, `11th`, `23rd`.
fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::CronExpression;
    use crate::values::time_zone::TimeZoneName;

    fn describe(text: &str) -> String {
        CronExpression::parse(text)
            .unwrap_or_else(|error| panic!("{error}"))
            .describe()
    }

    #[test]
    fn expressions_are_described_in_words() {
        for (text, words) in [
            ("0 2 * * *", "at 02:00 every day"),
            ("@daily", "at 00:00 every day"),
            ("@hourly", "at minute 0 of every hour"),
            ("* * * * *", "every minute"),
            ("* * * * * *", "every second"),
            ("*/15 * * * *", "every 15 minutes"),
            ("*/60 * * * *", "at minute 0 of every hour"),
            ("*/7 * * * *", "at every 7th minute from 0 to 56 of every hour"),
            ("5-20/5 * * * *", "at every 5th minute from 5 to 20 of every hour"),
            ("0,30 9,17 * * *", "at 09:00, 09:30, 17:00 and 17:30 every day"),
            ("30 0 2 * * *", "at 02:00:30 every day"),
            ("*/30 0 2 * * *", "at 02:00:00 and 02:00:30 every day"),
            ("*/10 * * * * *", "every 10 seconds"),
            ("30 * * * * *", "at second 30 of every minute"),
            ("30 */15 * * * *", "at second 30 of every 15th minute of every hour"),
            ("* 30 * * * *", "every second of minute 30 of every hour"),
            (
                "*/15 9-17 * * MON-FRI",
                "every 15 minutes from 09:00 to 17:59 on Monday to Friday",
            ),
            ("* 2 * * *", "every minute from 02:00 to 02:59 every day"),
            (
                "30 */15 8,10 * * *",
                "at second 30 of every 15th minute of hours 8 and 10 every day",
            ),
            ("*/15 * * 7 *", "every 15 minutes in July"),
            ("0 */2 * * *", "at minute 0 of every 2nd hour every day"),
            ("5 1-23/2 * * *", "at minute 5 of every 2nd hour from 1 to 23 every day"),
            (
                "1,2 8,9,10,15 * * *",
                "at minutes 1 and 2 of hours 8 to 10 and 15 every day",
            ),
            ("0 0 1 * *", "at 00:00 on day 1 of the month"),
            (
                "0 0 1,15 1,7 *",
                "at 00:00 on days 1 and 15 of the month in January and July",
            ),
            ("0 0 13 * FRI", "at 00:00 on day 13 of the month, and also on Friday"),
            (
                "0 12 */2 * MON,THU",
                "at 12:00 on every 2nd day of the month from 1 to 31 when it is Monday or Thursday",
            ),
            (
                "0 0 1-7 * */7",
                "at 00:00 on days 1 to 7 of the month when it is Sunday",
            ),
            ("0 12 1-31 * MON", "at 12:00 every day"),
            ("0 0 * 6-8 0", "at 00:00 on Sunday in June to August"),
            ("0 0 * * 5-7", "at 00:00 on Friday to Sunday"),
            ("0 0 * * 1,3,7", "at 00:00 on Monday, Wednesday and Sunday"),
        ] {
            assert_eq!(describe(text), words, "{text}");
        }
    }

    #[test]
    fn clock_changes_are_described_for_zones_that_may_have_them() {
        let berlin = TimeZoneName::parse("Europe/Berlin").expect("a zone");
        let described = |text: &str, zone| {
            let expression = CronExpression::parse(text).expect("an expression");
            expression.describe_clock_changes(zone).unwrap_or("")
        };
        assert!(described("0 2 * * *", berlin).contains("runs right after the change"));
        assert!(described("0 * * * *", berlin).contains("follows real time"));
        assert_eq!(described("0 2 * * *", TimeZoneName::UTC), "");
    }
}
