//! Filters of callers, completed by what only the server knows.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::use_cases::Jobs;
use crate::domain::filter::{Condition, NodeMatch, TextField};
use crate::domain::values::id::NodeId;
use crate::service::error::ServiceError;
use crate::storage::query::JobFilter;

/// Maximum number of paths in an error.
const DECLARED_MAX: usize = 20;

impl Jobs {
    /// The filter with the ids of nodes and remote workers in place of their names. Parameters that no job type declares
    /// as searchable are rejected.
    pub(super) async fn resolved<'a>(&self, filter: &'a JobFilter) -> Result<Cow<'a, JobFilter>, ServiceError> {
        let mut names_nodes = false;
        for term in filter.terms() {
            match &term.condition {
                Condition::Text(TextField::Parameter(path), _) => self.check_declared(path)?,
                Condition::Node(nodes) => {
                    names_nodes |= nodes.iter().any(|node| matches!(node, NodeMatch::Name(_)));
                }
                Condition::Text(_, _)
                | Condition::Search(_)
                | Condition::Id(_)
                | Condition::Status(_)
                | Condition::Priority(_)
                | Condition::Recurring(_)
                | Condition::Fingerprint(_)
                | Condition::Number(_, _)
                | Condition::Time(_, _)
                | Condition::Duration(_) => {}
            }
        }
        if !names_nodes {
            return Ok(Cow::Borrowed(filter));
        }
        let (nodes, workers) = tokio::try_join!(self.repository.nodes(), self.repository.workers())?;
        let nodes = nodes.into_iter().map(|node| (Arc::from(node.name), node.id));
        let workers = workers.into_iter().map(|worker| (worker.declaration.name, worker.id));
        let known: Vec<(Arc<str>, NodeId)> = nodes.chain(workers).collect();
        let terms = filter.terms().iter().cloned().map(|mut term| {
            if let Condition::Node(nodes) = &mut term.condition {
                *nodes = nodes.drain(..).flat_map(|node| ids_of(node, &known)).collect();
            }
            term
        });
        Ok(Cow::Owned(terms.collect()))
    }

    /// Rejects a parameter that no job type declares as searchable.
    fn check_declared(&self, path: &str) -> Result<(), ServiceError> {
        let types = self.limits.defaults.by_type.values();
        let declared: BTreeSet<&str> = types
            .flat_map(|defaults| defaults.searchable.iter().map(|path| &**path))
            .collect();
        if declared.contains(path) {
            return Ok(());
        }
        let known = if declared.is_empty() {
            "none is declared".to_owned()
        } else {
            let declared: Vec<&str> = declared.into_iter().take(DECLARED_MAX).collect();
            format!("declared are {}", declared.join(", "))
        };
        let detail = format!(
            "param.{path} is not searchable; {known}. A job type declares its parameters in the configuration: \
             [job_types.NAME] search = [\"{path}\"]"
        );
        Err(ServiceError::invalid("filter", detail))
    }
}

/// The nodes with the name, or the node itself.
fn ids_of(node: NodeMatch, known: &[(Arc<str>, NodeId)]) -> Vec<NodeMatch> {
    match node {
        NodeMatch::Name(name) => {
            let named = known.iter().filter(|(known, _)| *known == name);
            named.map(|(_, id)| NodeMatch::Id(*id)).collect()
        }
        NodeMatch::Missing | NodeMatch::Id(_) => vec![node],
    }
}
