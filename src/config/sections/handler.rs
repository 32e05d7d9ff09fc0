//! `handler = …` of a job type: what runs its jobs.

use std::path::PathBuf;

use reqwest::Url;
use reqwest::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING};

use super::webhooks::check_secret;
use crate::config::loader::secret::Secret;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Setting, Wrong, quoted, text};
use crate::config::loader::value::{Entry, Value};

/// What runs the jobs of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandlerSettings {
    /// A request to an HTTP endpoint.
    Http(HttpHandlerSettings),
    /// A program that is started.
    Command(CommandHandlerSettings),
    /// A worker elsewhere that asks for jobs.
    Remote,
    /// Nothing: the job completes at once.
    Noop,
}

/// `handler = { http = { … } }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpHandlerSettings {
    /// Where the job is posted to.
    pub url: EndpointUrl,
    /// Signs the request.
    pub secret: Option<Secret>,
    /// Sent with every request, in this order.
    pub headers: Vec<(String, Secret)>,
    /// Answers with these statuses fail the job for good; unless given, all of 4xx but 408, 425 and 429 do.
    pub permanent_statuses: Option<Vec<u32>>,
}

/// `handler = { command = { … } }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandHandlerSettings {
    /// The program: a path, or a name that is looked for in `PATH`.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it runs; the server's own folder unless given.
    pub working_directory: Option<PathBuf>,
    /// Variables that it gets besides the server's own, in this order.
    pub environment: Vec<(String, Secret)>,
}

/// An `http` or `https` address without a user and password. Printing it hides what its query says.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(Url);

impl EndpointUrl {
    /// The whole address, for whoever calls it.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = self.0.clone();
        if self.0.query().is_some_and(|query| !query.is_empty()) {
            // Keys of services often stand there.
            let names = self.0.query_pairs().map(|(name, _)| (name, "***"));
            shown.query_pairs_mut().clear().extend_pairs(names);
        }
        f.write_str(shown.as_str())
    }
}

impl std::fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Setting for EndpointUrl {
    fn read(value: &Value) -> Result<Self, Wrong> {
        // The messages do not repeat the address: it may hold a password.
        let url = Url::parse(text(value)?).map_err(|error| Wrong::new(format!("is not an address ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(Wrong::new("is not an address that begins with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Wrong::new(
                "must not hold a user name or password; write them as an Authorization header",
            ));
        }
        Ok(Self(url))
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

/// The two handlers that have no settings.
#[derive(Clone, Copy)]
enum WithoutSettings {
    Remote,
    Noop,
}

impl Setting for WithoutSettings {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value.as_text() {
            Some("remote") => Ok(Self::Remote),
            Some("noop") => Ok(Self::Noop),
            Some(_) | None => Err(Wrong::new(format!("{} is not a handler; {ALLOWED}", value.describe()))),
        }
    }

    fn show(&self) -> String {
        quoted(match self {
            Self::Remote => "remote",
            Self::Noop => "noop",
        })
    }
}

const ALLOWED: &str =
    "allowed is { http = { url = \"…\" } }, { command = { program = \"…\" } }, \"remote\" or \"noop\"";

impl HandlerSettings {
    /// Reads `handler` of the type that `section` is; `header` is how that one is shown, `job_types.NAME`.
    pub(crate) fn read(section: &mut Section<'_>, header: &str) -> Self {
        let entry = section.entry("handler");
        match entry.map(|entry| entry.value.typed()) {
            Some(Value::Table(_)) => {}
            Some(
                Value::String(_)
                | Value::Text { .. }
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Boolean(_)
                | Value::Datetime(_)
                | Value::Array(_),
            )
            | None => {
                return match section.get("handler", WithoutSettings::Remote) {
                    WithoutSettings::Remote => Self::Remote,
                    WithoutSettings::Noop => Self::Noop,
                };
            }
        }
        let path = section.path_of("handler");
        let mut handler = section.open(path.clone(), format!("[{header}.handler]"), entry);
        let (http, command) = (handler.entry("http"), handler.entry("command"));
        let settings = match (http, command) {
            (Some(http), None) => {
                let header = format!("{header}.handler.http");
                let mut section = handler.open(format!("{path}.http"), format!("[{header}]"), Some(http));
                let settings = HttpHandlerSettings::read(&mut section, &header);
                section.finish();
                settings.map(Self::Http)
            }
            (None, Some(command)) => {
                let header = format!("{header}.handler.command");
                let mut section = handler.open(format!("{path}.command"), format!("[{header}]"), Some(command));
                let settings = CommandHandlerSettings::read(&mut section, &header);
                section.finish();
                settings.map(Self::Command)
            }
            (Some(_), Some(_)) | (None, None) => {
                let source = handler.source().clone();
                section_error(section, &source, "names no handler, or two");
                return Self::Remote;
            }
        };
        handler.finish();
        // Without settings there is an error on record already, and the configuration will not be used.
        settings.unwrap_or(Self::Remote)
    }
}

fn section_error(section: &mut Section<'_>, source: &crate::config::loader::source::Source, message: &str) {
    section.error(source, "handler", format_args!("{message}; {ALLOWED}"));
}

#[expect(clippy::ptr_arg, reason = "the check of a setting takes the setting's own type")]
fn no_nul(text: &String) -> Result<(), String> {
    if text.contains('\0') {
        Err("must not have a NUL character".to_owned())
    } else {
        Ok(())
    }
}

impl HttpHandlerSettings {
    fn read(section: &mut Section<'_>, header: &str) -> Option<Self> {
        let url = section.required("url");
        let secret = section.optional_if("secret", check_secret);
        let permanent_statuses = section.optional_if("permanent_statuses", |statuses: &Vec<u32>| {
            match statuses.iter().find(|status| !(400..=599).contains(*status)) {
                Some(status) => Err(format!(
                    "{status} is not the status of a failed call; allowed are 400 to 599, such as [401, 404]"
                )),
                None => Ok(()),
            }
        });
        let headers = headers(section, "headers", header);
        Some(Self {
            url: url?,
            secret,
            headers,
            permanent_statuses,
        })
    }
}

fn is_set_by_the_server(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING].contains(name)
        || name.as_str().starts_with("x-tickerq-")
        || name.as_str().starts_with("webhook-")
}

impl CommandHandlerSettings {
    fn read(section: &mut Section<'_>, header: &str) -> Option<Self> {
        let program: Option<String> = section.required_if("program", no_nul);
        let args = section.get_if("args", Vec::new(), |args: &Vec<Argument>| {
            let has_nul = args.iter().any(|Argument(text)| text.contains('\0'));
            if has_nul {
                Err("an argument must not have a NUL character".to_owned())
            } else {
                Ok(())
            }
        });
        let working_directory = section.optional("working_directory");
        let environment = named_secrets(section, "environment", header, |name, value| {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err("is not the name of a variable".to_owned());
            }
            if value.contains('\0') {
                return Err("a variable must not have a NUL character".to_owned());
            }
            Ok(())
        });
        Some(Self {
            program: program?,
            args: args.into_iter().map(|Argument(text)| text).collect(),
            working_directory,
            environment,
        })
    }
}

/// A text that may be empty.
struct Argument(String);

impl Setting for Argument {
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

/// Headers of the service that telemetry is sent to.
pub(crate) fn header_secrets(section: &mut Section<'_>, key: &'static str) -> Vec<(String, Secret)> {
    headers(section, key, "telemetry")
}

/// Headers that the server does not set itself.
fn headers(section: &mut Section<'_>, key: &'static str, header: &str) -> Vec<(String, Secret)> {
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

/// A table whose keys people choose and whose values may be secret: headers, variables.
fn named_secrets(
    section: &mut Section<'_>,
    key: &'static str,
    header: &str,
    check: impl Fn(&str, &str) -> Result<(), String>,
) -> Vec<(String, Secret)> {
    let entry = section.entry(key);
    let path = section.path_of(key);
    let mut table = section.open(path, format!("[{header}.{key}]"), entry);
    let mut named = Vec::new();
    for (name, Entry { source, value }) in table.members() {
        let read = Argument::read(value)
            .map_err(|wrong| wrong.message)
            .and_then(|Argument(text)| check(name, &text).map(|()| text));
        match read {
            Ok(text) => {
                let secret = Secret::new(text);
                table.show(name, secret.show(), source.clone());
                named.push((name.clone(), secret));
            }
            Err(message) => table.error(source, name, message),
        }
    }
    named
}
