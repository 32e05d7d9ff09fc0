//! What a worker is told that has said what came of jobs.

use crate::api::rest::problem::{PartError, Problem};
use crate::domain::access::caller::Caller;
use crate::domain::values::id::{JobId, NodeId};
use crate::service::workers::{ReportedEnd, Workers};

/// What became of the ends of jobs.
pub(crate) struct Ended {
    /// How many are stored.
    pub(crate) stored: usize,
    /// The jobs that were not the worker's any more.
    pub(crate) lost: Vec<JobId>,
}

/// Ends attempts. If all of them had been lost, that is a problem; if some, it is told which.
pub(crate) async fn finish(
    workers: &Workers,
    caller: &Caller,
    id: NodeId,
    ends: Vec<ReportedEnd>,
) -> Result<Ended, Problem> {
    let ids: Vec<JobId> = ends.iter().map(|end| end.job_id).collect();
    let finished = workers.finish(caller, id, ends).await;
    let stored = finished.map_err(|error| {
        Problem::of_service(error, |field, index| match index {
            Some(index) => format!("/jobs/{index}/{field}"),
            None => format!("/{field}"),
        })
    })?;
    let late = ids.iter().zip(&stored).enumerate();
    let late = late.filter(|(_, (_, is_stored))| !**is_stored);
    let late: Vec<_> = late.map(|(index, (id, _))| (index, *id)).collect();
    if late.len() == ids.len() {
        let parts = late.iter().map(|(index, id)| {
            let detail = format!("job {id} does not run with this lease token any more; its end is not stored");
            PartError::field(&format!("/jobs/{index}/leaseToken"), detail)
        });
        let detail = "the worker has lost these jobs: their ends came too late, and nothing has changed";
        return Err(Problem::too_late(detail, parts.collect()));
    }
    Ok(Ended {
        stored: ids.len() - late.len(),
        lost: late.into_iter().map(|(_, id)| id).collect(),
    })
}
