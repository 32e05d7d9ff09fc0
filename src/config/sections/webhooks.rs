//! `[webhooks]`: the delivery of events to endpoints.

use super::endpoint::{EndpointUrl, check_name, check_secret, name_of, within};
use super::jobs::RETRIES_MAX;
use crate::config::loader::secret::Secret;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{DURATION_MAX, Setting, Wrong, between};
use crate::config::loader::value::Value;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::endpoint::SigningSecret;
use crate::domain::webhooks::event::WebhookEvents;
use crate::runtime::outbound::options::{ConfiguredEndpoint, DeliveryOptions, OutboundClients, WebhookOptions};
use crate::service::webhooks::{MAX_RETRIES_DEFAULT, RETRY_DELAY_DEFAULT};
use crate::webhooks::client::HttpClientError;
use crate::webhooks::client_spans::CallReporter;
use crate::webhooks::egress_policy::EgressPolicy;

/// `[webhooks]`.
#[derive(Clone, Debug)]
pub(crate) struct WebhooksConfig {
    /// The options of deliveries.
    pub delivery: DeliveryOptions,
    /// Endpoints may be in private networks; by default, configured ones may.
    pub allow_private_networks: Option<bool>,
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
        let concurrency = section.get_if("concurrency", 32_u32, between(1, 1_000));
        let allow_private_networks = section.optional("allow_private_networks");
        // Last, because their tables follow in the rendered configuration.
        let endpoints = read_endpoints(section, policy_of(allow_private_networks));
        Self {
            delivery: DeliveryOptions {
                enable,
                endpoints,
                timeout: timeout.to_std(),
                disable_after,
                remove_unconfigured_after,
                concurrency: usize::try_from(concurrency).unwrap_or(usize::MAX),
            },
            allow_private_networks,
        }
    }

    /// The options of the runtime, which reports its requests to `calls`.
    pub(crate) fn options(&self, calls: CallReporter) -> Result<WebhookOptions, HttpClientError> {
        Ok(WebhookOptions {
            delivery: self.delivery.clone(),
            clients: OutboundClients::new(self.allow_private_networks)?,
            calls,
        })
    }

    /// The addresses of configured endpoints.
    pub(crate) fn egress_policy(&self) -> EgressPolicy {
        policy_of(self.allow_private_networks)
    }
}

const fn policy_of(allow_private_networks: Option<bool>) -> EgressPolicy {
    match allow_private_networks {
        Some(true) | None => EgressPolicy::PRIVATE_ALLOWED,
        Some(false) => EgressPolicy::PUBLIC_ONLY,
    }
}

fn read_endpoints(section: &mut Section<'_>, egress_policy: EgressPolicy) -> Vec<ConfiguredEndpoint> {
    let mut endpoints: Vec<ConfiguredEndpoint> = Vec::new();
    for (index, item) in section.tables("endpoints", "webhooks.endpoints").iter().enumerate() {
        let path = format!("webhooks.endpoints[{index}]");
        let mut section = section.open(path, "[[webhooks.endpoints]]".to_owned(), Some(item));
        let name = section.optional_if("name", check_name);
        let url: Option<EndpointUrl> = section.required_if("url", within(egress_policy));
        let events = section.required("events");
        let secret: Option<Secret> = section.required_if("secret", check_secret);
        let previous_secret: Option<Secret> = section.optional_if("previous_secret", check_secret);
        if let (Some(secret), Some(previous)) = (&secret, &previous_secret)
            && secret == previous
        {
            let source = section.source().clone();
            section.error(&source, "previous_secret", "is the current secret; set the former one");
        }
        let policy = section.entry("retry_policy");
        let mut retry = section.open(
            format!("webhooks.endpoints[{index}].retry_policy"),
            "[webhooks.endpoints.retry_policy]".to_owned(),
            policy,
        );
        let max_retries = retry.get_if("max_retries", MAX_RETRIES_DEFAULT, between(0, RETRIES_MAX));
        let retry_delay = retry.get_if(
            "retry_delay",
            RETRY_DELAY_DEFAULT,
            between(TimeSpan::ZERO, DURATION_MAX),
        );
        retry.finish();
        if let (Some(url), Some(events), Some(secret)) = (url, events, secret) {
            let name = name.unwrap_or_else(|| name_of(&url));
            if endpoints.iter().any(|other| *other.name == *name) {
                let source = section.source().clone();
                section.error(
                    &source,
                    "name",
                    format_args!("'{name}' is the name of an earlier endpoint; names must be distinct"),
                );
            }
            endpoints.push(ConfiguredEndpoint {
                name: name.into(),
                url: url.as_url().as_str().into(),
                events,
                secret: SigningSecret::new(secret.expose()),
                previous_secret: previous_secret.map(|secret| SigningSecret::new(secret.expose())),
                max_retries,
                retry_delay,
            });
        }
        section.finish();
    }
    endpoints
}
