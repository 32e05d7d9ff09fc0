//! HTTP client of the REST API.

pub(crate) mod api_types;
pub(crate) mod problem;

use std::convert::Infallible;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::problem::Problem;
use super::error::CliError;
use crate::config::loader::secret::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Address of the server, and credentials.
#[derive(Debug, Args)]
pub(super) struct ClientArguments {
    /// Address of the server.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TICKERQ_SERVER",
        default_value = "http://127.0.0.1:5000"
    )]
    server: String,
    /// Token sent as `Authorization: Bearer …`.
    #[arg(long, global = true, value_name = "TOKEN", env = "TICKERQ_TOKEN", hide_env_values = true, value_parser = parse_secret)]
    token: Option<Secret>,
    /// Base path of the API.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "TICKERQ_BASE_PATH",
        default_value = "/api/tickerq"
    )]
    base_path: String,
    /// Print the server's JSON, for programs.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The same options before the subcommand: `tickerq --server URL job list`.
#[derive(Debug, Args)]
pub(super) struct LeadingClientArguments {
    /// Address of the running server.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Token for the running server.
    #[arg(long, value_name = "TOKEN", value_parser = parse_secret)]
    token: Option<Secret>,
    /// Base path of the running server's API.
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,
    /// Print the running server's JSON, for programs.
    #[arg(long)]
    json: bool,
}

impl LeadingClientArguments {
    /// The first of these options on the command line.
    pub(super) fn given(&self) -> Option<&'static str> {
        let Self {
            server,
            token,
            base_path,
            json,
        } = self;
        let flags = [
            ("--server", server.is_some()),
            ("--token", token.is_some()),
            ("--base-path", base_path.is_some()),
            ("--json", *json),
        ];
        flags.into_iter().find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// Applies these options where the subcommand's own options, whose matches these are, are not set; the
    /// environment and the defaults rank below.
    pub(super) fn apply(self, client: &mut ClientArguments, matches: &ArgMatches) {
        let Self {
            server,
            token,
            base_path,
            json,
        } = self;
        let is_free = |name: &str| matches.value_source(name) != Some(ValueSource::CommandLine);
        if let Some(server) = server.filter(|_| is_free("server")) {
            client.server = server;
        }
        if let Some(token) = token.filter(|_| is_free("token")) {
            client.token = Some(token);
        }
        if let Some(base_path) = base_path.filter(|_| is_free("base_path")) {
            client.base_path = base_path;
        }
        client.json |= json;
    }
}

#[expect(clippy::unnecessary_wraps, reason = "clap requires a fallible function")]
fn parse_secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// A client of a server.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
}

/// A successful response: its JSON, unchanged.
pub(super) struct ApiResponse {
    address: String,
    status: StatusCode,
    pub(super) text: String,
}

/// Runs an asynchronous command on this thread.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::System(format!("failed to start: {error}")))?
        .block_on(work)
}

impl Client {
    pub(super) fn new(arguments: &ClientArguments) -> Result<Self, CliError> {
        let ClientArguments {
            server,
            token,
            base_path,
            json: _,
        } = arguments;
        let base = base_url(server, base_path)?;
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, application/problem+json"),
        );
        // An empty variable means the same as an unset one.
        if let Some(token) = token
            && !token.expose().is_empty()
        {
            let token = token.expose();
            if token.trim().contains(' ') {
                let detail = "--token: the token contains a space; give the key without 'Bearer'";
                return Err(CliError::Usage(detail.to_owned()));
            }
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| CliError::Usage("--token: must be visible characters".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // Fails if the process has a provider already, which is sufficient.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            // A redirected POST would arrive as a GET.
            .redirect(redirect::Policy::none());
        if is_loopback(&base) {
            // This address means another machine to a proxy.
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| CliError::System(format!("failed to start the client: {error}")))?;
        Ok(Self { http, base })
    }

    /// `GET`s a path below the base path, in segments.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<ApiResponse, CliError> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(Method::GET, url, None).await
    }

    /// `POST`s JSON to a path below the base path.
    pub(super) async fn post(&self, path: &[&str], body: &impl Serialize) -> Result<ApiResponse, CliError> {
        self.send_json(Method::POST, path, body).await
    }

    /// `PUT`s JSON to a path below the base path.
    pub(super) async fn put(&self, path: &[&str], body: &impl Serialize) -> Result<ApiResponse, CliError> {
        self.send_json(Method::PUT, path, body).await
    }

    /// `DELETE`s a path below the base path.
    pub(super) async fn delete(&self, path: &[&str]) -> Result<ApiResponse, CliError> {
        self.send(Method::DELETE, self.url(path), None).await
    }

    async fn send_json(&self, method: Method, path: &[&str], body: &impl Serialize) -> Result<ApiResponse, CliError> {
        let body = serde_json::to_string(body).map_err(|error| CliError::System(error.to_string()))?;
        self.send(method, self.url(path), Some(body)).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    async fn send(&self, method: Method, url: Url, body: Option<String>) -> Result<ApiResponse, CliError> {
        let address = url.to_string();
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let no_connection = |error: reqwest::Error| CliError::NoConnection {
            address: address.clone(),
            reason: advised(reason(&error), &address),
        };
        let response = request.send().await.map_err(no_connection)?;
        let status = response.status();
        let is_problem = has_type(&response, "application/problem+json");
        let text = response.text().await.map_err(no_connection)?;
        if status.is_success() {
            return Ok(ApiResponse { address, status, text });
        }
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) if is_problem => Err(CliError::Refused(problem)),
            Ok(_) | Err(_) => Err(CliError::NotTheApi {
                address,
                status: status.as_u16(),
                reason: beginning(&text),
            }),
        }
    }
}

impl ApiResponse {
    /// `true` if a resource was created.
    pub(super) fn is_new(&self) -> bool {
        self.status == StatusCode::CREATED
    }

    /// Parses the JSON.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, CliError> {
        serde_json::from_str(&self.text).map_err(|error| CliError::NotTheApi {
            address: self.address.clone(),
            status: self.status.as_u16(),
            reason: error.to_string(),
        })
    }
}

fn base_url(server: &str, base_path: &str) -> Result<Url, CliError> {
    let wrong = |reason: &str| {
        CliError::Usage(format!(
            "--server: '{server}' {reason}; the form is http://127.0.0.1:5000"
        ))
    };
    let mut url = Url::parse(server).map_err(|error| wrong(&format!("is not a URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("does not begin with http:// or https://"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has more than a host and a path"));
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments
            .pop_if_empty()
            .extend(base_path.split('/').filter(|segment| !segment.is_empty()));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

fn has_type(response: &Response, content_type: &str) -> bool {
    let header = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    header.is_some_and(|text| text.starts_with(content_type))
}

/// The innermost cause, such as "connection refused".
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The cause with a remedy, for failures of TLS.
fn advised(reason: String, address: &str) -> String {
    if reason.contains("InvalidContentType") {
        let origin = address.split('/').nth(2).unwrap_or_default();
        return format!("the server does not use TLS; use http://{origin}");
    }
    if reason.contains("invalid peer certificate") {
        return format!("{reason}; if its authority is your own, set SSL_CERT_FILE to a PEM file with its certificate");
    }
    reason
}

fn beginning(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or("nothing");
    line.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::{advised, base_url};

    #[test]
    fn a_failure_of_tls_is_reported_with_its_remedy() {
        let address = "https://127.0.0.1:5000/api/tickerq/queues";
        let of = |reason: &str| advised(reason.to_owned(), address);
        assert_eq!(
            of("received corrupt message of type InvalidContentType"),
            "the server does not use TLS; use http://127.0.0.1:5000"
        );
        assert!(of("invalid peer certificate: UnknownIssuer").contains("SSL_CERT_FILE"));
        assert_eq!(of("connection refused"), "connection refused");
    }

    #[test]
    fn the_base_path_follows_the_servers_own_path() {
        let joined = |server, path| base_url(server, path).unwrap().to_string();
        assert_eq!(joined("http://h:1", "/api/tickerq"), "http://h:1/api/tickerq");
        assert_eq!(
            joined("http://h:1/prefix/", "api/tickerq/"),
            "http://h:1/prefix/api/tickerq"
        );
        assert!(base_url("h:1", "/").is_err());
        assert!(base_url("ftp://h", "/").is_err());
        assert!(base_url("http://h?x", "/").is_err());
    }
}
