// Reports the results of attempts until the server has stored them.

import { ConflictError, TickerQError } from './errors.js';
import { textOf } from './attempt.js';
import { backoff, sleep } from './http.js';

const REPORTS_MAX = 1000;
/** Statuses that concern the reported results; other failures are transient. */
const VERDICTS = new Set([400, 413, 415, 422]);
/** Failures of every request: smaller batches do not help. */
const COMMON = new Set([0, 401, 429, 503]);

/** `true` if an error concerns the content of the request: a rejection, or a text that is too long. */
export function isVerdict(error) {
  return !(error instanceof TickerQError) || VERDICTS.has(error.status);
}

export class Reports {
  #post;
  #failed;
  #gaveUp;
  #signal;
  #waiting = [];
  #isSending = false;

  /** `post` sends the texts of reports; `signal` ends all retries. */
  constructor({ post, failed, gaveUp, signal }) {
    this.#post = post;
    this.#failed = failed;
    this.#gaveUp = gaveUp;
    this.#signal = signal;
  }

  /** Resolves when the report is stored or dropped, or when its lease is lost. */
  send(attempt, report) {
    return new Promise((resolve) => {
      this.#waiting.push({ ...report, attempt, resolve });
      if (!this.#isSending) this.#sendAll();
    });
  }

  async #sendAll() {
    this.#isSending = true;
    // Results of the same turn share a request.
    await new Promise((resolve) => setTimeout(resolve, 0));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, REPORTS_MAX);
      await Promise.all(['complete', 'fail'].map((kind) => this.#first(batch.filter((report) => report.kind === kind))));
    }
    this.#isSending = false;
  }

  /** The first request of a batch. Its retries do not delay later batches. */
  async #first(batch) {
    const reports = wanted(batch);
    const error = await this.#once(reports);
    if (error !== null) this.#retry(reports, error, 0);
  }

  /** Sends reports of one kind; returns the error, or `null` on success. */
  async #once(reports) {
    if (reports.length === 0) return null;
    try {
      await this.#post(reports[0].kind, reports.map(({ text }) => text));
    } catch (error) {
      // A conflict: too late, or a repeated request whose first response was lost.
      if (!(error instanceof ConflictError)) return error;
    }
    for (const { resolve } of reports) resolve();
    return null;
  }

  async #deliver(batch, tries) {
    const reports = wanted(batch);
    const error = await this.#once(reports);
    if (error !== null) await this.#retry(reports, error, tries);
  }

  async #retry(reports, error, tries) {
    if (this.#signal.aborted) return this.#drop(reports, new TickerQError('the worker has stopped'));
    this.#failed('could not report results', error);
    const isRefused = isVerdict(error);
    if (isRefused && reports.length === 1) return this.#refused(reports[0], error);
    if (!isRefused) await this.#pause(reports, Math.max(backoff(tries), error.retryAfter ?? 0));
    const half = isRefused || !COMMON.has(error.status) ? Math.ceil(reports.length / 2) : reports.length;
    const parts = [reports.slice(0, half), reports.slice(half)];
    await Promise.all(parts.map((part) => this.#deliver(part, tries + 1)));
  }

  /** Waits before a retry, as long as one of the leases is valid. */
  async #pause(reports, wait) {
    for (const end = Date.now() + wait; Date.now() < end && wanted(reports).length > 0; ) {
      await sleep(Math.min(end - Date.now(), 500), this.#signal).catch(() => {});
      if (this.#signal.aborted) return;
    }
  }

  /** A result that the server does not accept fails its job permanently; a failure is reported by its reason alone. */
  #refused({ attempt, kind, retry, outcome, isPlain, resolve }, error) {
    if (isPlain || outcome !== undefined) return this.#drop([{ attempt, resolve }], error);
    const what = kind === 'complete' ? 'result' : 'error';
    const fields = { error: `the ${what} was not accepted: ${textOf(error)}`, retry: kind === 'complete' ? false : retry };
    return this.#deliver([{ ...attempt.failed(fields), attempt, resolve, isPlain: true }], 0);
  }

  #drop(reports, error) {
    const ids = wanted(reports).map(({ attempt }) => attempt.job.jobId);
    if (ids.length > 0) this.#gaveUp(`gave up reporting results of ${ids.join(', ')}: ${textOf(error)}`);
    for (const { resolve } of reports) resolve();
  }
}

/** The reports whose leases are valid; the others are finished. */
function wanted(reports) {
  return reports.filter(({ attempt, resolve }) => {
    if (attempt.isLost) resolve();
    return !attempt.isLost;
  });
}
