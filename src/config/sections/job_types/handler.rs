//! `handler = …` of a job type.

use crate::config::loader::secret::Secret;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Setting, Wrong, quoted};
use crate::config::loader::value::{Entry, Value};
use crate::config::sections::endpoint::{EndpointUrl, Text, check_secret, headers, named_secrets, within};
use crate::handlers::command::CommandOptions;
use crate::handlers::http::HttpHandlerOptions;
use crate::webhooks::egress_policy::EgressPolicy;

/// The handler of a job type.
#[derive(Clone)]
pub(crate) enum HandlerSettings {
    /// A request to an HTTP endpoint.
    Http(HttpHandlerOptions),
    /// A program that is started.
    Command(CommandOptions),
    /// Remote workers, which lease jobs.
    Remote,
    /// None: the job completes at once.
    Noop,
}

/// The two handlers without settings.
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
    "allowed are { http = { url = \"…\" } }, { command = { program = \"…\" } }, \"remote\" and \"noop\"";

impl HandlerSettings {
    /// Reads `handler` of the type of `section`; `header` is its form in messages, `job_types.NAME`.
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
            (Some(http), None) if !is_table(http) => {
                let example = "http = { url = \"https://mail.example.com/email\" }";
                handler.error(
                    &http.source,
                    "http",
                    format_args!("{} is not allowed; write {example}", http.value.describe()),
                );
                None
            }
            (None, Some(command)) if !is_table(command) => {
                let example = "command = { program = \"report\", args = [\"--format\", \"pdf\"] }";
                let given = command.value.describe();
                handler.error(
                    &command.source,
                    "command",
                    format_args!("{given} is not allowed; write {example}"),
                );
                None
            }
            (Some(http), None) => {
                let header = format!("{header}.handler.http");
                let mut section = handler.open(format!("{path}.http"), format!("[{header}]"), Some(http));
                let settings = read_http(&mut section, &header);
                section.finish();
                settings.map(Self::Http)
            }
            (None, Some(command)) => {
                let header = format!("{header}.handler.command");
                let mut section = handler.open(format!("{path}.command"), format!("[{header}]"), Some(command));
                let settings = read_command(&mut section, &header);
                section.finish();
                settings.map(Self::Command)
            }
            (Some(_), Some(_)) | (None, None) => {
                let source = handler.source().clone();
                section_error(section, &source, "must name one handler");
                return Self::Remote;
            }
        };
        handler.finish();
        // Without settings there is an error already, and the configuration will not be used.
        settings.unwrap_or(Self::Remote)
    }
}

fn is_table(entry: &Entry) -> bool {
    matches!(entry.value.typed(), Value::Table(_))
}

fn section_error(section: &mut Section<'_>, source: &crate::config::loader::source::Source, message: &str) {
    section.error(source, "handler", format_args!("{message}; {ALLOWED}"));
}

#[expect(clippy::ptr_arg, reason = "the check of a setting takes the setting's own type")]
fn no_nul(text: &String) -> Result<(), String> {
    if text.contains('\0') {
        Err("must not contain a NUL character".to_owned())
    } else {
        Ok(())
    }
}

fn read_http(section: &mut Section<'_>, header: &str) -> Option<HttpHandlerOptions> {
    // The operator may let jobs call the private network.
    let url: Option<EndpointUrl> = section.required_if("url", within(EgressPolicy::PRIVATE_ALLOWED));
    let secret: Option<Secret> = section.optional_if("secret", check_secret);
    let permanent_statuses = section.optional_if("permanent_statuses", |statuses: &Vec<u32>| {
        match statuses.iter().find(|status| !(400..=599).contains(*status)) {
            Some(status) => Err(format!(
                "{status} is not the status of a failure; allowed are 400 to 599, such as [401, 404]"
            )),
            None => Ok(()),
        }
    });
    let headers = headers(section, "headers", header);
    Some(HttpHandlerOptions {
        url: url?.as_url().to_string(),
        secret: secret.map(|secret| secret.expose().to_owned()),
        headers,
        permanent_statuses: permanent_statuses.map(|statuses| {
            let statuses = statuses.into_iter();
            statuses.filter_map(|status| u16::try_from(status).ok()).collect()
        }),
    })
}

fn read_command(section: &mut Section<'_>, header: &str) -> Option<CommandOptions> {
    let program: Option<String> = section.required_if("program", no_nul);
    let args = section.get_if("args", Vec::new(), |args: &Vec<Text>| {
        let has_nul = args.iter().any(|Text(text)| text.contains('\0'));
        if has_nul {
            Err("an argument must not contain a NUL character".to_owned())
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
            return Err("a variable must not contain a NUL character".to_owned());
        }
        Ok(())
    });
    Some(CommandOptions {
        program: program?,
        args: args.into_iter().map(|Text(text)| text).collect(),
        working_directory,
        environment,
    })
}
