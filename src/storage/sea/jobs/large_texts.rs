//! Texts that can be large: jobs without them, them without their jobs, and how large they are. Neither database reads a text
//! to know its length in bytes.

use std::sync::Arc;

use entities::{job, recurring_job};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IdenStatic, Iterable, QueryFilter, QueryOrder, QuerySelect,
    Select, SelectModel, Selector,
};
use uuid::Uuid;

use crate::domain::job::Job;
use crate::domain::values::id::JobId;
use crate::storage::query::{JobText, RecurringPage, StoredTexts};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::mapping;
use crate::storage::sea::mapping::row_count;
use crate::storage::sea::repository::SeaRepository;
use crate::storage::sea::webhooks::delivery_page::select_page;

/// SQLite takes 32,766 parameters a statement.
const IDS_MAX: usize = 10_000;
const NO_PARAMETERS: &str = "CAST('null' AS TEXT)";
/// Placeholder of omitted parameters: it is not JSON.
const LEFT_OUT: &str = "";
const NO_TEXT: &str = "CAST(NULL AS TEXT)";
const LENGTH_OF_DELIVERY: &str = "CAST(OCTET_LENGTH(body) + COALESCE(OCTET_LENGTH(response_body), 0) AS BIGINT)";

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

const fn column_of(text: JobText) -> job::Column {
    match text {
        JobText::Parameters => job::Column::Parameters,
        JobText::Result => job::Column::Result,
        JobText::ErrorDetail => job::Column::ErrorDetail,
    }
}

fn with_ids(ids: &[JobId]) -> Select<job::Entity> {
    job::Entity::find().filter(job::Column::Id.is_in(ids.iter().map(|id| id.as_uuid())))
}

/// The columns without large texts.
fn small_columns() -> impl Iterator<Item = job::Column> {
    let is_small = |column: &job::Column| !JobText::ALL.map(column_of).iter().any(|large| is_same(large, column));
    job::Column::iter().filter(is_small)
}

/// Columns of `jobs` for [`brief_job`].
pub(crate) fn brief_columns() -> String {
    let small: Vec<&'static str> = small_columns().map(|column| column.as_str()).collect();
    format!(
        "{}, {NO_PARAMETERS} AS parameters, {NO_TEXT} AS result, {NO_TEXT} AS error_detail",
        small.join(", ")
    )
}

/// The same selection of a query.
pub(crate) fn in_brief(jobs: Select<job::Entity>) -> Selector<SelectModel<job::Model>> {
    jobs.select_only()
        .columns(small_columns())
        .column_as(Expr::cust(NO_PARAMETERS), "parameters")
        .column_as(Expr::cust(NO_TEXT), "result")
        .column_as(Expr::cust(NO_TEXT), "error_detail")
        .into_model::<job::Model>()
}

/// A job from a row without large texts.
pub(crate) fn brief_job(row: job::Model) -> Result<Arc<Job>, RepositoryError> {
    Ok(Arc::new(Job {
        is_brief: true,
        ..mapping::job(row)?
    }))
}

/// The same with the large texts if they have at most this number of bytes together.
fn if_small(jobs: Select<job::Entity>, bytes_max: u32) -> Selector<SelectModel<job::Model>> {
    let length = |column: &str| format!("COALESCE(OCTET_LENGTH({column}), 0)");
    let lengths = ["parameters", "result", "error_detail"].map(length).join(" + ");
    let text = |column: &str, other: &str| {
        Expr::cust(format!(
            "CASE WHEN {lengths} <= {bytes_max} THEN {column} ELSE {other} END"
        ))
    };
    jobs.select_only()
        .columns(small_columns())
        .column_as(text("parameters", &format!("'{LEFT_OUT}'")), "parameters")
        .column_as(text("result", "NULL"), "result")
        .column_as(text("error_detail", "NULL"), "error_detail")
        .into_model::<job::Model>()
}

impl SeaRepository {
    pub(crate) async fn read_job_if_small(
        &self,
        id: JobId,
        bytes_max: u32,
    ) -> Result<Option<Arc<Job>>, RepositoryError> {
        let row = if_small(with_ids(&[id]), bytes_max).one(&self.readers()).await;
        let Some(mut row) = row.map_err(failed)? else {
            return Ok(None);
        };
        if row.parameters == LEFT_OUT {
            "null".clone_into(&mut row.parameters);
            return brief_job(row).map(Some);
        }
        Ok(Some(Arc::new(mapping::job(row)?)))
    }

    pub(crate) async fn read_jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        let mut jobs = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            let rows = in_brief(with_ids(ids)).all(&self.readers()).await.map_err(failed)?;
            for row in rows {
                jobs.push(brief_job(row)?);
            }
        }
        Ok(jobs)
    }

    pub(crate) async fn read_job_texts(
        &self,
        text: JobText,
        ids: &[JobId],
    ) -> Result<Vec<(JobId, Arc<str>)>, RepositoryError> {
        let mut texts = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            let rows: Vec<(Uuid, Option<String>)> = with_ids(ids)
                .select_only()
                .column(job::Column::Id)
                .column(column_of(text))
                .into_tuple()
                .all(&self.readers())
                .await
                .map_err(failed)?;
            let found = rows.into_iter();
            texts.extend(found.filter_map(|(id, text)| Some((JobId::from_uuid(id), Arc::from(text?)))));
        }
        Ok(texts)
    }

    pub(crate) async fn read_size_of(&self, texts: StoredTexts<'_>) -> Result<u64, RepositoryError> {
        match texts {
            StoredTexts::OfJobs(text, ids) => {
                let column = match text {
                    JobText::Parameters => "parameters",
                    JobText::Result => "result",
                    JobText::ErrorDetail => "error_detail",
                };
                let mut total = 0_u64;
                for ids in ids.chunks(IDS_MAX) {
                    let lengths = with_ids(ids).select_only().column_as(length_of(column), "length");
                    total = total.saturating_add(self.sum_of(lengths).await?);
                }
                Ok(total)
            }
            StoredTexts::OfRecurring(RecurringPage { limit, offset }) => {
                let lengths = recurring_job::Entity::find()
                    .select_only()
                    .column_as(length_of("parameters"), "length")
                    .order_by_desc(recurring_job::Column::Id)
                    .limit(u64::from(limit))
                    .offset(row_count(offset).unsigned_abs());
                self.sum_of(lengths).await
            }
            StoredTexts::OfRecurringJobs(ids) => self.read_recurring_sizes(ids).await,
            StoredTexts::OfDeliveries(endpoint, page) => {
                let statement = select_page(LENGTH_OF_DELIVERY, endpoint, page, self.backend());
                let rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
                let lengths = rows.iter().map(|row| row.try_get_by_index(0));
                Ok(sum(lengths.collect::<Result<_, DbErr>>().map_err(failed)?))
            }
            StoredTexts::OfWorkers(page) => self.read_size_of_workers(page).await,
        }
    }

    /// The sum of what a statement selects.
    async fn sum_of<E: EntityTrait>(&self, lengths: Select<E>) -> Result<u64, RepositoryError> {
        let lengths: Vec<Option<i64>> = lengths.into_tuple().all(&self.readers()).await.map_err(failed)?;
        Ok(sum(lengths))
    }
}

fn sum(lengths: Vec<Option<i64>>) -> u64 {
    let lengths = lengths.into_iter().flatten();
    lengths.map(|length| u64::try_from(length).unwrap_or_default()).sum()
}

fn is_same(one: &job::Column, other: &job::Column) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

fn length_of(column: &str) -> Expr {
    Expr::cust(format!("CAST(OCTET_LENGTH({column}) AS BIGINT)"))
}
