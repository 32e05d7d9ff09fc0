//! Response to reports of finished jobs.

use crate::api::problem::{PartError, Problem};
use crate::domain::access::caller::Caller;
use crate::domain::values::id::{JobId, NodeId};
use crate::service::workers::{ReportedEnd, Workers};

/// Result of reporting finished jobs.
pub(crate) struct Ended {
    /// Number of stored results.
    pub(crate) stored: usize,
    /// Jobs that the worker had lost.
    pub(crate) lost: Vec<JobId>,
}

/// Completes attempts. If the worker has lost all of them, that is a problem; if some, the response lists them.
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
            let detail = format!("job {id} is no longer leased with this token; its result was discarded");
            PartError::field(&format!("/jobs/{index}/leaseToken"), detail)
        });
        let detail = "the worker has lost these jobs; nothing was changed";
        return Err(Problem::too_late(detail, parts.collect()));
    }
    Ok(Ended {
        stored: ids.len() - late.len(),
        lost: late.into_iter().map(|(_, id)| id).collect(),
    })
}
