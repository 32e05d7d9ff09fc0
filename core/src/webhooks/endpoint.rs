//! Webhook endpoints: filters, secrets and disabling.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};

use super::event::{WebhookEvent, WebhookEvents};
use crate::job::retry::RetryPolicy;
use crate::values::id::EndpointId;
use crate::values::time_span::TimeSpan;

/// The secret that signs an endpoint's deliveries. `Debug` and `Display` print `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Arc<str>);

impl SigningSecret {
    /// Minimum length, in bytes: 112 bits, which NIST SP 800-131A requires of an HMAC key.
    pub const LENGTH_MIN: usize = 14;
    /// Maximum length, in bytes.
    pub const LENGTH_MAX: usize = 256;
    /// Prefix of a secret whose key is the base64 text after it.
    const KEY_PREFIX: &str = "whsec_";
    /// Allowed lengths of such a key, in bytes, by Standard Webhooks.
    const KEY_LENGTHS: RangeInclusive<usize> = 24..=64;

    /// Wraps a text without validation.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Parses a secret: a text, or a key in the format of Standard Webhooks.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        if text.len() > Self::LENGTH_MAX {
            return Err(InvalidSecret::Length { bytes: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidSecret::Control);
        }
        let Some(encoded) = text.strip_prefix(Self::KEY_PREFIX) else {
            let is_almost = text.trim_start().get(..Self::KEY_PREFIX.len());
            return match is_almost {
                Some(prefix) if prefix.eq_ignore_ascii_case(Self::KEY_PREFIX) => Err(InvalidSecret::Prefix),
                Some(_) | None if text.len() < Self::LENGTH_MIN => Err(InvalidSecret::Length { bytes: text.len() }),
                Some(_) | None => Ok(Self::new(text)),
            };
        };
        let key = STANDARD.decode(encoded).map_err(|_| InvalidSecret::Base64)?;
        if !Self::KEY_LENGTHS.contains(&key.len()) {
            return Err(InvalidSecret::KeyLength { bytes: key.len() });
        }
        Ok(Self::new(text))
    }

    /// The signing key by Standard Webhooks: the decoded text after `whsec_`; any other text as it is.
    pub fn key(&self) -> Cow<'_, [u8]> {
        let encoded = self.0.strip_prefix(Self::KEY_PREFIX);
        match encoded.and_then(|encoded| STANDARD.decode(encoded).ok()) {
            Some(key) => Cow::Owned(key),
            None => Cow::Borrowed(self.0.as_bytes()),
        }
    }

    /// True if it is shorter than the present minimum: an earlier version stored it.
    pub fn is_short(&self) -> bool {
        self.0.len() < Self::LENGTH_MIN
    }

    /// The secret of this key.
    pub fn of_key(key: &[u8]) -> Self {
        Self::new(format!("{}{}", Self::KEY_PREFIX, STANDARD.encode(key)))
    }

    /// The text, for signing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The text is not a usable secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// Too short or too long.
    #[error(
        "has {bytes} bytes; allowed are {} to {}",
        SigningSecret::LENGTH_MIN,
        SigningSecret::LENGTH_MAX
    )]
    Length {
        /// Length, in bytes.
        bytes: usize,
    },
    /// It contains a control character.
    #[error("has a control character")]
    Control,
    /// It has a misspelt prefix.
    #[error("does not begin with whsec_ in lower case, without a space before it")]
    Prefix,
    /// It has the prefix of a key and an invalid key.
    #[error("begins with whsec_, and the rest is not base64 with the alphabet A-Z a-z 0-9 + / and its padding")]
    Base64,
    /// The key is too short or too long.
    #[error(
        "begins with whsec_, and the rest is base64 of {bytes} bytes; allowed are {} to {}",
        SigningSecret::KEY_LENGTHS.start(),
        SigningSecret::KEY_LENGTHS.end()
    )]
    KeyLength {
        /// Length of the key, in bytes.
        bytes: usize,
    },
}

/// Origin of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointSource {
    /// The configuration, where it is changed.
    Configuration = 0,
    /// The API.
    Api = 1,
}

impl EndpointSource {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Api => "api",
        }
    }

    /// The code in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The source with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        [Self::Configuration, Self::Api]
            .into_iter()
            .find(|source| source.code() == code)
    }
}

/// Reason why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisabledReason {
    /// A caller disabled it.
    Requested = 1,
    /// It responded with 410 Gone.
    Gone = 2,
    /// It has failed for too long.
    Failing = 3,
}

impl DisabledReason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Requested, Self::Gone, Self::Failing];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "asked",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// The code in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The reason with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// Time and reason of an endpoint's deactivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// Time.
    pub at: DateTime<Utc>,
    /// Reason.
    pub reason: DisabledReason,
}

/// A replaced secret that remains valid for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// Secret.
    pub secret: SigningSecret,
    /// Time until which deliveries are signed with it as well; `None` while the configuration contains it.
    pub until: Option<DateTime<Utc>>,
}

/// A webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Unique id.
    pub id: EndpointId,
    /// Display name.
    pub name: Arc<str>,
    /// URL, `http` or `https`.
    pub url: Arc<str>,
    /// Events that it receives.
    pub events: WebhookEvents,
    /// Secret that signs its deliveries.
    pub secret: SigningSecret,
    /// Replaced secret that is still valid.
    pub previous_secret: Option<PreviousSecret>,
    /// Maximum number of retries of a delivery.
    pub max_retries: u32,
    /// Delay before the first retry; it doubles for each further one.
    pub retry_delay: TimeSpan,
    /// Origin.
    pub source: EndpointSource,
    /// Time and reason of its deactivation; `None` while it is enabled.
    pub disabled: Option<Disabled>,
    /// Time of the first failed attempt since the last success.
    pub failing_since: Option<DateTime<Utc>>,
    /// Creation time.
    pub created_at: DateTime<Utc>,
    /// Time of the last update.
    pub updated_at: DateTime<Utc>,
    /// Revision, incremented by every update: the `ETag`.
    pub revision: u32,
}

impl Endpoint {
    /// The URL for display, without the query, which often contains keys.
    pub fn display_url(&self) -> String {
        match self.url.split_once('?') {
            Some((address, _)) => format!("{address}?***"),
            None => self.url.to_string(),
        }
    }

    /// True if it receives the event.
    pub fn wants(&self, event: WebhookEvent) -> bool {
        self.disabled.is_none() && self.events.contains(event)
    }

    /// The secrets that sign a delivery at this time, the present one first.
    pub fn secrets_at(&self, now: DateTime<Utc>) -> impl Iterator<Item = &SigningSecret> {
        let previous = self
            .previous_secret
            .as_ref()
            .filter(|previous| previous.until.is_none_or(|until| now < until));
        std::iter::once(&self.secret).chain(previous.map(|previous| &previous.secret))
    }

    /// Delays before retries.
    pub fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            delay: self.retry_delay,
            ..RetryPolicy::default()
        }
    }

    /// The endpoint with another secret; the previous one remains valid for `overlap`.
    #[must_use]
    pub fn rotated(&self, secret: SigningSecret, overlap: TimeSpan, now: DateTime<Utc>) -> Self {
        let until = now.checked_add_signed(overlap.to_delta()).unwrap_or(now);
        Self {
            previous_secret: Some(PreviousSecret {
                secret: self.secret.clone(),
                until: Some(until),
            }),
            secret,
            ..self.changed(now)
        }
    }

    /// The endpoint after it was disabled or enabled.
    #[must_use]
    pub fn switched(&self, disabled: Option<DisabledReason>, now: DateTime<Utc>) -> Self {
        Self {
            disabled: disabled.map(|reason| Disabled { at: now, reason }),
            failing_since: None,
            ..self.changed(now)
        }
    }

    /// The endpoint with a new revision and update time.
    #[must_use]
    pub fn changed(&self, now: DateTime<Utc>) -> Self {
        Self {
            updated_at: now,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// True if its failures at `now` have lasted for `disable_after`.
    pub fn is_given_up(failing_since: DateTime<Utc>, disable_after: TimeSpan, now: DateTime<Utc>) -> bool {
        now - failing_since >= disable_after.to_delta().max(TimeDelta::zero())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint {
            id: EndpointId::from_uuid(Uuid::nil()),
            name: Arc::from("crm"),
            url: Arc::from("https://example.com/hook"),
            events: WebhookEvents::parse(["job.failed"]).expect("events"),
            secret: SigningSecret::new("first-secret"),
            previous_secret: None,
            max_retries: 3,
            retry_delay: TimeSpan::from_secs(30),
            source: EndpointSource::Api,
            disabled: None,
            failing_since: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            revision: 1,
        }
    }

    #[test]
    fn after_a_rotation_both_secrets_are_valid_until_the_overlap_ends() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let rotated = endpoint().rotated(SigningSecret::new("two"), TimeSpan::from_secs(60), now);
        let at = |seconds| -> Vec<String> {
            let secrets = rotated.secrets_at(now + TimeDelta::seconds(seconds));
            secrets.map(|secret| secret.expose().to_owned()).collect()
        };
        assert_eq!(at(0), ["two", "first-secret"]);
        assert_eq!(at(59), ["two", "first-secret"]);
        assert_eq!(at(60), ["two"]);
        assert_eq!(rotated.revision, 2);
    }

    #[test]
    fn a_disabled_endpoint_receives_no_events() {
        let endpoint = endpoint();
        assert!(endpoint.wants(WebhookEvent::JobFailed));
        assert!(!endpoint.wants(WebhookEvent::JobCompleted));
        let disabled = endpoint.switched(Some(DisabledReason::Gone), DateTime::UNIX_EPOCH);
        assert!(!disabled.wants(WebhookEvent::JobFailed));
        let again = disabled.switched(None, DateTime::UNIX_EPOCH);
        assert!(again.wants(WebhookEvent::JobFailed));
    }

    #[test]
    fn an_unusable_secret_is_rejected() {
        let key = |bytes: usize| SigningSecret::of_key(&vec![7; bytes]).expose().to_owned();
        let refused = |text: &str| SigningSecret::parse(text).expect_err(text);
        for text in [
            "webhook-secret-key",
            "sync-secret-key",
            "fourteen bytes",
            "ü behind whsec_",
            &key(24),
            &key(32),
            &key(64),
        ] {
            assert_eq!(SigningSecret::parse(text).expect(text).expose(), text);
        }
        let url_safe = SigningSecret::of_key(&[0xfb; 32])
            .expose()
            .replace('+', "-")
            .replace('/', "_");
        let unpadded = key(32).trim_end_matches('=').to_owned();
        for text in [
            "whsec_not base64!",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
            &url_safe,
            &unpadded,
            &format!("{}=", key(32)),
            &format!("{} ", key(32)),
            "whsec_whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert_eq!(refused(text), InvalidSecret::Base64, "{text}");
        }
        for bytes in [0, 1, 23, 65, 100] {
            assert_eq!(refused(&key(bytes)), InvalidSecret::KeyLength { bytes });
        }
        for text in [format!(" {}", key(32)), key(32).replace("whsec", "WHSEC")] {
            assert_eq!(refused(&text), InvalidSecret::Prefix);
        }
        for text in ["", "x", "thirteenbytes", "ü whsec_"] {
            assert_eq!(refused(text), InvalidSecret::Length { bytes: text.len() }, "{text}");
            assert!(SigningSecret::new(text).is_short());
        }
        assert_eq!(refused(&"k".repeat(257)), InvalidSecret::Length { bytes: 257 });
        assert_eq!(refused("a\nb, and some more"), InvalidSecret::Control);
        assert!(!refused("whsec_secret-key").to_string().contains("secret-key"));
    }

    #[test]
    fn a_secret_is_never_printed() {
        let printed = format!("{:?}", endpoint());
        assert!(!printed.contains("first-secret"), "{printed}");
    }
}
