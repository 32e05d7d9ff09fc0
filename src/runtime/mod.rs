//! The actors that store, schedule and run jobs, and the order in which they start and stop.
//!
//! ```text
//!   callers ──Write──► Writer ──commit──► storage
//!                       │ ▲  │ └─Publish─► EventBus ──► subscribers
//!                       │ │  │                 ▲ └─TopicsSubscribed─► MetricsSampler
//!                       │ │  │                 └─PublishState──────────┘
//!             JobsDue   │ │  └──ScheduleWakeup──► Scheduler
//!                       ▼ │                          │ QueuesDue
//!                     QueueRegistry ◄────────────────┘
//!                       │ JobsReady, Poll
//!                       ▼ │
//!                     QueueDispatcher ──RunJob──► Worker ──► handler
//!                       ▲                           │
//!                       └────────WorkerIdle─────────┘  Write(Finish) to the Writer
//! ```
//!
//! The Writer and the EventBus have an arbiter (a thread) each; queues and workers share one; the schedulers, the cluster's
//! actors, the Pruner and the MetricsSampler share another; webhooks and data sync have one. Handlers run on threads of
//! their own.

pub mod actor;
pub mod cluster;
pub mod dispatch;
pub mod events;
mod handle;
pub mod maintenance;
pub mod monitoring;
mod options;
pub mod outbound;
pub mod remote_workers;
pub mod schedule;
mod start;
mod stop;
pub mod writer;

pub use self::handle::RuntimeHandle;
pub use self::options::RuntimeOptions;
pub use self::start::{Runtime, StartError};
