//! Use cases that count jobs, up to a limit and by the values of a field.

use super::read::NARROW_JOBS;
use super::use_cases::Jobs;
use crate::domain::access::caller::{Caller, Scope};
use crate::service::error::ServiceError;
use crate::service::limits::ReadLane;
use crate::service::limits::expensive_reads::Charge;
use crate::service::limits::read_cost::is_counted_one_by_one;
use crate::storage::query::{Facet, FacetCount, JobFilter};

/// The values of a facet.
#[derive(Clone, Debug)]
pub struct Facets {
    /// The field.
    pub facet: Facet,
    /// Its values, the most frequent first.
    pub counts: Vec<FacetCount>,
    /// True if there are further values.
    pub has_more: bool,
}

impl Jobs {
    /// Number of matching jobs, counted up to a limit.
    pub async fn count_up_to(&self, caller: &Caller, filter: &JobFilter, limit: u64) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let resolved = self.resolved(filter).await?;
            let filter = &*resolved;
            if !is_counted_one_by_one(filter) {
                return Ok(self.repository.count(filter).await?.min(limit));
            }
            let read = self.repository.count_up_to(filter, limit);
            self.reads.run(caller, Charge::Full, NARROW_JOBS, read).await
        };
        ReadLane::of(caller).scope(read).await
    }

    /// The values of fields among the matching jobs, at most `limit` of each.
    pub async fn facets(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        facets: &[Facet],
        limit: u32,
    ) -> Result<Vec<Facets>, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let resolved = self.resolved(filter).await?;
            let filter = &*resolved;
            let mut found = Vec::with_capacity(facets.len());
            // A request is charged once.
            let mut charge = Charge::Full;
            for facet in facets {
                let read = self.repository.facet(filter, *facet, limit + 1);
                let mut counts = if facet.is_counted(filter) {
                    read.await?
                } else {
                    let charge = std::mem::replace(&mut charge, Charge::Nothing);
                    self.reads.run(caller, charge, NARROW_JOBS, read).await?
                };
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let has_more = counts.len() > limit;
                counts.truncate(limit);
                found.push(Facets {
                    facet: *facet,
                    counts,
                    has_more,
                });
            }
            Ok(found)
        };
        ReadLane::of(caller).scope(read).await
    }
}
