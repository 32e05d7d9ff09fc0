//! Random expressions.

use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::strategy::Union;

const MONTHS: &[&str] = &[
    "jan", "FEB", "Mar", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: &[&str] = &["SUN", "mon", "TUE", "Wed", "THU", "FRI", "SAT"];

/// A value as a number or as a name.
fn word(value: u32, names: &'static [&'static str], first: u32, by_name: bool) -> String {
    let name = usize::try_from(value - first).ok().and_then(|place| names.get(place));
    match name {
        Some(name) if by_name => (*name).to_owned(),
        _ => value.to_string(),
    }
}

fn item(min: u32, max: u32, names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let range = (min..=max, min..=max, any::<bool>()).prop_map(move |(a, b, by_name)| {
        // As the end of a range the name of Sunday means 7 to some implementations, and 0 to Vixie's.
        let (first, last) = (a.min(b), a.max(b));
        format!(
            "{}-{}",
            word(first, names, min, by_name),
            word(last, names, min, by_name && (1..7).contains(&last))
        )
    });
    let step = 1..=(max - min).min(30);
    prop_oneof![
        (min..=max, any::<bool>()).prop_map(move |(value, by_name)| word(value, names, min, by_name)),
        range.clone(),
        step.clone().prop_map(|step| format!("*/{step}")),
        (range, step.clone()).prop_map(|(range, step)| format!("{range}/{step}")),
        (min..=max, step).prop_map(|(value, step)| format!("{value}/{step}")),
    ]
}

fn field(min: u32, max: u32, names: &'static [&'static str], stars: u32) -> impl Strategy<Value = String> {
    Union::new_weighted(vec![
        (stars, proptest::strategy::Just("*".to_owned()).boxed()),
        (4, item(min, max, names).boxed()),
        (
            1,
            proptest::collection::vec(item(min, max, names), 2..4)
                .prop_map(|items| items.join(","))
                .boxed(),
        ),
    ])
}

/// Five fields, with frequent matches.
pub(super) fn five_fields() -> impl Strategy<Value = String> {
    (
        field(0, 59, &[], 2),
        field(0, 23, &[], 2),
        field(1, 31, &[], 6),
        field(1, 12, MONTHS, 9),
        field(0, 7, DAYS, 6),
    )
        .prop_map(|(minute, hour, day, month, week_day)| format!("{minute} {hour} {day} {month} {week_day}"))
        .prop_filter("it never comes", |text| super::CronExpression::parse(text).is_ok())
}

/// Six fields, the second first.
pub(super) fn six_fields() -> impl Strategy<Value = String> {
    (field(0, 59, &[], 2), five_fields()).prop_map(|(second, five)| format!("{second} {five}"))
}

/// Five or six fields.
pub(super) fn any_expression() -> impl Strategy<Value = String> {
    prop_oneof![five_fields(), six_fields()]
}
