//! Endpoints that the server calls: their URLs, names, secrets and headers.

use reqwest::Url;
use reqwest::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING};

use crate::config::loader::secret::Secret;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Check, Setting, Wrong, quoted, text};
use crate::config::loader::value::{Entry, Value};
use crate::domain::values::name::is_name_character;
use crate::domain::webhooks::endpoint::SigningSecret;
use crate::webhooks::egress_policy::EgressPolicy;

/// Maximum length of an endpoint's name, in characters.
const NAME_LENGTH_MAX: usize = 200;

/// An `http` or `https` URL without credentials. Printing it hides the values of its query.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EndpointUrl(Url);

impl EndpointUrl {
    /// The complete URL.
    pub(crate) fn as_url(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut redacted = self.0.clone();
        if self.0.query().is_some_and(|query| !query.is_empty()) {
            // It often contains keys of services.
            let names = self.0.query_pairs().map(|(name, _)| (name, "***"));
            redacted.query_pairs_mut().clear().extend_pairs(names);
        }
        f.write_str(redacted.as_str())
    }
}

impl std::fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A condition: the endpoint is allowed by the policy.
pub(crate) fn within(egress_policy: EgressPolicy) -> impl Check<EndpointUrl> {
    move |url: &EndpointUrl| egress_policy.check_url(url.as_url()).map_err(|cause| cause.to_string())
}

impl Setting for EndpointUrl {
    fn read(value: &Value) -> Result<Self, Wrong> {
        // The messages do not repeat the URL, which may contain a password.
        let url = Url::parse(text(value)?).map_err(|error| Wrong::new(format!("is not a URL ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(Wrong::new("must begin with http:// or https://, and name a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Wrong::new("must not contain credentials; use an Authorization header"));
        }
        Ok(Self(url))
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

/// The name of an endpoint or of a sync target, with the rules of the API.
#[expect(clippy::ptr_arg, reason = "the check of a setting takes the setting's own type")]
pub(crate) fn check_name(name: &String) -> Result<(), String> {
    let length = name.chars().count();
    if length == 0 || length > NAME_LENGTH_MAX {
        return Err(format!("has {length} characters; allowed are 1 to {NAME_LENGTH_MAX}"));
    }
    if !name.chars().all(is_name_character) {
        return Err("has a control, line separator, text direction or invisible character".to_owned());
    }
    Ok(())
}

/// Checks the secret that signs deliveries and requests.
pub(crate) fn check_secret(secret: &Secret) -> Result<(), String> {
    SigningSecret::parse(secret.expose())
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The name of an endpoint or a sink without one: its URL without the parts that may be secret.
pub(crate) fn name_of(url: &EndpointUrl) -> String {
    let mut redacted = url.as_url().clone();
    redacted.set_query(None);
    redacted.set_fragment(None);
    redacted.as_str().chars().take(NAME_LENGTH_MAX).collect()
}

fn is_set_by_the_server(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING].contains(name)
        || name.as_str().starts_with("x-tickerq-")
        || name.as_str().starts_with("webhook-")
}

/// A text that may be empty.
pub(crate) struct Text(pub(crate) String);

impl Setting for Text {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value.as_text() {
            Some(text) => Ok(Self(text.to_owned())),
            None => Err(Wrong::new(format!(
                "{} is not a text; write it in quotes",
                value.kind()
            ))),
        }
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

/// Headers of the telemetry collector.
pub(crate) fn header_secrets(section: &mut Section<'_>, key: &'static str) -> Vec<(String, String)> {
    headers(section, key, "telemetry")
}

/// Headers that the server does not set itself.
pub(crate) fn headers(section: &mut Section<'_>, key: &'static str, header: &str) -> Vec<(String, String)> {
    named_secrets(section, key, header, |name, value| {
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err("is not the name of a header".to_owned());
        };
        if is_set_by_the_server(&header) {
            return Err("is set by the server; choose another header".to_owned());
        }
        if HeaderValue::from_str(value).is_err() {
            return Err("a header's value must be visible characters and spaces".to_owned());
        }
        Ok(())
    })
}

/// A table with free keys, whose values may be secret: headers, variables.
pub(crate) fn named_secrets(
    section: &mut Section<'_>,
    key: &'static str,
    header: &str,
    check: impl Fn(&str, &str) -> Result<(), String>,
) -> Vec<(String, String)> {
    let entry = section.entry(key);
    let path = section.path_of(key);
    let mut table = section.open(path, format!("[{header}.{key}]"), entry);
    let mut named = Vec::new();
    for (name, Entry { source, value }) in table.members() {
        let read = Text::read(value)
            .map_err(|wrong| wrong.message)
            .and_then(|Text(text)| check(name, &text).map(|()| text));
        match read {
            Ok(text) => {
                table.show(name, Secret::new(text.as_str()).show(), source.clone());
                named.push((name.clone(), text));
            }
            Err(message) => table.error(source, name, message),
        }
    }
    named
}
