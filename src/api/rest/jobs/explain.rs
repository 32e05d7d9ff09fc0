//! `GET /jobs/{id}/explain`: the reasons why a job does not run.

use actix_web::http::StatusCode;

use crate::api::problem::{PartError, Problem};
use crate::api::rest::request::context::{ApiResult, RequestContext, json};
use crate::domain::values::id::JobId;
use crate::views::explanation::ExplanationView;

/// Explain why a job does not run
#[utoipa::path(
    get,
    path = "/jobs/{id}/explain",
    tag = "jobs",
    description = "Returns all reasons that keep a pending job from running, each with a code, a sentence, evidence and advice; \
                   for any other job its state. Its cost does not depend on the number of jobs.",
    params(("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")),
    responses(
        (status = 200, description = "The explanation", body = ExplanationView),
        (status = 404, description = "Job not found"),
    )
)]
pub(in super::super) async fn explain_job(context: RequestContext) -> ApiResult {
    let text = context.request.match_info().query("id");
    let id = JobId::parse(text).map_err(|error| Problem::from(PartError::parameter("id", error.to_string())))?;
    let explanation = context.api.explanations.job(&context.caller, id).await?;
    json(StatusCode::OK, &ExplanationView::from(&explanation))
}
