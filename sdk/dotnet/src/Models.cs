// Generated from the OpenAPI document by sdk/generate/types.mjs; do not edit.

using System;
using System.Collections.Generic;
using System.Text.Json;

#pragma warning disable CS1591

namespace TickerQ.Client
{
    public partial class ActivityCounts
    {
        public long Created { get; set; }
        public long Started { get; set; }
        public long Completed { get; set; }
        public long Failed { get; set; }
        public long Retried { get; set; }
        public long Cancelled { get; set; }
    }

    public partial class ActivityPoint
    {
        public long Created { get; set; }
        public long Started { get; set; }
        public long Completed { get; set; }
        public long Failed { get; set; }
        public long Retried { get; set; }
        public long Cancelled { get; set; }
        public DateTimeOffset At { get; set; }
        public TimeSpan? WaitP50 { get; set; }
        public TimeSpan? WaitP95 { get; set; }
        public TimeSpan? WaitP99 { get; set; }
        public TimeSpan? RunP50 { get; set; }
        public TimeSpan? RunP95 { get; set; }
        public TimeSpan? RunP99 { get; set; }
    }

    public partial class ActivitySeries
    {
        public string Step { get; set; }
        public string TimeZone { get; set; }
        public ActivityCounts Total { get; set; }
        public List<ActivityPoint> Points { get; set; }
    }

    public partial class JobAttempt
    {
        public int Attempt { get; set; }
        public DateTimeOffset StartedAt { get; set; }
        public DateTimeOffset? CompletedAt { get; set; }
        public string Status { get; set; }
        public TimeSpan? Duration { get; set; }
        public string Error { get; set; }
        public string ErrorDetail { get; set; }
        public string Node { get; set; }
        public string Worker { get; set; }
    }

    public partial class AuditActor
    {
        public string Name { get; set; }
        public string Kind { get; set; }
    }

    public partial class AuditList
    {
        public List<AuditRecord> Records { get; set; }
        public bool HasMore { get; set; }
    }

    public partial class AuditRecord
    {
        public string Id { get; set; }
        public DateTimeOffset At { get; set; }
        public AuditActor Actor { get; set; }
        public string Address { get; set; }
        public string Action { get; set; }
        public string JobId { get; set; }
        public string EndpointId { get; set; }
        public string WorkerId { get; set; }
        public string NodeId { get; set; }
        public string OperationId { get; set; }
        public string Queue { get; set; }
        public long Jobs { get; set; }
        public string Outcome { get; set; }
    }

    public partial class Batch
    {
        public List<JobItem> Jobs { get; set; }
        public int Created { get; set; }
        public List<string> Missing { get; set; }
    }

    public partial class ClearedQueueDetails
    {
        public string Name { get; set; }
        public string Status { get; set; }
        public long PendingJobs { get; set; }
        public long RunningJobs { get; set; }
        public long CompletedJobs { get; set; }
        public long FailedJobs { get; set; }
        public long CancelledJobs { get; set; }
        public int Workers { get; set; }
        public Throughput Throughput { get; set; }
        public QueueOverview Overview { get; set; }
        public long ClearedPending { get; set; }
        public long ClearedFailed { get; set; }
    }

    public partial class CpuUsage
    {
        public double Percentage { get; set; }
        public int Cores { get; set; }
    }

    public partial class DueHour
    {
        public DateTimeOffset Hour { get; set; }
        public string Queue { get; set; }
        public long Count { get; set; }
    }

    public partial class DurationBucket
    {
        public TimeSpan From { get; set; }
        public TimeSpan? To { get; set; }
        public long Count { get; set; }
    }

    public partial class DurationDistribution
    {
        public MetricsPeriod Period { get; set; }
        public List<DurationBucket> Run { get; set; }
        public List<DurationBucket> Wait { get; set; }
    }

    public partial class EndedJobs
    {
        public int Stored { get; set; }
        public List<string> Lost { get; set; }
    }

    public partial class Explanation
    {
        public string State { get; set; }
        public string Summary { get; set; }
        public List<WaitReason> Reasons { get; set; }
        public StartEstimate Estimate { get; set; }
    }

    public partial class Failure
    {
        public string Fingerprint { get; set; }
        public string Type { get; set; }
        public string Reason { get; set; }
        public long Count { get; set; }
        public DateTimeOffset? FirstSeen { get; set; }
        public DateTimeOffset? LastSeen { get; set; }
    }

    public partial class FailureDetail
    {
        public string Fingerprint { get; set; }
        public string Type { get; set; }
        public string Reason { get; set; }
        public long Count { get; set; }
        public DateTimeOffset? FirstSeen { get; set; }
        public DateTimeOffset? LastSeen { get; set; }
        public MetricsPeriod Period { get; set; }
        public List<FailureTrend> Trend { get; set; }
        public List<FailurePlace> Places { get; set; }
        public List<JobItem> Jobs { get; set; }
    }

    public partial class FailureList
    {
        public MetricsPeriod Period { get; set; }
        public List<Failure> Failures { get; set; }
        public long TotalCount { get; set; }
    }

    public partial class FailurePlace
    {
        public string Id { get; set; }
        public string Name { get; set; }
        public bool? IsWorker { get; set; }
        public long Jobs { get; set; }
    }

    public partial class FailureReason
    {
        public string Reason { get; set; }
        public string Fingerprint { get; set; }
        public long Count { get; set; }
        public double Percentage { get; set; }
    }

    public partial class FailureTrend
    {
        public string Date { get; set; }
        public long Count { get; set; }
    }

    public partial class HealthReason
    {
        public string Code { get; set; }
        public string Message { get; set; }
    }

    public partial class ServerHealth
    {
        public string Status { get; set; }
        public string TimeZoneDatabase { get; set; }
        public long? RestartedActors { get; set; }
        public string SystemHealth { get; set; }
        public List<HealthReason> Reasons { get; set; }
    }

    public partial class Heartbeat
    {
        public DateTimeOffset LeaseUntil { get; set; }
        public List<string> Cancelled { get; set; }
        public List<string> Lost { get; set; }
        public List<string> RefusedTypes { get; set; }
    }

    public partial class JobDetails
    {
        public string Id { get; set; }
        public string JobId { get; set; }
        public string Name { get; set; }
        public string Type { get; set; }
        public string Queue { get; set; }
        public string Status { get; set; }
        public DateTimeOffset CreatedAt { get; set; }
        public DateTimeOffset RunAt { get; set; }
        public DateTimeOffset? ExecutedAt { get; set; }
        public DateTimeOffset? CompletedAt { get; set; }
        public TimeSpan? Duration { get; set; }
        public string Priority { get; set; }
        public int Attempt { get; set; }
        public int RetryCount { get; set; }
        public int MaxRetries { get; set; }
        public JsonElement Parameters { get; set; }
        public JsonElement Result { get; set; }
        public string Error { get; set; }
        public string ErrorDetail { get; set; }
        public List<JobAttempt> ExecutionHistory { get; set; }
        public TimeSpan Timeout { get; set; }
        public TimeSpan RetryDelay { get; set; }
        public List<TimeSpan> RetryIntervals { get; set; }
        public string UniqueKey { get; set; }
        public List<string> Tags { get; set; }
        public string RecurringJobId { get; set; }
        public DateTimeOffset? OccurrenceAt { get; set; }
        public bool CancelRequested { get; set; }
        public JobProgress Progress { get; set; }
        public List<JobLogLine> Log { get; set; }
        public List<string> Warnings { get; set; }
        public int Revision { get; set; }
    }

    public partial class JobChange
    {
        public string Id { get; set; }
        public bool Deleted { get; set; }
        public JobItem Job { get; set; }
    }

    public partial class JobChanges
    {
        public List<JobChange> Changes { get; set; }
        public string Cursor { get; set; }
        public bool HasMore { get; set; }
    }

    public partial class JobFacet
    {
        public string By { get; set; }
        public List<JobFacetValue> Values { get; set; }
        public bool HasMore { get; set; }
    }

    public partial class JobFacetValue
    {
        public string Value { get; set; }
        public long Count { get; set; }
    }

    public partial class JobFacets
    {
        public List<JobFacet> Facets { get; set; }
    }

    public partial class JobHolder
    {
        public string Id { get; set; }
        public string Name { get; set; }
        public string Kind { get; set; }
        public DateTimeOffset? LastHeartbeatAt { get; set; }
        public DateTimeOffset? LeaseUntil { get; set; }
    }

    public partial class JobItem
    {
        public string Id { get; set; }
        public string JobId { get; set; }
        public string Name { get; set; }
        public string Type { get; set; }
        public string Queue { get; set; }
        public string Status { get; set; }
        public DateTimeOffset CreatedAt { get; set; }
        public DateTimeOffset RunAt { get; set; }
        public DateTimeOffset? ExecutedAt { get; set; }
        public DateTimeOffset? CompletedAt { get; set; }
        public TimeSpan? Duration { get; set; }
        public string Priority { get; set; }
        public int Attempt { get; set; }
        public int RetryCount { get; set; }
        public int MaxRetries { get; set; }
        public string Error { get; set; }
        public string RecurringJobId { get; set; }
        public List<string> Tags { get; set; }
        public List<string> Warnings { get; set; }
        public Explanation Explanation { get; set; }
    }

    public partial class JobList
    {
        public List<JobItem> Jobs { get; set; }
        public long TotalCount { get; set; }
        public bool HasMore { get; set; }
        public string EndCursor { get; set; }
    }

    public partial class JobTypeAnalytics
    {
        public MetricsPeriod Period { get; set; }
        public List<JobTypeMetrics> JobTypes { get; set; }
    }

    public partial class JobTypeMetrics
    {
        public string Type { get; set; }
        public long TotalExecutions { get; set; }
        public double SuccessRate { get; set; }
        public TimeSpan AverageExecutionTime { get; set; }
        public Percentiles ExecutionTime { get; set; }
        public TimeSpan AverageWaitTime { get; set; }
        public Percentiles WaitTime { get; set; }
        public long FailedJobs { get; set; }
        public long CancelledJobs { get; set; }
        public List<FailureReason> FailureReasons { get; set; }
    }

    public partial class LeasedJob
    {
        public string JobId { get; set; }
        public string LeaseToken { get; set; }
        public string Name { get; set; }
        public string Type { get; set; }
        public string Queue { get; set; }
        public string Priority { get; set; }
        public int Attempt { get; set; }
        public int RetryCount { get; set; }
        public int MaxRetries { get; set; }
        public JsonElement Parameters { get; set; }
        public DateTimeOffset CreatedAt { get; set; }
        public TimeSpan Timeout { get; set; }
        public string RecurringJobId { get; set; }
        public string TraceParent { get; set; }
        public string TraceState { get; set; }
        public string Baggage { get; set; }
    }

    public partial class LeasedJobs
    {
        public List<LeasedJob> Jobs { get; set; }
        public List<string> RefusedTypes { get; set; }
    }

    public partial class ServerLogLevel
    {
        public string Level { get; set; }
        public string NodeId { get; set; }
    }

    public partial class JobLogLine
    {
        public int Attempt { get; set; }
        public DateTimeOffset At { get; set; }
        public string Level { get; set; }
        public string Message { get; set; }
    }

    public partial class Me
    {
        public string Name { get; set; }
        public string Kind { get; set; }
        public List<string> Scopes { get; set; }
        public RateLimit RateLimit { get; set; }
        public DateTimeOffset? ExpiresAt { get; set; }
    }

    public partial class MemoryUsage
    {
        public string Used { get; set; }
        public string Available { get; set; }
        public double Percentage { get; set; }
    }

    public partial class NodeDetails
    {
        public string Id { get; set; }
        public string Name { get; set; }
        public string Status { get; set; }
        public List<string> Roles { get; set; }
        public DateTimeOffset StartedAt { get; set; }
        public DateTimeOffset LastHeartbeatAt { get; set; }
        public DateTimeOffset LeaseUntil { get; set; }
        public long RunningJobs { get; set; }
        public bool IsSelf { get; set; }
    }

    public partial class NodeList
    {
        public List<NodeDetails> Nodes { get; set; }
    }

    public partial class Operation
    {
        public string Id { get; set; }
        public string Kind { get; set; }
        public string Filter { get; set; }
        public string Queue { get; set; }
        public string Priority { get; set; }
        public bool ResetRetryCount { get; set; }
        public string Note { get; set; }
        public string Status { get; set; }
        public long Total { get; set; }
        public bool IsExact { get; set; }
        public long Done { get; set; }
        public long Skipped { get; set; }
        public List<SkippedJobs> SkippedBy { get; set; }
        public string Undo { get; set; }
        public DateTimeOffset? UndoUntil { get; set; }
        public string Undoes { get; set; }
        public string UndoneBy { get; set; }
        public string RequestedBy { get; set; }
        public string RequesterKind { get; set; }
        public DateTimeOffset CreatedAt { get; set; }
        public DateTimeOffset StartsAt { get; set; }
        public DateTimeOffset? StartedAt { get; set; }
        public DateTimeOffset? FinishedAt { get; set; }
        public string Error { get; set; }
    }

    public partial class OperationList
    {
        public List<Operation> Operations { get; set; }
        public bool HasMore { get; set; }
    }

    public partial class OperationPreview
    {
        public string Token { get; set; }
        public DateTimeOffset ExpiresAt { get; set; }
        public string Kind { get; set; }
        public string Filter { get; set; }
        public long Total { get; set; }
        public bool IsExact { get; set; }
        public JsonElement ByStatus { get; set; }
        public JsonElement ByType { get; set; }
        public JsonElement ByQueue { get; set; }
        public long Counted { get; set; }
        public bool IsSplitExact { get; set; }
        public List<JobItem> Sample { get; set; }
        public List<PreviewSkippedJobs> Skipped { get; set; }
        public List<string> Warnings { get; set; }
        public string Undo { get; set; }
    }

    public partial class Outcome
    {
        public string Id { get; set; }
        public string Status { get; set; }
        public DateTimeOffset RunAt { get; set; }
        public DateTimeOffset? CompletedAt { get; set; }
        public TimeSpan? Duration { get; set; }
    }

    public partial class Percentiles
    {
        public TimeSpan P50 { get; set; }
        public TimeSpan P95 { get; set; }
        public TimeSpan P99 { get; set; }
    }

    public partial class PerformanceMetrics
    {
        public MetricsPeriod Period { get; set; }
        public PerformanceSummary Summary { get; set; }
        public List<Trend> Trends { get; set; }
    }

    public partial class PerformanceSummary
    {
        public long TotalJobs { get; set; }
        public long SuccessfulJobs { get; set; }
        public long FailedJobs { get; set; }
        public long CancelledJobs { get; set; }
        public long FailedAttempts { get; set; }
        public double SuccessRate { get; set; }
        public TimeSpan AverageExecutionTime { get; set; }
        public Percentiles ExecutionTime { get; set; }
        public TimeSpan AverageWaitTime { get; set; }
        public Percentiles WaitTime { get; set; }
        public PeriodThroughput Throughput { get; set; }
    }

    public partial class MetricsPeriod
    {
        public DateTimeOffset From { get; set; }
        public DateTimeOffset To { get; set; }
        public string TimeZone { get; set; }
    }

    public partial class PeriodThroughput
    {
        public long JobsPerDay { get; set; }
        public long PeakJobsPerHour { get; set; }
    }

    public partial class PreviewSkippedJobs
    {
        public string Reason { get; set; }
        public string Message { get; set; }
        public long Count { get; set; }
        public bool IsExact { get; set; }
    }

    public partial class PreviewTime
    {
        public DateTimeOffset At { get; set; }
        public string Local { get; set; }
        public string Note { get; set; }
    }

    public partial class JobProgress
    {
        public int Attempt { get; set; }
        public double Percent { get; set; }
        public string Message { get; set; }
    }

    public partial class QueueDetails
    {
        public string Name { get; set; }
        public string Status { get; set; }
        public long PendingJobs { get; set; }
        public long RunningJobs { get; set; }
        public long CompletedJobs { get; set; }
        public long FailedJobs { get; set; }
        public long CancelledJobs { get; set; }
        public int Workers { get; set; }
        public Throughput Throughput { get; set; }
        public QueueOverview Overview { get; set; }
    }

    public partial class QueueExplanation
    {
        public string Queue { get; set; }
        public string Summary { get; set; }
        public long PendingJobs { get; set; }
        public List<QueueWaitReason> Reasons { get; set; }
    }

    public partial class QueueList
    {
        public List<QueueDetails> Queues { get; set; }
    }

    public partial class QueueOverview
    {
        public DateTimeOffset? OldestDueAt { get; set; }
        public long? DueJobs { get; set; }
        public long? ScheduledJobs { get; set; }
        public long? RetryingJobs { get; set; }
        public long Capacity { get; set; }
        public long LiveWorkers { get; set; }
        public QueueSettings Settings { get; set; }
        public DateTimeOffset? PausedAt { get; set; }
        public string PausedBy { get; set; }
    }

    public partial class QueueSettings
    {
        public int Workers { get; set; }
        public long? MaxPending { get; set; }
        public string RateLimit { get; set; }
    }

    public partial class QueueWaitReason
    {
        public string Code { get; set; }
        public long Jobs { get; set; }
        public bool IsExact { get; set; }
        public string Message { get; set; }
        public DateTimeOffset? Since { get; set; }
        public DateTimeOffset? Until { get; set; }
        public WaitEvidence Evidence { get; set; }
        public string Remedy { get; set; }
    }

    public partial class RateLimit
    {
        public int Requests { get; set; }
        public TimeSpan Per { get; set; }
    }

    public partial class RecurringJob
    {
        public string Id { get; set; }
        public string JobId { get; set; }
        public string Key { get; set; }
        public string Name { get; set; }
        public string Type { get; set; }
        public string CronExpression { get; set; }
        public string Description { get; set; }
        public string TimeZone { get; set; }
        public bool Enabled { get; set; }
        public string MisfirePolicy { get; set; }
        public int? CatchUpMax { get; set; }
        public string OverlapPolicy { get; set; }
        public DateTimeOffset? StartsAt { get; set; }
        public DateTimeOffset? EndsAt { get; set; }
        public DateTimeOffset? NextRunAt { get; set; }
        public List<string> NextRuns { get; set; }
        public DateTimeOffset? LastRunAt { get; set; }
        public int Waiting { get; set; }
        public JsonElement Parameters { get; set; }
        public string Queue { get; set; }
        public string Priority { get; set; }
        public int? MaxRetries { get; set; }
        public string Timeout { get; set; }
        public string RetryDelay { get; set; }
        public List<TimeSpan> RetryIntervals { get; set; }
        public List<string> Tags { get; set; }
        public DateTimeOffset CreatedAt { get; set; }
        public DateTimeOffset UpdatedAt { get; set; }
        public List<Outcome> LastOutcomes { get; set; }
        public List<string> Warnings { get; set; }
        public int Revision { get; set; }
    }

    public partial class RecurringJobList
    {
        public List<RecurringJob> RecurringJobs { get; set; }
        public long TotalCount { get; set; }
        public bool HasMore { get; set; }
        public string EndCursor { get; set; }
    }

    public partial class RedeliveredDeliveries
    {
        public long Redelivered { get; set; }
    }

    public partial class Runner
    {
        public string Id { get; set; }
        public string Name { get; set; }
        public string Kind { get; set; }
        public int Workers { get; set; }
        public int Busy { get; set; }
        public bool IsDraining { get; set; }
    }

    public partial class SchedulePreview
    {
        public string CronExpression { get; set; }
        public string TimeZone { get; set; }
        public string Description { get; set; }
        public List<string> Warnings { get; set; }
        public string ClockChanges { get; set; }
        public List<PreviewTime> Times { get; set; }
    }

    public partial class ServerInfo
    {
        public string Version { get; set; }
        public string Node { get; set; }
        public string Name { get; set; }
        public string Database { get; set; }
        public List<string> Features { get; set; }
        public ServerPaths Paths { get; set; }
        public ServerLimits Limits { get; set; }
    }

    public partial class ServerLimits
    {
        public long BatchJobs { get; set; }
        public long BulkJobs { get; set; }
        public long ParametersBytes { get; set; }
        public long BodyBytes { get; set; }
        public long BatchBodyBytes { get; set; }
        public long ResponseBytes { get; set; }
        public long GraphqlComplexity { get; set; }
        public long GraphqlDepth { get; set; }
    }

    public partial class ServerPaths
    {
        public string Rest { get; set; }
        public string Graphql { get; set; }
        public string Websocket { get; set; }
        public string Hub { get; set; }
    }

    public partial class SkippedJobs
    {
        public string Reason { get; set; }
        public string Message { get; set; }
        public long Count { get; set; }
    }

    public partial class StartEstimate
    {
        public DateTimeOffset StartsAt { get; set; }
        public string Basis { get; set; }
    }

    public partial class SystemMetrics
    {
        public DateTimeOffset Timestamp { get; set; }
        public string SystemHealth { get; set; }
        public long TotalJobs { get; set; }
        public long ActiveWorkers { get; set; }
        public long QueueLength { get; set; }
        public MemoryUsage MemoryUsage { get; set; }
        public CpuUsage CpuUsage { get; set; }
    }

    public partial class SystemOverview
    {
        public DateTimeOffset Timestamp { get; set; }
        public string SystemHealth { get; set; }
        public long TotalJobs { get; set; }
        public long ActiveWorkers { get; set; }
        public long QueueLength { get; set; }
        public MemoryUsage MemoryUsage { get; set; }
        public CpuUsage CpuUsage { get; set; }
        public List<HealthReason> HealthReasons { get; set; }
    }

    public partial class Throughput
    {
        public long JobsPerMinute { get; set; }
        public long JobsPerHour { get; set; }
    }

    public partial class Trend
    {
        public string Date { get; set; }
        public long JobsExecuted { get; set; }
        public double SuccessRate { get; set; }
        public TimeSpan AverageExecutionTime { get; set; }
    }

    public partial class Upcoming
    {
        public DateTimeOffset From { get; set; }
        public DateTimeOffset To { get; set; }
        public string TimeZone { get; set; }
        public List<DueHour> Hours { get; set; }
        public long TotalCount { get; set; }
    }

    public partial class WaitEvidence
    {
        public DateTimeOffset? RunAt { get; set; }
        public int? Attempt { get; set; }
        public int? RetryCount { get; set; }
        public int? MaxRetries { get; set; }
        public int? Losses { get; set; }
        public string Error { get; set; }
        public string By { get; set; }
        public List<string> Types { get; set; }
        public string NearestType { get; set; }
        public string Rate { get; set; }
        public int? Concurrency { get; set; }
        public int? Running { get; set; }
        public string Server { get; set; }
        public long? Ahead { get; set; }
        public bool? IsExact { get; set; }
        public List<Runner> Runners { get; set; }
        public JobHolder Node { get; set; }
        public bool? CancelRequested { get; set; }
        public TimeSpan? ClockAhead { get; set; }
        public List<string> Problems { get; set; }
        public string Status { get; set; }
    }

    public partial class WaitReason
    {
        public string Code { get; set; }
        public string Message { get; set; }
        public DateTimeOffset? Since { get; set; }
        public DateTimeOffset? Until { get; set; }
        public WaitEvidence Evidence { get; set; }
        public string Remedy { get; set; }
    }

    public partial class WebhookDelivery
    {
        public string Id { get; set; }
        public string EndpointId { get; set; }
        public string WebhookId { get; set; }
        public string Event { get; set; }
        public DateTimeOffset Timestamp { get; set; }
        public string JobId { get; set; }
        public string Status { get; set; }
        public int Attempts { get; set; }
        public DateTimeOffset? NextAttemptAt { get; set; }
        public DateTimeOffset? LastAttemptAt { get; set; }
        public TimeSpan? Duration { get; set; }
        public WebhookRequest Request { get; set; }
        public WebhookResponse Response { get; set; }
        public string Error { get; set; }
    }

    public partial class WebhookDeliveryList
    {
        public List<WebhookDelivery> Deliveries { get; set; }
        public bool HasMore { get; set; }
    }

    public partial class WebhookEndpoint
    {
        public string Id { get; set; }
        public string Name { get; set; }
        public string Url { get; set; }
        public List<string> Events { get; set; }
        public bool Enabled { get; set; }
        public string DisabledReason { get; set; }
        public DateTimeOffset? DisabledAt { get; set; }
        public DateTimeOffset? FailingSince { get; set; }
        public WebhookRetryPolicy RetryPolicy { get; set; }
        public string Source { get; set; }
        public DateTimeOffset? PreviousSecretUntil { get; set; }
        public string Node { get; set; }
        public DateTimeOffset? UnconfiguredSince { get; set; }
        public DateTimeOffset CreatedAt { get; set; }
        public DateTimeOffset UpdatedAt { get; set; }
        public int Revision { get; set; }
        public string Secret { get; set; }
    }

    public partial class WebhookEndpointList
    {
        public List<WebhookEndpoint> Endpoints { get; set; }
    }

    public partial class WebhookRequest
    {
        public JsonElement Body { get; set; }
    }

    public partial class WebhookResponse
    {
        public int Status { get; set; }
        public string Body { get; set; }
    }

    public partial class WebhookRetryPolicy
    {
        public int MaxRetries { get; set; }
        public TimeSpan RetryDelay { get; set; }
    }

    public partial class WebhookRetryPolicyRequest
    {
        public int? MaxRetries { get; set; }
        public TimeSpan? RetryDelay { get; set; }
    }

    public partial class WebhookTest
    {
        public string WebhookId { get; set; }
    }

    public partial class WorkerDetails
    {
        public string Id { get; set; }
        public string Name { get; set; }
        public string Status { get; set; }
        public List<string> Types { get; set; }
        public List<string> Queues { get; set; }
        public int Concurrency { get; set; }
        public long RunningJobs { get; set; }
        public DateTimeOffset RegisteredAt { get; set; }
        public DateTimeOffset LastHeartbeatAt { get; set; }
        public DateTimeOffset LeaseUntil { get; set; }
        public TimeSpan Lease { get; set; }
        public TimeSpan HeartbeatInterval { get; set; }
        public List<string> RefusedTypes { get; set; }
    }

    public partial class WorkerList
    {
        public List<WorkerDetails> Workers { get; set; }
        public bool HasMore { get; set; }
    }

    public partial class JobOptions
    {
        public string Name { get; set; }
        public string Queue { get; set; }
        public string Priority { get; set; }
        public TimeSpan? Delay { get; set; }
        public DateTimeOffset? RunAt { get; set; }
        public int? MaxRetries { get; set; }
        public TimeSpan? Timeout { get; set; }
        public TimeSpan? RetryDelay { get; set; }
        public List<TimeSpan> RetryIntervals { get; set; }
        public string UniqueKey { get; set; }
        public List<string> Tags { get; set; }
        public string Key { get; set; }
    }

    public partial class NewJob
    {
        public string Type { get; set; }
        public string Name { get; set; }
        public string Queue { get; set; }
        public object Parameters { get; set; }
        public string Priority { get; set; }
        public TimeSpan? Delay { get; set; }
        public DateTimeOffset? RunAt { get; set; }
        public int? MaxRetries { get; set; }
        public TimeSpan? Timeout { get; set; }
        public TimeSpan? RetryDelay { get; set; }
        public List<TimeSpan> RetryIntervals { get; set; }
        public string UniqueKey { get; set; }
        public List<string> Tags { get; set; }
        public string Key { get; set; }
    }

    public partial class JobUpdate
    {
        public string Name { get; set; }
        public string Queue { get; set; }
        public object Parameters { get; set; }
        public string Priority { get; set; }
        public TimeSpan? Delay { get; set; }
        public DateTimeOffset? RunAt { get; set; }
        public int? MaxRetries { get; set; }
        public TimeSpan? Timeout { get; set; }
        public TimeSpan? RetryDelay { get; set; }
        public List<TimeSpan> RetryIntervals { get; set; }
        public List<string> Tags { get; set; }
    }

    public partial class RecurringOptions
    {
        public string Name { get; set; }
        public string Queue { get; set; }
        public object Parameters { get; set; }
        public string Priority { get; set; }
        public int? MaxRetries { get; set; }
        public TimeSpan? Timeout { get; set; }
        public TimeSpan? RetryDelay { get; set; }
        public List<TimeSpan> RetryIntervals { get; set; }
        public List<string> Tags { get; set; }
        public string Key { get; set; }
        public string TimeZone { get; set; }
        public bool? Enabled { get; set; }
        public string MisfirePolicy { get; set; }
        public int? CatchUpMax { get; set; }
        public string OverlapPolicy { get; set; }
        public DateTimeOffset? StartsAt { get; set; }
        public DateTimeOffset? EndsAt { get; set; }
    }

    public partial class RecurringUpdate
    {
        public string Type { get; set; }
        public string Name { get; set; }
        public string CronExpression { get; set; }
        public string TimeZone { get; set; }
        public bool? Enabled { get; set; }
        public string MisfirePolicy { get; set; }
        public int? CatchUpMax { get; set; }
        public string OverlapPolicy { get; set; }
        public DateTimeOffset? StartsAt { get; set; }
        public DateTimeOffset? EndsAt { get; set; }
        public object Parameters { get; set; }
        public string Queue { get; set; }
        public string Priority { get; set; }
        public int? MaxRetries { get; set; }
        public TimeSpan? Timeout { get; set; }
        public TimeSpan? RetryDelay { get; set; }
        public List<TimeSpan> RetryIntervals { get; set; }
        public List<string> Tags { get; set; }
    }

    public partial class WebhookEndpointOptions
    {
        public string Name { get; set; }
        public List<string> Events { get; set; }
        public string Secret { get; set; }
        public WebhookRetryPolicyRequest RetryPolicy { get; set; }
    }

    public partial class WebhookEndpointUpdate
    {
        public string Url { get; set; }
        public string Name { get; set; }
        public List<string> Events { get; set; }
        public WebhookRetryPolicyRequest RetryPolicy { get; set; }
    }

    public partial class JobFilter : Query
    {
        public string Status { get; set; }
        public string Type { get; set; }
        public string Queue { get; set; }
        public string RecurringJobId { get; set; }
        public string Priority { get; set; }
        public string Search { get; set; }
        public DateTimeOffset? From { get; set; }
        public DateTimeOffset? To { get; set; }
        public string Filter { get; set; }
        public long? CountUpTo { get; set; }
        public int? Limit { get; set; }
        public long? Offset { get; set; }
        public string After { get; set; }
        public string Order { get; set; }
        public bool? Explain { get; set; }
    }

    public partial class PeriodFilter : Query
    {
        public DateTimeOffset? From { get; set; }
        public DateTimeOffset? To { get; set; }
        public string TimeZone { get; set; }
        public string Queue { get; set; }
        public string Type { get; set; }
    }

    public partial class PerformanceFilter : Query
    {
        public DateTimeOffset? From { get; set; }
        public DateTimeOffset? To { get; set; }
        public string TimeZone { get; set; }
        public string Granularity { get; set; }
        public string Queue { get; set; }
        public string Type { get; set; }
    }

    public partial class ActivityFilter : Query
    {
        public DateTimeOffset? From { get; set; }
        public DateTimeOffset? To { get; set; }
        public string Step { get; set; }
        public string TimeZone { get; set; }
        public string Queue { get; set; }
        public string Type { get; set; }
    }

    public partial class FailuresFilter : Query
    {
        public DateTimeOffset? From { get; set; }
        public DateTimeOffset? To { get; set; }
        public string TimeZone { get; set; }
        public string Queue { get; set; }
        public string Type { get; set; }
        public int? Limit { get; set; }
    }

    public partial class FailureFilter : Query
    {
        public DateTimeOffset? From { get; set; }
        public DateTimeOffset? To { get; set; }
        public string TimeZone { get; set; }
        public string Granularity { get; set; }
    }

    public partial class RecurringFilter : Query
    {
        public string Search { get; set; }
        public bool? Enabled { get; set; }
        public string Type { get; set; }
        public string Queue { get; set; }
        public string Order { get; set; }
        public string After { get; set; }
        public int? Limit { get; set; }
        public long? Offset { get; set; }
        public int? Outcomes { get; set; }
    }

    public partial class PreviewOptions : Query
    {
        public string TimeZone { get; set; }
        public DateTimeOffset? After { get; set; }
        public int? Count { get; set; }
    }

    public partial class UpcomingFilter : Query
    {
        public DateTimeOffset? From { get; set; }
        public string TimeZone { get; set; }
        public DateTimeOffset? To { get; set; }
    }

    public partial class AuditFilter : Query
    {
        public string Actor { get; set; }
        public string Action { get; set; }
        public string JobId { get; set; }
        public DateTimeOffset? From { get; set; }
        public DateTimeOffset? To { get; set; }
        public int? Limit { get; set; }
        public string After { get; set; }
    }

    public partial class DeliveryFilter : Query
    {
        public string Status { get; set; }
        public int? Limit { get; set; }
        public string After { get; set; }
    }

    public partial class OperationFilter : Query
    {
        public int? Limit { get; set; }
        public string After { get; set; }
    }
}
