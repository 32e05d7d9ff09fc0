//! Numbers of jobs by the values of fields.

use async_graphql::{Enum, SimpleObject};

use crate::service::jobs::Facets;
use crate::storage::query::{Facet, FacetCount};

/// Field by whose values jobs are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Facet")]
pub(crate) enum JobFacetField {
    /// Status.
    Status,
    /// Type.
    #[graphql(name = "TYPE")]
    JobType,
    /// Queue.
    Queue,
    /// Priority.
    Priority,
    /// Each tag.
    Tag,
}

/// Numbers of the matching jobs by the values of a field.
#[derive(Debug, SimpleObject)]
pub(crate) struct JobFacet {
    /// The field.
    by: JobFacetField,
    /// Its values, the most frequent first.
    values: Vec<JobFacetValue>,
    /// True if there are more values.
    has_more: bool,
}

/// Number of the matching jobs with a value.
#[derive(Debug, SimpleObject)]
pub(crate) struct JobFacetValue {
    /// The value, as in REST.
    value: String,
    /// Number of jobs.
    count: i32,
}

impl From<Facets> for JobFacet {
    fn from(facets: Facets) -> Self {
        let Facets {
            facet,
            counts,
            has_more,
        } = facets;
        let values = counts.into_iter().map(|FacetCount { value, count }| JobFacetValue {
            value,
            count: i32::try_from(count).unwrap_or(i32::MAX),
        });
        Self {
            by: facet.into(),
            values: values.collect(),
            has_more,
        }
    }
}
