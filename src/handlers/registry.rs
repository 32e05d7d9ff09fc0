//! Handlers of this node.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::job_handler::JobHandler;
use crate::domain::values::name::JobType;

/// Handlers of this node by job type.
#[derive(Clone, Default)]
pub struct HandlerRegistry {
    by_type: HashMap<JobType, Arc<dyn JobHandler>>,
    remote: HashSet<JobType>,
}

impl HandlerRegistry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a handler for a type, replacing the previous one.
    pub fn register(&mut self, job_type: JobType, handler: Arc<dyn JobHandler>) {
        self.by_type.insert(job_type, handler);
    }

    /// The handler of this type.
    pub fn get(&self, job_type: &JobType) -> Option<&Arc<dyn JobHandler>> {
        self.by_type.get(job_type)
    }

    /// Lets remote workers lease jobs of a type that has a handler here.
    pub fn allow_remote_workers(&mut self, job_type: JobType) {
        self.remote.insert(job_type);
    }

    /// Types that remote workers may lease although they have a handler here.
    pub fn remote_types(&self) -> impl Iterator<Item = &JobType> {
        self.remote
            .iter()
            .filter(|job_type| self.by_type.contains_key(*job_type))
    }

    /// Types with a handler.
    pub fn job_types(&self) -> impl Iterator<Item = &JobType> {
        self.by_type.keys()
    }
}
