//! Occurrences of recurring jobs: all that a commit creates, in a few statements however many they are. They are created
//! when they are due, so each statement more makes all of them later.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sea_orm::{ConnectionTrait, Statement};

use super::mapping::waiting_text;
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::Job;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::NodeId;
use crate::storage::change::{Applied, Change, ChangeError, Fire, RecurringChange};
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::{CommitContext, Results};
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::jobs::attempts::ids;
use crate::storage::sea::jobs::insert::{NEW_COLUMNS, PAST_COLUMNS, WITH_PAST, past_row};
use crate::storage::sea::mapping::{int, micros};

/// Id and revision of a recurring job, and the columns that a tick changes.
const TICKED: &[Kind] = &[
    Kind::Uuid,
    Kind::Int,
    Kind::Int,
    Kind::BigOrNull,
    Kind::BigOrNull,
    Kind::TextOrNull,
];

/// Maximum size of parameters per statement.
const PART_BYTES: usize = 8 << 20;

/// Where the result of a change goes.
type Place<'a> = &'a mut Option<Result<Applied, ChangeError>>;

impl CommitContext<'_> {
    pub(crate) async fn fire_all(&mut self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        let mut left: Vec<(&Fire, Place<'_>)> = changes
            .iter()
            .zip(results)
            .filter_map(|(change, place)| {
                let Change::Recurring(RecurringChange::Fire(fire)) = change else {
                    return None;
                };
                Some((fire, place))
            })
            .collect();
        let mut leads = HashMap::new();
        // A statement changes a row once: what else is to happen to it comes afterwards.
        while !left.is_empty() {
            let mut seen = HashSet::new();
            let (first, later): (Vec<_>, Vec<_>) = left.into_iter().partition(|(fire, _)| seen.insert(fire.before.id));
            self.fire_each(first, &mut leads).await?;
            left = later;
        }
        Ok(())
    }

    /// Creates the occurrences that callers have requested.
    pub(crate) async fn trigger_all(&mut self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        for (change, result) in changes.iter().zip(results) {
            if let Change::Recurring(RecurringChange::Trigger {
                recurring_id,
                revision,
                occurrence,
            }) = change
            {
                *result = Some(self.trigger(*recurring_id, *revision, occurrence).await?);
            }
        }
        Ok(())
    }

    async fn trigger(
        &mut self,
        recurring_id: RecurringId,
        revision: Option<u32>,
        occurrence: &Arc<Job>,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let (condition, mut values) = (
            "UPDATE recurring_jobs SET revision = revision + 1 WHERE id = $1",
            vec![recurring_id.as_uuid().into()],
        );
        let sql = match revision {
            None => condition.to_owned(),
            Some(revision) => {
                values.push(int(revision).into());
                format!("{condition} AND revision = $2")
            }
        };
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        if self.transaction.execute_raw(statement).await?.rows_affected() == 0 {
            return Ok(Err(ChangeError::Conflict));
        }
        let mut rows = Rows::new(WITH_PAST, 1);
        rows.push(past_row(occurrence));
        let stored = rows.query(&self.transaction, insert_occurrences).await?;
        let is_stored = !stored.is_empty();
        if is_stored {
            self.counters.created(occurrence);
            self.insert_labels([occurrence]).await?;
        }
        Ok(Ok(Applied::Fired(vec![is_stored])))
    }

    /// Creates occurrences of different recurring jobs.
    async fn fire_each(
        &mut self,
        fires: Vec<(&Fire, Place<'_>)>,
        leads: &mut HashMap<(NodeId, FencingToken), bool>,
    ) -> Result<(), CommitFailure> {
        let mut allowed = Vec::with_capacity(fires.len());
        for (fire, place) in fires {
            if self.may_fire(fire, leads).await? {
                allowed.push((fire, place));
            } else {
                *place = Some(Err(ChangeError::NoLease));
            }
        }
        let mut rows = Rows::new(TICKED, allowed.len());
        for (fire, _) in &allowed {
            rows.push(ticked_row(&fire.before, &fire.after));
        }
        let ticked = rows
            .query(&self.transaction, |source| {
                format!(
                    "UPDATE recurring_jobs SET revision = v.c3, next_run_at = v.c4, last_run_at = v.c5, waiting = v.c6 \
                     FROM {source} AS v WHERE recurring_jobs.id = v.c1 AND recurring_jobs.revision = v.c2 \
                     RETURNING recurring_jobs.id"
                )
            })
            .await?;
        let ticked = ids(&ticked)?;
        let mut created: Vec<&Arc<Job>> = Vec::new();
        for (fire, _) in &allowed {
            if ticked.contains(&fire.before.id.as_uuid()) {
                created.extend(&fire.occurrences);
            }
        }
        let mut stored = HashSet::new();
        // Occurrences share their parameters; rows do not.
        for part in in_parts(&created) {
            let mut rows = Rows::new(WITH_PAST, part.len());
            for job in part {
                rows.push(past_row(job));
            }
            let inserted = rows.query(&self.transaction, insert_occurrences).await?;
            stored.extend(ids(&inserted)?);
        }
        self.insert_labels(created.into_iter().filter(|job| stored.contains(&job.id.as_uuid())))
            .await?;
        for (fire, place) in allowed {
            if !ticked.contains(&fire.before.id.as_uuid()) {
                *place = Some(Err(ChangeError::Conflict));
                continue;
            }
            let fired = fire.occurrences.iter().map(|job| {
                let is_stored = stored.contains(&job.id.as_uuid());
                if is_stored {
                    self.counters.created(job);
                }
                is_stored
            });
            *place = Some(Ok(Applied::Fired(fired.collect())));
        }
        Ok(())
    }

    /// `true` if the caller leads, where required. A leader remains one until the commit.
    async fn may_fire(
        &self,
        fire: &Fire,
        leads: &mut HashMap<(NodeId, FencingToken), bool>,
    ) -> Result<bool, CommitFailure> {
        let Some((node, token)) = fire.leader else {
            return Ok(true);
        };
        if let Some(known) = leads.get(&(node, token)) {
            return Ok(*known);
        }
        let does_lead = self.leads(node, token).await?;
        leads.insert((node, token), does_lead);
        Ok(does_lead)
    }
}

/// Divides jobs so that each part but one of a single job has at most [`PART_BYTES`] of parameters.
fn in_parts<'a>(jobs: &'a [&'a Arc<Job>]) -> Vec<&'a [&'a Arc<Job>]> {
    let mut parts = Vec::new();
    let mut left = jobs;
    while !left.is_empty() {
        let mut bytes = 0;
        let fitting = left.iter().take_while(|job| {
            bytes += job.parameters.as_str().len();
            bytes <= PART_BYTES
        });
        let (part, rest) = left.split_at(fitting.count().max(1));
        parts.push(part);
        left = rest;
    }
    parts
}

/// The statement that creates the occurrences that do not exist yet.
fn insert_occurrences(source: &str) -> String {
    format!(
        "INSERT INTO jobs ({NEW_COLUMNS}, {PAST_COLUMNS}) SELECT * FROM {source} AS v WHERE true \
         ON CONFLICT (recurring_id, occurrence_at) WHERE recurring_id IS NOT NULL DO NOTHING RETURNING id"
    )
}

fn ticked_row(before: &RecurringJob, after: &RecurringJob) -> [sea_orm::Value; 6] {
    [
        before.id.as_uuid().into(),
        int(before.revision).into(),
        int(after.revision).into(),
        after.next_run_at.map(micros).into(),
        after.last_run_at.map(micros).into(),
        waiting_text(&after.waiting).into(),
    ]
}
