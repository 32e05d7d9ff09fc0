//! `[change_feed]`: the change feed and its sinks.

use super::endpoint::{EndpointUrl, check_name, check_secret, name_of, within};
use crate::config::loader::secret::Secret;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{DURATION_MAX, between};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::endpoint::SigningSecret;
use crate::domain::webhooks::sync_field::SyncField;
use crate::runtime::outbound::options::{SyncOptions, SyncTarget};
use crate::webhooks::egress_policy::EgressPolicy;

/// `egress_policy` limits the addresses of sinks.
pub(crate) fn read(section: &mut Section<'_>, egress_policy: EgressPolicy) -> SyncOptions {
    let feed = section.get("enable", false);
    let mut targets: Vec<SyncTarget> = Vec::new();
    for (index, item) in section.tables("sinks", "change_feed.sinks").iter().enumerate() {
        let path = format!("change_feed.sinks[{index}]");
        let mut section = section.open(path, "[[change_feed.sinks]]".to_owned(), Some(item));
        let name = section.optional_if("name", check_name);
        let url: Option<EndpointUrl> = section.required_if("url", within(egress_policy));
        let interval = section.get_if(
            "interval",
            TimeSpan::from_secs(10),
            between(TimeSpan::from_millis(100), DURATION_MAX),
        );
        let batch_size = section.get_if("batch_size", 500, between(1, 10_000));
        let secret: Option<Secret> = section.optional_if("secret", check_secret);
        let fields = section.get_if("fields", names_of(&SyncField::REFERENCE), check_fields);
        if let Some(url) = url {
            let name = name.unwrap_or_else(|| name_of(&url));
            if targets.iter().any(|other| *other.name == *name) {
                let source = section.source().clone();
                section.error(
                    &source,
                    "name",
                    format_args!("'{name}' is the name of an earlier sink; names must be distinct"),
                );
            }
            targets.push(SyncTarget {
                name: name.into(),
                url: url.as_url().as_str().into(),
                interval: interval.to_std(),
                batch_size,
                secret: secret.map(|secret| SigningSecret::new(secret.expose())),
                fields: fields.iter().filter_map(|name| SyncField::parse(name)).collect(),
            });
        }
        section.finish();
    }
    SyncOptions { feed, targets }
}

fn names_of(fields: &[SyncField]) -> Vec<String> {
    fields.iter().map(|field| field.as_str().to_owned()).collect()
}

#[expect(clippy::ptr_arg, reason = "the check of a setting takes the setting's own type")]
fn check_fields(names: &Vec<String>) -> Result<(), String> {
    match names.iter().find(|name| SyncField::parse(name).is_none()) {
        None => Ok(()),
        Some(name) => {
            let allowed: Vec<&str> = SyncField::names().collect();
            Err(format!(
                "'{name}' is not a field of a job; allowed are {}",
                allowed.join(", ")
            ))
        }
    }
}
