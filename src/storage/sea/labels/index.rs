//! The index of labels, with a row for each label of a job.

use std::sync::Arc;

use uuid::Uuid;

use super::stored::{of_parameter, of_tag};
use crate::domain::job::Job;
use crate::domain::job::labels::Labels;
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::CommitFailure;

const LABEL: &[Kind] = &[Kind::Text, Kind::Uuid];

fn rows<'a>(labels: impl IntoIterator<Item = (Uuid, &'a Labels)>) -> Rows {
    let mut rows = Rows::new(LABEL, 0);
    for (job, Labels { tags, parameters }) in labels {
        for tag in tags {
            rows.push([of_tag(tag.as_str()).into(), job.into()]);
        }
        for (path, value) in parameters {
            rows.push([of_parameter(path, value).into(), job.into()]);
        }
    }
    rows
}

impl CommitContext<'_> {
    /// Adds the labels of new jobs to the index.
    pub(crate) async fn insert_labels<'a>(
        &self,
        jobs: impl IntoIterator<Item = &'a Arc<Job>>,
    ) -> Result<(), CommitFailure> {
        let jobs = jobs.into_iter();
        let labels = jobs.filter_map(|job| Some((job.id.as_uuid(), job.labels.as_deref()?)));
        rows(labels)
            .execute(&self.transaction, |source| {
                format!(
                    "INSERT INTO job_labels (label, job_id) SELECT c1, c2 FROM {source} AS v WHERE true \
                     ON CONFLICT (label, job_id) DO NOTHING"
                )
            })
            .await?;
        Ok(())
    }

    /// Removes labels from the index.
    pub(crate) async fn delete_labels<'a>(
        &self,
        labels: impl IntoIterator<Item = (Uuid, &'a Labels)>,
    ) -> Result<(), CommitFailure> {
        let is_postgres = self.repository.is_postgres();
        rows(labels)
            .execute(&self.transaction, |source| {
                if is_postgres {
                    return format!(
                        "DELETE FROM job_labels AS l USING {source} AS v WHERE l.label = v.c1 AND l.job_id = v.c2"
                    );
                }
                format!("DELETE FROM job_labels WHERE (label, job_id) IN (SELECT c1, c2 FROM {source} AS v)")
            })
            .await?;
        Ok(())
    }

    /// Replaces the labels of changed jobs in the index.
    pub(crate) async fn replace_labels(&self, changed: &[(&Arc<Job>, &Arc<Job>)]) -> Result<(), CommitFailure> {
        let changed = changed.iter().filter(|(before, after)| before.labels != after.labels);
        let (before, after): (Vec<&Arc<Job>>, Vec<&Arc<Job>>) = changed.copied().unzip();
        if before.is_empty() {
            return Ok(());
        }
        self.delete_labels(
            before
                .into_iter()
                .filter_map(|job| Some((job.id.as_uuid(), job.labels.as_deref()?))),
        )
        .await?;
        self.insert_labels(after).await
    }
}
