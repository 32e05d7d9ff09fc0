//! The HTTP client of telemetry exporters. It is separate from the client of handlers, so that neither blocks the
//! other.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::{Client, redirect};

use super::metrics::ExportError;

/// Timeout of a request to a collector.
pub(super) const REQUEST_WAIT: Duration = Duration::from_secs(10);
/// Maximum number of bytes of a response that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// See the module documentation.
#[derive(Clone, Debug)]
pub(super) struct ExportClient {
    client: Client,
    headers: Vec<(String, String)>,
    /// True if requests use http instead of https: the crate for Application Insights always writes https.
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
        // Without root certificates the system can still send to http addresses.
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
        let mut received = request.body(body).send().await?;
        let mut response = Response::builder().status(received.status());
        for (name, value) in received.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = received.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("the response exceeds the maximum size".into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(Bytes::from(body))?)
    }
}
