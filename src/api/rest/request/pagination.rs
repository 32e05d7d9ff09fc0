//! Pages of lists: `limit`, `offset` and `after`.

use super::parameters::Parameters;
use crate::api::contract::filters::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::domain::values::id::JobId;
use crate::storage::query::{Order, Page};

/// Maximum offset in a list of recurring jobs: all that every storage supports.
const OFFSET_MAX: u64 = i64::MAX.unsigned_abs();
/// Maximum offset in a list of jobs. Each skipped job costs an index entry.
const JOBS_OFFSET_MAX: u64 = 1_000_000;

/// Parses the requested page.
pub(crate) fn read(parameters: &mut Parameters) -> Page {
    Page {
        limit: read_limit(parameters),
        offset: parameters.read("offset", parse_jobs_offset).unwrap_or(0),
        after: parameters.read("after", JobId::parse),
        order: Order::NewestFirst,
    }
}

/// Parses the maximum number of entries.
pub(crate) fn read_limit(parameters: &mut Parameters) -> u32 {
    read_limit_or(parameters, LIMIT_DEFAULT)
}

/// The same for a list with a default of its own.
pub(crate) fn read_limit_or(parameters: &mut Parameters, default: u32) -> u32 {
    parameters.read("limit", parse_limit).unwrap_or(default)
}

fn parse_limit(text: &str) -> Result<u32, String> {
    let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| format!("limit is '{text}'; allowed are whole numbers from 1 to {LIMIT_MAX}"))
}

fn parse_jobs_offset(text: &str) -> Result<u64, String> {
    let offset = text.parse().ok().filter(|offset| *offset <= JOBS_OFFSET_MAX);
    offset.ok_or_else(|| {
        format!(
            "offset is '{text}'; allowed are whole numbers from 0 to {JOBS_OFFSET_MAX}. Deeper pages are read with after, the \
             id of the last job of the previous page"
        )
    })
}

fn parse_offset(text: &str) -> Result<u64, String> {
    let offset = text.parse().ok().filter(|offset| *offset <= OFFSET_MAX);
    offset.ok_or_else(|| format!("offset is '{text}'; allowed are whole numbers from 0 to {OFFSET_MAX}"))
}

/// Parses the number of recurring jobs to skip.
pub(crate) fn read_offset(parameters: &mut Parameters) -> u64 {
    parameters.read("offset", parse_offset).unwrap_or(0)
}
