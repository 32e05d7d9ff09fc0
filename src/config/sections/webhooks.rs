//! `[webhooks]`: who is told of what happens.

use super::endpoint::{EndpointUrl, check_name, check_secret, name_of};
use super::jobs::RETRIES_MAX;
use crate::config::loader::secret::Secret;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{DURATION_MAX, Setting, Wrong, between};
use crate::config::loader::value::Value;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::event::WebhookEvents;

/// `[webhooks]`.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhooksConfig {
    /// Whether anybody is told anything.
    pub enable: bool,
    /// How long an endpoint may take to answer.
    pub timeout: TimeSpan,
    /// An endpoint that has failed for so long is disabled.
    pub disable_after: TimeSpan,
    /// An endpoint of a configuration stays for so long when no live node's configuration names it.
    pub remove_unconfigured_after: TimeSpan,
    /// How many deliveries to one endpoint may be on their way at a time.
    pub concurrency: u32,
    /// Whether endpoints may lie in private networks; unless said, those of the configuration may.
    pub allow_private_networks: Option<bool>,
    /// `[[webhooks.endpoints]]`.
    pub endpoints: Vec<WebhookEndpointConfig>,
}

/// `[[webhooks.endpoints]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookEndpointConfig {
    /// What people call it; its address without the query unless given.
    pub name: String,
    /// Where it is.
    pub url: EndpointUrl,
    /// What it is told.
    pub events: WebhookEvents,
    /// What deliveries are signed with.
    pub secret: Secret,
    /// What they are signed with as well, while receivers learn the new secret.
    pub previous_secret: Option<Secret>,
    /// How many retries a delivery may have.
    pub max_retries: u32,
    /// The wait before the first retry.
    pub retry_delay: TimeSpan,
}

impl Setting for WebhookEvents {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let patterns = Vec::<String>::read(value)?;
        Self::parse(patterns.iter().map(String::as_str)).map_err(|error| Wrong::new(error.to_string()))
    }

    fn show(&self) -> String {
        self.patterns().map(str::to_owned).collect::<Vec<String>>().show()
    }
}

impl WebhooksConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let (second, hour) = (TimeSpan::from_secs(1), TimeSpan::from_secs(3600));
        let enable = section.get("enable", true);
        let timeout = section.get_if("timeout", TimeSpan::from_secs(15), between(second, hour));
        let disable_after = section.get_if(
            "disable_after",
            TimeSpan::from_secs(5 * 24 * 3600),
            between(TimeSpan::ZERO, DURATION_MAX),
        );
        let remove_unconfigured_after =
            section.get_if("remove_unconfigured_after", hour, between(TimeSpan::ZERO, DURATION_MAX));
        let concurrency = section.get_if("concurrency", 32, between(1, 1_000));
        let allow_private_networks = section.optional("allow_private_networks");
        Self {
            enable,
            timeout,
            disable_after,
            remove_unconfigured_after,
            concurrency,
            allow_private_networks,
            // Last, because their own tables follow where they are shown.
            endpoints: read_endpoints(section),
        }
    }
}

fn read_endpoints(section: &mut Section<'_>) -> Vec<WebhookEndpointConfig> {
    let mut endpoints: Vec<WebhookEndpointConfig> = Vec::new();
    for (index, item) in section.tables("endpoints", "webhooks.endpoints").iter().enumerate() {
        let path = format!("webhooks.endpoints[{index}]");
        let mut section = section.open(path, "[[webhooks.endpoints]]".to_owned(), Some(item));
        let name = section.optional_if("name", check_name);
        let url: Option<EndpointUrl> = section.required("url");
        let events = section.required("events");
        let secret = section.required_if("secret", check_secret);
        let previous_secret = section.optional_if("previous_secret", check_secret);
        if let (Some(secret), Some(previous)) = (&secret, &previous_secret)
            && secret == previous
        {
            let source = section.source().clone();
            section.error(
                &source,
                "previous_secret",
                "is the secret itself; name the one that was used before",
            );
        }
        let policy = section.entry("retry_policy");
        let mut retry = section.open(
            format!("webhooks.endpoints[{index}].retry_policy"),
            "[webhooks.endpoints.retry_policy]".to_owned(),
            policy,
        );
        let max_retries = retry.get_if("max_retries", 3, between(0, RETRIES_MAX));
        let retry_delay = retry.get_if(
            "retry_delay",
            TimeSpan::from_secs(30),
            between(TimeSpan::ZERO, DURATION_MAX),
        );
        retry.finish();
        if let (Some(url), Some(events), Some(secret)) = (url, events, secret) {
            let name = name.unwrap_or_else(|| name_of(&url));
            if endpoints.iter().any(|other| other.name == name) {
                let source = section.source().clone();
                section.error(
                    &source,
                    "name",
                    format_args!("'{name}' is the name of an earlier endpoint; give each its own"),
                );
            }
            endpoints.push(WebhookEndpointConfig {
                name,
                url,
                events,
                secret,
                previous_secret,
                max_retries,
                retry_delay,
            });
        }
        section.finish();
    }
    endpoints
}
