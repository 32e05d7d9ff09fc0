//! The servers and remote workers of one request, and what they run.

use std::collections::HashMap;
use std::sync::Arc;

use super::use_cases::Explanations;
use crate::domain::explanation::{ClusterFacts, HandlerFacts, Holder, Runner, RunnerKind, TypeLimit, nearest_type};
use crate::domain::metrics::health::HealthReason;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::{JobType, QueueName};
use crate::runtime::dispatch::messages::QueueCapacity;
use crate::runtime::monitoring::messages::ReadHealth;
use crate::storage::query::{StoredNode, StoredWorker};
use crate::storage::repository::RepositoryError;

/// Maximum number of other servers whose running jobs are read.
const SERVERS_READ_MAX: usize = 32;

/// Name of a server that storage does not list.
const UNNAMED: &str = "this server";

/// The servers and remote workers.
pub(super) struct Cluster {
    others: Vec<StoredNode>,
    workers: Vec<StoredWorker>,
    own: Own,
    /// Number of running jobs of other servers, by queue.
    running: HashMap<NodeId, HashMap<QueueName, u32>>,
    storage_problems: Vec<HealthReason>,
}

/// The server that explains.
struct Own {
    id: NodeId,
    name: Arc<str>,
    stored: Option<StoredNode>,
    is_live: bool,
    is_draining: bool,
}

impl Cluster {
    /// Reads the servers and workers.
    pub(super) async fn read(of: &Explanations) -> Result<Self, RepositoryError> {
        let (nodes, workers) = tokio::try_join!(of.repository.nodes(), of.repository.workers())?;
        let id = of.runtime.node;
        let (own, others): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| node.id == id);
        let stored = own.into_iter().next();
        // While the sampler restarts nothing is known.
        let health = of.runtime.sampler.send(ReadHealth).await.ok();
        let problems = health.into_iter().flat_map(|health| health.reasons);
        Ok(Self {
            others: others.into_iter().filter(|node| node.is_live).collect(),
            workers,
            own: Own {
                id,
                name: stored
                    .as_ref()
                    .map_or_else(|| Arc::from(UNNAMED), |node| Arc::from(node.name.as_str())),
                is_live: of.runtime.node_lease.is_open(),
                is_draining: of.runtime.is_stopping() || stored.as_ref().is_some_and(|node| node.is_draining),
                stored,
            },
            running: HashMap::new(),
            storage_problems: problems
                .filter(|problem| problem.is_of_storage() || matches!(problem, HealthReason::DiskFull { .. }))
                .collect(),
        })
    }

    /// Reads the running jobs of other servers.
    pub(super) async fn read_running(&mut self, of: &Explanations) -> Result<(), RepositoryError> {
        let active = self.others.iter().filter(|node| !node.is_draining);
        let ids: Vec<NodeId> = active.map(|node| node.id).take(SERVERS_READ_MAX).collect();
        for id in ids {
            let mut by_queue: HashMap<QueueName, u32> = HashMap::new();
            for job in of.repository.running_on(id).await? {
                *by_queue.entry(job.queue).or_default() += 1;
            }
            self.running.insert(id, by_queue);
        }
        Ok(())
    }

    /// The facts about all servers.
    pub(super) fn facts(&self) -> ClusterFacts {
        ClusterFacts {
            live_servers: self.others.len() + usize::from(self.own.is_live),
            storage_problems: self.storage_problems.clone(),
        }
    }

    /// The node that holds a job.
    pub(super) fn holder(&self, id: NodeId) -> Holder {
        if id == self.own.id {
            return Holder {
                id,
                name: Some(Arc::clone(&self.own.name)),
                kind: RunnerKind::Server,
                heartbeat_at: self.own.stored.as_ref().map(|node| node.heartbeat_at),
                lease_until: self.own.stored.as_ref().map(|node| node.lease_until),
                is_live: self.own.is_live,
            };
        }
        if let Some(node) = self.others.iter().find(|node| node.id == id) {
            return Holder {
                id,
                name: Some(Arc::from(node.name.as_str())),
                kind: RunnerKind::Server,
                heartbeat_at: Some(node.heartbeat_at),
                lease_until: Some(node.lease_until),
                is_live: true,
            };
        }
        let worker = self.workers.iter().find(|worker| worker.id == id);
        Holder {
            id,
            name: worker.map(|worker| Arc::clone(&worker.declaration.name)),
            kind: worker.map_or(RunnerKind::Server, |_| RunnerKind::Worker),
            heartbeat_at: worker.map(|worker| worker.heartbeat_at),
            lease_until: worker.map(|worker| worker.lease_until),
            is_live: worker.is_some_and(|worker| worker.is_live),
        }
    }

    /// The runners of a type in a queue, which has this capacity on the own server.
    pub(super) fn handlers(
        &self,
        of: &Explanations,
        job_type: &JobType,
        queue: &QueueName,
        capacity: Option<QueueCapacity>,
    ) -> HandlerFacts {
        let handled = &of.runtime.handled;
        let mut runners = Vec::new();
        let mut is_leased = handled.is_leased(job_type);
        let mut is_incomplete = false;
        if self.own.is_live && handled.is_own(job_type) {
            runners.push(self.own_runner(of.workers_of(queue), capacity));
        }
        for node in &self.others {
            let Some(types) = &node.job_types else {
                is_incomplete = true;
                continue;
            };
            if types.contains(job_type) {
                is_leased &= node
                    .remote_types
                    .as_ref()
                    .is_none_or(|remote| remote.contains(job_type));
                runners.push(self.other_runner(node, queue, of.workers_of(queue)));
            }
        }
        if is_leased {
            let live = self.workers.iter().filter(|worker| worker.is_live);
            let of_type = live.filter(|worker| {
                let declaration = &worker.declaration;
                declaration.job_types.contains(job_type)
                    && (declaration.queues.is_empty() || declaration.queues.contains(queue))
            });
            runners.extend(of_type.map(worker_runner));
        }
        let nearest = if runners.is_empty() && !is_incomplete {
            nearest_type(job_type, self.known_types(of))
        } else {
            None
        };
        let usage = of.runtime.type_limits.usage(job_type);
        HandlerFacts {
            job_type: job_type.clone(),
            runners,
            is_incomplete,
            nearest,
            limit: usage.map(|(limit, running)| TypeLimit {
                server: Arc::clone(&self.own.name),
                limit: saturated(limit),
                running: saturated(running),
            }),
        }
    }

    fn own_runner(&self, workers: u32, capacity: Option<QueueCapacity>) -> Runner {
        Runner {
            id: self.own.id,
            name: Arc::clone(&self.own.name),
            kind: RunnerKind::Server,
            workers: capacity.map_or(workers, |capacity| saturated(capacity.workers)),
            busy: capacity.map_or(0, |capacity| saturated(capacity.busy)),
            is_draining: self.own.is_draining,
        }
    }

    fn other_runner(&self, node: &StoredNode, queue: &QueueName, workers: u32) -> Runner {
        let running = self.running.get(&node.id).and_then(|by_queue| by_queue.get(queue));
        Runner {
            id: node.id,
            name: Arc::from(node.name.as_str()),
            kind: RunnerKind::Server,
            workers,
            // Jobs that are claimed ahead count as well.
            busy: running.copied().unwrap_or_default().min(workers),
            is_draining: node.is_draining,
        }
    }

    fn known_types<'a>(&'a self, of: &'a Explanations) -> impl Iterator<Item = &'a JobType> {
        let of_nodes = self.others.iter().flat_map(|node| node.job_types.iter().flatten());
        let live = self.workers.iter().filter(|worker| worker.is_live);
        let of_workers = live.flat_map(|worker| worker.declaration.job_types.iter());
        of.runtime.handled.own_types().chain(of_nodes).chain(of_workers)
    }
}

fn worker_runner(worker: &StoredWorker) -> Runner {
    Runner {
        id: worker.id,
        name: Arc::clone(&worker.declaration.name),
        kind: RunnerKind::Worker,
        workers: worker.declaration.concurrency.get(),
        busy: u32::try_from(worker.running_jobs).unwrap_or(u32::MAX),
        is_draining: false,
    }
}

fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
