//! `[[recurring]]`: recurring jobs that the configuration declares.

use chrono::{DateTime, Utc};

use super::job_types::check_intervals;
use super::jobs::{RETRIES_MAX, TIMEOUT_MIN};
use crate::config::loader::render;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{DURATION_MAX, Setting, Wrong, between, quoted, text};
use crate::config::loader::value::Value;
use crate::domain::cron::CronExpression;
use crate::domain::job::labels::check_tags;
use crate::domain::job::priority::Priority;
use crate::domain::recurring::misfire::{CatchUpMax, MisfirePolicy};
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{NewRecurringJob, Schedule, Template};
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, JobType, RecurringKey, Tag};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::time_zone::TimeZoneName;
use crate::domain::values::timestamp;
use crate::service::recurring::DeclaredRecurringJob;

/// `[[recurring]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecurringSettings {
    /// The declaration.
    pub declared: DeclaredRecurringJob,
    /// Its path in the configuration, `recurring[0]`, for messages.
    pub path: String,
}

impl RecurringSettings {
    /// All of them, in the order of the file.
    pub(crate) fn read_all(root: &mut Section<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut keys: Vec<RecurringKey> = Vec::new();
        for (index, item) in root.tables("recurring", "recurring").iter().enumerate() {
            let mut section = root.open(format!("recurring[{index}]"), "[[recurring]]".to_owned(), Some(item));
            let key = section.required::<RecurringKey>("key");
            if let Some(key) = &key {
                if keys.contains(key) {
                    let source = section.entry("key").map(|entry| entry.source.clone());
                    let source = source.unwrap_or_else(|| section.source().clone());
                    let message = format!("'{key}' is the key of an earlier recurring job; keys must be distinct");
                    section.error(&source, "key", message);
                }
                keys.push(key.clone());
            }
            let settings = Self::read(&mut section, key);
            section.finish();
            // Without settings there is an error already.
            all.extend(settings);
        }
        all
    }

    fn read(section: &mut Section<'_>, key: Option<RecurringKey>) -> Option<Self> {
        let job_type = section.required::<JobType>("type");
        let name = section.optional::<JobName>("name");
        let cron = cron(section);
        let time_zone = section.get("time_zone", TimeZoneName::default());
        let starts_at = section.optional::<DateTime<Utc>>("starts_at");
        let ends_at = section.optional_if("ends_at", |ends_at: &DateTime<Utc>| {
            if starts_at.is_some_and(|starts_at| starts_at > *ends_at) {
                Err("is earlier than starts_at".to_owned())
            } else {
                Ok(())
            }
        });
        let is_enabled: Option<bool> = section.optional("enabled");
        let misfire_policy = section.get("misfire_policy", Misfire(MisfirePolicy::default()));
        let catches_up = misfire_policy.0.max().is_some();
        let catch_up_max = section.optional_if("max_catch_up", move |_: &CatchUpMax| {
            if catches_up {
                Ok(())
            } else {
                Err("requires misfire_policy = \"catch_up\"".to_owned())
            }
        });
        let overlap_policy = section.get("overlap_policy", OverlapPolicy::default());
        let queue = section.optional("queue");
        let priority = section.get("priority", Priority::default());
        let max_retries = section.optional_if("max_retries", between(0, RETRIES_MAX));
        let timeout = section.optional_if("timeout", between(TIMEOUT_MIN, DURATION_MAX));
        let retry_delay = section.optional_if("retry_delay", between(TimeSpan::ZERO, DURATION_MAX));
        let retry_intervals = section.optional_if("retry_intervals", check_intervals);
        let tags = section.get_if("tags", Vec::new(), |tags: &Vec<Tag>| check_tags(tags.len()));
        let parameters = section.optional::<Parameters>("parameters");
        let (key, job_type, cron) = (key?, job_type?, cron?);
        Some(Self {
            declared: DeclaredRecurringJob {
                key,
                new: NewRecurringJob {
                    key: None,
                    schedule: Schedule {
                        cron,
                        time_zone,
                        starts_at,
                        ends_at,
                    },
                    template: Template {
                        name: name.unwrap_or_else(|| JobName::from(&job_type)),
                        job_type,
                        queue,
                        parameters: parameters
                            .map_or_else(Json::null, |Parameters(value)| Json::from_valid(value.to_string())),
                        priority,
                        max_retries,
                        timeout,
                        retry_delay,
                        retry_intervals,
                        tags,
                    },
                    is_enabled: is_enabled.unwrap_or(true),
                    misfire_policy: catch_up_max.map_or(misfire_policy.0, |max| misfire_policy.0.with_max(max)),
                    overlap_policy,
                },
                keeps_enabled: is_enabled.is_none(),
            },
            path: section.path().to_owned(),
        })
    }
}

/// `cron_expression`, or `cron` for short; one of them is required.
fn cron(section: &mut Section<'_>) -> Option<CronExpression> {
    let Some(short) = section.entry("cron") else {
        return section.required("cron_expression");
    };
    if section.entry("cron_expression").is_some() {
        section.error(
            &short.source,
            "cron",
            "is a synonym of cron_expression; set only one of them",
        );
        return None;
    }
    section.optional("cron")
}

impl Setting for CronExpression {
    fn read(value: &Value) -> Result<Self, Wrong> {
        Self::parse(text(value)?).map_err(|error| Wrong::new(error.to_string()))
    }

    fn show(&self) -> String {
        quoted(self.as_str())
    }
}

impl Setting for DateTime<Utc> {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let text = match value {
            Value::String(text) | Value::Text { text, .. } | Value::Datetime(text) => text,
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_) | Value::Table(_) => {
                return Err(Wrong::new(format!("{} is not a time; {TIME}", value.describe())));
            }
        };
        let time = DateTime::parse_from_rfc3339(text);
        let time = time.map_err(|_| Wrong::new(format!("{} is not a time; {TIME}", value.describe())))?;
        Ok(timestamp::truncate_to_micros(time.to_utc()))
    }

    fn show(&self) -> String {
        quoted(&timestamp::to_text(*self))
    }
}

const TIME: &str = "write it with its offset, like 2026-01-31T12:00:00Z";

#[derive(Clone, Copy)]
struct Misfire(MisfirePolicy);

impl Setting for Misfire {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let policy = MisfirePolicy::parse(text(value)?, CatchUpMax::default());
        policy.map(Self).map_err(|error| Wrong::new(error.to_string()))
    }

    fn show(&self) -> String {
        quoted(self.0.as_str())
    }
}

impl Setting for OverlapPolicy {
    fn read(value: &Value) -> Result<Self, Wrong> {
        Self::parse(text(value)?).map_err(|error| Wrong::new(error.to_string()))
    }

    fn show(&self) -> String {
        quoted(self.as_str())
    }
}

impl Setting for CatchUpMax {
    fn read(value: &Value) -> Result<Self, Wrong> {
        Self::new(i64::from(u32::read(value)?)).map_err(|error| Wrong::new(error.to_string()))
    }

    fn show(&self) -> String {
        self.get().to_string()
    }
}

/// Any TOML value, as JSON. A date or a time becomes text.
struct Parameters(serde_json::Value);

impl Setting for Parameters {
    fn read(value: &Value) -> Result<Self, Wrong> {
        json(value.typed()).map(Self).map_err(Wrong::new)
    }

    fn show(&self) -> String {
        toml_of(&self.0)
    }
}

fn json(value: &Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        Value::String(text) | Value::Datetime(text) | Value::Text { text, .. } => text.as_str().into(),
        Value::Integer(Ok(number)) => (*number).into(),
        Value::Integer(Err(text)) => return Err(format!("{text} is out of range")),
        Value::Float(text) => {
            let number = text.replace('_', "").parse::<f64>().ok();
            let number = number.and_then(serde_json::Number::from_f64);
            number.ok_or_else(|| format!("{text} is not a number of JSON"))?.into()
        }
        Value::Boolean(value) => (*value).into(),
        Value::Array(items) => items.iter().map(|item| json(&item.value)).collect::<Result<_, _>>()?,
        Value::Table(table) => {
            let members = table.members.iter();
            members
                .map(|(name, entry)| Ok((name.clone(), json(&entry.value)?)))
                .collect::<Result<serde_json::Map<_, _>, String>>()?
                .into()
        }
    })
}

fn toml_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => quoted(text),
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_of).collect();
            format!("[{}]", items.join(", "))
        }
        serde_json::Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{} = {}", render::key(name), toml_of(value)))
                .collect();
            if members.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", members.join(", "))
            }
        }
        // TOML has no null.
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => value.to_string(),
    }
}
