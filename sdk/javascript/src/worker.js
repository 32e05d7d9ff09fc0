// A worker: leases jobs, runs them with functions of this program, and reports their results.

import { milliseconds, timeSpan } from './client.js';
import { ConflictError, ConnectionError, NotFoundError, RateLimitedError, TickerQError } from './errors.js';
import { backoff, sleep } from './http.js';

const LEASE_WAIT = 30_000;
const REPORTS_MAX = 1000;
const REPORT_TRIES = 20;
const LOG_LINES_MAX = 200;

/** Throw it in a handler when another attempt can't help: the job fails permanently. */
export class PermanentError extends Error {}

/**
 * Throw it in a handler to set the wait before the next attempt: `new RetryLaterError(1500)` or
 * `new RetryLaterError('rate limited', 1500)`, in milliseconds.
 */
export class RetryLaterError extends Error {
  constructor(...given) {
    const [message, after] = typeof given[0] === 'number' ? [given[1] ?? `retry after ${given[0]} ms`, given[0]] : given;
    super(message);
    if (!Number.isFinite(after)) throw new RangeError(`after must be a number of milliseconds, not ${after}`);
    /** In milliseconds. */
    this.after = Math.max(0, after);
  }
}

/** The reason of a handler's `signal`: `cancelled`, `timeout`, `lost` or `stopping`. */
export class StopReason extends Error {
  constructor(kind) {
    super(`the job should stop: ${kind}`);
    this.kind = kind;
  }
}

class Running {
  constructor(job) {
    this.job = job;
    this.stop = new AbortController();
    this.progress = undefined;
    this.log = [];
  }

  get held() {
    const { jobId, leaseToken } = this.job;
    return { jobId, leaseToken };
  }

  /** Progress and log lines since the last report. */
  report() {
    const report = this.held;
    if (this.progress !== undefined) report.progress = this.progress;
    if (this.log.length > 0) report.log = this.log.splice(0);
    this.progress = undefined;
    return report;
  }

  hasNews() {
    return this.progress !== undefined || this.log.length > 0;
  }

  context() {
    const log = (level) => (message) => {
      this.log.push({ at: new Date().toISOString(), level, message: String(message) });
      if (this.log.length > LOG_LINES_MAX) this.log.shift();
    };
    return {
      job: this.job,
      signal: this.stop.signal,
      progress: (percent, message) => {
        this.progress = { percent, ...(message === undefined ? {} : { message }) };
      },
      log: { debug: log('debug'), info: log('info'), warning: log('warning'), error: log('error') },
    };
  }
}

export class Worker {
  #client;
  #options;
  #handlers = new Map();
  #id = null;
  #running = new Map();
  #results = [];
  #sending = null;
  #stopping = new AbortController();
  #free = null;
  #loops = null;
  #starting = null;
  #beatEvery = 5000;
  #beating = Promise.resolve();
  #trouble = null;
  #refused = '';

  constructor(client, options = {}) {
    const { name, queues = [], concurrency = 10, handlers = {}, onError = () => {}, heartbeatEvery, logger = console } = options;
    this.#client = client;
    this.#options = {
      name: name ?? `worker-${crypto.randomUUID().slice(0, 8)}`,
      queues,
      concurrency,
      onError,
      heartbeatEvery,
      logger: logger ?? { info() {}, warn() {}, error() {} },
      keepSubscriptions: options.keepSubscriptions ?? false,
    };
    for (const [type, handler] of Object.entries(handlers)) this.handle(type, handler);
  }

  /** Registers a function for a job type. It receives the parameters and a context; its return value is the result. */
  handle(type, handler) {
    this.#handlers.set(type, handler);
    return this;
  }

  /** The id of this run of the worker; `null` before it is registered. */
  get id() {
    return this.#id;
  }

  /** Registers and starts to work. Waits for a server that is not reachable yet; `stop` ends the wait. */
  start() {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start() {
    const { signal } = this.#stopping;
    for (let tries = 0; !signal.aborted; tries += 1) {
      try {
        await this.#register(signal);
        this.#recovered();
        this.#loops = Promise.all([this.#leaseLoop(), this.#beatLoop()]);
        return this;
      } catch (error) {
        if (signal.aborted) break;
        if (!isTemporary(error)) throw error;
        this.#failed('could not register', error);
        await sleep(Math.max(backoff(tries), error.retryAfter ?? 0), signal).catch(() => {});
      }
    }
    return this;
  }

  /**
   * Leases no more jobs, waits `grace` milliseconds for those that run, releases the others, unregisters, and closes the
   * subscriptions of the client, unless `keepSubscriptions` is set.
   */
  async stop({ grace = 30_000 } = {}) {
    this.#stopping.abort(new StopReason('stopping'));
    await this.#starting?.catch(() => {});
    if (this.#loops !== null) {
      this.#free?.();
      const ended = Promise.all([...this.#running.values()].map(({ done }) => done));
      await within(ended, grace);
      for (const running of this.#running.values()) running.stop.abort(new StopReason('stopping'));
      await this.#allSent();
      await this.#loops;
      this.#loops = null;
      await this.#client.removeWorker(this.#id).catch((error) => this.#failed('could not unregister', error));
    }
    if (!this.#options.keepSubscriptions) this.#client.close();
  }

  /** Logs a failed request; one that repeats is logged once. */
  #failed(what, error) {
    const text = `worker ${this.#options.name}: ${what}: ${error.message}`;
    if (this.#trouble !== text) this.#options.logger.warn?.(text);
    this.#trouble = text;
    this.#options.onError(error);
  }

  #recovered() {
    if (this.#trouble !== null) this.#options.logger.info?.(`worker ${this.#options.name}: connected`);
    this.#trouble = null;
  }

  async #register(signal) {
    const { name, queues, concurrency, heartbeatEvery } = this.#options;
    const declaration = { name, types: [...this.#handlers.keys()], queues, concurrency };
    const worker = await this.#client.registerWorker(declaration, { retries: 0, signal });
    this.#id = worker.id;
    this.#beatEvery = heartbeatEvery ?? milliseconds(worker.heartbeatInterval);
  }

  async #leaseLoop() {
    const { signal } = this.#stopping;
    let tries = 0;
    while (!signal.aborted) {
      const max = Math.min(this.#options.concurrency - this.#running.size, 1000);
      if (max <= 0) {
        await new Promise((resolve) => {
          this.#free = resolve;
        });
        continue;
      }
      try {
        const jobs = await this.#client.leaseJobs(this.#id, { max, wait: LEASE_WAIT, signal, retries: 0 });
        for (const job of jobs) this.#run(job);
        this.#recovered();
        tries = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#failed('could not lease jobs', error);
        if (error instanceof NotFoundError || error instanceof ConflictError) await this.#beat();
        await sleep(Math.max(backoff(tries), error.retryAfter ?? 0), signal).catch(() => {});
        tries += 1;
      }
    }
  }

  async #beatLoop() {
    const { signal } = this.#stopping;
    while (!signal.aborted || this.#running.size > 0) {
      const stopped = signal.aborted ? undefined : signal;
      await sleep(Math.min(this.#beatEvery, signal.aborted ? 200 : Infinity), stopped).catch(() => {});
      if (signal.aborted && this.#running.size === 0) return;
      await this.#beat();
    }
  }

  /** Heartbeats carry progress and log, and are sent one after the other. */
  #inTurn(beat) {
    const turn = this.#beating.then(beat);
    this.#beating = turn.catch(() => {});
    return turn;
  }

  #beat() {
    return this.#inTurn(() => this.#beatAlone());
  }

  async #beatAlone() {
    const all = [...this.#running.values()];
    try {
      const reports = all.map((running) => running.report());
      const { cancelled, lost, refusedTypes } = await this.#client.heartbeat(this.#id, reports);
      for (const id of cancelled) this.#running.get(id)?.stop.abort(new StopReason('cancelled'));
      for (const id of lost) this.#lose(id);
      this.#noteRefused((refusedTypes ?? []).join(', '));
    } catch (error) {
      this.#failed('heartbeat failed', error);
      if (!(error instanceof NotFoundError) || this.#stopping.signal.aborted) return;
      // The server does not know this worker any more, nor its leases.
      for (const running of all) this.#lose(running.job.jobId);
      await this.#register().catch((failure) => this.#failed('could not register', failure));
    }
  }

  #noteRefused(types) {
    if (types !== '' && types !== this.#refused) {
      this.#options.logger.warn?.(`worker ${this.#options.name}: servers run jobs of ${types} and lease none of them`);
    }
    this.#refused = types;
  }

  #lose(id) {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.isLost = true;
    running.stop.abort(new StopReason('lost'));
    this.#options.logger.warn?.(`worker ${this.#options.name}: lost the lease of job ${id}`);
  }

  #run(job) {
    const running = new Running(job);
    this.#running.set(job.jobId, running);
    running.done = this.#attempt(running).then(async (result) => {
      if (!running.isLost) {
        // A heartbeat that carries its last lines must arrive before the result: afterwards the lease is gone.
        await this.#inTurn(() => (running.hasNews() ? this.#reportNow(running) : undefined));
        await this.#send(result);
      }
      this.#running.delete(job.jobId);
      this.#free?.();
      this.#free = null;
    });
  }

  async #reportNow(running) {
    const reports = [...this.#running.values()].map((other) => (other === running ? running.report() : other.held));
    await this.#client.heartbeat(this.#id, reports).catch((error) => this.#failed('heartbeat failed', error));
  }

  /** Runs one attempt; resolves with its result. */
  async #attempt(running) {
    const { job, stop, held } = running;
    const over = setTimeout(() => stop.abort(new StopReason('timeout')), Math.min(milliseconds(job.timeout), 2 ** 31 - 1));
    const stopped = new Promise((_, reject) => {
      stop.signal.addEventListener('abort', () => {
        // A handler that ignores its signal is abandoned after a second.
        setTimeout(() => reject(stop.signal.reason), 1000).unref?.();
      });
    });
    try {
      const handler = this.#handlers.get(job.type);
      const result = await Promise.race([(async () => handler(job.parameters, running.context()))(), stopped]);
      return { completed: { ...held, ...(result === undefined ? {} : { result }) } };
    } catch (error) {
      const kind = stop.signal.reason?.kind;
      if (kind === 'cancelled') return { failed: { ...held, outcome: 'cancelled' } };
      if (kind === 'stopping') return { failed: { ...held, outcome: 'released' } };
      const failure = { ...held, error: kind === 'timeout' ? `timed out after ${job.timeout}` : error?.message || String(error) };
      if (error?.stack && kind === undefined) failure.errorDetail = error.stack;
      if (error instanceof PermanentError) failure.retry = false;
      if (error instanceof RetryLaterError) failure.retryAfter = timeSpan(error.after);
      if (kind !== 'lost') this.#handlerFailed(job, kind === undefined ? error : failure.error);
      return { failed: failure };
    } finally {
      clearTimeout(over);
    }
  }

  #handlerFailed(job, error) {
    const { logger, name } = this.#options;
    if (error instanceof RetryLaterError) {
      logger.info?.(`worker ${name}: job ${job.jobId} (${job.type}) retries in ${error.after} ms: ${error.message}`);
      return;
    }
    logger.error?.(`worker ${name}: attempt ${job.attempt} of job ${job.jobId} (${job.type}) failed:`, error);
  }

  /** Sends a result, together with those of the same moment. */
  #send(result) {
    return new Promise((resolve) => {
      this.#results.push({ result, resolve });
      this.#sending ??= this.#sendAll();
    });
  }

  async #sendAll() {
    // Results of the same turn share a request.
    await new Promise((resolve) => setTimeout(resolve, 0));
    while (this.#results.length > 0) {
      const batch = this.#results.splice(0, REPORTS_MAX);
      const pick = (kind) => batch.map(({ result }) => result[kind]).filter((result) => result !== undefined);
      await Promise.all([
        this.#deliver((jobs) => this.#client.completeJobs(this.#id, jobs), pick('completed')),
        this.#deliver((jobs) => this.#client.failJobs(this.#id, jobs), pick('failed')),
      ]);
      for (const { resolve } of batch) resolve();
    }
    this.#sending = null;
  }

  async #deliver(send, jobs) {
    if (jobs.length === 0) return;
    for (let attempt = 0; attempt < REPORT_TRIES; attempt += 1) {
      try {
        await send(jobs);
        return;
      } catch (error) {
        // Too late, or a repeated request whose first response was lost.
        if (error instanceof ConflictError) return;
        this.#failed('could not report results', error);
        if (error instanceof TickerQError && error.status >= 400 && error.status < 500 && error.status !== 429) {
          if (jobs.length === 1) {
            const [{ jobId, leaseToken }] = jobs;
            const failure = { jobId, leaseToken, error: `the result was not accepted: ${error.message}`, retry: false };
            await this.#client.failJobs(this.#id, [failure]).catch((failed) => this.#failed('could not report results', failed));
            return;
          }
          // One result of the batch is invalid; the others are sent one by one.
          for (const job of jobs) await this.#deliver(send, [job]);
          return;
        }
        await sleep(Math.max(backoff(attempt), error.retryAfter ?? 0));
      }
    }
    const ids = jobs.map(({ jobId }) => jobId).join(', ');
    this.#options.logger.error?.(`worker ${this.#options.name}: gave up reporting results of ${ids}`);
  }

  async #allSent() {
    while (this.#sending !== null) await this.#sending;
    // Handlers that were stopped a moment ago.
    await within(Promise.all([...this.#running.values()].map(({ done }) => done)), 5000);
    while (this.#sending !== null) await this.#sending;
  }
}

/** Whether a later registration may succeed. */
function isTemporary(error) {
  return error instanceof ConnectionError || error instanceof RateLimitedError || error.status >= 500;
}

/** Waits for a promise, but no longer than so many milliseconds. */
async function within(promise, limit) {
  let timer;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, limit);
  });
  await Promise.race([promise, over]);
  clearTimeout(timer);
}
