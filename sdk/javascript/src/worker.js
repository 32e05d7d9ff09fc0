// A worker: leases jobs, runs them with handlers of this program, and reports their results.

import { Attempt, RetryLaterError, StopReason, textOf } from './attempt.js';
import { milliseconds } from './client.js';
import { ConflictError, ConnectionError, NotFoundError, ServerError, TickerQError } from './errors.js';
import { backoff, sleep } from './http.js';
import { isVerdict, Reports } from './reports.js';

export { PermanentError, RetryLaterError, StopReason } from './attempt.js';

const LEASE_WAIT = 30_000;
/** The time after which a stopped handler is abandoned. */
const STOP_GRACE = 1000;
/** Time that `stop` waits for a registration in progress, so that the worker is unregistered. */
const REGISTER_GRACE = 2000;
/** Number of heartbeats with a proxy's 404, one lease long, after which the worker registers again. */
const UNKNOWN_MAX = 3;
const SILENT = { info() {}, warn() {}, error() {} };

export class Worker {
  #client;
  #options;
  #handlers = new Map();
  #id = null;
  /** Running attempts and those with an unreported result. A job may briefly have two. */
  #running = new Set();
  #stopping = new AbortController();
  /** Aborts remaining requests when the worker has stopped. */
  #ended = new AbortController();
  #reports;
  #free = null;
  #loops = null;
  #starting = null;
  #registering = new AbortController();
  #beatEvery = 5000;
  #beating = Promise.resolve();
  #unknown = 0;
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
      logger: logger ?? SILENT,
      keepSubscriptions: options.keepSubscriptions ?? false,
    };
    this.#reports = new Reports({
      post: (kind, texts) =>
        client.request('POST', `/workers/${encodeURIComponent(this.#id)}/${kind}`, {
          text: `{"jobs":[${texts.join(',')}]}`, safe: true, retries: 0, signal: this.#ended.signal,
        }),
      failed: (what, error) => this.#failed(what, error),
      gaveUp: (text) => this.#log('error', text),
      signal: this.#ended.signal,
    });
    for (const [type, handler] of Object.entries(handlers)) this.handle(type, handler);
  }

  /** Registers a handler of a job type. It receives the parameters and a context; its return value is the result. */
  handle(type, handler) {
    this.#handlers.set(type, handler);
    return this;
  }

  /** The id of this worker process; `null` before its registration. */
  get id() {
    return this.#id;
  }

  /** Registers and starts. Waits for an unreachable server; `stop` ends the wait. */
  start() {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start() {
    const { signal } = this.#stopping;
    for (let tries = 0; !signal.aborted; tries += 1) {
      try {
        await this.#register(this.#registering.signal);
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
   * Leases no more jobs, waits `grace` milliseconds for running ones, releases the others, unregisters, and closes the
   * subscriptions of the client, unless `keepSubscriptions` is set.
   */
  async stop({ grace = 30_000 } = {}) {
    this.#stopping.abort(new StopReason('stopping'));
    if (this.#starting !== null) {
      await within(this.#starting.catch(() => {}), REGISTER_GRACE);
      this.#registering.abort(new StopReason('stopping'));
      await this.#starting.catch(() => {});
    }
    if (this.#loops !== null) {
      const loops = this.#loops;
      this.#loops = null;
      this.#free?.();
      await within(this.#allDone(), grace);
      for (const attempt of this.#running) attempt.stop.abort(new StopReason('stopping'));
      await within(this.#allDone(), 5 * STOP_GRACE);
      this.#ended.abort(new StopReason('stopping'));
      await loops;
      await this.#client.removeWorker(this.#id).catch((error) => this.#failed('could not unregister', error));
    }
    if (!this.#options.keepSubscriptions) this.#client.close();
  }

  #allDone() {
    return Promise.all([...this.#running].map(({ done }) => done));
  }

  /** An error of the program's logger must not end a loop. */
  #log(level, text, ...more) {
    try {
      this.#options.logger[level]?.(`worker ${this.#options.name}: ${text}`, ...more);
    } catch {
      // It can't be reported elsewhere.
    }
  }

  /** Logs a failed request; repetitions are logged once. */
  #failed(what, error) {
    const text = `${what}: ${textOf(error)}`;
    if (this.#trouble !== text) this.#log('warn', text);
    this.#trouble = text;
    try {
      this.#options.onError(error);
    } catch (failure) {
      this.#log('error', 'onError failed:', failure);
    }
  }

  #recovered() {
    if (this.#trouble !== null) this.#log('info', 'connected');
    this.#trouble = null;
  }

  async #register(signal) {
    const { name, queues, concurrency, heartbeatEvery } = this.#options;
    const declaration = { name, types: [...this.#handlers.keys()], queues, concurrency };
    const worker = await this.#client.registerWorker(declaration, { retries: 0, signal });
    if (typeof worker?.id !== 'string' || typeof worker.heartbeatInterval !== 'string') {
      throw new ServerError('the response to the registration does not have the expected form');
    }
    this.#beatEvery = heartbeatEvery ?? milliseconds(worker.heartbeatInterval);
    this.#id = worker.id;
    this.#unknown = 0;
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
      const stopped = signal.aborted ? this.#ended.signal : signal;
      await sleep(Math.min(this.#beatEvery, signal.aborted ? 200 : Infinity), stopped).catch(() => {});
      if (this.#ended.signal.aborted || (signal.aborted && this.#running.size === 0)) return;
      await this.#beat();
    }
  }

  /** Heartbeats contain progress and log lines, and are sent in sequence. */
  #inTurn(beat) {
    const turn = this.#beating.then(beat);
    this.#beating = turn.catch(() => {});
    return turn;
  }

  #beat() {
    return this.#inTurn(() => this.#beatAlone());
  }

  async #beatAlone() {
    // An attempt that another one of its job has replaced is omitted: the response names jobs only.
    const named = [...this.#running].filter(({ isLost }) => !isLost);
    try {
      const { cancelled, lost, refusedTypes } = await this.#heartbeat(named, named.map((attempt) => attempt.report()));
      this.#unknown = 0;
      for (const attempt of named) {
        if (lost.includes(attempt.job.jobId)) this.#lose(attempt);
        else if (cancelled.includes(attempt.job.jobId)) attempt.stop.abort(new StopReason('cancelled'));
      }
      this.#noteRefused((refusedTypes ?? []).join(', '));
    } catch (error) {
      if (this.#ended.signal.aborted) return;
      this.#failed('heartbeat failed', error);
      if (!this.#isUnknown(error) || this.#stopping.signal.aborted) return;
      // The server no longer knows this worker and its leases.
      for (const attempt of named) this.#lose(attempt);
      await this.#register().catch((failure) => this.#failed('could not register', failure));
    }
  }

  #noteRefused(types) {
    if (types !== '' && types !== this.#refused) this.#log('warn', `servers run jobs of ${types} and lease none of them`);
    this.#refused = types;
  }

  /** Renews the lease. Rejected progress and log lines are dropped: they must not cost the lease. */
  async #heartbeat(named, reports) {
    const options = { signal: this.#ended.signal };
    try {
      return await this.#client.heartbeat(this.#id, reports, options);
    } catch (error) {
      if (!isVerdict(error) || this.#ended.signal.aborted) throw error;
      this.#failed('progress and log lines were not accepted', error);
      return this.#client.heartbeat(this.#id, named.map(({ held }) => held), options);
    }
  }

  /** ``True`` if the server does not know the worker. A 404 without a problem comes from a proxy, unless it persists. */
  #isUnknown(error) {
    if (!(error instanceof NotFoundError)) return false;
    this.#unknown += 1;
    return error.code !== null || this.#unknown >= UNKNOWN_MAX;
  }

  #lose(attempt) {
    if (attempt.isLost) return;
    attempt.isLost = true;
    if (attempt.isEnded) return;
    this.#log('warn', `lost the lease of job ${attempt.job.jobId}`);
    attempt.stop.abort(new StopReason('lost'));
  }

  #run(job) {
    const others = [...this.#running].filter(({ job: { jobId } }) => jobId === job.jobId);
    if (others.some((attempt) => attempt.is(job))) return;
    // The server has started another attempt: earlier ones are abandoned.
    for (const attempt of others) this.#lose(attempt);
    const attempt = new Attempt(job);
    this.#running.add(attempt);
    attempt.done = this.#finish(attempt).catch((error) => this.#failed('an attempt failed', error)).then(() => {
      this.#running.delete(attempt);
      this.#free?.();
      this.#free = null;
    });
  }

  /** Runs an attempt and reports its result. */
  async #finish(attempt) {
    const report = await this.#attempt(attempt);
    attempt.isEnded = true;
    if (attempt.isLost) return;
    // A heartbeat that carries its last lines must arrive before the result: afterwards the lease is gone.
    await this.#inTurn(() => (attempt.hasNews() ? this.#reportNow(attempt) : undefined));
    await this.#reports.send(attempt, report);
  }

  async #reportNow(attempt) {
    const named = [...this.#running].filter(({ isLost }) => !isLost);
    const reports = named.map((other) => (other === attempt ? other.report() : other.held));
    await this.#heartbeat(named, reports).catch((error) => this.#failed('heartbeat failed', error));
  }

  /** Runs the handler of an attempt; resolves with its report. */
  async #attempt(attempt) {
    const { job, stop } = attempt;
    let over;
    try {
      over = setTimeout(() => stop.abort(new StopReason('timeout')), Math.min(milliseconds(job.timeout), 2 ** 31 - 1));
      const stopped = new Promise((_, reject) => {
        stop.signal.addEventListener('abort', () => {
          // A handler that ignores its signal is abandoned.
          setTimeout(() => reject(stop.signal.reason), STOP_GRACE).unref?.();
        });
      });
      const handler = this.#handlers.get(job.type);
      const result = await Promise.race([(async () => handler(job.parameters, attempt.context()))(), stopped]);
      const report = attempt.completed(result);
      if (report.kind === 'fail') this.#handlerFailed(job, new TickerQError(JSON.parse(report.text).error));
      return report;
    } catch (error) {
      const kind = stop.signal.reason?.kind;
      const report = attempt.thrown(error);
      if (kind === undefined) this.#handlerFailed(job, error);
      if (kind === 'timeout') this.#handlerFailed(job, `timed out after ${job.timeout}`);
      return report;
    } finally {
      clearTimeout(over);
    }
  }

  #handlerFailed(job, error) {
    if (error instanceof RetryLaterError) {
      this.#log('info', `job ${job.jobId} (${job.type}) retries in ${error.after} ms: ${error.message}`);
      return;
    }
    this.#log('error', `attempt ${job.attempt} of job ${job.jobId} (${job.type}) failed:`, error);
  }
}

/** ``True`` if a later registration may succeed. */
function isTemporary(error) {
  if (error instanceof ConnectionError || error instanceof ServerError) return true;
  return [408, 421, 425, 429].includes(error.status) || error.status >= 500;
}

/** Waits for a promise, but no longer than so many milliseconds. */
async function within(promise, limit) {
  let timer;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.min(limit, 2 ** 31 - 1));
  });
  await Promise.race([promise, over]);
  clearTimeout(timer);
}
