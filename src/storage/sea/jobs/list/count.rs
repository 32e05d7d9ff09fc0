//! Counts of the jobs of a filter, as a whole and by the values of a facet.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::leading_index::{Column, Condition, PARTS_MAX, conditions};
use super::text::Text;
use crate::domain::filter::TextField;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::storage::query::{Facet, FacetCount, FilterParts, JobFilter};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::labels::stored::{of_parameter, of_tag};
use crate::storage::sea::mapping::row_count;
use crate::storage::sea::repository::SeaRepository;

impl SeaRepository {
    /// Counts the jobs of a filter, up to a limit: by counters if there are any for it.
    pub(crate) async fn read_count(
        &self,
        filter: &JobFilter,
        limit: Option<u64>,
        connection: &impl ConnectionTrait,
    ) -> Result<u64, RepositoryError> {
        let parts = FilterParts::of(filter);
        if parts.is_impossible() {
            return Ok(0);
        }
        if !parts.is_counted() {
            return self.count_one_by_one(&parts, limit, connection).await;
        }
        let conditions = conditions(&parts);
        let mut text = self.text();
        let sql = text.count(&conditions.iter().collect::<Vec<&Condition>>(), &parts.patterns);
        let count = read_number(text.statement(sql), connection).await?;
        Ok(limit.map_or(count, |limit| count.min(limit)))
    }

    /// Counts the jobs that a filter means one by one: it has conditions that no counter covers.
    async fn count_one_by_one(
        &self,
        parts: &FilterParts<'_>,
        limit: Option<u64>,
        connection: &impl ConnectionTrait,
    ) -> Result<u64, RepositoryError> {
        let mut text = self.text();
        let requested = requested(&mut text, parts);
        let sql = match limit {
            None => format!("SELECT CAST(COUNT(*) AS bigint) FROM jobs WHERE true{requested}"),
            Some(limit) => {
                let limit = text.place(row_count(limit));
                format!(
                    "SELECT CAST(COUNT(*) AS bigint) FROM (SELECT 1 FROM jobs WHERE true{requested} LIMIT {limit}) AS found"
                )
            }
        };
        read_number(text.statement(sql), connection).await
    }

    /// The values of a facet, the most frequent first: from counters if there are any for it.
    pub(crate) async fn read_facet(
        &self,
        filter: &JobFilter,
        facet: Facet,
        limit: u32,
        connection: &impl ConnectionTrait,
    ) -> Result<Vec<FacetCount>, RepositoryError> {
        let parts = FilterParts::of(filter);
        if parts.is_impossible() {
            return Ok(Vec::new());
        }
        let mut text = self.text();
        let (value, sum, source) = if facet.is_counted(filter) {
            let conditions = conditions(&parts);
            let conditions: Vec<&Condition> = conditions.iter().collect();
            let source = text.counters(&conditions, &parts.patterns, column_of(facet));
            (name_of(facet), "SUM(count)", source)
        } else {
            let requested = requested(&mut text, &parts);
            let source = match (facet, self.is_postgres()) {
                (Facet::Tag, is_postgres) => {
                    let tags = if is_postgres {
                        "LATERAL json_array_elements_text(CAST(tagged.labels AS json) -> 'tags') AS tag(value)"
                    } else {
                        "json_each(tagged.labels, '$.tags') AS tag"
                    };
                    let tagged = format!("SELECT labels FROM jobs WHERE labels IS NOT NULL{requested}");
                    format!("({tagged}) AS tagged CROSS JOIN {tags}")
                }
                (Facet::Status | Facet::JobType | Facet::Queue | Facet::Priority, _) => {
                    format!("jobs WHERE true{requested}")
                }
            };
            (name_of(facet), "COUNT(*)", source)
        };
        let collation = if self.is_postgres() { " COLLATE \"C\"" } else { "" };
        let limit = text.place(i64::from(limit));
        let sql = format!(
            "SELECT value, number FROM (SELECT CAST({value} AS text) AS value, CAST({sum} AS bigint) AS number \
             FROM {source} GROUP BY {value}) AS found WHERE number > 0 ORDER BY number DESC, value{collation} LIMIT {limit}"
        );
        let rows = connection.query_all_raw(text.statement(sql)).await.map_err(failed)?;
        let mut counts = Vec::with_capacity(rows.len());
        for row in rows {
            let value: String = row.try_get_by_index(0).map_err(failed)?;
            let count: i64 = row.try_get_by_index(1).map_err(failed)?;
            counts.push(FacetCount {
                value: word_of(facet, value),
                count: u64::try_from(count).unwrap_or_default(),
            });
        }
        // Codes have another order than names.
        counts.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.value.cmp(&other.value)));
        Ok(counts)
    }
}

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

/// The column of a facet with counters.
const fn column_of(facet: Facet) -> Column {
    match facet {
        Facet::Status => Column::Status,
        Facet::JobType | Facet::Tag => Column::JobType,
        Facet::Queue => Column::Queue,
        Facet::Priority => Column::Priority,
    }
}

const fn name_of(facet: Facet) -> &'static str {
    match facet {
        Facet::Tag => "tag.value",
        Facet::Status | Facet::JobType | Facet::Queue | Facet::Priority => column_of(facet).name(),
    }
}

/// A value as in the API.
fn word_of(facet: Facet, value: String) -> String {
    match facet {
        Facet::Status => {
            let status = value.parse().ok().and_then(JobStatus::from_code);
            status.map_or(value, |status| status.to_string())
        }
        Facet::Priority => {
            let priority = value.parse().ok().and_then(|code| Priority::from_code(code).ok());
            priority.map_or(value, |priority| priority.to_string())
        }
        Facet::JobType | Facet::Queue | Facet::Tag => value,
    }
}

/// The conditions of a filter, for a statement that reads all of its jobs.
fn requested(text: &mut Text, parts: &FilterParts<'_>) -> String {
    let mut requested = String::new();
    let conditions = conditions(parts);
    // The index of a column without counters selects few jobs.
    let leading = conditions.iter().map(|condition| condition.column);
    let leading = leading.into_iter().find(|column| !column.is_counted());
    for condition in conditions {
        if parts.is_by_id() || leading.is_some_and(|leading| leading != condition.column) {
            requested.push_str(&text.follows(&condition));
            continue;
        }
        requested.push_str(" AND ");
        requested.push_str(&text.is_one_of(&condition));
        if !condition.column.is_counted() {
            requested.push_str(condition.column.partial());
        }
    }
    let labels = labels(parts);
    if !labels.is_empty() {
        requested.push_str(&text.has_label(&labels));
    }
    requested.push_str(&text.rest(parts, None));
    requested
}

/// The labels of which a job must have one, if so few that each is a part of the statement.
pub(super) fn labels(parts: &FilterParts<'_>) -> Vec<String> {
    let Some((field, values)) = parts.labels.as_ref().filter(|(_, values)| values.len() <= PARTS_MAX) else {
        return Vec::new();
    };
    let label = |value: &Arc<str>| match field {
        TextField::Parameter(path) => of_parameter(path, value),
        TextField::Tag
        | TextField::Type
        | TextField::Queue
        | TextField::Name
        | TextField::Unique
        | TextField::Error => of_tag(value),
    };
    values.iter().map(label).collect()
}

pub(super) async fn read_number(
    statement: Statement,
    connection: &impl ConnectionTrait,
) -> Result<u64, RepositoryError> {
    let row = connection.query_one_raw(statement).await.map_err(failed)?;
    let number: i64 = match row {
        Some(row) => row.try_get_by_index(0).map_err(failed)?,
        None => 0,
    };
    Ok(u64::try_from(number).unwrap_or_default())
}
