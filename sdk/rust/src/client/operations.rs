//! Bulk operations.

use reqwest::Method;
use serde_json::{Value, json};
use tickerq_core::values::time_span::TimeSpan;

use super::Client;
use crate::error::Error;
use crate::http::Call;
use crate::schemas::{Operation, OperationList, OperationPreview};

impl Client {
    /// Counts the jobs that an operation would change, and returns a token that starts it. `spec` has the members of the
    /// API: `queue`, `priority`, `resetRetryCount`.
    pub async fn preview_operation(&self, kind: &str, filter: &str, spec: Value) -> Result<OperationPreview, Error> {
        let body = json!({ "kind": kind, "filter": filter, "spec": spec });
        let call = Call::new(Method::POST, "/operations/preview").body(&body).safe();
        self.http.send(call).await
    }

    /// Starts a previewed operation, after a grace period.
    pub async fn start_operation(
        &self,
        token: &str,
        grace: Option<TimeSpan>,
        note: Option<&str>,
    ) -> Result<Operation, Error> {
        let body = json!({ "token": token, "grace": grace.map(|grace| grace.to_string()), "note": note });
        self.http
            .send(Call::new(Method::POST, "/operations").body(&body).safe())
            .await
    }

    /// The bulk operations, the newest first: `limit`, `after`.
    pub async fn operations(&self, page: Vec<(&'static str, String)>) -> Result<OperationList, Error> {
        self.http.send(Call::new(Method::GET, "/operations").query(page)).await
    }

    /// A bulk operation with its progress.
    pub async fn operation(&self, id: &str) -> Result<Operation, Error> {
        self.http
            .send(Call::new(Method::GET, format!("/operations/{id}")))
            .await
    }

    /// Stops an operation until it is resumed.
    pub async fn pause_operation(&self, id: &str) -> Result<Operation, Error> {
        self.change_operation(id, "pause").await
    }

    /// Continues a paused operation.
    pub async fn resume_operation(&self, id: &str) -> Result<Operation, Error> {
        self.change_operation(id, "resume").await
    }

    /// Ends an operation; changed jobs stay as they are.
    pub async fn cancel_operation(&self, id: &str) -> Result<Operation, Error> {
        self.change_operation(id, "cancel").await
    }

    async fn change_operation(&self, id: &str, what: &str) -> Result<Operation, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/operations/{id}/{what}")).safe())
            .await
    }

    /// Starts the operation that restores what another one has replaced.
    pub async fn undo_operation(&self, id: &str) -> Result<Operation, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/operations/{id}/undo")))
            .await
    }
}
