// The client: one method for each operation of the REST API.

import { UnavailableError } from './errors.js';
import { Http } from './http.js';
import { Subscription } from './subscription.js';

const at = (...parts) => parts.map((part) => `/${encodeURIComponent(part)}`).join('');
const ifMatch = (revision) => (revision === undefined || revision === null ? {} : { 'if-match': `"${revision}"` });

/** A duration in milliseconds in the server's notation: `[d.]hh:mm:ss[.fffffff]`. */
export function timeSpan(milliseconds) {
  const ticks = Math.round(Math.abs(milliseconds) * 10_000);
  const pad = (number, length = 2) => String(number).padStart(length, '0');
  const seconds = Math.floor(ticks / 10_000_000);
  const rest = ticks % 10_000_000;
  const days = Math.floor(seconds / 86_400);
  const sign = milliseconds < 0 ? '-' : '';
  const clock = [Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  return `${sign}${days > 0 ? `${days}.` : ''}${clock.map((part) => pad(part)).join(':')}${rest > 0 ? `.${pad(rest, 7)}` : ''}`;
}

/** The milliseconds of a duration in the server's notation. */
export function milliseconds(text) {
  const match = /^(-?)(?:(\d+)\.)?(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7}))?$/.exec(text);
  if (match === null) throw new RangeError(`'${text}' is not a duration`);
  const [, sign, days = '0', hours, minutes, seconds, fraction = '0'] = match;
  const whole = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return (sign === '-' ? -1 : 1) * (whole * 1000 + Number(`0.${fraction}`) * 1000);
}

/** Converts durations in milliseconds to the server's notation. */
function withDurations(options) {
  const given = { ...options };
  for (const name of ['delay', 'timeout', 'retryDelay', 'retryAfter', 'overlap', 'grace']) {
    if (typeof given[name] === 'number') given[name] = timeSpan(given[name]);
  }
  if (given.retryPolicy) given.retryPolicy = withDurations(given.retryPolicy);
  if (Array.isArray(given.retryIntervals)) {
    given.retryIntervals = given.retryIntervals.map((wait) => (typeof wait === 'number' ? timeSpan(wait) : wait));
  }
  return given;
}

/** A client of one server. `timeout` and all other times are in milliseconds. */
export class TickerQClient {
  #http;
  #subscriptions = new Set();

  constructor(baseUrl, apiKey, options = {}) {
    this.baseUrl = baseUrl;
    this.apiKey = apiKey;
    this.#http = new Http(baseUrl, apiKey, options);
  }

  /** The URL of the API, with its base path. */
  get root() {
    return this.#http.root;
  }

  /** Sends any request, for operations without a method. Returns `{status, headers, data}`. */
  request(method, path, options) {
    return this.#http.request(method, path, options);
  }

  async #send(method, path, options) {
    return (await this.#http.request(method, path, options)).data;
  }

  #create(path, body, { idempotencyKey = crypto.randomUUID(), signal } = {}) {
    return this.#send('POST', path, { body, signal, headers: { 'idempotency-key': `"${idempotencyKey}"` } });
  }

  // Jobs

  getJobs(filter = {}) {
    return this.#send('GET', '/jobs', { query: filter });
  }

  /** All jobs that match a filter, newest first; pages are fetched as needed. */
  async *jobs(filter = {}) {
    let after;
    do {
      const page = await this.getJobs({ limit: 200, ...filter, after });
      yield* page.jobs;
      after = page.hasMore ? page.jobs.at(-1)?.id : undefined;
    } while (after !== undefined);
  }

  scheduleJob(jobType, parameters, options = {}) {
    const { idempotencyKey, signal, ...rest } = options;
    return this.#create('/jobs', { type: jobType, parameters, ...withDurations(rest) }, { idempotencyKey, signal });
  }

  scheduleJobs(jobs, { idempotencyKey, signal } = {}) {
    return this.#create('/jobs/batch', { jobs: jobs.map(withDurations) }, { idempotencyKey, signal });
  }

  getJob(id) {
    return this.#send('GET', `/jobs${at(id)}`);
  }

  /** Numbers of the matching jobs by the values of fields: `status`, `type`, `queue`, `priority`, `tag`. */
  async countJobs(by, filter = {}) {
    return (await this.#send('GET', '/jobs/facets', { query: { ...filter, by: [by].flat().join(',') } })).facets;
  }

  /** The reasons why a job does not run, or its state. */
  explainJob(id) {
    return this.#send('GET', `/jobs${at(id)}/explain`);
  }

  /** Waits until a job has finished, and returns it; fails after `timeout` milliseconds. */
  async waitForJob(id, { timeout = 300_000, interval = 250, signal } = {}) {
    const end = Date.now() + timeout;
    for (;;) {
      const job = await this.getJob(id);
      if (['completed', 'failed', 'cancelled'].includes(job.status)) return job;
      if (Date.now() + interval > end) throw new Error(`job ${id} is still ${job.status} after ${timeout} ms`);
      await new Promise((resolve) => setTimeout(resolve, interval));
      signal?.throwIfAborted();
    }
  }

  /** Jobs that have changed since a cursor (`after`), if the server keeps a change feed. */
  getJobChanges({ after, limit } = {}) {
    return this.#send('GET', '/jobs/changes', { query: { after, limit } });
  }

  updateJob(id, changes, { revision } = {}) {
    return this.#send('PATCH', `/jobs${at(id)}`, { body: withDurations(changes), headers: ifMatch(revision) });
  }

  async deleteJob(id, { revision } = {}) {
    await this.#send('DELETE', `/jobs${at(id)}`, { headers: ifMatch(revision) });
  }

  executeJob(id, { revision, ...options } = {}) {
    return this.#send('POST', `/jobs${at(id)}/execute`, { body: withDurations(options), headers: ifMatch(revision) });
  }

  /** Cancels a pending job, or requests that a running one stops: then `cancelRequested` is true. */
  cancelJob(id, { revision } = {}) {
    return this.#send('POST', `/jobs${at(id)}/cancel`, { headers: ifMatch(revision) });
  }

  retryJob(id, { resetRetryCount = false, revision } = {}) {
    return this.#send('POST', `/jobs${at(id)}/retry`, { body: { resetRetryCount }, headers: ifMatch(revision) });
  }

  // Recurring jobs

  getRecurringJobs(page = {}) {
    return this.#send('GET', '/jobs/recurring', { query: page });
  }

  /** The next times of a cron expression, with notes on clock changes. */
  previewSchedule(cronExpression, options = {}) {
    return this.#send('GET', '/jobs/recurring/preview', { query: { cronExpression, ...options } });
  }

  /** The future due times of all recurring jobs, by hour and queue. */
  getUpcoming(range = {}) {
    return this.#send('GET', '/jobs/recurring/upcoming', { query: range });
  }

  scheduleRecurringJob(recurring, { idempotencyKey, signal } = {}) {
    return this.#create('/jobs/recurring', withDurations(recurring), { idempotencyKey, signal });
  }

  getRecurringJob(id) {
    return this.#send('GET', `/jobs/recurring${at(id)}`);
  }

  replaceRecurringJob(id, recurring, { revision } = {}) {
    const body = withDurations(recurring);
    return this.#send('PUT', `/jobs/recurring${at(id)}`, { body, headers: ifMatch(revision) });
  }

  updateRecurringJob(id, changes, { revision } = {}) {
    const body = withDurations(changes);
    return this.#send('PATCH', `/jobs/recurring${at(id)}`, { body, headers: ifMatch(revision) });
  }

  async deleteRecurringJob(id, { revision } = {}) {
    await this.#send('DELETE', `/jobs/recurring${at(id)}`, { headers: ifMatch(revision) });
  }

  getRecurringJobByKey(key) {
    return this.#send('GET', `/jobs/recurring/by-key${at(key)}`);
  }

  /** Creates the recurring job with this key, or replaces it: a repeated deployment creates no second one. */
  putRecurringJobByKey(key, recurring, { revision } = {}) {
    const body = withDurations(recurring);
    return this.#send('PUT', `/jobs/recurring/by-key${at(key)}`, { body, headers: ifMatch(revision) });
  }

  async deleteRecurringJobByKey(key, { revision } = {}) {
    await this.#send('DELETE', `/jobs/recurring/by-key${at(key)}`, { headers: ifMatch(revision) });
  }

  enableRecurringJob(id, { revision } = {}) {
    return this.#send('POST', `/jobs/recurring${at(id)}/enable`, { headers: ifMatch(revision), safe: true });
  }

  disableRecurringJob(id, { revision } = {}) {
    return this.#send('POST', `/jobs/recurring${at(id)}/disable`, { headers: ifMatch(revision), safe: true });
  }

  /** Creates one occurrence of a recurring job now, and returns it. */
  triggerRecurringJob(id, { revision } = {}) {
    return this.#send('POST', `/jobs/recurring${at(id)}/trigger`, { headers: ifMatch(revision) });
  }

  // Queues

  async getQueues({ overview } = {}) {
    return (await this.#send('GET', '/queues', { query: { overview } })).queues;
  }

  getQueue(name, { overview } = {}) {
    return this.#send('GET', `/queues${at(name)}`, { query: { overview } });
  }

  /** The reasons why the pending jobs of a queue do not run, with their numbers of jobs. */
  explainQueue(name) {
    return this.#send('GET', `/queues${at(name)}/explain`);
  }

  pauseQueue(name) {
    return this.#send('POST', `/queues${at(name)}/pause`, { safe: true });
  }

  resumeQueue(name) {
    return this.#send('POST', `/queues${at(name)}/resume`, { safe: true });
  }

  /** Deletes the pending jobs of a queue, the failed ones, or both; the pending ones by default. */
  clearQueue(name, which = {}) {
    return this.#send('POST', `/queues${at(name)}/clear`, { body: which });
  }

  /** Deletes a queue that has no unfinished jobs and is not configured. */
  async deleteQueue(name) {
    await this.#send('DELETE', `/queues${at(name)}`);
  }

  // Metrics

  getSystemMetrics() {
    return this.#send('GET', '/metrics/system');
  }

  getPerformanceMetrics(period = {}) {
    return this.#send('GET', '/metrics/performance', { query: period });
  }

  async getJobTypeMetrics(period = {}) {
    return (await this.#send('GET', '/metrics/job-types', { query: period })).jobTypes;
  }

  getActivity(series = {}) {
    return this.#send('GET', '/metrics/activity', { query: series });
  }

  getDurations(period = {}) {
    return this.#send('GET', '/metrics/durations', { query: period });
  }

  async getFailures(filter = {}) {
    return (await this.#send('GET', '/metrics/failures', { query: filter })).failures;
  }

  getFailure(fingerprint, period = {}) {
    return this.#send('GET', `/metrics/failures${at(fingerprint)}`, { query: period });
  }

  // The server

  getMe() {
    return this.#send('GET', '/me');
  }

  getServer() {
    return this.#send('GET', '/server');
  }

  async getNodes() {
    return (await this.#send('GET', '/nodes')).nodes;
  }

  /** Drains a node: it starts no new jobs until it is resumed or restarted; its running jobs continue. */
  drainNode(id) {
    return this.#send('POST', `/nodes${at(id)}/drain`, { safe: true });
  }

  /** Resumes a node that drains. */
  resumeNode(id) {
    return this.#send('POST', `/nodes${at(id)}/resume`, { safe: true });
  }

  // Bulk operations

  /** Counts the jobs that an operation would change, and returns a token that starts it. `spec`: `queue`, `priority`, `resetRetryCount`. */
  previewOperation(kind, filter, { all, ...spec } = {}) {
    return this.#send('POST', '/operations/preview', { body: { kind, filter, all, spec }, safe: true });
  }

  /** Starts a previewed operation. */
  startOperation(token, options = {}) {
    return this.#send('POST', '/operations', { body: { token, ...withDurations(options) }, safe: true });
  }

  getOperations(page = {}) {
    return this.#send('GET', '/operations', { query: page });
  }

  getOperation(id) {
    return this.#send('GET', `/operations${at(id)}`);
  }

  pauseOperation(id) {
    return this.#send('POST', `/operations${at(id)}/pause`, { safe: true });
  }

  resumeOperation(id) {
    return this.#send('POST', `/operations${at(id)}/resume`, { safe: true });
  }

  /** Ends an operation; changed jobs stay as they are. */
  cancelOperation(id) {
    return this.#send('POST', `/operations${at(id)}/cancel`, { safe: true });
  }

  /** Starts the operation that restores what another one has replaced. */
  undoOperation(id) {
    return this.#send('POST', `/operations${at(id)}/undo`);
  }

  async getLogLevel() {
    return (await this.#send('GET', '/log-level')).level;
  }

  async setLogLevel(level) {
    return (await this.#send('PUT', '/log-level', { body: { level } })).level;
  }

  async getWorkers() {
    return (await this.#send('GET', '/workers')).workers;
  }

  getWorker(id) {
    return this.#send('GET', `/workers${at(id)}`);
  }

  getAudit(filter = {}) {
    return this.#send('GET', '/audit', { query: filter });
  }

  /** Liveness: `{status}`. */
  getHealth() {
    return this.#send('GET', '/healthz', { atBase: true });
  }

  /** Readiness and the reasons against it; also succeeds while the server is unhealthy. */
  async getReadiness() {
    try {
      return await this.#send('GET', '/readyz', { atBase: true, retries: 0 });
    } catch (error) {
      if (error instanceof UnavailableError && error.problem?.systemHealth !== undefined) return error.problem;
      throw error;
    }
  }

  // Webhooks

  async getWebhookEndpoints() {
    return (await this.#send('GET', '/webhooks/endpoints')).endpoints;
  }

  /** Creates an endpoint: `{url, events, …}`. Only this response contains its `secret`. */
  createWebhookEndpoint(endpoint) {
    return this.#send('POST', '/webhooks/endpoints', { body: withDurations(endpoint) });
  }

  getWebhookEndpoint(id) {
    return this.#send('GET', `/webhooks/endpoints${at(id)}`);
  }

  updateWebhookEndpoint(id, changes, { revision } = {}) {
    const body = withDurations(changes);
    return this.#send('PATCH', `/webhooks/endpoints${at(id)}`, { body, headers: ifMatch(revision) });
  }

  async deleteWebhookEndpoint(id, { revision } = {}) {
    await this.#send('DELETE', `/webhooks/endpoints${at(id)}`, { headers: ifMatch(revision) });
  }

  enableWebhookEndpoint(id, { revision } = {}) {
    return this.#send('POST', `/webhooks/endpoints${at(id)}/enable`, { headers: ifMatch(revision), safe: true });
  }

  disableWebhookEndpoint(id, { revision } = {}) {
    return this.#send('POST', `/webhooks/endpoints${at(id)}/disable`, { headers: ifMatch(revision), safe: true });
  }

  /** Replaces an endpoint's secret; the old one remains valid for `overlap`. The response contains the new `secret`. */
  rotateWebhookSecret(id, { revision, ...options } = {}) {
    const body = withDurations(options);
    return this.#send('POST', `/webhooks/endpoints${at(id)}/rotate-secret`, { body, headers: ifMatch(revision) });
  }

  /** Sends a test message to an endpoint. */
  testWebhookEndpoint(id) {
    return this.#send('POST', `/webhooks/endpoints${at(id)}/test`);
  }

  getWebhookDeliveries(endpointId, filter = {}) {
    return this.#send('GET', `/webhooks/endpoints${at(endpointId)}/deliveries`, { query: filter });
  }

  getWebhookDelivery(id) {
    return this.#send('GET', `/webhooks/deliveries${at(id)}`);
  }

  /** Sends one delivery again. */
  redeliverWebhook(deliveryId) {
    return this.#send('POST', `/webhooks/deliveries${at(deliveryId)}/redeliver`);
  }

  /** Sends all failed deliveries of an endpoint since a time again. */
  redeliverFailedWebhooks(endpointId, since) {
    return this.#send('POST', `/webhooks/endpoints${at(endpointId)}/redeliver`, { body: { since } });
  }

  // The worker protocol, used by `Worker`

  registerWorker(declaration, options) {
    return this.#send('POST', '/workers', { body: declaration, ...options });
  }

  async leaseJobs(worker, { max, wait = 0, ...options } = {}) {
    const span = typeof wait === 'number' ? timeSpan(wait) : wait;
    const timeout = milliseconds(span) + 30_000;
    return (await this.#send('POST', `/workers${at(worker)}/lease`, { body: { max, wait: span }, timeout, ...options })).jobs;
  }

  heartbeat(worker, jobs = [], options) {
    return this.#send('POST', `/workers${at(worker)}/heartbeat`, { body: { jobs }, safe: true, ...options });
  }

  completeJobs(worker, jobs, options) {
    return this.#send('POST', `/workers${at(worker)}/complete`, { body: { jobs }, safe: true, ...options });
  }

  failJobs(worker, jobs, options) {
    return this.#send('POST', `/workers${at(worker)}/fail`, { body: { jobs: jobs.map(withDurations) }, safe: true, ...options });
  }

  async removeWorker(worker, options) {
    await this.#send('DELETE', `/workers${at(worker)}`, options);
  }

  // Live updates

  /** Subscribes to live updates. `handlers` are called with the data of each message, by its type. */
  subscribe(topics, handlers = {}, options = {}) {
    const subscription = new Subscription(this.root, this.apiKey, topics, handlers, options, () => {
      this.#subscriptions.delete(subscription);
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Closes the subscriptions of this client. Requests can still be made. */
  close() {
    for (const subscription of [...this.#subscriptions]) subscription.close();
  }
}
