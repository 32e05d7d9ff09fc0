//! `/healthz` and `/readyz`: liveness and readiness of the server.

use actix_web::http::StatusCode;
use serde::Serialize;
use tracing::debug;
use utoipa::ToSchema;

use super::request::context::{ApiResult, RequestContext, json};
use crate::api::problem::Problem;
use crate::domain::access::caller::Scope;
use crate::domain::metrics::health::HealthReason;
use crate::domain::values::time_zone::ZoneDatabase;
use crate::service::health::Readiness;
use crate::views::health::ReasonView;
use crate::views::words::HealthWord;

/// Health of the server.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthView {
    /// `ok`; other states are reported as problems.
    #[schema(example = "ok")]
    status: &'static str,
    /// Release of the IANA time zone database in use; only in `/healthz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026a")]
    time_zone_database: Option<&'static str>,
    /// Number of actors that were restarted since the server started; only in `/readyz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0)]
    restarted_actors: Option<u64>,
    /// `healthy`, or `degraded`: the server works, and has a problem that needs attention; only in `/readyz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HealthWord>)]
    system_health: Option<&'static str>,
    /// Causes of the status; only in `/readyz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<ReasonView>>,
}

/// Get the liveness
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    responses(
        (status = 200, description = "The process is running", body = HealthView)
    )
)]
pub(super) async fn get_liveness(_: RequestContext) -> ApiResult {
    let view = HealthView {
        status: "ok",
        time_zone_database: Some(ZoneDatabase::current().version()),
        restarted_actors: None,
        system_health: None,
        reasons: None,
    };
    json(StatusCode::OK, &view)
}

/// Get the readiness
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    description = "Reports whether the server is ready. Callers with the read scope receive the names of queues, job types \
                   and nodes in it.",
    responses(
        (status = 200, description = "The server is ready", body = HealthView),
        (status = 503, description = "The server is not ready, with the causes")
    )
)]
pub(super) async fn get_readiness(context: RequestContext) -> ApiResult {
    let may_read = context.caller.may(Scope::Read);
    let reason = |reason: &HealthReason| {
        if may_read {
            ReasonView::from(reason)
        } else {
            ReasonView::without_names(reason)
        }
    };
    let message = |reason: &HealthReason| {
        if may_read {
            reason.message()
        } else {
            reason.message_without_names()
        }
    };
    match context.api.health.readiness().await {
        Readiness::Ready {
            restarted_actors,
            health,
        } => {
            let view = HealthView {
                status: "ok",
                time_zone_database: None,
                restarted_actors: Some(restarted_actors),
                system_health: Some(health.state.as_str()),
                reasons: Some(health.reasons.iter().map(reason).collect()),
            };
            json(StatusCode::OK, &view)
        }
        Readiness::Unhealthy { reasons } => {
            let messages: Vec<String> = reasons.iter().map(message).collect();
            Err(Problem::unavailable(messages.join("; ")))
        }
        Readiness::Stopping => Err(Problem::unavailable("the server is stopping")),
        Readiness::StorageUnavailable { reason } => {
            debug!("storage is unavailable: {reason}");
            Err(Problem::unavailable("storage is unavailable"))
        }
    }
}
