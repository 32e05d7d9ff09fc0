//! The client: one method for each operation of the REST API.

mod jobs;
mod operations;
mod recurring;
mod server;
mod webhooks;
mod workers;

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::http::{Call, ClientOptions, Http};
use crate::json::Json;
use crate::subscription::{Subscription, SubscriptionOptions, Subscriptions};

/// Jobs in a request. They are written directly: as a `Value` their JSON would lose its text.
#[derive(Serialize)]
struct Jobs<'a, J> {
    jobs: &'a [J],
}

/// A client of one server. Clones share its connections and subscriptions.
#[derive(Clone)]
pub struct Client {
    http: Http,
    subscriptions: Subscriptions,
}

impl Client {
    /// A client of the server at this URL, with this key or token.
    pub fn new(base_url: &str, token: Option<&str>) -> Self {
        Self::with_options(base_url, token, ClientOptions::default())
    }

    /// The same, with options.
    pub fn with_options(base_url: &str, token: Option<&str>, options: ClientOptions) -> Self {
        Self {
            http: Http::new(base_url, token, options),
            subscriptions: Subscriptions::default(),
        }
    }

    /// Sends any request, for operations without a method, without retries.
    pub async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let call = Call::new(method, path).timeout(Duration::from_secs(30), 0);
        let call = match body {
            Some(body) => call.body(body),
            None => call,
        };
        self.http.send(call).await
    }

    async fn get<T: DeserializeOwned>(&self, path: impl Into<String>) -> Result<T, Error> {
        self.http.send(Call::new(Method::GET, path)).await
    }

    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
        query: Vec<(&'static str, String)>,
    ) -> Result<Vec<T>, Error> {
        let mut response: BTreeMap<String, Json> = self.http.send(Call::new(Method::GET, path).query(query)).await?;
        let list = response.remove(name).unwrap_or_default();
        list.parse().map_err(|error| Error::InvalidResponse(error.to_string()))
    }

    /// Subscribes to live updates. Topics: `job-status`, `queue-metrics`, `system-health`; the filter has `jobId`,
    /// `queue` and `type`, each a text or a list. The subscription reconnects by itself; a server that refuses it ends
    /// it.
    pub fn subscribe(&self, topics: &[&str], filter: Option<Value>) -> Subscription {
        Subscription::start(SubscriptionOptions {
            root: &self.http.root,
            token: self.http.token.as_deref(),
            topics,
            filter,
            closed: self.subscriptions.token(),
            ping_interval: self.http.ping_interval(),
        })
    }

    /// Ends the subscriptions of this client and its clones.
    pub fn close_subscriptions(&self) {
        self.subscriptions.close();
    }
}
