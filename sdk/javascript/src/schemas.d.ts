// Generated from the OpenAPI document by sdk/generate/types.mjs; do not edit.

/** `[d.]hh:mm:ss[.fffffff]`, ISO 8601 such as `PT5M`, units such as `5m`, or a number of milliseconds. */
export type Duration = string | number;

export interface ActivityCounts {
  created: number;
  started: number;
  completed: number;
  failed: number;
  retried: number;
  cancelled: number;
}

export interface ActivityPoint {
  created: number;
  started: number;
  completed: number;
  failed: number;
  retried: number;
  cancelled: number;
  at: string;
  waitP50: string | null;
  waitP95: string | null;
  waitP99: string | null;
  runP50: string | null;
  runP95: string | null;
  runP99: string | null;
}

export interface ActivitySeries {
  step: '5s' | '1m' | '15m' | '1h' | '1d';
  timeZone: string;
  total: ActivityCounts;
  points: Array<ActivityPoint>;
}

export interface Attempt {
  attempt: number;
  startedAt: string;
  completedAt: string | null;
  status: 'running' | 'completed' | 'failed' | 'cancelled' | 'interrupted' | 'lost';
  duration: string | null;
  error: string | null;
  errorDetail: string | null;
  node: string;
  worker?: string | null;
}

export interface AuditActor {
  name: string;
  kind: string;
}

export interface AuditList {
  records: Array<AuditRecord>;
  hasMore: boolean;
}

export interface AuditRecord {
  id: string;
  at: string;
  actor: AuditActor;
  address: string | null;
  action: string;
  jobId: string | null;
  endpointId: string | null;
  workerId: string | null;
  nodeId: string | null;
  operationId: string | null;
  queue: string | null;
  jobs: number;
  outcome: string;
}

export interface Batch {
  jobs: Array<JobItem>;
  created: number;
  missing?: Array<string>;
}

export interface BatchRequest {
  jobs: Array<JobRequest>;
}

export interface ClearRequest {
  clearPending?: boolean | null;
  clearFailed?: boolean | null;
}

export interface ClearedQueue {
  name: string;
  status: 'running' | 'paused';
  pendingJobs: number;
  runningJobs: number;
  completedJobs: number;
  failedJobs: number;
  cancelledJobs: number;
  workers: number;
  throughput: Throughput;
  overview?: QueueOverview | null;
  clearedPending: number;
  clearedFailed: number;
}

export interface CompleteRequest {
  jobs: Array<CompletedJob>;
}

export interface CompletedJob {
  jobId: string;
  leaseToken: string;
  result?: any;
}

export interface CpuUsage {
  percentage: number;
  cores: number;
}

export interface DueHour {
  hour: string;
  queue: string;
  count: number;
}

export interface DurationBucket {
  from: string;
  to: string | null;
  count: number;
}

export interface DurationDistribution {
  period: Period;
  run: Array<DurationBucket>;
  wait: Array<DurationBucket>;
}

export interface EndedJobs {
  stored: number;
  lost: Array<string>;
}

export interface ExecuteRequest {
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  delay?: Duration | null;
  runAt?: string | Date | null;
}

export interface Explanation {
  state: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
  summary: string;
  reasons: Array<WaitReason>;
  estimate: StartEstimate | null;
}

export interface FailRequest {
  jobs: Array<FailedJob>;
}

export interface FailedJob {
  jobId: string;
  leaseToken: string;
  outcome?: 'failed' | 'cancelled' | 'released' | null;
  error?: string | null;
  errorDetail?: string | null;
  retry?: boolean | null;
  retryAfter?: Duration | null;
}

export interface Failure {
  fingerprint: string;
  type: string;
  reason: string;
  count: number;
  firstSeen: string | null;
  lastSeen: string | null;
}

export interface FailureDetail {
  fingerprint: string;
  type: string;
  reason: string;
  count: number;
  firstSeen: string | null;
  lastSeen: string | null;
  period: Period;
  trend: Array<FailureTrend>;
  places: Array<FailurePlace>;
  jobs: Array<JobItem>;
}

export interface FailureList {
  period: Period;
  failures: Array<Failure>;
  totalCount: number;
}

export interface FailurePlace {
  id: string;
  name: string | null;
  isWorker: boolean | null;
  jobs: number;
}

export interface FailureReason {
  reason: string;
  fingerprint: string | null;
  count: number;
  percentage: number;
}

export interface FailureTrend {
  date: string;
  count: number;
}

export interface HealthReason {
  code: string;
  message: string;
}

export interface HealthView {
  status: string;
  timeZoneDatabase?: string | null;
  restartedActors?: number | null;
  systemHealth?: 'healthy' | 'degraded' | 'unhealthy' | null;
  reasons?: Array<HealthReason> | null;
}

export interface Heartbeat {
  leaseUntil: string;
  cancelled: Array<string>;
  lost: Array<string>;
  refusedTypes?: Array<string> | null;
}

export interface HeartbeatRequest {
  jobs?: Array<HeldJob> | null;
}

export interface HeldJob {
  jobId: string;
  leaseToken: string;
  progress?: ProgressRequest | null;
  log?: Array<LogLineRequest> | null;
}

export interface Job {
  id: string;
  jobId: string;
  name: string;
  type: string;
  queue: string;
  status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
  createdAt: string;
  runAt: string;
  executedAt: string | null;
  completedAt: string | null;
  duration: string | null;
  priority: 'critical' | 'high' | 'normal' | 'low';
  attempt: number;
  retryCount: number;
  maxRetries: number;
  parameters: any;
  result: any;
  error: string | null;
  errorDetail: string | null;
  executionHistory: Array<Attempt>;
  timeout: string;
  retryDelay: string;
  retryIntervals: Array<string>;
  uniqueKey: string | null;
  tags?: Array<string>;
  recurringJobId: string | null;
  occurrenceAt: string | null;
  cancelRequested: boolean;
  progress?: Progress | null;
  log?: Array<LogLine>;
  warnings?: Array<string>;
  revision: number;
}

export interface JobChange {
  id: string;
  deleted: boolean;
  job: JobItem | null;
}

export interface JobChanges {
  changes: Array<JobChange>;
  cursor: string;
  hasMore: boolean;
}

export interface JobFacet {
  by: string;
  values: Array<JobFacetValue>;
  hasMore: boolean;
}

export interface JobFacetValue {
  value: string;
  count: number;
}

export interface JobFacets {
  facets: Array<JobFacet>;
}

export interface JobHolder {
  id: string;
  name: string | null;
  kind: 'server' | 'worker';
  lastHeartbeatAt: string | null;
  leaseUntil: string | null;
}

export interface JobItem {
  id: string;
  jobId: string;
  name: string;
  type: string;
  queue: string;
  status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
  createdAt: string;
  runAt: string;
  executedAt: string | null;
  completedAt: string | null;
  duration: string | null;
  priority: 'critical' | 'high' | 'normal' | 'low';
  attempt: number;
  retryCount: number;
  maxRetries: number;
  error: string | null;
  recurringJobId: string | null;
  tags?: Array<string>;
  warnings?: Array<string>;
  explanation?: Explanation | null;
}

export interface JobList {
  jobs: Array<JobItem>;
  totalCount: number;
  hasMore: boolean;
  endCursor: string | null;
}

export interface JobRequest {
  type: string;
  name?: string | null;
  queue?: string | null;
  parameters?: any;
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  delay?: Duration | null;
  runAt?: string | Date | null;
  maxRetries?: number | null;
  timeout?: Duration | null;
  retryDelay?: Duration | null;
  retryIntervals?: Array<Duration> | null;
  uniqueKey?: string | null;
  tags?: Array<string> | null;
  key?: string | null;
  cronExpression?: string | null;
  timeZone?: string | null;
  enabled?: boolean | null;
  misfirePolicy?: 'fire_once' | 'skip' | 'catch_up' | null;
  catchUpMax?: number | null;
  overlapPolicy?: 'allow' | 'skip' | 'queue' | null;
  startsAt?: string | Date | null;
  endsAt?: string | Date | null;
  options?: any;
}

export interface JobTypeAnalytics {
  period: Period;
  jobTypes: Array<JobTypeMetrics>;
}

export interface JobTypeMetrics {
  type: string;
  totalExecutions: number;
  successRate: number;
  averageExecutionTime: string;
  executionTime: Percentiles;
  averageWaitTime: string;
  waitTime: Percentiles;
  failedJobs: number;
  cancelledJobs: number;
  failureReasons: Array<FailureReason>;
}

export interface LeaseRequest {
  max?: number | null;
  wait?: Duration | null;
}

export interface LeasedJob {
  jobId: string;
  leaseToken: string;
  name: string;
  type: string;
  queue: string;
  priority: 'critical' | 'high' | 'normal' | 'low';
  attempt: number;
  retryCount: number;
  maxRetries: number;
  parameters: any;
  createdAt: string;
  timeout: string;
  recurringJobId: string | null;
  traceParent: string;
  traceState?: string | null;
  baggage?: string | null;
}

export interface LeasedJobs {
  jobs: Array<LeasedJob>;
  refusedTypes?: Array<string> | null;
}

export interface LogLevel {
  level: string;
  nodeId: string;
}

export interface LogLevelRequest {
  level: string;
}

export interface LogLine {
  attempt: number;
  at: string;
  level: 'debug' | 'info' | 'warning' | 'error';
  message: string;
}

export interface LogLineRequest {
  at?: string | Date | null;
  level?: 'debug' | 'info' | 'warning' | 'error' | null;
  message: string;
}

export interface Me {
  name: string;
  kind: 'key' | 'token' | 'anonymous' | 'local';
  scopes: Array<string>;
  rateLimit: RateLimit | null;
  expiresAt: string | null;
}

export interface MemoryUsage {
  used: string;
  available: string;
  percentage: number;
}

export interface NewWebhookEndpoint {
  url?: string | null;
  name?: string | null;
  events?: Array<string> | null;
  secret?: string | null;
  retryPolicy?: WebhookRetryPolicyRequest | null;
}

export interface Node {
  id: string;
  name: string;
  status: 'live' | 'draining' | 'lost';
  roles: Array<string>;
  startedAt: string;
  lastHeartbeatAt: string;
  leaseUntil: string;
  runningJobs: number;
  isSelf: boolean;
}

export interface NodeList {
  nodes: Array<Node>;
}

export interface Operation {
  id: string;
  kind: string;
  filter: string;
  queue: string | null;
  priority: 'low' | 'normal' | 'high' | 'critical' | null;
  resetRetryCount: boolean;
  note: string | null;
  status: string;
  total: number;
  isExact: boolean;
  done: number;
  skipped: number;
  skippedBy: Array<SkippedJobs>;
  undo: string;
  undoUntil: string | null;
  undoes: string | null;
  undoneBy: string | null;
  requestedBy: string;
  requesterKind: string;
  createdAt: string;
  startsAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  error: string | null;
}

export interface OperationList {
  operations: Array<Operation>;
  hasMore: boolean;
}

export interface OperationPreview {
  token: string;
  expiresAt: string;
  kind: string;
  filter: string;
  total: number;
  isExact: boolean;
  byStatus: any;
  byType: any;
  byQueue: any;
  counted: number;
  isSplitExact: boolean;
  sample: Array<JobItem>;
  skipped: Array<PreviewSkippedJobs>;
  warnings: Array<string>;
  undo: string;
}

export interface OperationPreviewRequest {
  kind?: string | null;
  filter?: string | null;
  all?: boolean | null;
  spec?: OperationSpec | null;
}

export interface OperationSpec {
  queue?: string | null;
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  resetRetryCount?: boolean | null;
}

export interface OperationStartRequest {
  token?: string | null;
  grace?: Duration | null;
  note?: string | null;
}

export interface Outcome {
  id: string;
  status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
  runAt: string;
  completedAt: string | null;
  duration: string | null;
}

export interface PatchRequest {
  name?: string | null;
  queue?: string | null;
  parameters?: any;
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  delay?: Duration | null;
  runAt?: string | Date | null;
  maxRetries?: number | null;
  timeout?: Duration | null;
  retryDelay?: Duration | null;
  retryIntervals?: Array<Duration> | null;
  tags?: Array<string> | null;
}

export interface Percentiles {
  p50: string;
  p95: string;
  p99: string;
}

export interface PerformanceMetrics {
  period: Period;
  summary: PerformanceSummary;
  trends: Array<Trend>;
}

export interface PerformanceSummary {
  totalJobs: number;
  successfulJobs: number;
  failedJobs: number;
  cancelledJobs: number;
  failedAttempts: number;
  successRate: number;
  averageExecutionTime: string;
  executionTime: Percentiles;
  averageWaitTime: string;
  waitTime: Percentiles;
  throughput: PeriodThroughput;
}

export interface Period {
  from: string;
  to: string;
  timeZone: string;
}

export interface PeriodThroughput {
  jobsPerDay: number;
  peakJobsPerHour: number;
}

export interface PreviewSkippedJobs {
  reason: string;
  message: string;
  count: number;
  isExact: boolean;
}

export interface PreviewTime {
  at: string;
  local: string;
  note: string | null;
}

export interface Progress {
  attempt: number;
  percent: number;
  message: string | null;
}

export interface ProgressRequest {
  percent: number;
  message?: string | null;
}

export interface Queue {
  name: string;
  status: 'running' | 'paused';
  pendingJobs: number;
  runningJobs: number;
  completedJobs: number;
  failedJobs: number;
  cancelledJobs: number;
  workers: number;
  throughput: Throughput;
  overview?: QueueOverview | null;
}

export interface QueueExplanation {
  queue: string;
  summary: string;
  pendingJobs: number;
  reasons: Array<QueueWaitReason>;
}

export interface QueueList {
  queues: Array<Queue>;
}

export interface QueueOverview {
  oldestDueAt: string | null;
  dueJobs: number | null;
  scheduledJobs: number | null;
  retryingJobs: number | null;
  capacity: number;
  liveWorkers: number;
  settings: QueueSettings;
  pausedAt: string | null;
  pausedBy: string | null;
}

export interface QueueSettings {
  workers: number;
  maxPending: number | null;
  rateLimit: string | null;
}

export interface QueueWaitReason {
  code: string;
  jobs: number;
  isExact: boolean;
  message: string;
  since: string | null;
  until: string | null;
  evidence: WaitEvidence;
  remedy: string | null;
}

export interface RateLimit {
  requests: number;
  per: string;
}

export interface RecurringJob {
  id: string;
  jobId: string;
  key: string | null;
  name: string;
  type: string;
  cronExpression: string;
  description: string;
  timeZone: string;
  enabled: boolean;
  misfirePolicy: 'fire_once' | 'skip' | 'catch_up';
  catchUpMax: number | null;
  overlapPolicy: 'allow' | 'skip' | 'queue';
  startsAt: string | null;
  endsAt: string | null;
  nextRunAt: string | null;
  nextRuns: Array<string>;
  lastRunAt: string | null;
  waiting: number;
  parameters: any;
  queue: string | null;
  priority: 'critical' | 'high' | 'normal' | 'low';
  maxRetries: number | null;
  timeout: string | null;
  retryDelay: string | null;
  retryIntervals: Array<string> | null;
  tags?: Array<string>;
  createdAt: string;
  updatedAt: string;
  lastOutcomes?: Array<Outcome> | null;
  warnings?: Array<string>;
  revision: number;
}

export interface RecurringListView {
  recurringJobs: Array<RecurringJob>;
  totalCount: number;
  hasMore: boolean;
  endCursor: string | null;
}

export interface RecurringPatch {
  type?: string | null;
  name?: string | null;
  cronExpression?: string | null;
  timeZone?: string | null;
  enabled?: boolean | null;
  misfirePolicy?: 'fire_once' | 'skip' | 'catch_up' | null;
  catchUpMax?: number | null;
  overlapPolicy?: 'allow' | 'skip' | 'queue' | null;
  startsAt?: string | Date | null;
  endsAt?: string | Date | null;
  parameters?: any;
  queue?: string | null;
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  maxRetries?: number | null;
  timeout?: Duration | null;
  retryDelay?: Duration | null;
  retryIntervals?: Array<Duration> | null;
  tags?: Array<string> | null;
}

export interface RedeliverRequest {
  since: string | Date;
}

export interface RedeliveredView {
  redelivered: number;
}

export interface RetryRequest {
  resetRetryCount?: boolean | null;
}

export interface RotateSecretRequest {
  secret?: string | null;
  overlap?: Duration | null;
}

export interface Runner {
  id: string;
  name: string;
  kind: 'server' | 'worker';
  workers: number;
  busy: number;
  isDraining: boolean;
}

export interface SchedulePreview {
  cronExpression: string;
  timeZone: string;
  description: string;
  warnings: Array<string>;
  clockChanges: string | null;
  times: Array<PreviewTime>;
}

export interface ServerInfo {
  version: string;
  node: string;
  name: string;
  database: string;
  features: Array<string>;
  paths: ServerPaths;
  limits: ServerLimits;
}

export interface ServerLimits {
  batchJobs: number;
  bulkJobs: number;
  parametersBytes: number;
  bodyBytes: number;
  batchBodyBytes: number;
  responseBytes: number;
  graphqlComplexity: number;
  graphqlDepth: number;
}

export interface ServerPaths {
  rest: string | null;
  graphql: string | null;
  websocket: string | null;
  hub: string | null;
}

export interface SkippedJobs {
  reason: string;
  message: string;
  count: number;
}

export interface StartEstimate {
  startsAt: string;
  basis: string;
}

export interface SystemMetrics {
  timestamp: string;
  systemHealth: 'healthy' | 'degraded' | 'unhealthy';
  totalJobs: number;
  activeWorkers: number;
  queueLength: number;
  memoryUsage: MemoryUsage;
  cpuUsage: CpuUsage;
}

export interface SystemOverview {
  timestamp: string;
  systemHealth: 'healthy' | 'degraded' | 'unhealthy';
  totalJobs: number;
  activeWorkers: number;
  queueLength: number;
  memoryUsage: MemoryUsage;
  cpuUsage: CpuUsage;
  healthReasons: Array<HealthReason>;
}

export interface Throughput {
  jobsPerMinute: number;
  jobsPerHour: number;
}

export interface Trend {
  date: string;
  jobsExecuted: number;
  successRate: number;
  averageExecutionTime: string;
}

export interface Upcoming {
  from: string;
  to: string;
  timeZone: string;
  hours: Array<DueHour>;
  totalCount: number;
}

export interface WaitEvidence {
  runAt?: string | null;
  attempt?: number | null;
  retryCount?: number | null;
  maxRetries?: number | null;
  losses?: number | null;
  error?: string | null;
  by?: string | null;
  types?: Array<string>;
  nearestType?: string | null;
  rate?: string | null;
  concurrency?: number | null;
  running?: number | null;
  server?: string | null;
  ahead?: number | null;
  isExact?: boolean | null;
  runners?: Array<Runner>;
  node?: JobHolder | null;
  cancelRequested?: boolean | null;
  clockAhead?: string | null;
  problems?: Array<string>;
  status?: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | null;
}

export interface WaitReason {
  code: string;
  message: string;
  since: string | null;
  until: string | null;
  evidence: WaitEvidence;
  remedy: string | null;
}

export interface WebhookDelivery {
  id: string;
  endpointId: string;
  webhookId: string;
  event: string;
  timestamp: string;
  jobId: string | null;
  status: 'pending' | 'delivered' | 'failed';
  attempts: number;
  nextAttemptAt: string | null;
  lastAttemptAt: string | null;
  duration: string | null;
  request: WebhookRequest;
  response: WebhookResponse | null;
  error: string | null;
}

export interface WebhookDeliveryList {
  deliveries: Array<WebhookDelivery>;
  hasMore: boolean;
}

export interface WebhookEndpoint {
  id: string;
  name: string;
  url: string;
  events: Array<string>;
  enabled: boolean;
  disabledReason: 'asked' | 'gone' | 'failing' | null;
  disabledAt: string | null;
  failingSince: string | null;
  retryPolicy: WebhookRetryPolicy;
  source: 'configuration' | 'api';
  previousSecretUntil: string | null;
  node: string | null;
  unconfiguredSince: string | null;
  createdAt: string;
  updatedAt: string;
  revision: number;
  secret?: string | null;
}

export interface WebhookEndpointList {
  endpoints: Array<WebhookEndpoint>;
}

export interface WebhookEndpointPatch {
  url?: string | null;
  name?: string | null;
  events?: Array<string> | null;
  retryPolicy?: WebhookRetryPolicyRequest | null;
}

export interface WebhookRequest {
  body: any;
}

export interface WebhookResponse {
  status: number;
  body: string | null;
}

export interface WebhookRetryPolicy {
  maxRetries: number;
  retryDelay: string;
}

export interface WebhookRetryPolicyRequest {
  maxRetries?: number | null;
  retryDelay?: Duration | null;
}

export interface WebhookTest {
  webhookId: string;
}

export interface Worker {
  id: string;
  name: string;
  status: 'live' | 'lost' | 'left';
  types: Array<string>;
  queues: Array<string>;
  concurrency: number;
  runningJobs: number;
  registeredAt: string;
  lastHeartbeatAt: string;
  leaseUntil: string;
  lease: string;
  heartbeatInterval: string;
  refusedTypes?: Array<string> | null;
}

export interface WorkerList {
  workers: Array<Worker>;
  hasMore: boolean;
}

export interface WorkerRequest {
  name: string | null;
  types: Array<string>;
  queues?: Array<string> | null;
  concurrency?: number | null;
}

export interface JobOptions {
  name?: string | null;
  queue?: string | null;
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  delay?: Duration | null;
  runAt?: string | Date | null;
  maxRetries?: number | null;
  timeout?: Duration | null;
  retryDelay?: Duration | null;
  retryIntervals?: Array<Duration> | null;
  uniqueKey?: string | null;
  tags?: Array<string> | null;
  key?: string | null;
}

export interface NewJob {
  type: string;
  name?: string | null;
  queue?: string | null;
  parameters?: any;
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  delay?: Duration | null;
  runAt?: string | Date | null;
  maxRetries?: number | null;
  timeout?: Duration | null;
  retryDelay?: Duration | null;
  retryIntervals?: Array<Duration> | null;
  uniqueKey?: string | null;
  tags?: Array<string> | null;
  key?: string | null;
}

export interface JobUpdate {
  name?: string | null;
  queue?: string | null;
  parameters?: any;
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  delay?: Duration | null;
  runAt?: string | Date | null;
  maxRetries?: number | null;
  timeout?: Duration | null;
  retryDelay?: Duration | null;
  retryIntervals?: Array<Duration> | null;
  tags?: Array<string> | null;
}

export interface RecurringOptions {
  name?: string | null;
  queue?: string | null;
  parameters?: any;
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  maxRetries?: number | null;
  timeout?: Duration | null;
  retryDelay?: Duration | null;
  retryIntervals?: Array<Duration> | null;
  tags?: Array<string> | null;
  key?: string | null;
  timeZone?: string | null;
  enabled?: boolean | null;
  misfirePolicy?: 'fire_once' | 'skip' | 'catch_up' | null;
  catchUpMax?: number | null;
  overlapPolicy?: 'allow' | 'skip' | 'queue' | null;
  startsAt?: string | Date | null;
  endsAt?: string | Date | null;
}

export interface RecurringUpdate {
  type?: string | null;
  name?: string | null;
  cronExpression?: string | null;
  timeZone?: string | null;
  enabled?: boolean | null;
  misfirePolicy?: 'fire_once' | 'skip' | 'catch_up' | null;
  catchUpMax?: number | null;
  overlapPolicy?: 'allow' | 'skip' | 'queue' | null;
  startsAt?: string | Date | null;
  endsAt?: string | Date | null;
  parameters?: any;
  queue?: string | null;
  priority?: 'critical' | 'high' | 'normal' | 'low' | null;
  maxRetries?: number | null;
  timeout?: Duration | null;
  retryDelay?: Duration | null;
  retryIntervals?: Array<Duration> | null;
  tags?: Array<string> | null;
}

export interface WebhookEndpointOptions {
  name?: string | null;
  events?: Array<string> | null;
  secret?: string | null;
  retryPolicy?: WebhookRetryPolicyRequest | null;
}

export interface WebhookEndpointUpdate {
  url?: string | null;
  name?: string | null;
  events?: Array<string> | null;
  retryPolicy?: WebhookRetryPolicyRequest | null;
}

export interface JobFilter {
  status?: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | Array<'pending' | 'running' | 'completed' | 'failed' | 'cancelled'>;
  type?: string | Array<string>;
  queue?: string;
  recurringJobId?: string;
  priority?: 'low' | 'normal' | 'high' | 'critical';
  search?: string;
  from?: string | Date;
  to?: string | Date;
  filter?: string;
  countUpTo?: number;
  limit?: number;
  offset?: number;
  after?: string;
  order?: string;
  explain?: boolean;
}

export interface PeriodFilter {
  from?: string | Date;
  to?: string | Date;
  timeZone?: string;
  queue?: string;
  type?: string | Array<string>;
}

export interface PerformanceFilter {
  from?: string | Date;
  to?: string | Date;
  timeZone?: string;
  granularity?: 'hour' | 'day';
  queue?: string;
  type?: string | Array<string>;
}

export interface ActivityFilter {
  from?: string | Date;
  to?: string | Date;
  step?: '5s' | '1m' | '15m' | '1h' | '1d';
  timeZone?: string;
  queue?: string;
  type?: string | Array<string>;
}

export interface FailuresFilter {
  from?: string | Date;
  to?: string | Date;
  timeZone?: string;
  queue?: string;
  type?: string | Array<string>;
  limit?: number;
}

export interface FailureFilter {
  from?: string | Date;
  to?: string | Date;
  timeZone?: string;
  granularity?: 'hour' | 'day';
}

export interface RecurringFilter {
  search?: string;
  enabled?: boolean;
  type?: string;
  queue?: string;
  order?: string;
  after?: string;
  limit?: number;
  offset?: number;
  outcomes?: number;
}

export interface PreviewOptions {
  timeZone?: string;
  after?: string | Date;
  count?: number;
}

export interface UpcomingFilter {
  from?: string | Date;
  timeZone?: string;
  to?: string | Date;
}

export interface AuditFilter {
  actor?: string;
  action?: string;
  jobId?: string;
  from?: string | Date;
  to?: string | Date;
  limit?: number;
  after?: string;
}

export interface DeliveryFilter {
  status?: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | Array<'pending' | 'running' | 'completed' | 'failed' | 'cancelled'>;
  limit?: number;
  after?: string;
}

export interface OperationFilter {
  limit?: number;
  after?: string;
}
