//! A client of the REST API.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::eventually;

/// Maximum duration of a request and of its response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(180);

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    root: String,
    token: Option<String>,
}

/// A complete response.
#[derive(Debug)]
pub struct ApiResponse {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl ApiResponse {
    /// The body as JSON; `null` when it is empty.
    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Checks that it is a problem (RFC 9457) with this status, and returns it.
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], json!(status), "{problem}");
        for member in ["type", "title", "detail"] {
            assert!(
                problem[member].as_str().is_some_and(|text| !text.is_empty()),
                "no {member} in {problem}"
            );
        }
        problem
    }
}

impl Client {
    /// A client of the server at this URL.
    pub fn new(root: &str) -> Self {
        static PROVIDER: std::sync::Once = std::sync::Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().ok();
        });
        // A request without a response fails its test instead of blocking all others.
        let http = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT);
        let http = http.build().expect("a client");
        Self {
            http,
            root: root.to_owned(),
            token: None,
        }
    }

    /// The same client with this key or token.
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// A request to a path below the API's base.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.at_root(method, &format!("/api/tickerq{path}"))
    }

    /// A request to any path.
    pub fn at_root(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.root));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the response.
    pub async fn send(&self, request: RequestBuilder) -> ApiResponse {
        let response = request.send().await.expect("a response");
        let (status, headers) = (response.status(), response.headers().clone());
        ApiResponse {
            status,
            headers,
            text: response.text().await.expect("a body of text"),
        }
    }

    pub async fn get(&self, path: &str) -> ApiResponse {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> ApiResponse {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// The response to a GraphQL request.
    pub async fn graphql(&self, request: &Value) -> Value {
        let response = self.send(self.at_root(Method::POST, "/graphql").json(request)).await;
        response.json()
    }

    /// Posts without a body, as cancel, pause and resume of the dashboard API do.
    pub async fn post_empty(&self, path: &str) -> ApiResponse {
        self.send(self.request(Method::POST, path)).await
    }

    /// Creates a job and returns the response.
    pub async fn create(&self, job: Value) -> Value {
        let response = self.post("/jobs", job).await;
        assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
        response.json()
    }

    /// Creates a job of this type and returns its id.
    pub async fn create_of_type(&self, job_type: &str) -> String {
        let job = self.create(json!({ "type": job_type })).await;
        job["id"].as_str().expect("an id").to_owned()
    }

    /// The current job.
    pub async fn job(&self, id: &str) -> Value {
        let response = self.get(&format!("/jobs/{id}")).await;
        assert_eq!(response.status, StatusCode::OK, "{}", response.text);
        response.json()
    }

    /// Waits until a job has one of these statuses.
    pub async fn wait_for(&self, id: &str, statuses: &[&str]) -> Value {
        eventually(&format!("job {id} is {statuses:?}"), || async {
            let job = self.job(id).await;
            let status = job["status"].as_str().unwrap_or_default();
            statuses.contains(&status).then_some(job)
        })
        .await
    }

    /// Waits until a job is no longer pending or running.
    pub async fn wait_finished(&self, id: &str) -> Value {
        self.wait_for(id, &["completed", "failed", "cancelled"]).await
    }

    /// The current queue.
    pub async fn queue(&self, name: &str) -> Value {
        let response = self.get(&format!("/queues/{name}")).await;
        assert_eq!(response.status, StatusCode::OK, "{}", response.text);
        response.json()
    }
}
