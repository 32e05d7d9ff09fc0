//! The HTTP client that telemetry is sent with. It is the exporters' own, so that nothing that they wait for has to do
//! with those whom jobs call.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::{Client, redirect};

use super::metrics::ExportError;

/// How long a collector may take to take a batch.
pub(super) const REQUEST_WAIT: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct ExportClient {
    client: Client,
    headers: Vec<(String, String)>,
    /// Whether requests go over http in place of https: the crate for Application Insights writes https whatever is
    /// configured.
    is_plain: bool,
}

impl ExportClient {
    /// A client that sends these headers with each request.
    pub(super) fn new(headers: Vec<(String, String)>, is_plain: bool) -> Result<Self, ExportError> {
        let builder = || {
            Client::builder()
                .user_agent(concat!("TickerQ/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .timeout(REQUEST_WAIT)
                .no_proxy()
        };
        // A system without certificates can send to http addresses all the same.
        let client = builder().build().or_else(|_| builder().tls_certs_only([]).build());
        Ok(Self {
            client: client.map_err(ExportError::of)?,
            headers,
            is_plain,
        })
    }
}

#[async_trait]
impl HttpClient for ExportClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let mut url = parts.uri.to_string();
        if self.is_plain
            && let Some(rest) = url.strip_prefix("https://")
        {
            url = format!("http://{rest}");
        }
        let mut request = self.client.request(parts.method, url).headers(parts.headers);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut answer = request.body(body).send().await?;
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("the answer is longer than an answer to telemetry is".into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(Bytes::from(body))?)
    }
}
