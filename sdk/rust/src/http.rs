//! HTTP requests, retries and errors.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(10);
/// A longer `Retry-After` is cut.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// Options of a client.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The base path of the API.
    pub base_path: String,
    /// The number of retries of a request.
    pub retries: u32,
    /// The time limit of one request.
    pub timeout: Duration,
    /// The silence after which the connection of a subscription is checked.
    pub ping_interval: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            base_path: "/api/tickerq".to_owned(),
            retries: 3,
            timeout: Duration::from_secs(30),
            ping_interval: Duration::from_secs(30),
        }
    }
}

/// The delay before a retry: exponential, with jitter.
pub(crate) fn backoff(attempt: u32) -> Duration {
    let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt)).min(WAIT_MAX);
    wait.mul_f64(rand::random_range(0.5..1.0))
}

/// Sends requests to one server.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    base: String,
    pub(crate) root: String,
    pub(crate) token: Option<String>,
    options: ClientOptions,
}

/// One request.
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Result<Vec<u8>, String>>,
    is_safe: bool,
    timeout: Option<Duration>,
    retries: Option<u32>,
    at_base: bool,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        let is_safe = method != Method::POST;
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            is_safe,
            timeout: None,
            retries: None,
            at_base: false,
        }
    }

    /// Requests a path beside the API, such as `/healthz`.
    pub(crate) fn at_base(mut self) -> Self {
        self.at_base = true;
        self
    }

    pub(crate) fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    pub(crate) fn query(mut self, query: Vec<(&'static str, String)>) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).map_err(|error| error.to_string()));
        self
    }

    pub(crate) fn if_match(mut self, revision: Option<u32>) -> Self {
        self.headers
            .extend(revision.map(|revision| ("if-match", format!("\"{revision}\""))));
        self
    }

    /// Makes retries safe: requests with the same key take effect once.
    pub(crate) fn once(mut self, key: Option<String>) -> Self {
        let key = key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        self.headers.push(("idempotency-key", format!("\"{key}\"")));
        self.is_safe = true;
        self
    }

    /// May be retried after a lost response.
    pub(crate) fn safe(mut self) -> Self {
        self.is_safe = true;
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration, retries: u32) -> Self {
        self.timeout = Some(timeout);
        self.retries = Some(retries);
        self
    }
}

impl Http {
    pub(crate) fn new(base_url: &str, token: Option<&str>, options: ClientOptions) -> Self {
        // A provider that the program has installed remains.
        rustls::crypto::ring::default_provider().install_default().ok();
        Self {
            client: reqwest::Client::new(),
            base: base_url.trim_end_matches('/').to_owned(),
            root: format!("{}{}", base_url.trim_end_matches('/'), options.base_path),
            token: token.filter(|token| !token.is_empty()).map(str::to_owned),
            options,
        }
    }

    pub(crate) fn ping_interval(&self) -> Duration {
        self.options.ping_interval
    }

    /// Sends a request and reads the JSON of the response. It is retried after a connection failure if it is
    /// idempotent, and when the server reports that it has done nothing.
    pub(crate) async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let last = call.retries.unwrap_or(self.options.retries);
        let mut attempt = 0;
        loop {
            let error = match self.send_once(&call).await {
                Ok(text) => {
                    let text = if text.is_empty() { "null" } else { &text };
                    return serde_json::from_str(text).map_err(|error| Error::InvalidResponse(error.to_string()));
                }
                Err(error) => error,
            };
            let wait = backoff(attempt).max(error.retry_after().unwrap_or_default());
            if attempt >= last || wait > WAIT_MAX || !is_worth_another(&error, call.is_safe) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn send_once(&self, call: &Call) -> Result<String, Error> {
        let url = format!("{}{}", if call.at_base { &self.base } else { &self.root }, call.path);
        let mut request = self.client.request(call.method.clone(), url);
        request = request
            .timeout(call.timeout.unwrap_or(self.options.timeout))
            .query(&call.query);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &call.body {
            let body = body.clone().map_err(Error::InvalidResponse)?;
            request = request.header("content-type", "application/json").body(body);
        }
        let failed = |error: reqwest::Error| Error::Connection(with_sources(&error));
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let text = response.text().await.map_err(failed)?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(Error::of_response(
                status.as_u16(),
                &text,
                retry_after.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX)),
            ))
        }
    }
}

/// An error with its causes: the outermost alone has no reason.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn is_worth_another(error: &Error, is_safe: bool) -> bool {
    match error {
        Error::Connection(_) => is_safe,
        Error::RateLimited { .. } => true,
        // `busy` means that the request had no effect; with `unavailable` that is unknown.
        Error::Unavailable { problem, .. } => is_safe || problem.code() == "busy",
        Error::InvalidResponse(_)
        | Error::Validation(_)
        | Error::Authentication(_)
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::Conflict(_)
        | Error::PreconditionFailed(_)
        | Error::TooLarge(_)
        | Error::IdempotencyMismatch(_)
        | Error::Server(_) => false,
    }
}
