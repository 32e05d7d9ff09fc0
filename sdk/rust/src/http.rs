//! Requests: how they are sent, when they are sent again, and what their answers mean.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How a client works.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// What the paths begin with.
    pub base_path: String,
    /// How often a request is sent again.
    pub retries: u32,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            base_path: "/api/tickerq".to_owned(),
            retries: 3,
            timeout: Duration::from_secs(30),
        }
    }
}

/// The wait before a try: twice as long each time, and a little at random.
pub(crate) fn backoff(attempt: u32) -> Duration {
    let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt)).min(WAIT_MAX);
    wait.mul_f64(rand::random_range(0.5..1.0))
}

/// Makes requests to one server.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    pub(crate) root: String,
    pub(crate) token: Option<String>,
    options: ClientOptions,
}

/// One request.
pub(crate) struct Ask {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Result<Vec<u8>, String>>,
    is_safe: bool,
    timeout: Option<Duration>,
    retries: Option<u32>,
}

impl Ask {
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
        }
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

    /// Makes it take effect once, however often it is sent.
    pub(crate) fn once(mut self, key: Option<String>) -> Self {
        let key = key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        self.headers.push(("idempotency-key", format!("\"{key}\"")));
        self.is_safe = true;
        self
    }

    /// It may be sent again when it is not known what became of it.
    pub(crate) fn safe(mut self) -> Self {
        self.is_safe = true;
        self
    }

    pub(crate) fn patience(mut self, timeout: Duration, retries: u32) -> Self {
        self.timeout = Some(timeout);
        self.retries = Some(retries);
        self
    }
}

impl Http {
    pub(crate) fn new(base_url: &str, token: Option<&str>, options: ClientOptions) -> Self {
        // Whoever has chosen another provider for the whole program keeps it.
        rustls::crypto::ring::default_provider().install_default().ok();
        Self {
            client: reqwest::Client::new(),
            root: format!("{}{}", base_url.trim_end_matches('/'), options.base_path),
            token: token.filter(|token| !token.is_empty()).map(str::to_owned),
            options,
        }
    }

    /// Sends a request and reads the JSON of its answer. It is sent again when there was no answer, if that can do no
    /// harm, and when the server said that it has done nothing.
    pub(crate) async fn send<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, Error> {
        let last = ask.retries.unwrap_or(self.options.retries);
        let mut attempt = 0;
        loop {
            let error = match self.send_once(&ask).await {
                Ok(text) => {
                    let text = if text.is_empty() { "null" } else { &text };
                    return serde_json::from_str(text).map_err(|error| Error::Answer(error.to_string()));
                }
                Err(error) => error,
            };
            let wait = backoff(attempt).max(error.retry_after().unwrap_or_default());
            if attempt >= last || wait > WAIT_MAX || !is_worth_another(&error, ask.is_safe) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn send_once(&self, ask: &Ask) -> Result<String, Error> {
        let url = format!("{}{}", self.root, ask.path);
        let mut request = self.client.request(ask.method.clone(), url);
        request = request
            .timeout(ask.timeout.unwrap_or(self.options.timeout))
            .query(&ask.query);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &ask.body {
            let body = body.clone().map_err(Error::Answer)?;
            request = request.header("content-type", "application/json").body(body);
        }
        let failed = |error: reqwest::Error| Error::Connection(error.to_string());
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let retry_after = answer.headers().get("retry-after");
        let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let text = answer.text().await.map_err(failed)?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(Error::of_answer(
                status.as_u16(),
                &text,
                retry_after.map(Duration::from_secs),
            ))
        }
    }
}

fn is_worth_another(error: &Error, is_safe: bool) -> bool {
    match error {
        Error::Connection(_) => is_safe,
        Error::RateLimited { .. } => true,
        // Of `busy` the server knows that it has done nothing, of `unavailable` it does not.
        Error::Unavailable { problem, .. } => is_safe || problem.code() == "busy",
        Error::Answer(_)
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
