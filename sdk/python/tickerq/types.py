"""The API's objects, and what methods take. Generated from the OpenAPI document by sdk/generate/types.mjs; do not edit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, List, Literal, Optional, Sequence, TypedDict, Union


class ActivityCounts(TypedDict):
    created: int
    started: int
    completed: int
    failed: int
    retried: int
    cancelled: int


class ActivityPoint(TypedDict):
    created: int
    started: int
    completed: int
    failed: int
    retried: int
    cancelled: int
    at: str
    waitP50: Optional[str]
    waitP95: Optional[str]
    waitP99: Optional[str]
    runP50: Optional[str]
    runP95: Optional[str]
    runP99: Optional[str]


class ActivitySeries(TypedDict):
    step: Literal["5s", "1m", "15m", "1h", "1d"]
    timeZone: str
    total: ActivityCounts
    points: List[ActivityPoint]


class _AttemptOptional(TypedDict, total=False):
    worker: Optional[str]


class Attempt(_AttemptOptional):
    attempt: int
    startedAt: str
    completedAt: Optional[str]
    status: Literal["running", "completed", "failed", "cancelled", "interrupted", "lost"]
    duration: Optional[str]
    error: Optional[str]
    errorDetail: Optional[str]
    node: str


class AuditActor(TypedDict):
    name: str
    kind: str


class AuditList(TypedDict):
    records: List[AuditRecord]
    hasMore: bool


class AuditRecord(TypedDict):
    id: str
    at: str
    actor: AuditActor
    address: Optional[str]
    action: str
    jobId: Optional[str]
    endpointId: Optional[str]
    workerId: Optional[str]
    nodeId: Optional[str]
    operationId: Optional[str]
    queue: Optional[str]
    jobs: int
    outcome: str


class _BatchOptional(TypedDict, total=False):
    missing: List[str]


class Batch(_BatchOptional):
    jobs: List[JobItem]
    created: int


class _ClearedQueueOptional(TypedDict, total=False):
    overview: Optional[QueueOverview]


class ClearedQueue(_ClearedQueueOptional):
    name: str
    status: Literal["running", "paused"]
    pendingJobs: int
    runningJobs: int
    completedJobs: int
    failedJobs: int
    cancelledJobs: int
    workers: int
    throughput: Throughput
    clearedPending: int
    clearedFailed: int


class _CompletedJobOptional(TypedDict, total=False):
    result: Any


class CompletedJob(_CompletedJobOptional):
    jobId: str
    leaseToken: str


class CpuUsage(TypedDict):
    percentage: float
    cores: int


class DueHour(TypedDict):
    hour: str
    queue: str
    count: int

DurationBucket = TypedDict("DurationBucket", {"from": str, "to": Optional[str], "count": int})



class DurationDistribution(TypedDict):
    period: Period
    run: List[DurationBucket]
    wait: List[DurationBucket]


class EndedJobs(TypedDict):
    stored: int
    lost: List[str]


class Explanation(TypedDict):
    state: Literal["pending", "running", "completed", "failed", "cancelled"]
    summary: str
    reasons: List[WaitReason]
    estimate: Optional[StartEstimate]


class _FailedJobOptional(TypedDict, total=False):
    outcome: Optional[Literal["failed", "cancelled", "released"]]
    error: Optional[str]
    errorDetail: Optional[str]
    retry: Optional[bool]
    retryAfter: Optional[Union[str, timedelta]]


class FailedJob(_FailedJobOptional):
    jobId: str
    leaseToken: str


class Failure(TypedDict):
    fingerprint: str
    type: str
    reason: str
    count: int
    firstSeen: Optional[str]
    lastSeen: Optional[str]


class FailureDetail(TypedDict):
    fingerprint: str
    type: str
    reason: str
    count: int
    firstSeen: Optional[str]
    lastSeen: Optional[str]
    period: Period
    trend: List[FailureTrend]
    places: List[FailurePlace]
    jobs: List[JobItem]


class FailureList(TypedDict):
    period: Period
    failures: List[Failure]
    totalCount: int


class FailurePlace(TypedDict):
    id: str
    name: Optional[str]
    isWorker: Optional[bool]
    jobs: int


class FailureReason(TypedDict):
    reason: str
    fingerprint: Optional[str]
    count: int
    percentage: float


class FailureTrend(TypedDict):
    date: str
    count: int


class HealthReason(TypedDict):
    code: str
    message: str


class _HealthViewOptional(TypedDict, total=False):
    timeZoneDatabase: Optional[str]
    restartedActors: Optional[int]
    systemHealth: Optional[Literal["healthy", "degraded", "unhealthy"]]
    reasons: Optional[List[HealthReason]]


class HealthView(_HealthViewOptional):
    status: str


class _HeartbeatOptional(TypedDict, total=False):
    refusedTypes: Optional[List[str]]


class Heartbeat(_HeartbeatOptional):
    leaseUntil: str
    cancelled: List[str]
    lost: List[str]


class _HeldJobOptional(TypedDict, total=False):
    progress: Optional[ProgressRequest]
    log: Optional[Sequence[LogLineRequest]]


class HeldJob(_HeldJobOptional):
    jobId: str
    leaseToken: str


class _JobOptional(TypedDict, total=False):
    tags: List[str]
    progress: Optional[Progress]
    log: List[LogLine]
    warnings: List[str]


class Job(_JobOptional):
    id: str
    jobId: str
    name: str
    type: str
    queue: str
    status: Literal["pending", "running", "completed", "failed", "cancelled"]
    createdAt: str
    runAt: str
    executedAt: Optional[str]
    completedAt: Optional[str]
    duration: Optional[str]
    priority: Literal["critical", "high", "normal", "low"]
    attempt: int
    retryCount: int
    maxRetries: int
    parameters: Any
    result: Any
    error: Optional[str]
    errorDetail: Optional[str]
    executionHistory: List[Attempt]
    timeout: str
    retryDelay: str
    retryIntervals: List[str]
    uniqueKey: Optional[str]
    recurringJobId: Optional[str]
    occurrenceAt: Optional[str]
    cancelRequested: bool
    revision: int


class JobChange(TypedDict):
    id: str
    deleted: bool
    job: Optional[JobItem]


class JobChanges(TypedDict):
    changes: List[JobChange]
    cursor: str
    hasMore: bool


class JobFacet(TypedDict):
    by: str
    values: List[JobFacetValue]
    hasMore: bool


class JobFacetValue(TypedDict):
    value: str
    count: int


class JobFacets(TypedDict):
    facets: List[JobFacet]


class JobHolder(TypedDict):
    id: str
    name: Optional[str]
    kind: Literal["server", "worker"]
    lastHeartbeatAt: Optional[str]
    leaseUntil: Optional[str]


class _JobItemOptional(TypedDict, total=False):
    tags: List[str]
    warnings: List[str]
    explanation: Optional[Explanation]


class JobItem(_JobItemOptional):
    id: str
    jobId: str
    name: str
    type: str
    queue: str
    status: Literal["pending", "running", "completed", "failed", "cancelled"]
    createdAt: str
    runAt: str
    executedAt: Optional[str]
    completedAt: Optional[str]
    duration: Optional[str]
    priority: Literal["critical", "high", "normal", "low"]
    attempt: int
    retryCount: int
    maxRetries: int
    error: Optional[str]
    recurringJobId: Optional[str]


class JobList(TypedDict):
    jobs: List[JobItem]
    totalCount: int
    hasMore: bool
    endCursor: Optional[str]


class JobTypeAnalytics(TypedDict):
    period: Period
    jobTypes: List[JobTypeMetrics]


class JobTypeMetrics(TypedDict):
    type: str
    totalExecutions: int
    successRate: float
    averageExecutionTime: str
    executionTime: Percentiles
    averageWaitTime: str
    waitTime: Percentiles
    failedJobs: int
    cancelledJobs: int
    failureReasons: List[FailureReason]


class _LeasedJobOptional(TypedDict, total=False):
    traceState: Optional[str]
    baggage: Optional[str]


class LeasedJob(_LeasedJobOptional):
    jobId: str
    leaseToken: str
    name: str
    type: str
    queue: str
    priority: Literal["critical", "high", "normal", "low"]
    attempt: int
    retryCount: int
    maxRetries: int
    parameters: Any
    createdAt: str
    timeout: str
    recurringJobId: Optional[str]
    traceParent: str


class _LeasedJobsOptional(TypedDict, total=False):
    refusedTypes: Optional[List[str]]


class LeasedJobs(_LeasedJobsOptional):
    jobs: List[LeasedJob]


class LogLevel(TypedDict):
    level: str
    nodeId: str


class LogLine(TypedDict):
    attempt: int
    at: str
    level: Literal["debug", "info", "warning", "error"]
    message: str


class _LogLineRequestOptional(TypedDict, total=False):
    at: Optional[Union[str, datetime]]
    level: Optional[Literal["debug", "info", "warning", "error"]]


class LogLineRequest(_LogLineRequestOptional):
    message: str


class Me(TypedDict):
    name: str
    kind: Literal["key", "token", "anonymous", "local"]
    scopes: List[str]
    rateLimit: Optional[RateLimit]
    expiresAt: Optional[str]


class MemoryUsage(TypedDict):
    used: str
    available: str
    percentage: float


class Node(TypedDict):
    id: str
    name: str
    status: Literal["live", "draining", "lost"]
    roles: List[str]
    startedAt: str
    lastHeartbeatAt: str
    leaseUntil: str
    runningJobs: int
    isSelf: bool


class NodeList(TypedDict):
    nodes: List[Node]


class Operation(TypedDict):
    id: str
    kind: str
    filter: str
    queue: Optional[str]
    priority: Optional[Literal["low", "normal", "high", "critical"]]
    resetRetryCount: bool
    note: Optional[str]
    status: str
    total: int
    isExact: bool
    done: int
    skipped: int
    skippedBy: List[SkippedJobs]
    undo: str
    undoUntil: Optional[str]
    undoes: Optional[str]
    undoneBy: Optional[str]
    requestedBy: str
    requesterKind: str
    createdAt: str
    startsAt: str
    startedAt: Optional[str]
    finishedAt: Optional[str]
    error: Optional[str]


class OperationList(TypedDict):
    operations: List[Operation]
    hasMore: bool


class OperationPreview(TypedDict):
    token: str
    expiresAt: str
    kind: str
    filter: str
    total: int
    isExact: bool
    byStatus: Any
    byType: Any
    byQueue: Any
    counted: int
    isSplitExact: bool
    sample: List[JobItem]
    skipped: List[PreviewSkippedJobs]
    warnings: List[str]
    undo: str


class Outcome(TypedDict):
    id: str
    status: Literal["pending", "running", "completed", "failed", "cancelled"]
    runAt: str
    completedAt: Optional[str]
    duration: Optional[str]


class Percentiles(TypedDict):
    p50: str
    p95: str
    p99: str


class PerformanceMetrics(TypedDict):
    period: Period
    summary: PerformanceSummary
    trends: List[Trend]


class PerformanceSummary(TypedDict):
    totalJobs: int
    successfulJobs: int
    failedJobs: int
    cancelledJobs: int
    failedAttempts: int
    successRate: float
    averageExecutionTime: str
    executionTime: Percentiles
    averageWaitTime: str
    waitTime: Percentiles
    throughput: PeriodThroughput

Period = TypedDict("Period", {"from": str, "to": str, "timeZone": str})



class PeriodThroughput(TypedDict):
    jobsPerDay: int
    peakJobsPerHour: int


class PreviewSkippedJobs(TypedDict):
    reason: str
    message: str
    count: int
    isExact: bool


class PreviewTime(TypedDict):
    at: str
    local: str
    note: Optional[str]


class Progress(TypedDict):
    attempt: int
    percent: float
    message: Optional[str]


class _ProgressRequestOptional(TypedDict, total=False):
    message: Optional[str]


class ProgressRequest(_ProgressRequestOptional):
    percent: float


class _QueueOptional(TypedDict, total=False):
    overview: Optional[QueueOverview]


class Queue(_QueueOptional):
    name: str
    status: Literal["running", "paused"]
    pendingJobs: int
    runningJobs: int
    completedJobs: int
    failedJobs: int
    cancelledJobs: int
    workers: int
    throughput: Throughput


class QueueExplanation(TypedDict):
    queue: str
    summary: str
    pendingJobs: int
    reasons: List[QueueWaitReason]


class QueueList(TypedDict):
    queues: List[Queue]


class QueueOverview(TypedDict):
    oldestDueAt: Optional[str]
    dueJobs: Optional[int]
    scheduledJobs: Optional[int]
    retryingJobs: Optional[int]
    capacity: int
    liveWorkers: int
    settings: QueueSettings
    pausedAt: Optional[str]
    pausedBy: Optional[str]


class QueueSettings(TypedDict):
    workers: int
    maxPending: Optional[int]
    rateLimit: Optional[str]


class QueueWaitReason(TypedDict):
    code: str
    jobs: int
    isExact: bool
    message: str
    since: Optional[str]
    until: Optional[str]
    evidence: WaitEvidence
    remedy: Optional[str]


class RateLimit(TypedDict):
    requests: int
    per: str


class _RecurringJobOptional(TypedDict, total=False):
    tags: List[str]
    lastOutcomes: Optional[List[Outcome]]
    warnings: List[str]


class RecurringJob(_RecurringJobOptional):
    id: str
    jobId: str
    key: Optional[str]
    name: str
    type: str
    cronExpression: str
    description: str
    timeZone: str
    enabled: bool
    misfirePolicy: Literal["fire_once", "skip", "catch_up"]
    catchUpMax: Optional[int]
    overlapPolicy: Literal["allow", "skip", "queue"]
    startsAt: Optional[str]
    endsAt: Optional[str]
    nextRunAt: Optional[str]
    nextRuns: List[str]
    lastRunAt: Optional[str]
    waiting: int
    parameters: Any
    queue: Optional[str]
    priority: Literal["critical", "high", "normal", "low"]
    maxRetries: Optional[int]
    timeout: Optional[str]
    retryDelay: Optional[str]
    retryIntervals: Optional[List[str]]
    createdAt: str
    updatedAt: str
    revision: int


class RecurringListView(TypedDict):
    recurringJobs: List[RecurringJob]
    totalCount: int
    hasMore: bool
    endCursor: Optional[str]


class RedeliveredView(TypedDict):
    redelivered: int


class Runner(TypedDict):
    id: str
    name: str
    kind: Literal["server", "worker"]
    workers: int
    busy: int
    isDraining: bool


class SchedulePreview(TypedDict):
    cronExpression: str
    timeZone: str
    description: str
    warnings: List[str]
    clockChanges: Optional[str]
    times: List[PreviewTime]


class ServerInfo(TypedDict):
    version: str
    node: str
    name: str
    database: str
    features: List[str]
    paths: ServerPaths
    limits: ServerLimits


class ServerLimits(TypedDict):
    batchJobs: int
    bulkJobs: int
    parametersBytes: int
    bodyBytes: int
    batchBodyBytes: int
    responseBytes: int
    graphqlComplexity: int
    graphqlDepth: int


class ServerPaths(TypedDict):
    rest: Optional[str]
    graphql: Optional[str]
    websocket: Optional[str]
    hub: Optional[str]


class SkippedJobs(TypedDict):
    reason: str
    message: str
    count: int


class StartEstimate(TypedDict):
    startsAt: str
    basis: str


class SystemMetrics(TypedDict):
    timestamp: str
    systemHealth: Literal["healthy", "degraded", "unhealthy"]
    totalJobs: int
    activeWorkers: int
    queueLength: int
    memoryUsage: MemoryUsage
    cpuUsage: CpuUsage


class SystemOverview(TypedDict):
    timestamp: str
    systemHealth: Literal["healthy", "degraded", "unhealthy"]
    totalJobs: int
    activeWorkers: int
    queueLength: int
    memoryUsage: MemoryUsage
    cpuUsage: CpuUsage
    healthReasons: List[HealthReason]


class Throughput(TypedDict):
    jobsPerMinute: int
    jobsPerHour: int


class Trend(TypedDict):
    date: str
    jobsExecuted: int
    successRate: float
    averageExecutionTime: str

Upcoming = TypedDict("Upcoming", {"from": str, "to": str, "timeZone": str, "hours": List[DueHour], "totalCount": int})



class WaitEvidence(TypedDict, total=False):
    runAt: Optional[str]
    attempt: Optional[int]
    retryCount: Optional[int]
    maxRetries: Optional[int]
    losses: Optional[int]
    error: Optional[str]
    by: Optional[str]
    types: List[str]
    nearestType: Optional[str]
    rate: Optional[str]
    concurrency: Optional[int]
    running: Optional[int]
    server: Optional[str]
    ahead: Optional[int]
    isExact: Optional[bool]
    runners: List[Runner]
    node: Optional[JobHolder]
    cancelRequested: Optional[bool]
    clockAhead: Optional[str]
    problems: List[str]
    status: Optional[Literal["pending", "running", "completed", "failed", "cancelled"]]


class WaitReason(TypedDict):
    code: str
    message: str
    since: Optional[str]
    until: Optional[str]
    evidence: WaitEvidence
    remedy: Optional[str]


class WebhookDelivery(TypedDict):
    id: str
    endpointId: str
    webhookId: str
    event: str
    timestamp: str
    jobId: Optional[str]
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    nextAttemptAt: Optional[str]
    lastAttemptAt: Optional[str]
    duration: Optional[str]
    request: WebhookRequest
    response: Optional[WebhookResponse]
    error: Optional[str]


class WebhookDeliveryList(TypedDict):
    deliveries: List[WebhookDelivery]
    hasMore: bool


class _WebhookEndpointOptional(TypedDict, total=False):
    secret: Optional[str]


class WebhookEndpoint(_WebhookEndpointOptional):
    id: str
    name: str
    url: str
    events: List[str]
    enabled: bool
    disabledReason: Optional[Literal["asked", "gone", "failing"]]
    disabledAt: Optional[str]
    failingSince: Optional[str]
    retryPolicy: WebhookRetryPolicy
    source: Literal["configuration", "api"]
    previousSecretUntil: Optional[str]
    node: Optional[str]
    unconfiguredSince: Optional[str]
    createdAt: str
    updatedAt: str
    revision: int


class WebhookEndpointList(TypedDict):
    endpoints: List[WebhookEndpoint]


class WebhookRequest(TypedDict):
    body: Any


class WebhookResponse(TypedDict):
    status: int
    body: Optional[str]


class WebhookRetryPolicy(TypedDict):
    maxRetries: int
    retryDelay: str


class WebhookRetryPolicyRequest(TypedDict, total=False):
    maxRetries: Optional[int]
    retryDelay: Optional[Union[str, timedelta]]


class WebhookTest(TypedDict):
    webhookId: str


class _WorkerOptional(TypedDict, total=False):
    refusedTypes: Optional[List[str]]


class Worker(_WorkerOptional):
    id: str
    name: str
    status: Literal["live", "lost", "left"]
    types: List[str]
    queues: List[str]
    concurrency: int
    runningJobs: int
    registeredAt: str
    lastHeartbeatAt: str
    leaseUntil: str
    lease: str
    heartbeatInterval: str


class WorkerList(TypedDict):
    workers: List[Worker]
    hasMore: bool


class JobOptions(TypedDict, total=False):
    name: Optional[str]
    queue: Optional[str]
    priority: Optional[Literal["critical", "high", "normal", "low"]]
    delay: Optional[Union[str, timedelta]]
    run_at: Optional[Union[str, datetime]]
    max_retries: Optional[int]
    timeout: Optional[Union[str, timedelta]]
    retry_delay: Optional[Union[str, timedelta]]
    retry_intervals: Optional[Sequence[Union[str, timedelta]]]
    unique_key: Optional[str]
    tags: Optional[Sequence[str]]
    key: Optional[str]


class _NewJobOptional(TypedDict, total=False):
    name: Optional[str]
    queue: Optional[str]
    parameters: Optional[Any]
    priority: Optional[Literal["critical", "high", "normal", "low"]]
    delay: Optional[Union[str, timedelta]]
    run_at: Optional[Union[str, datetime]]
    max_retries: Optional[int]
    timeout: Optional[Union[str, timedelta]]
    retry_delay: Optional[Union[str, timedelta]]
    retry_intervals: Optional[Sequence[Union[str, timedelta]]]
    unique_key: Optional[str]
    tags: Optional[Sequence[str]]
    key: Optional[str]


class NewJob(_NewJobOptional):
    type: str


class JobUpdate(TypedDict, total=False):
    name: Optional[str]
    queue: Optional[str]
    parameters: Optional[Any]
    priority: Optional[Literal["critical", "high", "normal", "low"]]
    delay: Optional[Union[str, timedelta]]
    run_at: Optional[Union[str, datetime]]
    max_retries: Optional[int]
    timeout: Optional[Union[str, timedelta]]
    retry_delay: Optional[Union[str, timedelta]]
    retry_intervals: Optional[Sequence[Union[str, timedelta]]]
    tags: Optional[Sequence[str]]


class RecurringOptions(TypedDict, total=False):
    name: Optional[str]
    queue: Optional[str]
    parameters: Optional[Any]
    priority: Optional[Literal["critical", "high", "normal", "low"]]
    max_retries: Optional[int]
    timeout: Optional[Union[str, timedelta]]
    retry_delay: Optional[Union[str, timedelta]]
    retry_intervals: Optional[Sequence[Union[str, timedelta]]]
    tags: Optional[Sequence[str]]
    key: Optional[str]
    time_zone: Optional[str]
    enabled: Optional[bool]
    misfire_policy: Optional[Literal["fire_once", "skip", "catch_up"]]
    catch_up_max: Optional[int]
    overlap_policy: Optional[Literal["allow", "skip", "queue"]]
    starts_at: Optional[Union[str, datetime]]
    ends_at: Optional[Union[str, datetime]]


class RecurringUpdate(TypedDict, total=False):
    type: Optional[str]
    name: Optional[str]
    cron_expression: Optional[str]
    time_zone: Optional[str]
    enabled: Optional[bool]
    misfire_policy: Optional[Literal["fire_once", "skip", "catch_up"]]
    catch_up_max: Optional[int]
    overlap_policy: Optional[Literal["allow", "skip", "queue"]]
    starts_at: Optional[Union[str, datetime]]
    ends_at: Optional[Union[str, datetime]]
    parameters: Optional[Any]
    queue: Optional[str]
    priority: Optional[Literal["critical", "high", "normal", "low"]]
    max_retries: Optional[int]
    timeout: Optional[Union[str, timedelta]]
    retry_delay: Optional[Union[str, timedelta]]
    retry_intervals: Optional[Sequence[Union[str, timedelta]]]
    tags: Optional[Sequence[str]]


class WebhookEndpointOptions(TypedDict, total=False):
    name: Optional[str]
    events: Optional[Sequence[str]]
    secret: Optional[str]
    retry_policy: Optional[WebhookRetryPolicyRequest]


class WebhookEndpointUpdate(TypedDict, total=False):
    url: Optional[str]
    name: Optional[str]
    events: Optional[Sequence[str]]
    retry_policy: Optional[WebhookRetryPolicyRequest]


class JobFilter(TypedDict, total=False):
    status: Optional[Union[Literal["pending", "running", "completed", "failed", "cancelled"], Sequence[Literal["pending", "running", "completed", "failed", "cancelled"]]]]
    type: Optional[Union[str, Sequence[str]]]
    queue: Optional[str]
    recurring_job_id: Optional[str]
    priority: Optional[Literal["low", "normal", "high", "critical"]]
    search: Optional[str]
    from_: Optional[Union[str, date]]
    to: Optional[Union[str, date]]
    filter: Optional[str]
    count_up_to: Optional[int]
    limit: Optional[int]
    offset: Optional[int]
    after: Optional[str]
    order: Optional[str]
    explain: Optional[bool]


class PeriodFilter(TypedDict, total=False):
    from_: Optional[Union[str, date]]
    to: Optional[Union[str, date]]
    time_zone: Optional[str]
    queue: Optional[str]
    type: Optional[Union[str, Sequence[str]]]


class PerformanceFilter(TypedDict, total=False):
    from_: Optional[Union[str, date]]
    to: Optional[Union[str, date]]
    time_zone: Optional[str]
    granularity: Optional[Literal["hour", "day"]]
    queue: Optional[str]
    type: Optional[Union[str, Sequence[str]]]


class ActivityFilter(TypedDict, total=False):
    from_: Optional[Union[str, date]]
    to: Optional[Union[str, date]]
    step: Optional[Literal["5s", "1m", "15m", "1h", "1d"]]
    time_zone: Optional[str]
    queue: Optional[str]
    type: Optional[Union[str, Sequence[str]]]


class FailuresFilter(TypedDict, total=False):
    from_: Optional[Union[str, date]]
    to: Optional[Union[str, date]]
    time_zone: Optional[str]
    queue: Optional[str]
    type: Optional[Union[str, Sequence[str]]]
    limit: Optional[int]


class FailureFilter(TypedDict, total=False):
    from_: Optional[Union[str, date]]
    to: Optional[Union[str, date]]
    time_zone: Optional[str]
    granularity: Optional[Literal["hour", "day"]]


class RecurringFilter(TypedDict, total=False):
    search: Optional[str]
    enabled: Optional[bool]
    type: Optional[str]
    queue: Optional[str]
    order: Optional[str]
    after: Optional[str]
    limit: Optional[int]
    offset: Optional[int]
    outcomes: Optional[int]


class PreviewOptions(TypedDict, total=False):
    time_zone: Optional[str]
    after: Optional[Union[str, date]]
    count: Optional[int]


class UpcomingFilter(TypedDict, total=False):
    from_: Optional[Union[str, date]]
    time_zone: Optional[str]
    to: Optional[Union[str, date]]


class AuditFilter(TypedDict, total=False):
    actor: Optional[str]
    action: Optional[str]
    job_id: Optional[str]
    from_: Optional[Union[str, date]]
    to: Optional[Union[str, date]]
    limit: Optional[int]
    after: Optional[str]


class DeliveryFilter(TypedDict, total=False):
    status: Optional[Union[Literal["pending", "running", "completed", "failed", "cancelled"], Sequence[Literal["pending", "running", "completed", "failed", "cancelled"]]]]
    limit: Optional[int]
    after: Optional[str]


class OperationFilter(TypedDict, total=False):
    limit: Optional[int]
    after: Optional[str]
