//! `GET /jobs/facets`: numbers of jobs by the values of fields.

use serde::Serialize;
use utoipa::ToSchema;

use super::list;
use crate::api::contract::filters::FACET_LIMIT_DEFAULT;
use crate::api::rest::request::context::{ApiResult, RequestContext};
use crate::api::rest::request::pagination;
use crate::api::rest::request::parameters::Parameters;
use crate::service::jobs::Facets;
use crate::storage::query::{Facet, FacetCount};

/// Query parameters.
pub(super) const PARAMETERS: &[&str] = &[
    "by",
    "status",
    "type",
    "queue",
    "recurringJobId",
    "priority",
    "search",
    "from",
    "to",
    "filter",
    "limit",
];

/// Numbers of the matching jobs by the values of fields.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct JobFacets<'a> {
    /// The fields, in the order of the request.
    facets: Vec<JobFacet<'a>>,
}

/// Numbers of the matching jobs by the values of a field.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct JobFacet<'a> {
    /// The field: `status`, `type`, `queue`, `priority` or `tag`.
    #[schema(example = "status")]
    by: &'static str,
    /// Its values, the most frequent first.
    values: Vec<JobFacetValue<'a>>,
    /// True if there are more values.
    #[schema(example = false)]
    has_more: bool,
}

/// Number of the matching jobs with a value.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct JobFacetValue<'a> {
    /// The value.
    #[schema(example = "failed")]
    value: &'a str,
    /// Number of jobs.
    #[schema(example = 3)]
    count: u64,
}

impl<'a> From<&'a Facets> for JobFacet<'a> {
    fn from(facets: &'a Facets) -> Self {
        let Facets {
            facet,
            counts,
            has_more,
        } = facets;
        let values = counts
            .iter()
            .map(|FacetCount { value, count }| JobFacetValue { value, count: *count });
        Self {
            by: facet.as_str(),
            values: values.collect(),
            has_more: *has_more,
        }
    }
}

/// Count jobs by the values of fields
#[utoipa::path(
    get,
    path = "/jobs/facets",
    tag = "jobs",
    description = "Returns the numbers of the matching jobs by the values of fields, from counters if the filter has statuses, \
                   types, queues and priorities only.",
    params(
        ("by" = String, Query, description = "Fields, separated by commas: `status`, `type`, `queue`, `priority`, `tag`", example = "status,queue"),
        ("status" = Option<String>, Query, description = "As for the list of jobs"),
        ("type" = Option<String>, Query, description = "As for the list of jobs"),
        ("queue" = Option<String>, Query, description = "As for the list of jobs"),
        ("recurringJobId" = Option<String>, Query, format = Uuid, description = "As for the list of jobs"),
        ("priority" = Option<String>, Query, description = "As for the list of jobs"),
        ("search" = Option<String>, Query, max_length = 200, description = "As for the list of jobs"),
        ("from" = Option<String>, Query, description = "As for the list of jobs"),
        ("to" = Option<String>, Query, description = "As for the list of jobs"),
        ("filter" = Option<String>, Query, max_length = 8192, description = "As for the list of jobs", example = "type:Email*"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of values of a field; 100 by default", example = 100),
    ),
    responses((status = 200, description = "Numbers of jobs", body = JobFacets))
)]
pub(in super::super) async fn count_jobs(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let facets = parameters.required("by", parse_facets);
    let filter = list::read_filter(&mut parameters);
    let limit = pagination::read_limit_or(&mut parameters, FACET_LIMIT_DEFAULT);
    parameters.finish()?;
    let facets = facets.unwrap_or_default();
    let found = context
        .api
        .jobs
        .facets(&context.caller, &filter, &facets, limit)
        .await?;
    let facets = JobFacets {
        facets: found.iter().map(JobFacet::from).collect(),
    };
    context.list(&facets)
}

fn parse_facets(text: &str) -> Result<Vec<Facet>, String> {
    let mut facets = Vec::new();
    for word in text.split(',').map(str::trim) {
        let facet = Facet::ALL
            .into_iter()
            .find(|facet| facet.as_str().eq_ignore_ascii_case(word));
        let facet = facet.ok_or_else(|| {
            let given: String = word.chars().take(64).collect();
            let allowed = Facet::ALL.map(Facet::as_str).join(", ");
            format!("'{given}' is not a field to count by; allowed are {allowed}")
        })?;
        if !facets.contains(&facet) {
            facets.push(facet);
        }
    }
    Ok(facets)
}
