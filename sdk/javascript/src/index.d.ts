// The types of the client and the worker. The API's objects are generated: see schemas.d.ts.

import type * as Api from './schemas.js';

export type { Api };
export type {
  AuditFilter, AuditList, AuditRecord, ClearedQueue, CompletedJob, DeliveryFilter, Duration, EndedJobs, FailedJob, HealthView, HeldJob,
  Heartbeat, JobChange, JobChanges, JobFilter, JobItem, JobUpdate, LogLine, NewJob, Node, PerformanceFilter, PerformanceMetrics, PeriodFilter,
  Progress, Queue, RecurringJob, RecurringOptions, RecurringUpdate, SystemOverview, WebhookDelivery, WebhookDeliveryList, WebhookEndpoint,
  WebhookEndpointOptions, WebhookEndpointUpdate, WebhookTest,
} from './schemas.js';

export type JobStatus = Api.JobItem['status'];
export type Priority = Api.JobItem['priority'];
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Attempt = Api.Attempt;
export type JobPage = Api.JobList;
export type WorkerInfo = Api.Worker;
export type JobTypeMetrics = Api.JobTypeMetrics;

export interface Job<P = any, R = any> extends Omit<Api.Job, 'parameters' | 'result'> {
  parameters: P;
  result: R | null;
}

export interface LeasedJob<P = any> extends Omit<Api.LeasedJob, 'parameters'> {
  parameters: P;
}

export interface JobOptions extends Api.JobOptions {
  /** Makes it a recurring job. */
  cronExpression?: string | null;
}

export interface NewRecurringJob extends Api.RecurringOptions {
  type: string;
  cronExpression: string;
}

export interface NewWebhookEndpoint extends Api.WebhookEndpointOptions {
  url: string;
}

export interface ClientOptions {
  /** `/api/tickerq` by default. */
  basePath?: string;
  /** How often a request is retried; 3 by default. */
  retries?: number;
  /** The limit of one request, in milliseconds; 30,000 by default. */
  timeout?: number;
  fetch?: typeof fetch;
}

export interface RequestOptions {
  query?: Record<string, unknown>;
  body?: unknown;
  /** A body that is JSON already. */
  text?: string;
  headers?: Record<string, string>;
  /** Whether it may be retried after a lost response. */
  safe?: boolean;
  /** In milliseconds. */
  timeout?: number;
  retries?: number;
  signal?: AbortSignal;
  /** Whether the path is beside the API, such as `/healthz`. */
  atBase?: boolean;
}

export interface Once {
  /** Requests with the same key take effect once; by default each call has its own. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

/** What an operation changes, and whether an empty filter selects all jobs. */
export interface OperationOptions extends Api.OperationSpec {
  all?: boolean;
}

export interface IfRevision {
  /** Fails unless this is still the revision. */
  revision?: number;
}

export declare class TickerQClient {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly root: string;
  constructor(baseUrl: string, apiKey?: string, options?: ClientOptions);
  request<T = any>(method: string, path: string, options?: RequestOptions): Promise<{ status: number; headers: Headers; data: T }>;
  /** Closes the subscriptions of this client. */
  close(): void;

  getJobs(filter?: Api.JobFilter): Promise<JobPage>;
  jobs(filter?: Api.JobFilter): AsyncGenerator<Api.JobItem>;
  scheduleJob(jobType: string, parameters: unknown, options: JobOptions & Once & { cronExpression: string }): Promise<Api.RecurringJob>;
  scheduleJob<P = any, R = any>(jobType: string, parameters?: P, options?: JobOptions & Once): Promise<Job<P, R>>;
  /** All or none. `missing`: with a repeated `idempotencyKey`, the jobs that have been removed since. */
  scheduleJobs(jobs: Api.NewJob[], options?: Once): Promise<Api.Batch>;
  getJob<P = any, R = any>(id: string): Promise<Job<P, R>>;
  /** Numbers of the matching jobs by the values of fields: `status`, `type`, `queue`, `priority`, `tag`. */
  countJobs(by: string | string[], filter?: Api.JobFilter): Promise<Api.JobFacet[]>;
  explainJob(id: string): Promise<Api.Explanation>;
  /** `timeout` and `interval` are milliseconds: 300,000 and 250 by default. */
  waitForJob<P = any, R = any>(id: string, options?: { timeout?: number; interval?: number; signal?: AbortSignal }): Promise<Job<P, R>>;
  getJobChanges(page?: { after?: string; limit?: number }): Promise<Api.JobChanges>;
  updateJob(id: string, changes: Api.JobUpdate, options?: IfRevision): Promise<Job>;
  deleteJob(id: string, options?: IfRevision): Promise<void>;
  executeJob(id: string, options?: IfRevision & Api.ExecuteRequest): Promise<Job>;
  cancelJob(id: string, options?: IfRevision): Promise<Job>;
  retryJob(id: string, options?: IfRevision & { resetRetryCount?: boolean }): Promise<Job>;

  getRecurringJobs(page?: Api.RecurringFilter): Promise<Api.RecurringListView>;
  previewSchedule(cronExpression: string, options?: Api.PreviewOptions): Promise<Api.SchedulePreview>;
  getUpcoming(range?: Api.UpcomingFilter): Promise<Api.Upcoming>;
  scheduleRecurringJob(recurring: NewRecurringJob, options?: Once): Promise<Api.RecurringJob>;
  getRecurringJob(id: string): Promise<Api.RecurringJob>;
  replaceRecurringJob(id: string, recurring: NewRecurringJob, options?: IfRevision): Promise<Api.RecurringJob>;
  updateRecurringJob(id: string, changes: Api.RecurringUpdate, options?: IfRevision): Promise<Api.RecurringJob>;
  deleteRecurringJob(id: string, options?: IfRevision): Promise<void>;
  getRecurringJobByKey(key: string): Promise<Api.RecurringJob>;
  putRecurringJobByKey(key: string, recurring: NewRecurringJob, options?: IfRevision): Promise<Api.RecurringJob>;
  deleteRecurringJobByKey(key: string, options?: IfRevision): Promise<void>;
  enableRecurringJob(id: string, options?: IfRevision): Promise<Api.RecurringJob>;
  disableRecurringJob(id: string, options?: IfRevision): Promise<Api.RecurringJob>;
  triggerRecurringJob(id: string, options?: IfRevision): Promise<Job>;

  /** All queues, with their states for operators if `overview` is true. */
  getQueues(options?: { overview?: boolean }): Promise<Api.Queue[]>;
  getQueue(name: string, options?: { overview?: boolean }): Promise<Api.Queue>;
  explainQueue(name: string): Promise<Api.QueueExplanation>;
  pauseQueue(name: string): Promise<Api.Queue>;
  resumeQueue(name: string): Promise<Api.Queue>;
  clearQueue(name: string, which?: Api.ClearRequest): Promise<Api.ClearedQueue>;
  /** Deletes a queue that has no unfinished jobs and is not configured. */
  deleteQueue(name: string): Promise<void>;

  getSystemMetrics(): Promise<Api.SystemOverview>;
  getPerformanceMetrics(period?: Api.PerformanceFilter): Promise<Api.PerformanceMetrics>;
  getJobTypeMetrics(period?: Api.PeriodFilter): Promise<Api.JobTypeMetrics[]>;
  getActivity(series?: Api.ActivityFilter): Promise<Api.ActivitySeries>;
  getDurations(period?: Api.PeriodFilter): Promise<Api.DurationDistribution>;
  getFailures(filter?: Api.FailuresFilter): Promise<Api.Failure[]>;
  getFailure(fingerprint: string, period?: Api.FailureFilter): Promise<Api.FailureDetail>;

  getMe(): Promise<Api.Me>;
  getServer(): Promise<Api.ServerInfo>;
  getNodes(): Promise<Api.Node[]>;
  /** Drains a node: it starts no new jobs until it is resumed or restarted; its running jobs continue. */
  drainNode(id: string): Promise<Api.Node>;
  /** Resumes a node that drains. */
  resumeNode(id: string): Promise<Api.Node>;
  /** Counts the jobs that an operation would change, and returns a token that starts it. */
  previewOperation(kind: string, filter: string, options?: OperationOptions): Promise<Api.OperationPreview>;
  /** Starts a previewed operation. */
  startOperation(token: string, options?: { grace?: Api.Duration; note?: string }): Promise<Api.Operation>;
  getOperations(page?: Api.OperationFilter): Promise<Api.OperationList>;
  getOperation(id: string): Promise<Api.Operation>;
  pauseOperation(id: string): Promise<Api.Operation>;
  resumeOperation(id: string): Promise<Api.Operation>;
  /** Ends an operation; changed jobs stay as they are. */
  cancelOperation(id: string): Promise<Api.Operation>;
  /** Starts the operation that restores what another one has replaced. */
  undoOperation(id: string): Promise<Api.Operation>;
  getLogLevel(): Promise<string>;
  setLogLevel(level: string): Promise<string>;
  getAudit(filter?: Api.AuditFilter): Promise<Api.AuditList>;
  getHealth(): Promise<Api.HealthView>;
  getReadiness(): Promise<Api.HealthView>;

  getWebhookEndpoints(): Promise<Api.WebhookEndpoint[]>;
  createWebhookEndpoint(endpoint: NewWebhookEndpoint): Promise<Api.WebhookEndpoint>;
  getWebhookEndpoint(id: string): Promise<Api.WebhookEndpoint>;
  updateWebhookEndpoint(id: string, changes: Api.WebhookEndpointUpdate, options?: IfRevision): Promise<Api.WebhookEndpoint>;
  deleteWebhookEndpoint(id: string, options?: IfRevision): Promise<void>;
  enableWebhookEndpoint(id: string, options?: IfRevision): Promise<Api.WebhookEndpoint>;
  disableWebhookEndpoint(id: string, options?: IfRevision): Promise<Api.WebhookEndpoint>;
  rotateWebhookSecret(id: string, options?: IfRevision & Api.RotateSecretRequest): Promise<Api.WebhookEndpoint>;
  testWebhookEndpoint(id: string): Promise<Api.WebhookTest>;
  getWebhookDeliveries(endpointId: string, filter?: Api.DeliveryFilter): Promise<Api.WebhookDeliveryList>;
  getWebhookDelivery(id: string): Promise<Api.WebhookDelivery>;
  redeliverWebhook(deliveryId: string): Promise<Api.WebhookDelivery>;
  redeliverFailedWebhooks(endpointId: string, since: string | Date): Promise<Api.RedeliveredView>;

  getWorkers(): Promise<WorkerInfo[]>;
  getWorker(id: string): Promise<WorkerInfo>;
  registerWorker(declaration: Api.WorkerRequest, options?: RequestOptions): Promise<WorkerInfo>;
  leaseJobs(worker: string, options?: RequestOptions & { max?: number; wait?: Api.Duration }): Promise<LeasedJob[]>;
  heartbeat(worker: string, jobs?: Api.HeldJob[], options?: RequestOptions): Promise<Api.Heartbeat>;
  completeJobs(worker: string, jobs: Api.CompletedJob[], options?: RequestOptions): Promise<Api.EndedJobs>;
  failJobs(worker: string, jobs: Api.FailedJob[], options?: RequestOptions): Promise<Api.EndedJobs>;
  removeWorker(worker: string, options?: RequestOptions): Promise<void>;

  subscribe(topics: Topic | Topic[], handlers?: Handlers, options?: SubscribeOptions): Subscription;
}

export type Topic = 'job-status' | 'queue-metrics' | 'system-health';

export interface JobStatusChange extends Omit<Api.JobItem, 'id' | 'status'> {
  event: string;
  status: JobStatus | 'deleted';
}

export interface Message {
  type: string;
  timestamp: string;
  data: any;
}

export interface Handlers {
  /** Subscribed, also after a reconnect: events in between were missed. */
  connected?(data: { topics: Topic[] }): void;
  disconnected?(why: { code: number; reason: string }): void;
  /**
   * A message of type `error`, or the error that has ended the subscription: a handshake or a topic that the server has
   * refused, as a `TickerQError`.
   */
  error?(error: any): void;
  /** The number of events that were dropped because this client was too slow. */
  lagged?(data: { missed: number }): void;
  'job-status-changed'?(data: JobStatusChange, message: Message): void;
  'job-progress'?(data: { jobId: string; type: string; queue: string; attempt: number; progress: Api.Progress | null; log: Api.LogLine[] }, message: Message): void;
  'queue-metrics-updated'?(data: Api.Queue, message: Message): void;
  'system-health-alert'?(data: { status: string; previousStatus: string; previousSince: string; reasons: { code: string; message: string }[] }, message: Message): void;
  /** Every message. */
  '*'?(message: Message): void;
}

export interface SubscribeOptions {
  filter?: { jobId?: string | string[]; queue?: string | string[]; type?: string | string[] };
  WebSocket?: unknown;
  /** The wait before a reconnect, in milliseconds, by the number of tries. */
  reconnectAfter?(tries: number): number;
  /** The silence after which the connection is checked, in milliseconds; 30,000 by default. */
  pingInterval?: number;
  /** Receives failed connections; `console` by default, `null` for none. */
  logger?: { info?(text: string): void; warn?(text: string): void; error?(text: string): void } | null;
}

export declare class Subscription {
  /** The rejection that has ended the subscription. */
  readonly error: Error | null;
  close(): void;
}

export interface JobContext<P = any> {
  job: LeasedJob<P>;
  /** Aborted, with a `StopReason`, when the job should stop. */
  signal: AbortSignal;
  /** From 0 to 100; other numbers are clamped, `NaN` and infinity are ignored. */
  progress(percent: number, message?: string): void;
  log: Record<'debug' | 'info' | 'warning' | 'error', (message: unknown) => void>;
}

export type Handler<P = any, R = any> = (parameters: P, context: JobContext<P>) => R | Promise<R>;

export interface WorkerOptions {
  name?: string;
  /** The queues to lease jobs from; all by default. */
  queues?: string[];
  /** The number of jobs that run at the same time; 10 by default. */
  concurrency?: number;
  handlers?: Record<string, Handler>;
  /** Called with each failed request, which is retried. */
  onError?(error: Error): void;
  /** In milliseconds; the server's interval by default. */
  heartbeatEvery?: number;
  /** Receives failed requests and errors of handlers; `console` by default, `null` for none. */
  logger?: { info?(text: string): void; warn?(text: string): void; error?(text: string, ...more: unknown[]): void } | null;
  /** Whether `stop` leaves the subscriptions of the client open; `false` by default. */
  keepSubscriptions?: boolean;
}

export declare class Worker {
  readonly id: string | null;
  constructor(client: TickerQClient, options?: WorkerOptions);
  handle<P = any, R = any>(type: string, handler: Handler<P, R>): this;
  /** Registers and starts. Waits for an unreachable server; `stop` ends the wait. */
  start(): Promise<this>;
  /** `grace` is in milliseconds; 30,000 by default. */
  stop(options?: { grace?: number }): Promise<void>;
}

export declare class PermanentError extends Error {}
/** The next attempt waits for so long, in place of the job's `retryDelay`. */
export declare class RetryLaterError extends Error {
  /** In milliseconds. */
  after: number;
  /** The wait before the next attempt, in milliseconds: at most ten years. */
  constructor(after: number, message?: string);
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
  /** In milliseconds. */
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
  /** In milliseconds. */
  options?: { tolerance?: number; now?: number },
): Promise<boolean>;
export declare function timeSpan(milliseconds: number): string;
export declare function milliseconds(text: string): number;
