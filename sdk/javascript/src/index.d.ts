// The types of the client and the worker.

export type JobStatus = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
export type Priority = 'low' | 'normal' | 'high' | 'critical';
/** `[d.]hh:mm:ss[.fffffff]`, ISO 8601 such as `PT5M`, units such as `5m`, or a number of milliseconds. */
export type Duration = string | number;
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface JobItem {
  id: string;
  jobId: string;
  name: string;
  type: string;
  queue: string;
  status: JobStatus;
  priority: Priority;
  createdAt: string;
  runAt: string;
  executedAt: string | null;
  completedAt: string | null;
  duration: string | null;
  attempt: number;
  retryCount: number;
  maxRetries: number;
  recurringJobId: string | null;
  error: string | null;
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
  worker?: string;
}

export interface Progress {
  percent: number;
  message: string | null;
}

export interface LogLine {
  at: string;
  level: 'debug' | 'info' | 'warning' | 'error';
  message: string;
}

export interface Job<P = any, R = any> extends JobItem {
  parameters: P;
  result: R | null;
  errorDetail: string | null;
  executionHistory: Attempt[];
  timeout: string;
  retryDelay: string;
  retryIntervals: string[];
  uniqueKey: string | null;
  occurrenceAt: string | null;
  cancelRequested: boolean;
  progress?: Progress & { attempt: number };
  log?: (LogLine & { attempt: number })[];
  revision: number;
}

export interface JobFilter {
  status?: JobStatus | JobStatus[];
  type?: string | string[];
  queue?: string;
  recurringJobId?: string;
  priority?: Priority;
  search?: string;
  from?: string | Date;
  to?: string | Date;
  limit?: number;
  offset?: number;
  after?: string;
}

export interface JobPage {
  jobs: JobItem[];
  totalCount: number;
  hasMore: boolean;
}

export interface Changes {
  name?: string;
  queue?: string;
  parameters?: unknown;
  priority?: Priority;
  delay?: Duration;
  runAt?: string;
  maxRetries?: number;
  timeout?: Duration;
  retryDelay?: Duration;
  retryIntervals?: Duration[];
}

export interface JobOptions extends Omit<Changes, 'parameters'> {
  uniqueKey?: string;
  cronExpression?: string | null;
}

export interface NewJob extends JobOptions {
  type: string;
  parameters?: unknown;
}

export interface NewRecurringJob extends Omit<Changes, 'delay' | 'runAt'> {
  type: string;
  cronExpression: string;
  timeZone?: string;
  misfirePolicy?: 'fire_once' | 'skip' | 'catch_up';
  catchUpMax?: number;
  overlapPolicy?: 'allow' | 'skip' | 'queue';
  enabled?: boolean;
  startsAt?: string;
  endsAt?: string;
}

export interface RecurringJob extends NewRecurringJob {
  id: string;
  name: string;
  description: string;
  enabled: boolean;
  nextRunAt: string | null;
  revision: number;
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
  throughput: { jobsPerMinute: number; jobsPerHour: number };
}

export interface WorkerInfo {
  id: string;
  name: string;
  status: 'live' | 'lost' | 'left';
  types: string[];
  queues: string[];
  concurrency: number;
  runningJobs: number;
  registeredAt: string;
  lastHeartbeatAt: string;
  leaseUntil: string;
  lease: string;
  heartbeatInterval: string;
}

export interface LeasedJob<P = any> {
  jobId: string;
  leaseToken: string;
  name: string;
  type: string;
  queue: string;
  priority: Priority;
  attempt: number;
  retryCount: number;
  maxRetries: number;
  parameters: P;
  createdAt: string;
  timeout: string;
  recurringJobId: string | null;
}

export interface Node {
  id: string;
  name: string;
  status: 'live' | 'lost';
  roles: string[];
  startedAt: string;
  lastHeartbeatAt: string;
  leaseUntil: string;
  runningJobs: number;
  isSelf: boolean;
}

export interface Period {
  from?: string | Date;
  to?: string | Date;
  timeZone?: string;
  queue?: string;
  type?: string | string[];
}

export interface SystemMetrics {
  timestamp: string;
  systemHealth: 'healthy' | 'degraded' | 'unhealthy';
  totalJobs: number;
  activeWorkers: number;
  queueLength: number;
  memoryUsage: { used: string; available: string; percentage: number };
  cpuUsage: { percentage: number; cores: number };
}

export interface PerformanceMetrics {
  period: { from: string; to: string };
  summary: {
    totalJobs: number;
    successfulJobs: number;
    failedJobs: number;
    successRate: number | null;
    averageExecutionTime: string | null;
    throughput: { jobsPerDay: number; peakJobsPerHour: number };
  };
  trends: { date: string; jobsExecuted: number; successRate: number | null; averageExecutionTime: string | null }[];
}

export interface JobTypeMetrics {
  type: string;
  totalExecutions: number;
  successRate: number | null;
  averageExecutionTime: string | null;
  failureReasons: { reason: string; count: number; percentage: number }[];
}

export interface AuditRecord {
  id: string;
  at: string;
  actor: { name: string; kind: string };
  address: string | null;
  action: string;
  jobId: string | null;
  queue: string | null;
  jobs: number;
  outcome: string;
}

export interface ClientOptions {
  /** `/api/tickerq` by default. */
  basePath?: string;
  /** How often a request is sent again; 3 by default. */
  retries?: number;
  /** How long an answer may take, in milliseconds; 30,000 by default. */
  timeout?: number;
  fetch?: typeof fetch;
}

export interface RequestOptions {
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  /** Whether it may be sent again when it is not known what became of it. */
  safe?: boolean;
  timeout?: number;
  retries?: number;
  signal?: AbortSignal;
}

export interface Once {
  /** Under one key a request takes effect once; each call has one of its own by default. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

export interface IfRevision {
  /** Only if the job still has this revision. */
  revision?: number;
}

export declare class TickerQClient {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly root: string;
  constructor(baseUrl: string, apiKey?: string, options?: ClientOptions);
  request<T = any>(method: string, path: string, options?: RequestOptions): Promise<{ status: number; headers: Headers; data: T }>;
  getJobs(filter?: JobFilter): Promise<JobPage>;
  jobs(filter?: JobFilter): AsyncGenerator<JobItem>;
  scheduleJob<P = any, R = any>(jobType: string, parameters?: P, options?: JobOptions & Once): Promise<Job<P, R>>;
  scheduleJobs(jobs: NewJob[], options?: Once): Promise<{ jobs: JobItem[]; created: number }>;
  getJob<P = any, R = any>(id: string): Promise<Job<P, R>>;
  waitForJob<P = any, R = any>(id: string, options?: { timeout?: number; interval?: number; signal?: AbortSignal }): Promise<Job<P, R>>;
  updateJob(id: string, changes: Changes, options?: IfRevision): Promise<Job>;
  deleteJob(id: string, options?: IfRevision): Promise<void>;
  executeJob(id: string, options?: IfRevision & { priority?: Priority; delay?: Duration }): Promise<Job>;
  cancelJob(id: string, options?: IfRevision): Promise<Job>;
  retryJob(id: string, options?: IfRevision & { resetRetryCount?: boolean }): Promise<Job>;
  getRecurringJobs(page?: { limit?: number; offset?: number }): Promise<{ recurringJobs: RecurringJob[]; totalCount: number; hasMore: boolean }>;
  scheduleRecurringJob(recurring: NewRecurringJob, options?: Once): Promise<RecurringJob>;
  getRecurringJob(id: string): Promise<RecurringJob>;
  replaceRecurringJob(id: string, recurring: NewRecurringJob, options?: IfRevision): Promise<RecurringJob>;
  updateRecurringJob(id: string, changes: Partial<NewRecurringJob>, options?: IfRevision): Promise<RecurringJob>;
  deleteRecurringJob(id: string, options?: IfRevision): Promise<void>;
  enableRecurringJob(id: string, options?: IfRevision): Promise<RecurringJob>;
  disableRecurringJob(id: string, options?: IfRevision): Promise<RecurringJob>;
  triggerRecurringJob(id: string, options?: IfRevision): Promise<Job>;
  getQueues(): Promise<Queue[]>;
  getQueue(name: string): Promise<Queue>;
  pauseQueue(name: string): Promise<Queue>;
  resumeQueue(name: string): Promise<Queue>;
  clearQueue(name: string, which?: { clearPending?: boolean; clearFailed?: boolean }): Promise<Queue & { clearedPending: number; clearedFailed: number }>;
  getSystemMetrics(): Promise<SystemMetrics>;
  getPerformanceMetrics(period?: Period & { granularity?: 'day' | 'hour' }): Promise<PerformanceMetrics>;
  getJobTypeMetrics(period?: Period): Promise<JobTypeMetrics[]>;
  getNodes(): Promise<Node[]>;
  getLogLevel(): Promise<string>;
  setLogLevel(level: string): Promise<string>;
  getWorkers(): Promise<WorkerInfo[]>;
  getWorker(id: string): Promise<WorkerInfo>;
  getAudit(filter?: { actor?: string; action?: string; jobId?: string; from?: string | Date; to?: string | Date; limit?: number; after?: string }): Promise<{ records: AuditRecord[]; hasMore: boolean }>;
  registerWorker(declaration: { name: string; types: string[]; queues?: string[]; concurrency?: number }, options?: RequestOptions): Promise<WorkerInfo>;
  leaseJobs(worker: string, options?: RequestOptions & { max?: number; wait?: Duration }): Promise<LeasedJob[]>;
  heartbeat(worker: string, jobs?: { jobId: string; leaseToken: string; progress?: Partial<Progress>; log?: Partial<LogLine>[] }[], options?: RequestOptions): Promise<{ leaseUntil: string; cancelled: string[]; lost: string[] }>;
  completeJobs(worker: string, jobs: { jobId: string; leaseToken: string; result?: unknown }[], options?: RequestOptions): Promise<{ stored: number; lost: string[] }>;
  failJobs(worker: string, jobs: { jobId: string; leaseToken: string; outcome?: 'failed' | 'cancelled' | 'released'; error?: string; errorDetail?: string; retry?: boolean; retryAfter?: string }[], options?: RequestOptions): Promise<{ stored: number; lost: string[] }>;
  removeWorker(worker: string, options?: RequestOptions): Promise<void>;
  subscribe(topics: Topic | Topic[], handlers?: Handlers, options?: SubscribeOptions): Subscription;
}

export type Topic = 'job-status' | 'queue-metrics' | 'system-health';

export interface JobChange extends Omit<JobItem, 'id' | 'status'> {
  event: string;
  status: JobStatus | 'deleted';
}

export interface Message {
  type: string;
  timestamp: string;
  data: any;
}

export interface Handlers {
  /** Listening, also again after the connection was lost: what happened in between was missed. */
  connected?(data: { topics: Topic[] }): void;
  disconnected?(why: { code: number; reason: string }): void;
  error?(error: any): void;
  /** So many events were missed because this client was too slow. */
  lagged?(data: { missed: number }): void;
  'job-status-changed'?(data: JobChange, message: Message): void;
  'job-progress'?(data: { jobId: string; type: string; queue: string; attempt: number; progress: Progress | null; log: LogLine[] }, message: Message): void;
  'queue-metrics-updated'?(data: Queue, message: Message): void;
  'system-health-alert'?(data: { status: string; previousStatus: string; previousSince: string; reasons: { code: string; message: string }[] }, message: Message): void;
  /** Every message. */
  '*'?(message: Message): void;
}

export interface SubscribeOptions {
  filter?: { jobId?: string | string[]; queue?: string | string[]; type?: string | string[] };
  WebSocket?: unknown;
  /** How long to wait before the connection is tried again, in milliseconds, given how often it was. */
  reconnectAfter?(tries: number): number;
}

export declare class Subscription {
  close(): void;
}

export interface JobContext<P = any> {
  job: LeasedJob<P>;
  /** Aborted, with a `StopReason`, when the job should stop. */
  signal: AbortSignal;
  progress(percent: number, message?: string): void;
  log: Record<'debug' | 'info' | 'warning' | 'error', (message: unknown) => void>;
}

export type Handler<P = any, R = any> = (parameters: P, context: JobContext<P>) => R | Promise<R>;

export interface WorkerOptions {
  name?: string;
  /** The queues that it takes jobs from; all by default. */
  queues?: string[];
  /** How many jobs it runs at the same time; 10 by default. */
  concurrency?: number;
  handlers?: Record<string, Handler>;
  /** Told of what goes wrong and is tried again. */
  onError?(error: Error): void;
  /** In milliseconds; as the server wishes by default. */
  heartbeatEvery?: number;
}

export declare class Worker {
  readonly id: string | null;
  constructor(client: TickerQClient, options?: WorkerOptions);
  handle<P = any, R = any>(type: string, handler: Handler<P, R>): this;
  start(): Promise<this>;
  stop(options?: { grace?: number }): Promise<void>;
}

export declare class PermanentError extends Error {}
export declare class RetryLaterError extends Error {
  after: number;
  constructor(message: string, after: number);
}
export declare class StopReason extends Error {
  kind: 'cancelled' | 'timeout' | 'lost' | 'stopping';
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  errors?: { pointer?: string; parameter?: string; header?: string; path?: string; detail: string }[];
}

export declare class TickerQError extends Error {
  status: number;
  problem: Problem | null;
  retryAfter: number | null;
  get code(): string | null;
  get errors(): NonNullable<Problem['errors']>;
}
export declare class ConnectionError extends TickerQError {}
export declare class ValidationError extends TickerQError {}
export declare class AuthenticationError extends TickerQError {}
export declare class ForbiddenError extends TickerQError {}
export declare class NotFoundError extends TickerQError {}
export declare class ConflictError extends TickerQError {}
export declare class PreconditionFailedError extends TickerQError {}
export declare class TooLargeError extends TickerQError {}
export declare class IdempotencyMismatchError extends TickerQError {}
export declare class RateLimitedError extends TickerQError {}
export declare class UnavailableError extends TickerQError {}
export declare class ServerError extends TickerQError {}

export declare function verifyWebhook(body: string | ArrayBuffer | Uint8Array, signature: string | null | undefined, secret: string): Promise<boolean>;
export declare function verifyStandardWebhook(
  body: string | ArrayBuffer | Uint8Array,
  headers: Headers | Record<string, string | string[] | undefined>,
  secret: string,
  options?: { tolerance?: number; now?: number },
): Promise<boolean>;
export declare function timeSpan(milliseconds: number): string;
export declare function milliseconds(text: string): number;
