//! Orders of lists of jobs.

use crate::storage::query::{JobSort, JobSummary, Order, SortField};

/// Order of a list of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListOrder {
    /// By creation.
    Created(Order),
    /// By another value.
    Value(JobSort),
}

impl Default for ListOrder {
    fn default() -> Self {
        Self::Created(Order::default())
    }
}

impl ListOrder {
    /// Parses an order such as `due` or, the greatest first, `-due`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, is_descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let by = |field| Self::Value(JobSort { field, is_descending });
        match name {
            "created" if is_descending => Ok(Self::Created(Order::NewestFirst)),
            "created" => Ok(Self::Created(Order::OldestFirst)),
            "due" => Ok(by(SortField::Due)),
            "finished" => Ok(by(SortField::Finished)),
            "duration" => Ok(by(SortField::Duration)),
            _ => {
                let given: String = text.chars().take(64).collect();
                Err(format!(
                    "'{given}' is not an order; allowed are created, due, finished and duration, each also with - for the greatest \
                     first"
                ))
            }
        }
    }

    /// The text of a job's place in the order.
    pub(crate) fn cursor_of(self, job: &JobSummary) -> String {
        let place = match self {
            Self::Created(_) => None,
            Self::Value(sort) => sort.place_of(job),
        };
        place.map_or_else(|| job.id.to_string(), |place| place.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_field_with_a_direction() {
        assert_eq!(ListOrder::parse("-created"), Ok(ListOrder::default()));
        assert_eq!(ListOrder::parse("created"), Ok(ListOrder::Created(Order::OldestFirst)));
        let by = |field, is_descending| Ok(ListOrder::Value(JobSort { field, is_descending }));
        assert_eq!(ListOrder::parse("due"), by(SortField::Due, false));
        assert_eq!(ListOrder::parse("-duration"), by(SortField::Duration, true));
        for wrong in ["", "-", "--due", "started", "Due"] {
            let error = ListOrder::parse(wrong).expect_err(wrong);
            assert!(
                error.contains("allowed are created, due, finished and duration"),
                "{error}"
            );
        }
    }
}
