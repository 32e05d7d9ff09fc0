// A worker: asks for jobs, runs them with functions of this program, and says what came of them.

import { milliseconds, timeSpan } from './client.js';
import { ConflictError, NotFoundError, TickerQError } from './errors.js';
import { backoff, sleep } from './http.js';

const LEASE_WAIT = 30_000;
const ENDS_MAX = 1000;
const SETTLE_TRIES = 20;

/** Throw it in a handler when another attempt can't help: the job has failed for good. */
export class PermanentError extends Error {}

/** Throw it in a handler when the next attempt should wait for exactly so many milliseconds. */
export class RetryLaterError extends Error {
  constructor(message, after) {
    super(message);
    this.after = after;
  }
}

/** Why a handler's `signal` was aborted: `cancelled`, `timeout`, `lost` or `stopping`. */
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

  /** What is new since the last report. */
  report() {
    const { jobId, leaseToken } = this.job;
    const said = { jobId, leaseToken };
    if (this.progress !== undefined) said.progress = this.progress;
    if (this.log.length > 0) said.log = this.log.splice(0);
    this.progress = undefined;
    return said;
  }

  hasNews() {
    return this.progress !== undefined || this.log.length > 0;
  }

  context() {
    const log = (level) => (message) => {
      this.log.push({ at: new Date().toISOString(), level, message: String(message) });
      if (this.log.length > 200) this.log.shift();
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
  #ends = [];
  #settling = null;
  #stopping = new AbortController();
  #free = null;
  #loops = null;
  #beatEvery = 5000;

  constructor(client, { name, queues = [], concurrency = 10, handlers = {}, onError = () => {}, heartbeatEvery } = {}) {
    this.#client = client;
    this.#options = { name: name ?? `worker-${crypto.randomUUID().slice(0, 8)}`, queues, concurrency, onError, heartbeatEvery };
    for (const [type, handler] of Object.entries(handlers)) this.handle(type, handler);
  }

  /** Has a function run the jobs of a type. It is given the parameters and a context; what it returns is the result. */
  handle(type, handler) {
    this.#handlers.set(type, handler);
    return this;
  }

  /** This run of the worker, as the server knows it. */
  get id() {
    return this.#id;
  }

  /** Registers, and works from now on. */
  async start() {
    await this.#register();
    this.#loops = Promise.all([this.#leaseLoop(), this.#beatLoop()]);
    return this;
  }

  /** Takes no more jobs, lets those that run end within `grace` milliseconds, hands back the rest, and leaves. */
  async stop({ grace = 30_000 } = {}) {
    if (this.#loops === null) return;
    this.#stopping.abort(new StopReason('stopping'));
    this.#free?.();
    const ended = Promise.all([...this.#running.values()].map(({ done }) => done));
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, grace).unref?.())]);
    for (const running of this.#running.values()) running.stop.abort(new StopReason('stopping'));
    await this.#settled();
    await this.#loops;
    this.#loops = null;
    await this.#client.removeWorker(this.#id).catch((error) => this.#options.onError(error));
  }

  async #register() {
    const { name, queues, concurrency, heartbeatEvery } = this.#options;
    const worker = await this.#client.registerWorker({ name, types: [...this.#handlers.keys()], queues, concurrency });
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
        tries = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onError(error);
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

  async #beat() {
    const all = [...this.#running.values()];
    try {
      const { cancelled, lost } = await this.#client.heartbeat(this.#id, all.map((running) => running.report()));
      for (const id of cancelled) this.#running.get(id)?.stop.abort(new StopReason('cancelled'));
      for (const id of lost) this.#lose(id);
    } catch (error) {
      this.#options.onError(error);
      if (!(error instanceof NotFoundError) || this.#stopping.signal.aborted) return;
      // The server knows this worker no more, nor that it runs anything.
      for (const running of all) this.#lose(running.job.jobId);
      await this.#register().catch((failure) => this.#options.onError(failure));
    }
  }

  #lose(id) {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.isLost = true;
    running.stop.abort(new StopReason('lost'));
  }

  #run(job) {
    const running = new Running(job);
    this.#running.set(job.jobId, running);
    running.done = this.#attempt(running).then(async (end) => {
      if (!running.isLost) {
        if (running.hasNews()) await this.#report(running);
        await this.#settle(end);
      }
      this.#running.delete(job.jobId);
      this.#free?.();
      this.#free = null;
    });
  }

  async #report(running) {
    const all = [...this.#running.values()];
    await this.#client
      .heartbeat(this.#id, all.map((other) => (other === running ? running.report() : { jobId: other.job.jobId, leaseToken: other.job.leaseToken })))
      .catch((error) => this.#options.onError(error));
  }

  /** Runs one attempt; gives what is to be said of it. */
  async #attempt(running) {
    const { job, stop } = running;
    const said = { jobId: job.jobId, leaseToken: job.leaseToken };
    const over = setTimeout(() => stop.abort(new StopReason('timeout')), Math.min(milliseconds(job.timeout), 2 ** 31 - 1));
    const stopped = new Promise((_, reject) => {
      stop.signal.addEventListener('abort', () => {
        // A handler that watches its signal ends by itself; one that does not is waited for no longer.
        setTimeout(() => reject(stop.signal.reason), 1000).unref?.();
      });
    });
    try {
      const handler = this.#handlers.get(job.type);
      const result = await Promise.race([(async () => handler(job.parameters, running.context()))(), stopped]);
      return { completed: { ...said, ...(result === undefined ? {} : { result }) } };
    } catch (error) {
      const kind = stop.signal.reason?.kind;
      if (kind === 'cancelled') return { failed: { ...said, outcome: 'cancelled' } };
      if (kind === 'stopping') return { failed: { ...said, outcome: 'released' } };
      const failure = { ...said, error: kind === 'timeout' ? `timed out after ${job.timeout}` : error?.message || String(error) };
      if (error?.stack && kind === undefined) failure.errorDetail = error.stack;
      if (error instanceof PermanentError) failure.retry = false;
      if (error instanceof RetryLaterError && Number.isFinite(error.after)) failure.retryAfter = timeSpan(Math.max(0, error.after));
      return { failed: failure };
    } finally {
      clearTimeout(over);
    }
  }

  /** Has an end stored, together with those that end at the same time. */
  #settle(end) {
    return new Promise((resolve) => {
      this.#ends.push({ end, resolve });
      this.#settling ??= this.#settleAll();
    });
  }

  async #settleAll() {
    // What ends in this moment goes together.
    await new Promise((resolve) => setTimeout(resolve, 0));
    while (this.#ends.length > 0) {
      const batch = this.#ends.splice(0, ENDS_MAX);
      const pick = (kind) => batch.map(({ end }) => end[kind]).filter((end) => end !== undefined);
      await Promise.all([
        this.#say((jobs) => this.#client.completeJobs(this.#id, jobs), pick('completed')),
        this.#say((jobs) => this.#client.failJobs(this.#id, jobs), pick('failed')),
      ]);
      for (const { resolve } of batch) resolve();
    }
    this.#settling = null;
  }

  async #say(send, jobs) {
    if (jobs.length === 0) return;
    for (let attempt = 0; attempt < SETTLE_TRIES; attempt += 1) {
      try {
        await send(jobs);
        return;
      } catch (error) {
        // Too late, or said before and the answer was lost: nothing more can be done.
        if (error instanceof ConflictError) return;
        this.#options.onError(error);
        if (error instanceof TickerQError && error.status >= 400 && error.status < 500 && error.status !== 429) {
          if (jobs.length === 1) {
            const [{ jobId, leaseToken }] = jobs;
            const failure = { jobId, leaseToken, error: `the result was not accepted: ${error.message}`, retry: false };
            await this.#client.failJobs(this.#id, [failure]).catch(() => {});
            return;
          }
          // One of them is not accepted; the others are.
          for (const job of jobs) await this.#say(send, [job]);
          return;
        }
        await sleep(Math.max(backoff(attempt), error.retryAfter ?? 0));
      }
    }
  }

  async #settled() {
    while (this.#settling !== null) await this.#settling;
    // The ends of handlers that were told to stop a moment ago.
    await Promise.race([
      Promise.all([...this.#running.values()].map(({ done }) => done)),
      new Promise((resolve) => setTimeout(resolve, 5000).unref?.()),
    ]);
    while (this.#settling !== null) await this.#settling;
  }
}

